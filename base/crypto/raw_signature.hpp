// SPDX-License-Identifier: Apache-2.0
// A bare signature, as JSON Web Tokens carry it.
#pragma once

#include <string>
#include <string_view>

#include "base/crypto/x509.hpp"
#include "base/result.hpp"

namespace mooring::crypto {

/// RSASSA-PKCS1-v1_5 with SHA-256 for RSA keys ("RS256", RFC 7518 3.3); DER ECDSA with SHA-256 for EC keys.
/// Errors: key.sign.
Result<std::string> sign_sha256(const PrivateKey& key, std::string_view bytes);

}  // namespace mooring::crypto

// SPDX-License-Identifier: Apache-2.0
// The usual signature of a device, without the objects that OpenSSL would make of it: those cost several
// times what the signature itself does.
#pragma once

#include <optional>
#include <string_view>

#include "base/crypto/cms.hpp"

namespace mooring::crypto::detail {

/// nullopt where the message is not exactly of the usual shape (DER; one signer, named by
/// issuer and serial number, signed attributes; RSA PKCS#1 or ECDSA) or its signature does not fit: then only
/// verify_detached can tell.
std::optional<Signed> verify_quickly(std::string_view der, std::string_view content);

/// verify_detached by OpenSSL alone: it must agree with every signature that verify_quickly finds good.
Result<Signed> verify_wholly(std::string_view der, std::string_view content);

}  // namespace mooring::crypto::detail

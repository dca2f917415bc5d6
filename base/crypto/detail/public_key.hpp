// SPDX-License-Identifier: Apache-2.0
// The keys that devices have, read without OpenSSL's decoders: those look through everything that they know
// for each key, which costs ten times what checking a signature with it does.
#pragma once

#include <string_view>

#include "base/crypto/detail/openssl.hpp"

namespace mooring::crypto::detail {

/// DER SubjectPublicKeyInfo, in the thread's context: RSA, or EC on P-256, P-384, P-521. Null for any other.
KeyPtr read_usual_key(std::string_view der);

}  // namespace mooring::crypto::detail

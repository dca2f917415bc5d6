// SPDX-License-Identifier: Apache-2.0
// Algorithms by their object identifiers. Only for .cpp files of this folder.
#pragma once

#include <openssl/evp.h>

#include <optional>
#include <string>
#include <string_view>

#include "base/crypto/detail/openssl.hpp"
#include "core/scep/message.hpp"

namespace mooring::core::scep::detail {

using crypto::detail::Free;
using MdContext = std::unique_ptr<EVP_MD_CTX, Free<EVP_MD_CTX_free>>;
using KeyContext = std::unique_ptr<EVP_PKEY_CTX, Free<EVP_PKEY_CTX_free>>;
using CipherContext = std::unique_ptr<EVP_CIPHER_CTX, Free<EVP_CIPHER_CTX_free>>;

const char* name_of(Hash hash);      ///< For OpenSSL.
std::string_view oid_of(Hash hash);  ///< Content octets.
std::optional<Hash> hash_of(std::string_view oid);
std::string_view oid_of(Cipher cipher);
std::optional<Cipher> cipher_of(std::string_view oid);
std::size_t key_size(Cipher cipher);
std::size_t block_size(Cipher cipher);

std::optional<std::string> digest(Hash hash, std::string_view bytes);
/// PKCS#1 v1.5 or ECDSA, by the key.
bool verify(EVP_PKEY* key, Hash hash, std::string_view bytes, std::string_view signature);
std::optional<std::string> sign(const crypto::PrivateKey& key, Hash hash, std::string_view bytes);

/// CBC with PKCS#7 padding; nullopt where the padding is wrong.
std::optional<std::string> decrypt(Cipher cipher, const LegacyCiphers* legacy, std::string_view key,
                                   std::string_view iv, std::string_view bytes);
std::optional<std::string> encrypt(Cipher cipher, const LegacyCiphers* legacy, std::string_view key,
                                   std::string_view iv, std::string_view bytes);
/// RSA, PKCS#1 v1.5. nullopt where the padding is wrong: never tell the sender which of the steps failed.
std::optional<std::string> unwrap(const crypto::PrivateKey& key, std::string_view bytes);
std::optional<std::string> wrap(EVP_PKEY* key, std::string_view bytes);

inline const unsigned char* raw(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}
inline unsigned char* raw(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }

}  // namespace mooring::core::scep::detail

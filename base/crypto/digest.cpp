// SPDX-License-Identifier: Apache-2.0
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <cstdio>
#include <cstdlib>

#include "base/crypto/crypto.hpp"

namespace mooring::crypto {
namespace {

// Fetched once: OpenSSL 3 searches its providers on each implicit fetch, which costs more than a short hash.
const EVP_MD* sha256_method() {
  static const EVP_MD* const kMethod = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  return kMethod;
}

}  // namespace

Sha256 sha256(std::string_view bytes) {
  Sha256 digest;
  unsigned length = 0;
  if (EVP_Digest(bytes.data(), bytes.size(), digest.data(), &length, sha256_method(), nullptr) != 1) {
    std::fputs("mooring: OpenSSL has no SHA-256: the installation is broken\n", stderr);
    std::abort();
  }
  return digest;
}

Sha256 hmac_sha256(std::string_view key, std::string_view message) {
  Sha256 digest;
  unsigned length = 0;
  // A null key would mean "the one before".
  const char* bytes = key.empty() ? "" : key.data();
  if (HMAC(sha256_method(), bytes, static_cast<int>(key.size()),
           reinterpret_cast<const unsigned char*>(message.data()), message.size(), digest.data(),
           &length) == nullptr) {
    std::fputs("mooring: OpenSSL has no HMAC: the installation is broken\n", stderr);
    std::abort();
  }
  return digest;
}

std::string_view bytes_of(const Sha256& digest) {
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

bool equal_constant_time(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace mooring::crypto

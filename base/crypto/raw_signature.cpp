// SPDX-License-Identifier: Apache-2.0
#include "base/crypto/raw_signature.hpp"

#include <openssl/evp.h>

#include <memory>

namespace mooring::crypto {

Result<std::string> sign_sha256(const PrivateKey& key, std::string_view bytes) {
  const std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> context(EVP_MD_CTX_new(), &EVP_MD_CTX_free);
  const auto* in = reinterpret_cast<const unsigned char*>(bytes.data());
  std::size_t size = 0;
  std::string signature;
  bool signed_ = context != nullptr &&
                 EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, key.handle()) == 1 &&
                 EVP_DigestSign(context.get(), nullptr, &size, in, bytes.size()) == 1;
  if (signed_) {
    signature.resize(size);
    auto* out = reinterpret_cast<unsigned char*>(signature.data());
    signed_ = EVP_DigestSign(context.get(), out, &size, in, bytes.size()) == 1;
    signature.resize(size);
  }
  if (!signed_) return fail(Failure::internal, "key.sign", "a signature could not be made with this key");
  return signature;
}

}  // namespace mooring::crypto

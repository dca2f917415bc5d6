// SPDX-License-Identifier: Apache-2.0
#include "base/crypto/secret_box.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/evp.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <memory>

#include "base/crypto/crypto.hpp"
#include "base/encoding.hpp"

namespace mooring::crypto {
namespace {

constexpr std::size_t kNonceSize = 12;
constexpr std::size_t kTagSize = 16;

using Context = std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)>;

const unsigned char* bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}
unsigned char* bytes(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }
int size(std::string_view text) { return static_cast<int>(text.size()); }

}  // namespace

std::string SecretBox::seal(std::string_view secret, std::string_view context) const {
  std::string nonce = random_bytes(kNonceSize);
  std::string sealed(secret.size(), '\0');
  std::string tag(kTagSize, '\0');
  const Context cipher(EVP_CIPHER_CTX_new(), &EVP_CIPHER_CTX_free);
  int written = 0;
  EVP_EncryptInit_ex(cipher.get(), EVP_aes_256_gcm(), nullptr, key_.data(), bytes(nonce));
  EVP_EncryptUpdate(cipher.get(), nullptr, &written, bytes(context), size(context));
  EVP_EncryptUpdate(cipher.get(), bytes(sealed), &written, bytes(secret), size(secret));
  EVP_EncryptFinal_ex(cipher.get(), bytes(sealed) + written, &written);
  EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_GET_TAG, kTagSize, bytes(tag));
  return nonce + sealed + tag;
}

Result<std::string> SecretBox::open(std::string_view sealed, std::string_view context) const {
  const auto damaged = [] {
    return fail(
        Failure::internal, "secret.damaged",
        "a stored secret does not open: the master key is not the one it was sealed with, or the database "
        "was changed by other means.");
  };
  if (sealed.size() < kNonceSize + kTagSize) return damaged();
  const std::string_view nonce = sealed.substr(0, kNonceSize);
  const std::string_view body = sealed.substr(kNonceSize, sealed.size() - kNonceSize - kTagSize);
  std::string tag(sealed.substr(sealed.size() - kTagSize));
  std::string secret(body.size(), '\0');
  const Context cipher(EVP_CIPHER_CTX_new(), &EVP_CIPHER_CTX_free);
  int written = 0;
  EVP_DecryptInit_ex(cipher.get(), EVP_aes_256_gcm(), nullptr, key_.data(), bytes(nonce));
  EVP_DecryptUpdate(cipher.get(), nullptr, &written, bytes(context), size(context));
  EVP_DecryptUpdate(cipher.get(), bytes(secret), &written, bytes(body), size(body));
  EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_SET_TAG, kTagSize, bytes(tag));
  if (EVP_DecryptFinal_ex(cipher.get(), bytes(secret) + written, &written) != 1) return damaged();
  return secret;
}

Result<SecretBox::Key> load_or_make_master_key(const std::filesystem::path& file) {
  SecretBox::Key key{};
  if (std::ifstream in(file); in) {
    std::string text;
    in >> text;
    const auto decoded = from_hex(text);
    if (!decoded || decoded->size() != key.size()) {
      return fail(Failure::invalid, "master_key.malformed",
                  fmt::format("{} must hold 64 hexadecimal digits", file.string()));
    }
    std::memcpy(key.data(), decoded->data(), key.size());
    return key;
  }
  const std::string made = random_bytes(key.size());
  const std::string line = to_hex(made) + "\n";
  const int out = ::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  const bool written = out >= 0 &&
                       ::write(out, line.data(), line.size()) == static_cast<ssize_t>(line.size()) &&
                       ::fsync(out) == 0;
  const int error = errno;
  if (out >= 0) ::close(out);
  if (!written) {
    return fail(Failure::internal, "master_key.write",
                fmt::format("cannot write the master key to {}: {}", file.string(), std::strerror(error)));
  }
  std::memcpy(key.data(), made.data(), key.size());
  return key;
}

}  // namespace mooring::crypto

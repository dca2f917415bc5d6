// SPDX-License-Identifier: Apache-2.0
#include "core/scep/detail/algorithms.hpp"

#include <openssl/provider.h>
#include <openssl/rsa.h>

#include <array>

namespace mooring::core::scep {
namespace detail {
namespace {

using namespace std::string_view_literals;

struct HashRow {
  Hash hash;
  const char* name;
  std::string_view oid;
};
constexpr std::array kHashes{
    HashRow{Hash::sha1, "SHA1", "\x2B\x0E\x03\x02\x1A"sv},
    HashRow{Hash::sha256, "SHA256", "\x60\x86\x48\x01\x65\x03\x04\x02\x01"sv},
    HashRow{Hash::sha384, "SHA384", "\x60\x86\x48\x01\x65\x03\x04\x02\x02"sv},
    HashRow{Hash::sha512, "SHA512", "\x60\x86\x48\x01\x65\x03\x04\x02\x03"sv},
};

struct CipherRow {
  Cipher cipher;
  const char* name;
  std::string_view oid;
  std::size_t key;
  std::size_t block;
};
constexpr std::array kCiphers{
    CipherRow{Cipher::des, "DES-CBC", "\x2B\x0E\x03\x02\x07"sv, 8, 8},
    CipherRow{Cipher::des3, "DES-EDE3-CBC", "\x2A\x86\x48\x86\xF7\x0D\x03\x07"sv, 24, 8},
    CipherRow{Cipher::aes128, "AES-128-CBC", "\x60\x86\x48\x01\x65\x03\x04\x01\x02"sv, 16, 16},
    CipherRow{Cipher::aes192, "AES-192-CBC", "\x60\x86\x48\x01\x65\x03\x04\x01\x16"sv, 24, 16},
    CipherRow{Cipher::aes256, "AES-256-CBC", "\x60\x86\x48\x01\x65\x03\x04\x01\x2A"sv, 32, 16},
};

const HashRow& row_of(Hash hash) { return kHashes.at(static_cast<std::size_t>(hash)); }
const CipherRow& row_of(Cipher cipher) { return kCiphers.at(static_cast<std::size_t>(cipher)); }

std::optional<std::string> run_cipher(Cipher cipher, const LegacyCiphers* legacy, std::string_view key,
                                      std::string_view iv, std::string_view bytes, int encrypting) {
  using FetchedCipher = std::unique_ptr<EVP_CIPHER, Free<EVP_CIPHER_free>>;
  FetchedCipher fetched;
  const EVP_CIPHER* method = nullptr;
  if (cipher == Cipher::des) {
    method = legacy == nullptr ? nullptr : legacy->des();
  } else {
    fetched.reset(EVP_CIPHER_fetch(crypto::detail::context(), row_of(cipher).name, nullptr));
    method = fetched.get();
  }
  const auto& row = row_of(cipher);
  if (method == nullptr || key.size() != row.key || iv.size() != row.block) return std::nullopt;
  const CipherContext context(EVP_CIPHER_CTX_new());
  std::string out(bytes.size() + row.block, '\0');
  int written = 0;
  int rest = 0;
  if (EVP_CipherInit_ex2(context.get(), method, raw(key), raw(iv), encrypting, nullptr) != 1 ||
      EVP_CipherUpdate(context.get(), raw(out), &written, raw(bytes), static_cast<int>(bytes.size())) != 1 ||
      EVP_CipherFinal_ex(context.get(), raw(out) + written, &rest) != 1) {
    return std::nullopt;
  }
  out.resize(static_cast<std::size_t>(written) + static_cast<std::size_t>(rest));
  return out;
}

}  // namespace

const char* name_of(Hash hash) { return row_of(hash).name; }
std::string_view oid_of(Hash hash) { return row_of(hash).oid; }
std::string_view oid_of(Cipher cipher) { return row_of(cipher).oid; }
std::size_t key_size(Cipher cipher) { return row_of(cipher).key; }
std::size_t block_size(Cipher cipher) { return row_of(cipher).block; }

std::optional<Hash> hash_of(std::string_view oid) {
  for (const auto& row : kHashes) {
    if (row.oid == oid) return row.hash;
  }
  return std::nullopt;
}

std::optional<Cipher> cipher_of(std::string_view oid) {
  for (const auto& row : kCiphers) {
    if (row.oid == oid) return row.cipher;
  }
  return std::nullopt;
}

std::optional<std::string> digest(Hash hash, std::string_view bytes) {
  std::string out(EVP_MAX_MD_SIZE, '\0');
  std::size_t length = 0;
  if (EVP_Q_digest(crypto::detail::context(), name_of(hash), nullptr, bytes.data(), bytes.size(), raw(out),
                   &length) != 1) {
    return std::nullopt;
  }
  out.resize(length);
  return out;
}

bool verify(EVP_PKEY* key, Hash hash, std::string_view bytes, std::string_view signature) {
  const MdContext context(EVP_MD_CTX_new());
  return EVP_DigestVerifyInit_ex(context.get(), nullptr, name_of(hash), crypto::detail::context(), nullptr,
                                 key, nullptr) == 1 &&
         EVP_DigestVerify(context.get(), raw(signature), signature.size(), raw(bytes), bytes.size()) == 1;
}

std::optional<std::string> sign(const crypto::PrivateKey& key, Hash hash, std::string_view bytes) {
  const MdContext context(EVP_MD_CTX_new());
  std::size_t length = 0;
  // In the default context: that is where the key lives.
  if (EVP_DigestSignInit_ex(context.get(), nullptr, name_of(hash), nullptr, nullptr, key.handle(), nullptr) !=
          1 ||
      EVP_DigestSign(context.get(), nullptr, &length, raw(bytes), bytes.size()) != 1) {
    return std::nullopt;
  }
  std::string signature(length, '\0');
  if (EVP_DigestSign(context.get(), raw(signature), &length, raw(bytes), bytes.size()) != 1)
    return std::nullopt;
  signature.resize(length);
  return signature;
}

std::optional<std::string> decrypt(Cipher cipher, const LegacyCiphers* legacy, std::string_view key,
                                   std::string_view iv, std::string_view bytes) {
  return run_cipher(cipher, legacy, key, iv, bytes, 0);
}

std::optional<std::string> encrypt(Cipher cipher, const LegacyCiphers* legacy, std::string_view key,
                                   std::string_view iv, std::string_view bytes) {
  return run_cipher(cipher, legacy, key, iv, bytes, 1);
}

std::optional<std::string> unwrap(const crypto::PrivateKey& key, std::string_view bytes) {
  const KeyContext context(EVP_PKEY_CTX_new_from_pkey(nullptr, key.handle(), nullptr));
  std::size_t length = 0;
  if (context == nullptr || EVP_PKEY_decrypt_init(context.get()) != 1 ||
      EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_PKCS1_PADDING) != 1 ||
      EVP_PKEY_decrypt(context.get(), nullptr, &length, raw(bytes), bytes.size()) != 1) {
    return std::nullopt;
  }
  std::string out(length, '\0');
  if (EVP_PKEY_decrypt(context.get(), raw(out), &length, raw(bytes), bytes.size()) != 1) return std::nullopt;
  out.resize(length);
  return out;
}

std::optional<std::string> wrap(EVP_PKEY* key, std::string_view bytes) {
  const KeyContext context(EVP_PKEY_CTX_new_from_pkey(crypto::detail::context(), key, nullptr));
  std::size_t length = 0;
  if (context == nullptr || EVP_PKEY_encrypt_init(context.get()) != 1 ||
      EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_PKCS1_PADDING) != 1 ||
      EVP_PKEY_encrypt(context.get(), nullptr, &length, raw(bytes), bytes.size()) != 1) {
    return std::nullopt;
  }
  std::string out(length, '\0');
  if (EVP_PKEY_encrypt(context.get(), raw(out), &length, raw(bytes), bytes.size()) != 1) return std::nullopt;
  out.resize(length);
  return out;
}

}  // namespace detail

Result<std::unique_ptr<LegacyCiphers>> LegacyCiphers::load() {
  std::unique_ptr<LegacyCiphers> ciphers(new LegacyCiphers);
  ciphers->context_ = OSSL_LIB_CTX_new();
  ciphers->provider_ = OSSL_PROVIDER_load(ciphers->context_, "legacy");
  if (ciphers->provider_ != nullptr) ciphers->des_ = EVP_CIPHER_fetch(ciphers->context_, "DES-CBC", nullptr);
  const auto error = crypto::detail::take_error();
  if (ciphers->des_ == nullptr) {
    return fail(Failure::internal, "scep.legacy_provider",
                "single DES needs OpenSSL's legacy provider, which does not load: " + error);
  }
  return ciphers;
}

LegacyCiphers::~LegacyCiphers() {
  EVP_CIPHER_free(des_);
  if (provider_ != nullptr) OSSL_PROVIDER_unload(provider_);
  OSSL_LIB_CTX_free(context_);
}

}  // namespace mooring::core::scep

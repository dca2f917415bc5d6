// SPDX-License-Identifier: Apache-2.0
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "base/crypto/detail/openssl.hpp"
#include "base/crypto/x509.hpp"

namespace mooring::crypto {
namespace {

std::shared_ptr<EVP_PKEY> shared_key(EVP_PKEY* key) { return {key, EVP_PKEY_free}; }

EVP_PKEY* generate_key(KeyType type) {
  switch (type) {
    case KeyType::rsa_2048:
      return EVP_RSA_gen(2048);
    case KeyType::rsa_3072:
      return EVP_RSA_gen(3072);
    case KeyType::rsa_4096:
      return EVP_RSA_gen(4096);
    case KeyType::ec_p256:
      return EVP_EC_gen("P-256");
    case KeyType::ec_p384:
      return EVP_EC_gen("P-384");
  }
  return nullptr;
}

/// What the reader of an encrypted key is told.
struct Password {
  std::string_view text;
  bool asked = false;
};

// Without a callback OpenSSL would ask on the terminal.
int give_password(char* buffer, int size, int /*writing*/, void* context) {
  auto& password = *static_cast<Password*>(context);
  password.asked = true;
  if (password.text.empty() || password.text.size() > static_cast<std::size_t>(size)) return -1;
  std::ranges::copy(password.text, buffer);
  return static_cast<int>(password.text.size());
}

EVP_PKEY* read_key(std::string_view bytes, Password& password) {
  if (bytes.find("-----BEGIN ") != std::string_view::npos) {
    return PEM_read_bio_PrivateKey(detail::read_from(bytes).get(), nullptr, give_password, &password);
  }
  const auto* at = reinterpret_cast<const unsigned char*>(bytes.data());
  if (EVP_PKEY* key = d2i_AutoPrivateKey(nullptr, &at, static_cast<long>(bytes.size()))) return key;
  return d2i_PKCS8PrivateKey_bio(detail::read_from(bytes).get(), nullptr, give_password, &password);
}

}  // namespace

PrivateKey PrivateKey::generate(KeyType type) {
  auto key = shared_key(generate_key(type));
  if (key == nullptr) {
    std::fprintf(stderr, "mooring: OpenSSL cannot make a key: %s\n", detail::take_error().c_str());
    std::abort();
  }
  return PrivateKey(std::move(key));
}

Result<PrivateKey> PrivateKey::parse(std::string_view bytes, std::string_view password_text) {
  Password password{.text = password_text};
  auto key = shared_key(read_key(bytes, password));
  detail::take_error();
  if (key == nullptr && password.asked) {
    return fail(Failure::invalid, "key.password",
                password_text.empty() ? "the private key is encrypted: give its password"
                                      : "the private key does not open with this password");
  }
  if (key == nullptr || !detail::is_usable(key.get())) {
    return fail(
        Failure::invalid, "key.malformed",
        "not a private key in PEM or DER form; RSA of 1024 to 8192 bits and the curves P-256, P-384 and "
        "P-521 are supported");
  }
  return PrivateKey(std::move(key));
}

std::string PrivateKey::pem() const {
  const detail::BioPtr out(BIO_new(BIO_s_mem()));
  PEM_write_bio_PKCS8PrivateKey(out.get(), key_.get(), nullptr, nullptr, 0, nullptr, nullptr);
  return detail::bytes_of(out.get());
}

std::string PrivateKey::public_key() const { return detail::der_of(key_.get(), i2d_PUBKEY); }
bool PrivateKey::is_rsa() const { return EVP_PKEY_get_base_id(key_.get()) == EVP_PKEY_RSA; }
int PrivateKey::bits() const { return EVP_PKEY_get_bits(key_.get()); }

}  // namespace mooring::crypto

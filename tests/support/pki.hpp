// SPDX-License-Identifier: Apache-2.0
// A certificate authority and what it issues, made on the spot.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/crypto/cms.hpp"
#include "base/crypto/x509.hpp"

namespace mooring::test {

inline constexpr Time kPkiNow{std::chrono::seconds{1'793'000'000}};

template <class T>
std::string code_of(const Result<T>& result) {
  return result ? "ok" : result.error().code;
}

/// A certificate and its key.
struct Holder {
  crypto::Certificate certificate;
  crypto::PrivateKey key;
  crypto::Signer signer() const { return {.certificate = certificate, .key = key}; }
};

struct HolderOptions {
  crypto::KeyType key = crypto::KeyType::ec_p256;
  bool ca = false;
  crypto::Purpose purpose = crypto::Purpose::client_auth;
  Time not_before = kPkiNow - std::chrono::hours(24);
  Time not_after = kPkiNow + std::chrono::hours(24 * 365);
  std::vector<std::string> dns_names = {};
};

/// `issuer` null: self-signed.
inline Holder make_holder(const std::string& name, const Holder* issuer = nullptr,
                          const HolderOptions& options = {}) {
  auto key = crypto::PrivateKey::generate(options.key);
  auto certificate = crypto::issue({.subject = {{"O", "Mooring"}, {"CN", name}},
                                    .public_key = key.public_key(),
                                    .serial = {},
                                    .not_before = options.not_before,
                                    .not_after = options.not_after,
                                    .ca = options.ca,
                                    .purpose = options.ca ? crypto::Purpose::any : options.purpose,
                                    .dns_names = options.dns_names},
                                   {.certificate = issuer == nullptr ? nullptr : &issuer->certificate,
                                    .key = issuer == nullptr ? key : issuer->key});
  if (!certificate) {
    ADD_FAILURE() << certificate.error().message;
    std::abort();
  }
  return {.certificate = std::move(*certificate), .key = std::move(key)};
}

inline Holder make_authority(const std::string& name = "Device CA", const Holder* issuer = nullptr) {
  return make_holder(name, issuer, {.ca = true});
}

}  // namespace mooring::test

// SPDX-License-Identifier: Apache-2.0
// HTTP Digest (RFC 7616) and Basic (RFC 7617) as pure functions. Digest: qop=auth, SHA-256 and MD5 (the only
// one that Apple's clients speak). Nonces need no memory: they carry their time and a MAC.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"

namespace mooring::core::enroll {

enum class DigestAlgorithm : std::uint8_t { sha256, md5 };
std::string_view name_of(DigestAlgorithm algorithm);  ///< "SHA-256", "MD5"

/// Lower-case hex.
std::string digest_hash(DigestAlgorithm algorithm, std::string_view text);
std::string digest_ha1(DigestAlgorithm algorithm, std::string_view user, std::string_view realm,
                       std::string_view password);

class NonceMaker {
 public:
  /// `key`: secret, the same in all servers that share a database.
  NonceMaker(std::string key, std::chrono::seconds lifetime) : key_(std::move(key)), lifetime_(lifetime) {}

  enum class Verdict : std::uint8_t { good, stale, foreign };
  std::string make(std::string_view realm, Time now) const;
  Verdict judge(std::string_view nonce, std::string_view realm, Time now) const;
  std::chrono::seconds lifetime() const { return lifetime_; }

 private:
  std::string mac(std::string_view body, std::string_view realm) const;
  std::string key_;
  std::chrono::seconds lifetime_;
};

/// Values of WWW-Authenticate, in the order of `algorithms`: the preferred first (RFC 7616 section 3.7).
std::vector<std::string> digest_challenges(std::string_view realm, std::string_view nonce, bool stale,
                                           std::span<const DigestAlgorithm> algorithms);
std::string basic_challenge(std::string_view realm);

/// What a client sent in Authorization: Digest.
struct DigestAnswer {
  std::string user, realm, nonce, uri, response, cnonce, nc;
  DigestAlgorithm algorithm = DigestAlgorithm::md5;
  std::uint32_t count = 0;  ///< nc as a number.
};
/// Errors: auth.malformed.
Result<DigestAnswer> parse_digest(std::string_view authorization);
/// True where `response` follows from the HA1. Compares in constant time.
bool digest_matches(const DigestAnswer& answer, std::string_view ha1, std::string_view method);

struct BasicAnswer {
  std::string user, password;
};
/// Errors: auth.malformed.
Result<BasicAnswer> parse_basic(std::string_view authorization);

}  // namespace mooring::core::enroll

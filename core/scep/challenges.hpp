// SPDX-License-Identifier: Apache-2.0
// What lets a device ask for a certificate by SCEP: a secret that the enrollment profile carries, good for
// one device and a short time. The challenge itself is kept nowhere, only its SHA-256.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "base/clock.hpp"
#include "base/postgres/connection.hpp"

namespace mooring::core {

struct NewChallenge {
  std::chrono::seconds lifetime{std::chrono::hours(1)};
  bool one_time = true;  ///< Good for one certificate; otherwise for any number until it expires.
  // Where set, the certificate is for this device only, and says so in its row:
  std::string udid = {};
  std::string serial_number = {};
  // Who asked, and for which enrollment profile; recorded with the certificate:
  std::string user_name = {};
  std::string enrollment_profile = {};
  /// SHA-256 of the certificate that the new one renews, as bytes: it then speaks for the same enrollment.
  /// Empty: it renews none. A certificate that was revoked is renewed no more.
  std::string renews = {};
};

/// 24 random bytes as base64url: 32 characters. Works inside a transaction.
std::string create_challenge(pg::Connection& connection, const NewChallenge& challenge, Time now);

/// A used challenge still answers for a repeated transaction; so long are challenges kept after they expired.
inline constexpr std::chrono::hours kTransactionLifetime{24};

/// Removes at most `batch` challenges that nothing needs any more.
std::int64_t prune_challenges(pg::Connection& connection, Time now, std::int64_t batch);

}  // namespace mooring::core

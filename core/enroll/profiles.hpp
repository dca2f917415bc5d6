// SPDX-License-Identifier: Apache-2.0
// Enrollment profiles as they are stored, and one of them made for a device.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/crypto/secret_box.hpp"
#include "base/postgres/connection.hpp"
#include "core/enroll/builder.hpp"

namespace mooring::core::enroll {

/// Is there from the start, closed, until somebody stores one of that name.
inline constexpr std::string_view kDefaultProfile = "default";

/// A profile that renews waits in the device's queue: its challenge, which is good for that device alone,
/// lives longer than that of a download.
inline constexpr std::chrono::hours kRenewalLifetime{24 * 7};

struct StoredProfile {
  std::string name;
  std::string json;  ///< As it was put, without read-only keys.
  Settings settings;
  std::optional<Time> created_at;  ///< nullopt: the built-in default.
  std::optional<Time> updated_at;
};

/// For whom a profile is made. Empty: not known.
struct Applicant {
  std::string udid = {};
  std::string serial_number = {};
  std::string user_name = {};
  std::string query = {};       ///< Of the request, not decoded.
  bool account_driven = false;  ///< Adds EnrollmentMode and AssignedManagedAppleID.
};

struct MadeProfile {
  std::string xml;
  bool sign = true;
};

/// Functions take a connection and may run inside a transaction. Thread-safe.
class Profiles {
 public:
  using Around = std::function<Result<Surroundings>(pg::Connection&)>;
  /// `challenge_lifetime`: how long after its download a profile can be installed.
  Profiles(const crypto::SecretBox& secrets, Around around, std::chrono::seconds challenge_lifetime)
      : secrets_(secrets), around_(std::move(around)), challenge_lifetime_(challenge_lifetime) {}

  /// By name; the built-in default is one of them. Errors: secret.damaged.
  Result<std::vector<StoredProfile>> list(pg::Connection& db, std::string_view after, int limit) const;
  /// Errors: enrollment_profile.unknown.
  Result<StoredProfile> find(pg::Connection& db, std::string_view name) const;

  struct Put {
    bool created = false;
    StoredProfile profile;
  };
  /// Errors: enrollment_profile.bad_name, .malformed, .invalid; .immutable where devices would refuse the new
  /// one as an update of the old, unless `force`.
  Result<Put> put(pg::Connection& db, std::string_view name, std::string_view json, bool force,
                  Time now) const;
  bool remove(pg::Connection& db, std::string_view name) const;

  /// A profile with names and a challenge of its own. Errors: enrollment_profile.unknown, .no_topic.
  Result<MadeProfile> offer(pg::Connection& db, std::string_view name, const Applicant& applicant,
                            Time now) const;
  /// Phase 2 of over-the-air enrollment: only the identity.
  Result<MadeProfile> offer_identity(pg::Connection& db, std::string_view name, const Applicant& applicant,
                                     Time now) const;
  /// The profile of an enrolled device again, with the names it has there and a fresh challenge: to be
  /// installed over the old one within kRenewalLifetime. `udid`: as in devices. Errors: as offer;
  /// enrollment_profile.not_enrolled.
  Result<MadeProfile> renew(pg::Connection& db, std::string_view udid, Time now) const;

  Result<Surroundings> surroundings(pg::Connection& db) const { return around_(db); }

 private:
  Result<StoredProfile> open(std::string_view name, std::string_view sealed, std::optional<Time> created,
                             std::optional<Time> updated) const;
  Result<Ticket> ticket_for(pg::Connection& db, const StoredProfile& profile, const Applicant& applicant,
                            std::string seed, Time now, std::string renews = {}) const;
  Result<MadeProfile> make(pg::Connection& db, const StoredProfile& profile, const Applicant& applicant,
                           std::string seed, Time now, std::string renews = {}) const;

  const crypto::SecretBox& secrets_;
  Around around_;
  std::chrono::seconds challenge_lifetime_;
};

}  // namespace mooring::core::enroll

// SPDX-License-Identifier: Apache-2.0
// Whether a certificate speaks for an enrollment: the rules, as a function of what is stored.
//
// The key of an association is the device channel: users speak under their device's certificate. A
// certificate belongs to one enrollment for ever; an enrollment may have several, of which a newer one
// supersedes the others.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "base/clock.hpp"
#include "base/result.hpp"

namespace mooring::core {

/// Who says to be speaking.
struct Claim {
  std::string enrollment;  ///< Of the device channel.
  bool authenticate = false;
  std::string serial_number;  ///< In Authenticate; empty where the device leaves it out.
};

/// What is stored of a certificate and of the enrollment that it is to speak for.
struct AssociationFacts {
  // The certificate as an identity:
  std::optional<std::string> speaks_for;
  std::optional<Time> superseded_at;
  bool revoked = false;  ///< As identity or as certificate.
  // The certificate as one that this server issued:
  bool issued = false;
  bool altered = false;                   ///< Its serial number was issued, in other bytes.
  std::optional<std::string> renews_for;  ///< The enrollment whose certificate it renews; nullopt: none.
  bool renewed_revoked = false;
  std::string bound_udid;
  std::string bound_serial;
  std::string user_name;
  std::string enrollment_profile;
  // The enrollment:
  bool known = false;
  bool enabled = false;
  bool migrated = false;      ///< Taken over from another server, which does not say its identities.
  std::string serial_number;  ///< Of its device, as known before this message.
  std::int64_t identities = 0;
  std::int64_t live_identities = 0;  ///< Not revoked.
};

struct AssociationRules {
  bool retro = false;                                ///< Take over enrollments that have no identity yet.
  std::chrono::seconds superseded_grace{2'592'000};  ///< How long an older certificate stays good.
};

struct Verdict {
  bool associate = false;  ///< Store the pair, and mark the enrollment's other certificates superseded.
  bool renewal = false;    ///< A new certificate of an enrollment that lives on.
  std::optional<Time> good_until = {};  ///< Of a superseded certificate.
};

/// Refusals: identity.revoked, identity.superseded, identity.in_use (speaks for another enrollment),
/// identity.bound (was issued for another device), identity.altered, identity.unknown_device (nothing is
/// known of the enrollment), identity.removed (all its certificates are revoked), identity.not_associated.
Result<Verdict> judge(const AssociationFacts& facts, const Claim& claim, const AssociationRules& rules,
                      Time now);

/// Refusals that mean: this device is not, or no longer, managed here.
bool is_unknown_device(const Error& error);

}  // namespace mooring::core

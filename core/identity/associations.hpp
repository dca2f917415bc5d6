// SPDX-License-Identifier: Apache-2.0
// Which certificate speaks for which enrollment, as stored; what waits together shares a statement.
#pragma once

#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/async.hpp"
#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/metrics.hpp"
#include "base/postgres/batcher.hpp"
#include "core/identity/bounded_cache.hpp"
#include "core/identity/judge.hpp"
#include "core/identity/trust.hpp"

namespace mooring::core {

struct AssociationOptions {
  AssociationRules rules = {};
  /// How long a known pair is good without a look at the database: so long may another server's revocation
  /// go unnoticed.
  Duration remembered_for = std::chrono::seconds(5);
  std::size_t remembered = std::size_t{100'000};
};

/// What the sender of a message may be told apart by.
struct Admission {
  bool associated = false;  ///< With this message.
  bool renewal = false;     ///< See Verdict.
  bool superseded = false;  ///< By an older certificate, within its time of grace.
  std::string user_name;    ///< Only with Authenticate: of the certificate's challenge.
  std::string enrollment_profile;
};

class Associations {
 public:
  Associations(AssociationOptions options, const pg::ConnectOptions& connect, const Clock& clock, Logger& log,
               Metrics& metrics);

  /// Errors: those of judge(); of the database.
  Task<Result<Admission>> admit(TrustedCertificate certificate, Claim claim);
  /// The enrollment that a certificate speaks for. Errors: identity.unknown_certificate, identity.revoked,
  /// identity.superseded; of the database.
  Task<Result<std::string>> enrollment_of(TrustedCertificate certificate);
  /// Forgets what is remembered of a certificate.
  void forget(std::string_view hash) { known_.erase(hash); }

 private:
  struct Known {
    std::string enrollment;
    bool superseded = false;
    Time until;
  };
  struct Stored {
    std::optional<std::string> enrollment;
    std::optional<Time> superseded_at;
    bool revoked = false;
  };
  struct Op {
    TrustedCertificate certificate;
    Claim claim;
  };

  Task<Result<Known>> look_up(std::string hash);
  std::vector<Result<Admission>> associate(pg::Connection& connection, std::span<const Op> ops);
  std::vector<Result<Admission>> associate_once(pg::Connection& connection, std::span<const Op> ops);

  AssociationOptions options_;
  const Clock& clock_;
  BoundedCache<Known> known_;
  pg::Batcher<std::string, Stored> lookups_;
  pg::Batcher<Op, Result<Admission>> associations_;
};

/// An enrollment ends: every certificate that speaks for it is revoked, also as a certificate of this
/// server's authority. Enrolling again takes a new one. `enrollment`: the device channel's. Works inside a
/// transaction; other servers notice within AssociationOptions::remembered_for. Returns the
/// hashes of those that were, as bytes.
std::vector<std::string> revoke_identities(pg::Connection& connection, std::string_view enrollment, Time now);

}  // namespace mooring::core

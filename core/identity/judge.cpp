// SPDX-License-Identifier: Apache-2.0
#include "core/identity/judge.hpp"

namespace mooring::core {
namespace {

std::unexpected<Error> refuse_identity(const char* code, const char* why) {
  return fail(Failure::invalid, code, why);
}

/// Issued for a certain device, by the word of whoever made the challenge or of the certificate renewed.
bool bound(const AssociationFacts& facts) {
  return facts.renews_for || !facts.bound_udid.empty() || !facts.bound_serial.empty();
}

bool bound_to(const AssociationFacts& facts, const Claim& claim) {
  if (facts.renews_for && *facts.renews_for != claim.enrollment) return false;
  if (!facts.bound_udid.empty() && facts.bound_udid != claim.enrollment) return false;
  if (facts.bound_serial.empty()) return true;
  return facts.bound_serial == (claim.serial_number.empty() ? facts.serial_number : claim.serial_number);
}

Result<Verdict> judge_known(const AssociationFacts& facts, const Claim& claim, const AssociationRules& rules,
                            Time now) {
  if (*facts.speaks_for != claim.enrollment) {
    return refuse_identity("identity.in_use", "the certificate belongs to another enrollment");
  }
  Verdict verdict;
  if (facts.superseded_at) {
    verdict.good_until = *facts.superseded_at + rules.superseded_grace;
    if (now >= *verdict.good_until) {
      return refuse_identity("identity.superseded",
                             "the certificate was replaced by a newer one, and its time of grace is over");
    }
  }
  return verdict;
}

Result<Verdict> judge_unassociated(const AssociationFacts& facts, const Claim& claim,
                                   const AssociationRules& rules) {
  if (bound(facts) && !bound_to(facts, claim)) {
    return refuse_identity("identity.bound", "the certificate was issued for another device");
  }
  if (claim.authenticate) return Verdict{.associate = true};
  if (facts.identities > 0 && facts.live_identities == 0) {
    return refuse_identity("identity.removed", "the enrollment was removed: the device has to enroll again");
  }
  if (facts.issued && bound(facts) && !facts.renewed_revoked) return Verdict{.associate = true};
  // One that was unenrolled before its device ever came is not taken over any more.
  const bool moves_here = facts.migrated && facts.enabled;
  if (facts.identities == 0 && (rules.retro || moves_here)) return Verdict{.associate = true};
  if (facts.identities == 0 && !facts.known) {
    return refuse_identity("identity.unknown_device", "nothing is known of this enrollment");
  }
  return refuse_identity("identity.not_associated", "the certificate does not speak for this enrollment");
}

}  // namespace

Result<Verdict> judge(const AssociationFacts& facts, const Claim& claim, const AssociationRules& rules,
                      Time now) {
  if (facts.altered) {
    return refuse_identity("identity.altered",
                           "the certificate is not, byte for byte, the one that was issued");
  }
  if (facts.revoked) return refuse_identity("identity.revoked", "the certificate is revoked");
  auto verdict =
      facts.speaks_for ? judge_known(facts, claim, rules, now) : judge_unassociated(facts, claim, rules);
  if (!verdict) return verdict;
  // Told by the certificate, not by whether it is new here: a TokenUpdate may come first, and a device that
  // got no answer sends its Authenticate again.
  verdict->renewal =
      claim.authenticate && facts.enabled && !facts.renewed_revoked && facts.renews_for == claim.enrollment;
  return verdict;
}

bool is_unknown_device(const Error& error) {
  return error.code == "identity.unknown_device" || error.code == "identity.removed" ||
         error.code == "identity.revoked";
}

}  // namespace mooring::core

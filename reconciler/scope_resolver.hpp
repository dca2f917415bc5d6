// SPDX-License-Identifier: Apache-2.0
// What each device of a batch should hold: assignments, narrowed down by groups and filters, then resolved.
#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "reconciler/declarations.hpp"
#include "reconciler/snapshot.hpp"

namespace mooring::reconciler {

/// By device: assignments to it alone.
using OwnCandidates = std::unordered_map<std::int64_t, std::vector<Candidate>>;

class ScopeResolver {
 public:
  explicit ScopeResolver(const DeclarationSet& declared) : declared_(declared) {}

  /// Reads what the batch needs, and no more: nothing where no assignment has conditions and no group has to
  /// be looked at again. Notes in the rows which groups were. Returns what changed.
  MembershipChanges prepare(pg::Connection& connection, std::span<DeviceSnapshot> snapshots,
                            const OwnCandidates& own);
  /// After prepare: what devices say of themselves decides about something in the batch.
  bool facts_decide() const { return facts_decide_; }
  /// What was read of a device; nothing where nothing had to be.
  const Memberships& memberships_of(std::int64_t device) const;
  const DeviceTraits& traits_of(std::int64_t device) const;
  /// Sets desired and desired_hash.
  void decide(DeviceSnapshot& snapshot, const OwnCandidates& own);

 private:
  struct Resolved {
    ResolvedDesired desired;
    std::string hash;
  };
  std::string signature_of(std::int64_t device) const;

  const DeclarationSet& declared_;
  DeviceMemberships memberships_;
  std::unordered_map<std::int64_t, DeviceTraits> traits_;
  bool facts_decide_ = false;
  std::unordered_map<std::string, Resolved> by_signature_;  ///< Most devices share one of a few.
};

}  // namespace mooring::reconciler

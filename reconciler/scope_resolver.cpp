// SPDX-License-Identifier: Apache-2.0
#include "reconciler/scope_resolver.hpp"

#include <algorithm>
#include <array>

namespace mooring::reconciler {
namespace {

using director::Truth;

constexpr pg::Statement kScopeTraits{"scope_traits", R"(
select id, udid, coalesce(os_version, ''), coalesce(product_name, ''), coalesce(model, ''), coalesce(model_name, '')
from devices where id = any($1))"};

DeviceTraits read_traits(const pg::Row& row) {
  const std::array<std::string, 3> names{row.text(3), row.text(4), row.text(5)};
  const std::array<std::string_view, 3> views{names[0], names[1], names[2]};
  return {.udid = row.text(1),
          .platform = std::string(director::platform_by_names(views)),
          .os_version = row.text(2)};
}

/// What a candidate is worth on this device.
Desired weighed(const Candidate& candidate, Truth truth) {
  Desired desired = candidate.desired;
  desired.applies = truth;
  return desired;
}

bool has_conditions(const OwnCandidates& own) {
  return std::ranges::any_of(
      own, [](const auto& device) { return std::ranges::any_of(device.second, &Candidate::is_conditional); });
}

}  // namespace

MembershipChanges ScopeResolver::prepare(pg::Connection& connection, std::span<DeviceSnapshot> snapshots,
                                         const OwnCandidates& own) {
  std::vector<std::int64_t> devices, stale;
  const auto revision = declared_.groups.revision;
  for (auto& snapshot : snapshots) {
    auto& row = snapshot.row;
    devices.push_back(row.device);
    if (row.groups_seen < revision || row.reset_mark > row.handled) stale.push_back(row.device);
    row.groups_seen = revision;
  }
  const bool has_stale = revision > 0 && !stale.empty();
  const bool conditional = declared_.conditional || has_conditions(own);
  facts_decide_ = revision > 0 || conditional;
  if (!conditional && !has_stale) return {};
  memberships_ = load_memberships(connection, devices);
  for (const auto row : connection.exec(kScopeTraits, devices)) traits_[row.int64(0)] = read_traits(row);
  if (!has_stale) return {};
  return evaluate_memberships(connection, declared_.groups, stale, memberships_);
}

const Memberships& ScopeResolver::memberships_of(std::int64_t device) const {
  static const Memberships kNone;
  const auto found = memberships_.find(device);
  return found == memberships_.end() ? kNone : found->second;
}

const DeviceTraits& ScopeResolver::traits_of(std::int64_t device) const {
  static const DeviceTraits kUnknown;
  const auto found = traits_.find(device);
  return found == traits_.end() ? kUnknown : found->second;
}

std::string ScopeResolver::signature_of(std::int64_t device) const {
  const auto& traits = traits_of(device);
  const auto& groups = memberships_of(device);
  std::string signature;
  for (const auto& candidate : declared_.shared) {
    const auto truth = truth_of(candidate, traits, groups);
    signature += static_cast<char>(truth);
  }
  return signature;
}

void ScopeResolver::decide(DeviceSnapshot& snapshot, const OwnCandidates& own) {
  const auto device = snapshot.row.device;
  const auto named = own.find(device);
  if (named == own.end() && !declared_.conditional) {
    snapshot.desired = declared_.shared_resolved;
    snapshot.desired_hash = declared_.shared_hash;
    return;
  }
  const auto signature = signature_of(device);
  auto known = by_signature_.find(signature);
  if (named == own.end() && known != by_signature_.end()) {
    snapshot.desired = known->second.desired;
    snapshot.desired_hash = known->second.hash;
    return;
  }
  std::vector<Desired> shared, own_desired;
  for (std::size_t i = 0; i < declared_.shared.size(); ++i)
    shared.push_back(weighed(declared_.shared[i], static_cast<Truth>(signature[i])));
  if (named != own.end()) {
    for (const auto& candidate : named->second)
      own_desired.push_back(weighed(candidate, truth_of(candidate, traits_[device], memberships_[device])));
  }
  snapshot.desired = std::make_shared<const std::vector<Desired>>(resolve(shared, own_desired));
  snapshot.desired_hash = hash_of(*snapshot.desired);
  if (named == own.end()) by_signature_.emplace(signature, Resolved{snapshot.desired, snapshot.desired_hash});
}

}  // namespace mooring::reconciler

// SPDX-License-Identifier: Apache-2.0
// Which groups devices are in. A pass evaluates them where a group, or what decides about a device, changed
// since its last one. What is not known leaves a membership as it was.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/clock.hpp"
#include "base/postgres/connection.hpp"
#include "director/expression.hpp"
#include "reconciler/scope.hpp"

namespace mooring::reconciler {

struct CompiledGroup {
  std::int32_t id = 0;
  std::string name;
  std::optional<director::Expression> expression;  ///< nullopt: members are named.
  /// Its expression was stored by a server that understood more: nobody knows who is in it.
  bool unreadable = false;
};

struct GroupSet {
  std::vector<CompiledGroup> groups;  ///< Sorted by number.
  std::int64_t revision = 0;          ///< The highest of any group; 0: there is none.
};

GroupSet load_groups(pg::Connection& connection);

using DeviceMemberships = std::unordered_map<std::int64_t, Memberships>;

/// As the passes before found them.
DeviceMemberships load_memberships(pg::Connection& connection, std::span<const std::int64_t> devices);

/// `memberships` with all groups evaluated anew for `devices`. Returns nothing to write where nothing
/// changed.
struct MembershipChanges {
  std::vector<std::int64_t> put_devices, dropped_devices;
  std::vector<std::int32_t> put_groups, dropped_groups;
  std::vector<bool> known;
};
MembershipChanges evaluate_memberships(pg::Connection& connection, const GroupSet& set,
                                       std::span<const std::int64_t> devices, DeviceMemberships& memberships);
void store_memberships(pg::Connection& connection, const MembershipChanges& changes, Time now);

}  // namespace mooring::reconciler

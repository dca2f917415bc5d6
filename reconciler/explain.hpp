// SPDX-License-Identifier: Apache-2.0
// Why a device should hold what it should hold, or should not: each assignment that could reach it, and what
// it comes to. For people.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "reconciler/load.hpp"
#include "reconciler/scope.hpp"

namespace mooring::reconciler {

/// One assignment, seen from one device.
struct Weighed {
  std::int32_t assignment = 0;
  std::int32_t item = 0;
  director::ScopeKind scope = director::ScopeKind::all;
  std::string group;  ///< Where the scope is one.
  director::Intent intent = director::Intent::present;
  director::Truth applies = director::Truth::yes;
  bool decides = false;              ///< What the device should hold follows from it.
  std::vector<std::string> because;  ///< Sentences: what keeps it from applying, or from deciding.
};

/// All assignments to all, to groups and to the device by name; by item, then in the order of precedence.
std::vector<Weighed> explain(pg::Connection& connection, std::int64_t device);

/// Names of groups by number.
using GroupNames = std::map<std::int32_t, std::string>;
/// What keeps a candidate from applying to a device, or leaves it open; empty where it applies. Pure.
std::vector<std::string> obstacles_of(const Candidate& candidate, const DeviceTraits& device,
                                      const Memberships& groups, const GroupNames& names);

}  // namespace mooring::reconciler

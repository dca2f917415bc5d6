// SPDX-License-Identifier: Apache-2.0
// What is declared for all devices that keeps items from being sent: pauses, maintenance windows and
// the order of items.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/postgres/connection.hpp"
#include "director/windows.hpp"

namespace mooring::reconciler {

struct Neighbour {
  std::int32_t item = 0;
  std::string name;
};

/// Immutable. Devices may be paused by themselves, too: DeviceRow::paused_until.
struct Restraints {
  /// How long; nullopt inside: until somebody resumes.
  using Until = std::optional<Time>;
  std::optional<Until> fleet;
  std::map<std::int32_t, Until> items;                ///< By item.
  std::map<std::int32_t, director::Windows> windows;  ///< By item; others may be sent at any time.
  std::map<std::int32_t, std::vector<Neighbour>>
      requirements;  ///< By item: what has to be verified before it is sent.
  std::map<std::int32_t, std::vector<Neighbour>> dependents;  ///< By item: what is removed before it.

  bool empty() const { return !fleet && items.empty() && windows.empty() && dependents.empty(); }
};

/// Changes with whatever is declared of them; empty where nothing is. 8 bytes.
std::string hash_of(const Restraints& restraints);

/// Reads what is declared; the offsets of the zones are those of `now`.
Restraints read_restraints(pg::Connection& connection, Time now);

}  // namespace mooring::reconciler

// SPDX-License-Identifier: Apache-2.0
// What is declared for all devices that keeps items from being sent: pauses and maintenance windows.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.hpp"
#include "base/postgres/connection.hpp"
#include "director/windows.hpp"

namespace mooring::reconciler {

/// Immutable. Devices may be paused by themselves, too: DeviceRow::paused_until.
struct Restraints {
  /// How long; nullopt inside: until somebody resumes.
  using Until = std::optional<Time>;
  std::optional<Until> fleet;
  std::map<std::int32_t, Until> items;                ///< By item.
  std::map<std::int32_t, director::Windows> windows;  ///< By item; others may be sent at any time.

  bool empty() const { return !fleet && items.empty() && windows.empty(); }
};

/// Changes with whatever is declared of them; empty where nothing is. 8 bytes.
std::string hash_of(const Restraints& restraints);

/// Reads what is declared; the offsets of the zones are those of `now`.
Restraints read_restraints(pg::Connection& connection, Time now);

}  // namespace mooring::reconciler

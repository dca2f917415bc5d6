// SPDX-License-Identifier: Apache-2.0
// Reads all that a pass needs for a batch of devices, in a number of statements that does not depend on its
// size.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/postgres/connection.hpp"
#include "reconciler/declarations.hpp"
#include "reconciler/snapshot.hpp"

namespace mooring::reconciler {

struct Batch {
  std::int64_t generation = 0;  ///< Of the declarations that were read.
  std::int64_t groups = 0;      ///< Revision of the groups, likewise.
  bool facts_decide = false;    ///< What should be held follows from what devices say of themselves.
  std::vector<DeviceSnapshot> snapshots;  ///< Devices that need a plan.
  std::vector<std::int64_t> unchanged;  ///< Nothing happened since their last pass: one comparison, no more.
};

/// The caller holds the devices' locks. Observations are taken out of the inbox: they are gone when the
/// transaction commits, and back when it does not.
Batch load(pg::Connection& connection, Declarations& declarations, std::span<const std::int64_t> devices,
           Time now);

/// As load, but of each of the devices, and without taking or changing anything: for questions of people.
Batch peek(pg::Connection& connection, Declarations& declarations, std::span<const std::int64_t> devices,
           Time now);
/// Only the row of each device and what it should hold, likewise.
std::vector<DeviceSnapshot> peek_desired(pg::Connection& connection, Declarations& declarations,
                                         std::span<const std::int64_t> devices, Time now);
/// Of one device; nullopt where it never enrolled.
std::optional<DeviceSnapshot> peek(pg::Connection& connection, std::int64_t device, Time now);

}  // namespace mooring::reconciler

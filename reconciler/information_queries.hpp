// SPDX-License-Identifier: Apache-2.0
// Which DeviceInformation suits a device: all queries that its platform and version know.
#pragma once

#include <span>

#include "base/clock.hpp"
#include "base/postgres/connection.hpp"
#include "reconciler/plan.hpp"

namespace mooring::reconciler {

/// Gives each DeviceInformation in `plans` the payload for its device, storing what is new. Reads only the
/// devices that are asked.
void choose_queries(pg::Connection& connection, std::span<Plan> plans, Time now);

}  // namespace mooring::reconciler

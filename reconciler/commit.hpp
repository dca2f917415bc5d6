// SPDX-License-Identifier: Apache-2.0
// Writes the plans of a batch, in a number of statements that does not depend on its size.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/postgres/connection.hpp"
#include "reconciler/plan.hpp"

namespace mooring::reconciler {

void commit(pg::Connection& connection, std::span<const Plan> plans, const PassContext& context);

/// Devices whose last pass still holds, but which had not seen the newest generation. `groups`: the revision
/// at which their memberships were looked at.
void commit_unchanged(pg::Connection& connection, std::span<const std::int64_t> devices,
                      std::int64_t generation, std::int64_t groups);

}  // namespace mooring::reconciler

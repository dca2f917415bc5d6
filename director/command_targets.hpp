// SPDX-License-Identifier: Apache-2.0
// Who would get a command, as far as Apple's schema distinguishes them. Runs on a database thread and throws
// pg::SqlError.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/postgres/connection.hpp"
#include "schema/key.hpp"

namespace mooring::director {

struct CommandTarget {
  std::int64_t enrollment = 0;
  /// Platform and version as the device last said; unknown and empty where it never did.
  schema::Target target;
};
std::vector<CommandTarget> command_targets(pg::Connection& connection,
                                           std::span<const std::int64_t> enrollments);

}  // namespace mooring::director

// SPDX-License-Identifier: Apache-2.0
// Who gets an ordered command, and what is to be said of each name. Only for .cpp files of this room.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "api/detail/json.hpp"
#include "api/detail/new_command.hpp"
#include "base/postgres/connection.hpp"

namespace mooring::api::detail {

struct CommandTargets {
  std::vector<std::int64_t> enrollments;  ///< Each once.
  Json report = Json::array();            ///< One entry for each name, in the order of the order.
  std::string unsupported;                ///< Why a target was left out though it is known; empty where none.
};

/// A command that this server built is not sent to devices of which Apple's schema says that they do not have
/// it, unless the order allows it. Keys that a device does not have are only warned of: devices ignore them.
CommandTargets resolve_targets(pg::Connection& connection, const CommandOrder& order);

}  // namespace mooring::api::detail

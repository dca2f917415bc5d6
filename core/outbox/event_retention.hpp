// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "base/clock.hpp"
#include "base/postgres/connection.hpp"

namespace mooring::core {

struct PrunedEvents {
  std::int64_t events = 0;
  std::map<std::string, std::int64_t> dropped;  ///< Events that a consumer never got, by its name.
};

/// Removes events older than `keep` that no consumer has still to get, and all that are older than `limit`
/// (or than `keep`, where that is longer). At most `batch` of each. Throws pg::SqlError.
PrunedEvents prune_events(pg::Connection& connection, Duration keep, Duration limit, std::int64_t batch,
                          Time now);

}  // namespace mooring::core

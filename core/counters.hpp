// SPDX-License-Identifier: Apache-2.0
// Totals that move in the transaction of the change they count, so that nothing is scanned to show them.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "base/postgres/connection.hpp"

namespace mooring::core {

inline constexpr std::string_view kQueuedCounter = "commands.queued";
inline constexpr std::string_view kNotNowCounter = "commands.not_now";
inline constexpr std::string_view kEnrolledCounter = "devices.enrolled";
inline constexpr std::string_view kKnownCounter = "devices.known";

/// Adds to counters; deltas of 0 cost nothing.
void count(pg::Connection& connection,
           std::initializer_list<std::pair<std::string_view, std::int64_t>> deltas);

std::map<std::string, std::int64_t, std::less<>> read_counters(pg::Connection& connection);

}  // namespace mooring::core

// For statements that count by themselves: `source` is a subquery with columns (name, delta).
#define MOORING_COUNT_FROM(source)                               \
  "insert into counters (name, shard, value) "                   \
  "select name, pg_backend_pid() % 64, sum(delta) from (" source \
  ") as d(name, delta) "                                         \
  "group by name having sum(delta) <> 0 "                        \
  "on conflict (name, shard) do update set value = counters.value + excluded.value"

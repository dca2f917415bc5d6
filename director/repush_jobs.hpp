// SPDX-License-Identifier: Apache-2.0
// Sending things again to all devices that answer a description, at a pace. One server at a time moves the
// jobs; what it asks for goes the way of any other request (item_requests.hpp).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/postgres/connection.hpp"
#include "base/result.hpp"

namespace mooring::director {

/// All parts have to hold; what is left out holds for everything. Only what should be present is sent again.
struct RepushFilter {
  std::optional<std::string> profile;
  std::optional<std::string> group;
  std::vector<std::int16_t> states;  ///< reconciler::ItemState; empty: any.
};

struct RepushJob {
  std::int32_t id = 0;
  RepushFilter filter;
  std::int32_t per_minute = 0;
  std::int64_t devices = 0;  ///< Asked so far.
  std::string actor;
  Time created_at;
  std::optional<Time> finished_at;
  bool stopped = false;  ///< Before it had come to all devices.
};

/// Errors: profile.unknown, group.unknown.
Result<RepushJob> add_repush_job(pg::Connection& connection, const RepushFilter& filter,
                                 std::int32_t per_minute, std::string_view actor, Time now);
/// In the order of their numbers, those after `after`.
std::vector<RepushJob> list_repush_jobs(pg::Connection& connection, std::int32_t after, int limit);
std::optional<RepushJob> find_repush_job(pg::Connection& connection, std::int32_t id);
/// False where there is none; one that is over stays as it is.
bool stop_repush_job(pg::Connection& connection, std::int32_t id, Time now);

/// Asks for as much as the pace of each job allows since it was last moved. Returns on how many devices.
std::int64_t move_repush_jobs(pg::Connection& connection, Time now);
/// Those that were over before then.
void prune_repush_jobs(pg::Connection& connection, Time before);

/// What failed, or was quarantined, of one item, or on one device.
std::vector<std::int64_t> devices_that_gave_up(pg::Connection& connection, std::int32_t item);
std::vector<std::int32_t> items_given_up(pg::Connection& connection, std::int64_t device);

}  // namespace mooring::director

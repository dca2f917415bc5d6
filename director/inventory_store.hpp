// SPDX-License-Identifier: Apache-2.0
// Keeps what devices answered when they were asked about themselves, and how their facts changed. Functions
// run on a database thread and throw pg::SqlError.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/postgres/connection.hpp"
#include "director/facts.hpp"

namespace mooring::director {

/// What a source said of a device, as inventory.hpp makes it.
struct InventoryAnswer {
  std::int64_t device = 0;
  FactSource source = FactSource::information;
  std::string_view json;
};
/// At most one answer of each device and source. What did not change is not written, but for what
/// DeviceInformation said. A change of a fact goes into its history; the first answer of a source does not.
void store_inventory(pg::Connection& connection, std::span<const InventoryAnswer> answers, Time now);

/// The last answer of a source, as JSON; nullopt where there was none. Not for `checkin`.
std::optional<std::string> inventory_of(pg::Connection& connection, std::int64_t device, FactSource source);

struct FactChange {
  std::int64_t id = 0;
  Time at;
  std::string fact;
  std::optional<std::string> was;  ///< JSON; nullopt: it was not known.
  std::optional<std::string> now;  ///< Likewise.
};
/// Newest first: those before `before` (an id; 0: all), of one fact or of all.
std::vector<FactChange> fact_changes(pg::Connection& connection, std::int64_t device,
                                     std::optional<std::string_view> fact, std::int64_t before, int limit);

/// Facts that only others know. `json`: an object by fact names of source `outside`; null forgets. The caller
/// has checked it.
void put_outside_facts(pg::Connection& connection, std::int64_t device, std::string_view json, Time now);

}  // namespace mooring::director

// SPDX-License-Identifier: Apache-2.0
// Pauses: nothing declared is sent to a device, of an item, or to anybody, for a while. What differs is
// measured all the same.
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

/// pauses.scope. Numbers are stored.
enum class PauseScope : std::int16_t { fleet = 0, device = 2, item = 3 };

struct Pause {
  std::int32_t id = 0;
  PauseScope scope = PauseScope::fleet;
  std::string target;         ///< "all", "device:UDID" or "profile:NAME".
  std::optional<Time> until;  ///< nullopt: until somebody resumes.
  std::string reason;
  std::string actor;
  Time created_at;
};

struct NewPause {
  std::string target;  ///< As in Pause; a device also by its serial number.
  std::optional<Time> until;
  std::string reason;
  std::string actor;
};

struct PutPause {
  Pause pause;
  bool created = false;
};

/// One pause for each target: a second one replaces the first. Errors: pause.malformed (no such kind of
/// target), device.unknown, device.no_channel, profile.unknown.
Result<PutPause> put_pause(pg::Connection& connection, const NewPause& wanted, Time now);
/// Those in force, by id.
std::vector<Pause> list_pauses(pg::Connection& connection, Time now, std::int32_t after, int limit);
std::optional<Pause> find_pause(pg::Connection& connection, std::int32_t id, Time now);
/// False where there is none.
bool delete_pause(pg::Connection& connection, std::int32_t id, Time now);

}  // namespace mooring::director

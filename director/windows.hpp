// SPDX-License-Identifier: Apache-2.0
// Maintenance windows: the hours of the week in which an item may be sent.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/postgres/connection.hpp"
#include "base/result.hpp"

namespace mooring::director {

struct Window {
  std::uint8_t days = 0;        ///< On which it opens: bit 0 Monday ... bit 6 Sunday.
  std::chrono::minutes from{};  ///< After midnight.
  std::chrono::minutes to{};    ///< Not later than `from`: on the next day.
  std::string zone;             ///< A time zone as PostgreSQL knows it, "Europe/Berlin".
  std::optional<Duration>
      east;  ///< Of UTC, at present; nullopt: the zone is not known (any more), it never opens.
  bool operator==(const Window&) const = default;
};
using Windows = std::vector<Window>;

/// JSON as in items.windows. windows.malformed says where.
Result<Windows> read_windows(std::string_view json);
std::string write_windows(const Windows& windows);

/// Asks PostgreSQL how far east of UTC each zone is at `now`. True where all are known.
bool locate_zones(pg::Connection& connection, std::span<Window> windows, Time now);

/// The end of the window that is open now; nullopt where none is.
std::optional<Time> closes_at(const Windows& windows, Time now);
/// The next opening; nullopt where there is none.
std::optional<Time> opens_at(const Windows& windows, Time now);

/// Of a profile; empty: it may be sent at any time. profile.unknown.
Result<Windows> find_windows(pg::Connection& connection, std::string_view profile);
/// profile.unknown, windows.unknown_zone.
Result<> put_windows(pg::Connection& connection, std::string_view profile, Windows windows, Time now);
/// Of all items that have any, deleted ones included: their removal keeps to them too.
std::map<std::int32_t, Windows> all_windows(pg::Connection& connection);

}  // namespace mooring::director

// SPDX-License-Identifier: Apache-2.0
// Where an event stands in the order that every reader sees, and how a client writes that down.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.hpp"

namespace mooring::core {

/// Events are read in this order. Ids are drawn before their transaction commits, so that a smaller one may
/// become visible later: readers therefore stop before the oldest transaction that is still under way.
struct Position {
  std::uint64_t xid = 0;  ///< The transaction that recorded the event.
  std::int64_t id = 0;
  auto operator<=>(const Position&) const = default;
};

/// A position as clients keep it. `epoch` and `at` find the place again after the database was restored into
/// another cluster, where transactions count anew.
struct EventCursor {
  std::int32_t epoch = 0;
  Position position;
  Time at{};  ///< When the event at that position happened, to the second.
  bool operator==(const EventCursor&) const = default;
};

/// Letters of URLs and of header fields only: 1.8452.1207.1793000000
std::string to_text(const EventCursor& cursor);
std::optional<EventCursor> parse_event_cursor(std::string_view text);

}  // namespace mooring::core

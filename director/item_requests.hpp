// SPDX-License-Identifier: Apache-2.0
// An inbox of what people and jobs ask of items on devices; the next pass over a device empties it.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "base/clock.hpp"
#include "base/postgres/connection.hpp"

namespace mooring::director {

/// item_requests.item_id of a request for all items of the device.
inline constexpr std::int32_t kAllItems = 0;

/// item_requests.kind. Numbers are stored.
enum class RequestKind : std::int16_t {
  repush = 1,      ///< Send it again, whatever the list shows; a new budget.
  lift = 2,        ///< Try again where it failed or is quarantined.
  distrusted = 3,  ///< Evidence from outside says that it is wrong.
};

/// A constant number of statements for any number of devices; asked twice is asked once. Marks them, and
/// tells their history who asked.
void ask_of_item(pg::Connection& connection, std::span<const std::int64_t> devices, std::int32_t item,
                 RequestKind kind, std::string_view actor, Time now);

}  // namespace mooring::director

// SPDX-License-Identifier: Apache-2.0
// Reads devices as MDMDirector shows them. Functions run on a database thread and throw pg::SqlError.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "api/compat/mdmdirector/device_view.hpp"
#include "base/postgres/connection.hpp"

namespace mooring::api::mdmdirector {

/// In the order of their ids, those after `after`. `with_lists`: also certificates and what is installed.
std::vector<DeviceRecord> read_devices(pg::Connection& connection, std::int64_t after, int limit,
                                       bool with_lists);
/// With all that is declared for it alone.
std::optional<DeviceRecord> read_device_of_udid(pg::Connection& connection, std::string_view udid);
/// Of several with one serial number the one that was seen last.
std::optional<DeviceRecord> read_device_of_serial(pg::Connection& connection, std::string_view serial);

}  // namespace mooring::api::mdmdirector

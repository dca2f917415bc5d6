// SPDX-License-Identifier: Apache-2.0
// What is asked of every device, and how its answers become facts.
#pragma once

#include <string>

#include "base/plist/value.hpp"
#include "base/result.hpp"

namespace mooring::director {

/// Command dictionaries as XML fragments. Unsupported queries are dropped by devices, not refused.
std::string profile_list_inventory_command();
std::string device_information_command();

/// QueryResponses of an acknowledged DeviceInformation report as a JSON object: data in base64, dates in RFC
/// 3339.
Result<std::string> facts_from_report(const plist::Dict& report);

}  // namespace mooring::director

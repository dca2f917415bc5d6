// SPDX-License-Identifier: Apache-2.0
// What devices demand of the payloads of an enrollment profile, beyond types (mdm-core 6.2, 6.3). Pure.
#pragma once

#include <string>

#include "base/plist/value.hpp"
#include "base/result.hpp"
#include "core/enroll/settings.hpp"

namespace mooring::core::enroll::detail {

/// The keys of com.apple.mdm that were given.
Result<> check_mdm(const Settings& settings);
/// SCEP, or another payload in its place.
Result<> check_identity(const Settings& settings, bool scep_given);
Result<> check_extra_payload(const plist::Dict& payload, const std::string& path);

}  // namespace mooring::core::enroll::detail

// SPDX-License-Identifier: Apache-2.0
// The values of variables that devices tell.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <unordered_map>

#include "base/postgres/connection.hpp"
#include "director/facts.hpp"
#include "director/variables.hpp"

namespace mooring::director {

/// A fact as it stands in a profile: true and false, whole numbers without a point. What no property list can
/// hold becomes a space.
std::string text_of(const FactValue& value);

/// By device: what is known of the facts among `names`.
std::unordered_map<std::int64_t, VariableValues> device_values(pg::Connection& connection,
                                                               std::span<const std::int64_t> devices,
                                                               std::span<const std::string> names);

}  // namespace mooring::director

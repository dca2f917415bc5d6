// SPDX-License-Identifier: Apache-2.0
// Which items come first: one is sent to a device only where all that it requires is verified there.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/postgres/connection.hpp"
#include "base/result.hpp"

namespace mooring::director {

struct Requirement {
  std::int32_t item = 0;      ///< This one...
  std::int32_t required = 0;  ///< ... comes after this one.
  std::string item_name;
  std::string required_name;
  bool deleted = false;  ///< The required one is; only the order of removal is left of it.
};

inline constexpr std::size_t kMostRequirements = 50;  ///< Of one item.

/// By name; empty: nothing. profile.unknown
Result<std::vector<std::string>> find_requirements(pg::Connection& connection, std::string_view profile);

/// Replaces them; false: they were so already. Errors: profile.unknown (of either side),
/// requirements.too_many, requirements.cycle.
Result<bool> put_requirements(pg::Connection& connection, std::string_view profile,
                              std::vector<std::string> required, Time now);

/// Before an item is deleted: what required it is looked at again.
void release_dependents(pg::Connection& connection, std::int32_t item, Time now);

/// Those of deleted items included: they are removed in order, too.
std::vector<Requirement> all_requirements(pg::Connection& connection);

}  // namespace mooring::director

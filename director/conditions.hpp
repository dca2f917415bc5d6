// SPDX-License-Identifier: Apache-2.0
// On which devices an item makes sense at all, whatever its assignments say.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/postgres/connection.hpp"
#include "base/result.hpp"
#include "director/truth.hpp"

namespace mooring::director {

struct Conditions {
  std::vector<std::string> platforms;  ///< As schema::name_of says them; empty: all.
  std::optional<std::string> min_os;
  std::optional<std::string> max_os;  ///< With all that belongs to it: "14" lets 14.7.1 in.
  bool operator==(const Conditions&) const = default;

  bool empty() const { return *this == Conditions{}; }
};

/// Empty texts are what nobody knows.
Truth hold_on(const Conditions& conditions, std::string_view platform, std::string_view os_version);

/// false: they were so already. Errors: profile.unknown, conditions.unknown_platform, conditions.bad_version.
Result<bool> put_conditions(pg::Connection& connection, std::string_view profile, Conditions conditions,
                            Time now);
/// profile.unknown
Result<Conditions> find_conditions(pg::Connection& connection, std::string_view profile);

}  // namespace mooring::director

// SPDX-License-Identifier: Apache-2.0
// Keeps a slip from emptying a fleet: a change that would remove something from many devices has to be
// confirmed.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

#include "api/detail/endpoint.hpp"

namespace mooring::api::detail {

/// Runs `change`; inside the transaction of a call. `most`: more devices than this it cannot concern, which
/// spares the exact count where that is few. Where more devices would lose something than the guard lets
/// pass, and the request does not confirm it (?confirm=), the answer is 409 guard.mass_removal with the
/// numbers and the text that confirms this change as long as nothing else is declared, and everything is
/// rolled back.
Result<Answer> guarded(const Call& call, std::int64_t most, const std::function<Result<Answer>()>& change);

/// Devices that should hold a profile, or should not: more it cannot be removed from. 0 where there is no
/// such profile.
std::int64_t devices_with(pg::Connection& connection, std::string_view profile);
/// The same for the profiles that some assignment brings by this group, or keeps from it.
std::int64_t devices_by_group(pg::Connection& connection, std::string_view group);

}  // namespace mooring::api::detail

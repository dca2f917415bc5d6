// SPDX-License-Identifier: Apache-2.0
// Work of which the fleet of servers needs only one at a time: whoever holds the lease does it, the others go
// on.
#pragma once

#include <string_view>

#include "base/postgres/connection.hpp"

namespace mooring::pg {

/// Until the transaction ends; false where another one holds it.
bool try_lease(Connection& connection, std::string_view job);

/// Runs `body` (Connection& -> Result<>) in a transaction that holds the lease of `job`. Returns whether it
/// ran. A server that dies gives its lease back with its session. Throws SqlError.
template <class Body>
Result<bool> with_lease(Connection& connection, std::string_view job, Body body) {
  return in_transaction(connection, [&](Connection& held) -> Result<bool> {
    if (!try_lease(held, job)) return false;
    if (auto done = body(held); !done) return std::unexpected(done.error());
    return true;
  });
}

}  // namespace mooring::pg

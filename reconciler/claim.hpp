// SPDX-License-Identifier: Apache-2.0
// Which devices a pass takes, and how no other pass takes them meanwhile.
//
// A claim is a PostgreSQL advisory lock that lives as long as the transaction of the pass: it ends with
// commit, with a crash, and with idle_in_transaction_session_timeout where a process hangs. See
// docs/decisions/0005-claims.md.
#pragma once

#include <cstdint>
#include <vector>

#include "base/clock.hpp"
#include "base/postgres/connection.hpp"

namespace mooring::reconciler {

/// Devices whose time has come, oldest first.
std::vector<std::int64_t> claim_due(pg::Connection& connection, Time now, int limit);

struct SweepClaim {
  bool found = false;  ///< A shard had something left to walk.
  std::vector<std::int64_t> devices;
};
/// The next stretch of a sweep after a change for the whole fleet. The cursor moves in this transaction.
/// Devices that another pass holds are marked due instead.
SweepClaim claim_sweep(pg::Connection& connection, Time now, int limit);

/// Instead of a stretch that could not be walked as a whole: the cursor moves past it, its devices are due.
void leave_stretch(pg::Connection& connection, Time now, int limit);

/// Tries to lock one device; for tests and for single passes.
bool claim_device(pg::Connection& connection, std::int64_t device);

}  // namespace mooring::reconciler

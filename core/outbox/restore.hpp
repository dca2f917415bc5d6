// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/log.hpp"
#include "base/postgres/connection.hpp"

namespace mooring::core {

/// After a database was restored into another cluster, transactions count anew there, and stored positions
/// may lie above what is given out now: events would be skipped, or consumers be stuck. Where that is so, all
/// positions are put to transaction 0 and the order goes by id; each consumer keeps what it has still to get,
/// and may get some events again. True where it was so. Call it under the lock of the migrations; throws
/// pg::SqlError.
bool renew_positions_after_restore(pg::Connection& connection, Logger& log);

}  // namespace mooring::core

// SPDX-License-Identifier: Apache-2.0
#include "core/outbox/restore.hpp"

namespace mooring::core {
namespace {

// What this transaction sees was committed below its own xmax, unless it was made by another cluster.
constexpr pg::Statement kForeignPositions{"events_foreign_positions", R"(
select exists (select from events where xid >= pg_snapshot_xmax(pg_current_snapshot()))
    or exists (select from event_consumers where cursor_xid > pg_snapshot_xmax(pg_current_snapshot()))
    or exists (select from event_backlog where xid >= pg_snapshot_xmax(pg_current_snapshot())))"};

// By id alone a consumer goes back to before the smallest one that it has not got: what committed late under
// a small id comes, and some others come again.
constexpr pg::Statement kRenewCursors{"events_renew_cursors", R"(
update event_consumers c set cursor_xid = '0', revision = revision + 1, cursor_id = coalesce(
  (select min(v.id) - 1 from events v where (v.xid, v.id) > (c.cursor_xid, c.cursor_id)),
  (select max(v.id) from events v), 0))"};
constexpr pg::Statement kRenewBacklog{"events_renew_backlog", "update event_backlog set xid = '0'"};
constexpr pg::Statement kRenewEvents{"events_renew", "update events set xid = '0' where xid <> '0'"};
constexpr pg::Statement kRenewEpoch{"events_renew_epoch", "update event_log set epoch = epoch + 1"};

}  // namespace

bool renew_positions_after_restore(pg::Connection& connection, Logger& log) {
  if (!connection.exec(kForeignPositions)[0].get<bool>(0)) return false;
  const auto renew = [](pg::Connection& c) -> Result<bool> {
    // A large table is written once over: that takes its time, and nobody may add to it meanwhile.
    c.script("SET LOCAL statement_timeout = 0; LOCK TABLE events IN SHARE ROW EXCLUSIVE MODE");
    c.exec(kRenewCursors);
    c.exec(kRenewBacklog);
    c.exec(kRenewEvents);
    c.exec(kRenewEpoch);
    return true;
  };
  const auto done = pg::in_transaction(connection, renew);
  log.warning("the database was restored into another cluster: the positions of its events were made anew");
  return done.value();
}

}  // namespace mooring::core

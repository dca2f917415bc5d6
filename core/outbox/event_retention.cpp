// SPDX-License-Identifier: Apache-2.0
#include "core/outbox/event_retention.hpp"

#include <algorithm>

namespace mooring::core {
namespace {

// Positions grow with age: the first ones are the oldest, and the index gives them without a search. What a
// consumer has still to get stays, in its cursor's way or in the backlog. Rows that another janitor holds are
// passed over.
constexpr pg::Statement kPruneEvents{"events_prune", R"(
with oldest as materialized (
  select v.xid, v.id, v.created_at from events v
  where not exists (select from event_backlog b where b.xid = v.xid and b.event_id = v.id)
  order by v.xid, v.id limit $2
)
delete from events where ctid = any (array(
  select v.ctid from events v join oldest o on o.xid = v.xid and o.id = v.id
  where o.created_at < $1
    and not exists (select from event_consumers c where (o.xid, o.id) > (c.cursor_xid, c.cursor_id))
  for update of v skip locked)))"};
// Beyond the limit nobody's claim counts; who lost what is told.
constexpr pg::Statement kPruneBeyondLimit{"events_prune_limit", R"(
with oldest as materialized (
  select v.xid, v.id, v.created_at from events v order by v.xid, v.id limit $2
), gone as (
  delete from events where ctid = any (array(
    select v.ctid from events v join oldest o on o.xid = v.xid and o.id = v.id
    where o.created_at < $1 for update of v skip locked))
  returning xid, id
), forgotten as (
  delete from event_backlog b using gone g where b.xid = g.xid and b.event_id = g.id returning b.consumer_id
), lost as (
  select consumer_id from forgotten
  union all
  select c.id from event_consumers c join gone g on (g.xid, g.id) > (c.cursor_xid, c.cursor_id)
)
select c.name, count(*), (select count(*) from gone) from lost l join event_consumers c on c.id = l.consumer_id
group by c.name union all select null, 0, (select count(*) from gone))"};

}  // namespace

PrunedEvents prune_events(pg::Connection& connection, Duration keep, Duration limit, std::int64_t batch,
                          Time now) {
  PrunedEvents pruned{.events = connection.exec(kPruneEvents, now - keep, batch).affected(), .dropped = {}};
  for (const auto row : connection.exec(kPruneBeyondLimit, now - std::max(keep, limit), batch)) {
    if (row.is_null(0)) {
      pruned.events += row.int64(2);
    } else {
      pruned.dropped[row.text(0)] = row.int64(1);
    }
  }
  return pruned;
}

}  // namespace mooring::core

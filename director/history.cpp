// SPDX-License-Identifier: Apache-2.0
#include "director/history.hpp"

namespace mooring::director {
namespace {

constexpr pg::Statement kHistoryLog{"history_log", R"(
insert into declaration_log (at, actor, action, item_id, version_id, scope, detail)
values ($1, $2, $3, $4, $5, nullif($6, ''), $7))"};
constexpr pg::Statement kHistoryChanges{"history_changes", R"(
select l.id, l.at, l.actor, l.action, i.name, v.identity, l.scope, l.detail::text
from declaration_log l left join items i on i.id = l.item_id left join versions v on v.id = l.version_id
where ($1::text is null or l.item_id in (select id from items where name = $1)) and ($2::int8 = 0 or l.id < $2)
order by l.id desc limit $3)"};
constexpr pg::Statement kHistoryAsked{"history_asked", R"(
insert into item_history (at, device_id, item_id, kind, detail, actor)
select $3, d.id, $2, 2, $4, $5 from unnest($1::int8[]) as d(id))"};
constexpr pg::Statement kHistoryItems{"history_items", "select id from items where kind = 1 and name = $1"};

// Four sources, each read by its index from the device outwards. What was declared for other devices alone is
// not this one's history.
constexpr pg::Statement kHistoryOf{"history_of", R"(
with item(id) as (select unnest($2::int4[])),
channel(id) as (select e.id from enrollments e where e.device_id = $1),
mine(scope) as (
  select s.scope from devices d, lateral (values ('device:' || d.udid), ('device:' || d.serial_number)) as s(scope)
  where d.id = $1),
entry as (
  select l.at, 0::int2 as source, lpad(l.id::text, 20, '0') as key, 0::int2 as kind, null::int2 as from_state,
         null::int2 as to_state, 0::int2 as reason_code, null::int2 as status, null::bytea as uuid, l.version_id,
         l.actor, l.action as what, l.scope, l.detail::text as detail
  from declaration_log l
  where l.item_id in (select id from item)
    and (l.scope is null or l.scope not like 'device:%' or l.scope in (select scope from mine))
  union all
  select c.created_at, 2, encode(c.uuid, 'hex'), 0, null, null, 0, c.status, c.uuid, c.version_id,
         null, p.request_type, null, null
  from channel join commands c on c.enrollment_id = channel.id join payloads p on p.id = c.payload_id
  where c.item_id in (select id from item)
  union all
  select t.at, t.source, encode(r.uuid, 'hex'), 0, null, null, 0, t.status, r.uuid, r.version_id,
         null, r.request_type, null, t.detail
  from channel join command_results r on r.enrollment_id = channel.id
  cross join lateral (values (r.created_at, 2::int2, 0::int2, null::text),
                             (r.answered_at, 3::int2, r.status, r.error_chain::text)) as t(at, source, status, detail)
  where r.item_id in (select id from item)
  union all
  select h.at, case when h.from_state = 3 or h.kind = 2 then 1 else 4 end, lpad(h.id::text, 20, '0'), h.kind, h.from_state, h.to_state, h.reason_code, null, null,
         h.version_id, h.actor, null, null, h.detail
  from item_history h where h.device_id = $1 and (h.item_id = 0 or h.item_id in (select id from item))
)
select e.at, e.source::int2, e.key, e.kind::int2, e.from_state::int2, e.to_state::int2, e.reason_code::int2,
       e.status::int2, e.uuid, v.identity, e.actor, e.what, e.scope, e.detail
from entry e left join versions v on v.id = e.version_id
where $3::timestamptz is null or (e.at, e.source, e.key) < ($3, $4, $5)
order by e.at desc, e.source desc, e.key desc limit $6)"};

constexpr pg::Statement kHistoryPrune{"history_prune", R"(
delete from item_history where ctid = any (array(
  select ctid from item_history where at < $1 limit $2 for update skip locked)))"};

std::optional<std::string> uuid_text(const pg::Row& row, int column) {
  if (row.is_null(column)) return std::nullopt;
  return row.get<crypto::Uuid>(column).text();
}

HistoryEntry read_entry(const pg::Row& row) {
  HistoryEntry entry{.at = row.get<Time>(0),
                     .source = static_cast<HistorySource>(row.get<std::int16_t>(1)),
                     .key = row.text(2),
                     .kind = static_cast<HistoryKind>(row.get<std::int16_t>(3)),
                     .from_state = row.get<std::optional<std::int16_t>>(4),
                     .to_state = row.get<std::optional<std::int16_t>>(5),
                     .reason_code = row.get<std::int16_t>(6)};
  if (const auto status = row.get<std::optional<std::int16_t>>(7))
    entry.status = static_cast<core::CommandStatus>(*status);
  if (!row.is_null(8)) entry.command_uuid = core::decode_command_uuid(row.get<pg::Bytes>(8).view);
  entry.payload_uuid = uuid_text(row, 9);
  entry.actor = row.get<std::optional<std::string>>(10);
  entry.what = row.get<std::optional<std::string>>(11);
  entry.scope = row.get<std::optional<std::string>>(12);
  entry.detail = row.get<std::optional<std::string>>(13);
  return entry;
}

}  // namespace

std::string_view name_of(HistoryKind kind) {
  switch (kind) {
    case HistoryKind::state:
      return "state";
    case HistoryKind::asked:
      return "asked";
    case HistoryKind::removed:
      return "removed";
    case HistoryKind::forgotten:
      return "forgotten";
  }
  return "unknown";
}

void log_change(pg::Connection& connection, std::string_view actor, const DeclaredChange& change, Time now) {
  std::optional<pg::Json> detail;
  if (change.detail) detail = pg::Json{*change.detail};
  connection.exec(kHistoryLog, now, actor, change.action, change.item, change.version, change.scope, detail);
}

std::vector<LoggedChange> list_changes(pg::Connection& connection,
                                       const std::optional<std::string>& item_name, std::int64_t before,
                                       int limit) {
  std::vector<LoggedChange> changes;
  for (const auto row : connection.exec(kHistoryChanges, item_name, before, std::int64_t{limit})) {
    changes.push_back({.id = row.int64(0),
                       .at = row.get<Time>(1),
                       .actor = row.text(2),
                       .action = row.text(3),
                       .item_name = row.get<std::optional<std::string>>(4),
                       .payload_uuid = uuid_text(row, 5),
                       .scope = row.get<std::optional<std::string>>(6),
                       .detail = row.get<std::optional<std::string>>(7)});
  }
  return changes;
}

void note_asked(pg::Connection& connection, std::span<const std::int64_t> devices, std::int32_t item,
                std::string_view what, std::string_view actor, Time now) {
  connection.exec(kHistoryAsked, devices, item, now, what, actor);
}

std::vector<HistoryEntry> history_of(pg::Connection& connection, std::int64_t device,
                                     std::span<const std::int32_t> items, const HistoryPosition& after,
                                     int limit) {
  std::vector<HistoryEntry> entries;
  for (const auto row :
       connection.exec(kHistoryOf, device, items, after.at, after.source, after.key, std::int64_t{limit}))
    entries.push_back(read_entry(row));
  return entries;
}

std::vector<std::int32_t> items_ever_named(pg::Connection& connection, std::string_view name) {
  std::vector<std::int32_t> items;
  for (const auto row : connection.exec(kHistoryItems, name)) items.push_back(row.get<std::int32_t>(0));
  return items;
}

std::int64_t prune_history(pg::Connection& connection, Time older_than, std::int64_t batch) {
  return connection.exec(kHistoryPrune, older_than, batch).affected();
}

}  // namespace mooring::director

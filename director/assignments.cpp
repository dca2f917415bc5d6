// SPDX-License-Identifier: Apache-2.0
#include "director/assignments.hpp"

#include <fmt/format.h>

namespace mooring::director {
namespace {

constexpr pg::Statement kFindItem{"assignments_find_item", R"(
select id, slot from items where kind = 1 and name = $1 and deleted_at is null for update)"};
constexpr pg::Statement kSlotTaken{"assignments_slot_taken", R"(
select i.name from assignments a join items i on i.id = a.item_id
where i.slot = $1 and i.id <> $2 and a.scope = $3 and a.scope_ref = $4 and a.intent = 1 and i.deleted_at is null)"};
constexpr pg::Statement kPut{"assignments_put", R"(
with old as (select intent from assignments where item_id = $1 and scope = $2 and scope_ref = $3),
put as (
  insert into assignments (item_id, scope, scope_ref, intent, created_at) values ($1, $2, $3, $4, $5)
  on conflict (item_id, scope, scope_ref) do update set
    intent = excluded.intent,
    created_at = case when assignments.intent = excluded.intent then assignments.created_at
                      else excluded.created_at end
  returning id, created_at
)
select put.id, put.created_at, old.intent from put left join old on true)"};
constexpr pg::Statement kList{"assignments_list", R"(
select a.id, i.name, a.scope, a.scope_ref, a.intent, a.created_at
from assignments a join items i on i.id = a.item_id where a.id > $1 order by a.id limit $2)"};
constexpr pg::Statement kFind{"assignments_find", R"(
select a.id, i.name, a.scope, a.scope_ref, a.intent, a.created_at
from assignments a join items i on i.id = a.item_id where a.id = $1)"};
constexpr pg::Statement kDelete{"assignments_delete",
                                "delete from assignments where id = $1 returning scope, scope_ref"};

constexpr pg::Statement kMoveGeneration{"assignments_move_generation", R"(
update declaration_state set generation = generation + 1, changed_at = $1)"};
constexpr pg::Statement kMarkDevice{"assignments_mark_device", R"(
update reconcile set marks = marks + 1, due_at = least(due_at, $2), seen_generation = 0
where device_id in (select id from devices where udid = $1
                    union all select id from devices where serial_number = $1))"};
constexpr pg::Statement kScopesOfItem{"assignments_scopes_of_item",
                                      "select scope, scope_ref from assignments where item_id = $1"};
constexpr pg::Statement kRepush{"assignments_repush", R"(
update items set repush = repush + 1 where kind = 1 and name = $1 and deleted_at is null returning id)"};

void touch_scope(pg::Connection& connection, ScopeKind kind, std::string_view ref, Time now) {
  if (kind == ScopeKind::all) {
    connection.exec(kMoveGeneration, now);
  } else {
    connection.exec(kMarkDevice, ref, now);
  }
}

Assignment read_assignment(const pg::Row& row) {
  return {.id = row.get<std::int32_t>(0),
          .item_name = row.text(1),
          .scope = {static_cast<ScopeKind>(row.get<std::int16_t>(2)), row.text(3)},
          .intent = static_cast<Intent>(row.get<std::int16_t>(4)),
          .created_at = row.get<Time>(5)};
}

}  // namespace

std::string Scope::text() const { return kind == ScopeKind::all ? "all" : "device:" + ref; }

Result<Scope> Scope::parse(std::string_view text) {
  constexpr std::string_view kDevice = "device:";
  if (text == "all") return Scope{};
  if (text.starts_with(kDevice) && text.size() > kDevice.size() && text.size() <= 255 + kDevice.size()) {
    return Scope{ScopeKind::device, std::string(text.substr(kDevice.size()))};
  }
  return fail(
      Failure::invalid, "scope.malformed",
      fmt::format("\"{}\" is no scope: write \"all\" or \"device:\" and a UDID or serial number", text));
}

Result<PutAssignment> put_assignment(pg::Connection& connection, const std::string& item_name,
                                     const Scope& scope, Intent intent, Time now) {
  const auto item = connection.exec(kFindItem, item_name);
  if (item.empty()) {
    return fail(Failure::not_found, "profile.unknown",
                fmt::format("there is no profile named {}", item_name));
  }
  const auto id = item[0].get<std::int32_t>(0);
  const auto scope_number = static_cast<std::int16_t>(scope.kind);
  if (intent == Intent::present) {
    const auto taken = connection.exec(kSlotTaken, item[0].text(1), id, scope_number, scope.ref);
    if (!taken.empty()) {
      return fail(
          Failure::conflict, "assignment.slot_taken",
          fmt::format("profile {} with the same PayloadIdentifier is assigned to {} already: a device holds "
                      "one of them only",
                      taken[0].text(0), scope.text()));
    }
  }
  const auto row = connection.exec(kPut, id, scope_number, scope.ref, static_cast<std::int16_t>(intent), now);
  PutAssignment put{
      .assignment = {row[0].get<std::int32_t>(0), item_name, scope, intent, row[0].get<Time>(1)}};
  const auto old = row[0].get<std::optional<std::int16_t>>(2);
  put.created = !old.has_value();
  put.changed = old != static_cast<std::int16_t>(intent);
  if (put.changed) touch_scope(connection, scope.kind, scope.ref, now);
  return put;
}

std::vector<Assignment> list_assignments(pg::Connection& connection, std::int32_t after, int limit) {
  std::vector<Assignment> assignments;
  for (const auto row : connection.exec(kList, after, std::int64_t{limit}))
    assignments.push_back(read_assignment(row));
  return assignments;
}

std::optional<Assignment> find_assignment(pg::Connection& connection, std::int32_t id) {
  const auto rows = connection.exec(kFind, id);
  if (rows.empty()) return std::nullopt;
  return read_assignment(rows[0]);
}

bool delete_assignment(pg::Connection& connection, std::int32_t id, Time now) {
  const auto rows = connection.exec(kDelete, id);
  if (rows.empty()) return false;
  touch_scope(connection, static_cast<ScopeKind>(rows[0].get<std::int16_t>(0)), rows[0].text(1), now);
  return true;
}

void touch_holders(pg::Connection& connection, std::int32_t item, Time now) {
  for (const auto row : connection.exec(kScopesOfItem, item)) {
    touch_scope(connection, static_cast<ScopeKind>(row.get<std::int16_t>(0)), row.text(1), now);
  }
}

bool repush_item(pg::Connection& connection, std::string_view name, Time now) {
  const auto rows = connection.exec(kRepush, name);
  if (rows.empty()) return false;
  touch_holders(connection, rows[0].get<std::int32_t>(0), now);
  return true;
}

}  // namespace mooring::director

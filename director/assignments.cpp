// SPDX-License-Identifier: Apache-2.0
#include "director/assignments.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

namespace mooring::director {
namespace {

constexpr pg::Statement kFindItem{"assignments_find_item", R"(
select id, slot from items where kind = 1 and name = $1 and deleted_at is null for update)"};
constexpr pg::Statement kSlotTaken{"assignments_slot_taken", R"(
select i.name from assignments a join items i on i.id = a.item_id
where i.slot = $1 and i.id <> $2 and a.scope = $3 and a.scope_ref = $4 and a.intent = 1 and i.deleted_at is null
  and a.percent = 100 and a.include_any = '{}' and a.include_all = '{}' and a.exclude = '{}')"};
constexpr pg::Statement kPut{"assignments_put", R"(
with old as (select * from assignments where item_id = $1 and scope = $2 and scope_ref = $3),
put as (
  insert into assignments as a (item_id, scope, scope_ref, intent, created_at, percent, include_any, include_all, exclude)
  values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
  on conflict (item_id, scope, scope_ref) do update set
    intent = excluded.intent, percent = excluded.percent, include_any = excluded.include_any,
    include_all = excluded.include_all, exclude = excluded.exclude,
    created_at = case when (a.intent, a.percent, a.include_any, a.include_all, a.exclude) =
        (excluded.intent, excluded.percent, excluded.include_any, excluded.include_all, excluded.exclude)
      then a.created_at else excluded.created_at end
  returning *
)
select put.id, put.created_at, old.id is null,
  old.id is null or (old.intent, old.percent, old.include_any, old.include_all, old.exclude) <>
                    (put.intent, put.percent, put.include_any, put.include_all, put.exclude)
from put left join old on true)"};
constexpr pg::Statement kLockGroups{"assignments_lock_groups", R"(
select name from groups where name = any($1) order by name for key share)"};
#define MOORING_ASSIGNMENT_COLUMNS                                                                          \
  "select a.id, i.name, a.scope, a.scope_ref, a.intent, a.created_at, a.percent, to_jsonb(a.include_any), " \
  "to_jsonb(a.include_all), to_jsonb(a.exclude) from assignments a join items i on i.id = a.item_id "
constexpr pg::Statement kList{"assignments_list",
                              MOORING_ASSIGNMENT_COLUMNS "where a.id > $1 order by a.id limit $2"};
constexpr pg::Statement kFind{"assignments_find", MOORING_ASSIGNMENT_COLUMNS "where a.id = $1"};
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
  if (kind == ScopeKind::device) {
    connection.exec(kMarkDevice, ref, now);
  } else {
    move_generation(connection, now);
  }
}

constexpr std::size_t kMostFilters = 50;

std::vector<std::string> read_names(const pg::Row& row, int column) {
  const auto json = nlohmann::json::parse(row.get<pg::Json>(column).view, nullptr, false);
  std::vector<std::string> names;
  for (const auto& name : json) {
    if (name.is_string()) names.push_back(name.get<std::string>());
  }
  return names;
}

Assignment read_assignment(const pg::Row& row) {
  return {.id = row.get<std::int32_t>(0),
          .item_name = row.text(1),
          .scope = {static_cast<ScopeKind>(row.get<std::int16_t>(2)), row.text(3)},
          .intent = static_cast<Intent>(row.get<std::int16_t>(4)),
          .created_at = row.get<Time>(5),
          .filters = {.percent = row.get<std::int16_t>(6),
                      .include_any = read_names(row, 7),
                      .include_all = read_names(row, 8),
                      .exclude = read_names(row, 9)}};
}

/// Filters in one order, each name once; every group that is named exists, and stays while this transaction
/// lasts.
Result<> check_filters(pg::Connection& connection, const Scope& scope, Filters& filters) {
  if (filters.percent < 0 || filters.percent > 100) {
    return fail(Failure::invalid, "assignment.bad_percent", "\"percent\" has to be between 0 and 100");
  }
  std::vector<std::string> groups;
  if (scope.kind == ScopeKind::group) groups.push_back(scope.ref);
  for (auto* names : {&filters.include_any, &filters.include_all, &filters.exclude}) {
    std::ranges::sort(*names);
    const auto twice = std::ranges::unique(*names);
    names->erase(twice.begin(), twice.end());
    if (names->size() > kMostFilters) {
      return fail(Failure::invalid, "assignment.too_many_filters",
                  fmt::format("a filter names at most {} groups", kMostFilters));
    }
    groups.insert(groups.end(), names->begin(), names->end());
  }
  if (groups.empty()) return {};
  std::vector<std::string> found;
  for (const auto row : connection.exec(kLockGroups, groups)) found.push_back(row.text(0));
  for (const auto& group : groups) {
    if (std::ranges::find(found, group) == found.end())
      return fail(Failure::not_found, "group.unknown", fmt::format("there is no group named {}", group));
  }
  return {};
}

}  // namespace

std::string Scope::text() const {
  switch (kind) {
    case ScopeKind::all:
      break;
    case ScopeKind::group:
      return "group:" + ref;
    case ScopeKind::device:
      return "device:" + ref;
  }
  return "all";
}

Result<Scope> Scope::parse(std::string_view text) {
  struct Named {
    std::string_view prefix;
    ScopeKind kind;
  };
  constexpr std::array<Named, 2> kNamed{{{"group:", ScopeKind::group}, {"device:", ScopeKind::device}}};
  if (text == "all") return Scope{};
  for (const auto& [prefix, kind] : kNamed) {
    if (text.starts_with(prefix) && text.size() > prefix.size() && text.size() <= 255 + prefix.size())
      return Scope{kind, std::string(text.substr(prefix.size()))};
  }
  return fail(
      Failure::invalid, "scope.malformed",
      fmt::format("\"{}\" is no scope: write \"all\", \"group:\" and a group's name, or \"device:\" and a "
                  "UDID or serial number",
                  text));
}

Result<PutAssignment> put_assignment(pg::Connection& connection, const std::string& item_name,
                                     const Scope& scope, Intent intent, Time now, Filters filters) {
  if (const auto sane = check_filters(connection, scope, filters); !sane)
    return std::unexpected(sane.error());
  const auto item = connection.exec(kFindItem, item_name);
  if (item.empty()) {
    return fail(Failure::not_found, "profile.unknown",
                fmt::format("there is no profile named {}", item_name));
  }
  const auto id = item[0].get<std::int32_t>(0);
  const auto scope_number = static_cast<std::int16_t>(scope.kind);
  if (intent == Intent::present && filters == Filters{}) {
    const auto taken = connection.exec(kSlotTaken, item[0].text(1), id, scope_number, scope.ref);
    if (!taken.empty()) {
      return fail(
          Failure::conflict, "assignment.slot_taken",
          fmt::format("profile {} with the same PayloadIdentifier is assigned to {} already: a device holds "
                      "one of them only",
                      taken[0].text(0), scope.text()));
    }
  }
  const auto row =
      connection.exec(kPut, id, scope_number, scope.ref, static_cast<std::int16_t>(intent), now,
                      filters.percent, filters.include_any, filters.include_all, filters.exclude);
  PutAssignment put{.assignment = {.id = row[0].get<std::int32_t>(0),
                                   .item_name = item_name,
                                   .scope = scope,
                                   .intent = intent,
                                   .created_at = row[0].get<Time>(1),
                                   .filters = std::move(filters)},
                    .created = row[0].get<bool>(2),
                    .changed = row[0].get<bool>(3)};
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

void move_generation(pg::Connection& connection, Time now) { connection.exec(kMoveGeneration, now); }

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

// SPDX-License-Identifier: Apache-2.0
#include "director/groups.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "director/assignments.hpp"
#include "director/expression.hpp"
#include "director/profiles.hpp"

namespace mooring::director {
namespace {

#define MOORING_GROUP_COLUMNS "id, name, priority, expression, created_at, updated_at"
constexpr pg::Statement kGroupsFind{"groups_find",
                                    "select " MOORING_GROUP_COLUMNS " from groups where name = $1"};
constexpr pg::Statement kGroupsLock{
    "groups_lock", "select " MOORING_GROUP_COLUMNS " from groups where name = $1 for update"};
constexpr pg::Statement kGroupsList{
    "groups_list", "select " MOORING_GROUP_COLUMNS " from groups where name > $1 order by name limit $2"};
constexpr pg::Statement kGroupsInsert{"groups_insert", R"(
insert into groups (name, priority, expression, revision, created_at, updated_at)
values ($1, $2, $3, nextval('group_revisions'), $4, $4) on conflict (name) do nothing)"};
constexpr pg::Statement kGroupsUpdate{"groups_update", R"(
update groups set priority = $2, expression = $3, revision = nextval('group_revisions'), updated_at = $4
where id = $1)"};
constexpr pg::Statement kGroupsUse{"groups_use", R"(
select i.name from assignments a join items i on i.id = a.item_id
where (a.scope = 1 and a.scope_ref = $1) or $1 = any(a.include_any) or $1 = any(a.include_all) or $1 = any(a.exclude)
order by a.id limit 1)"};
constexpr pg::Statement kGroupsDelete{"groups_delete", R"(
with gone as (delete from group_members where group_id = $1) delete from groups where id = $1)"};

constexpr pg::Statement kGroupsAddNames{"groups_add_names", R"(
insert into group_names (group_id, name) select $1, n from unnest($2::text[]) as t(n) order by n
on conflict do nothing returning name)"};
constexpr pg::Statement kGroupsDropNames{
    "groups_drop_names", "delete from group_names where group_id = $1 and name = any($2) returning name"};
constexpr pg::Statement kGroupsDropOthers{
    "groups_drop_others", "delete from group_names where group_id = $1 and name <> all($2) returning name"};
constexpr pg::Statement kGroupsNames{
    "groups_names", "select name from group_names where group_id = $1 and name > $2 order by name limit $3"};

// seen_generation: commands planned before are held back until a pass has seen the change.
constexpr pg::Statement kGroupsMarkNames{"groups_mark_names", R"(
update reconcile r set marks = r.marks + 1, groups_seen = 0, seen_generation = 0, due_at = least(r.due_at, $2)
from (select q.device_id from reconcile q
      where q.device_id in (select id from devices where udid = any($1)
                            union all select id from devices where serial_number = any($1))
      order by q.device_id for no key update) l
where r.device_id = l.device_id)"};
constexpr pg::Statement kGroupsMarkDevice{"groups_mark_device", R"(
update reconcile set marks = marks + 1, groups_seen = 0, seen_generation = 0, due_at = least(due_at, $2)
where device_id = $1)"};

constexpr pg::Statement kGroupsCount{"groups_count", R"(
select count(*) filter (where known), count(*) filter (where not known) from group_members where group_id = $1)"};
constexpr pg::Statement kGroupsMembers{"groups_members", R"(
select d.id, d.udid, d.serial_number, m.known, m.since from group_members m join devices d on d.id = m.device_id
where m.group_id = $1 and m.device_id > $2 order by m.device_id limit $3)"};
constexpr pg::Statement kGroupsOfDevice{"groups_of_device", R"(
select g.name, m.known, m.since from group_members m join groups g on g.id = m.group_id
where m.device_id = $1 order by g.name)"};
constexpr pg::Statement kGroupsTags{
    "groups_tags",
    "select n from devices d, unnest(d.tags) with ordinality as t(n, place) where d.id = $1 order by place"};
constexpr pg::Statement kGroupsPutTags{"groups_put_tags",
                                       "update devices set tags = $2 where id = $1 and tags <> $2"};

constexpr std::size_t kLongestName = 255;
constexpr std::size_t kMostTags = 100;
constexpr std::size_t kLongestTag = 64;

Group read_group(const pg::Row& row) {
  return {.id = row.get<std::int32_t>(0),
          .name = row.text(1),
          .priority = row.get<std::int32_t>(2),
          .expression = row.get<std::optional<std::string>>(3),
          .created_at = row.get<Time>(4),
          .updated_at = row.get<Time>(5)};
}

std::unexpected<Error> unknown_group(std::string_view name) {
  return fail(Failure::not_found, "group.unknown", fmt::format("there is no group named {}", name));
}

Result<> check_members(std::span<const std::string> names) {
  for (const auto& name : names) {
    if (!name.empty() && name.size() <= kLongestName) continue;
    return fail(Failure::invalid, "group.bad_member",
                "a member is named by a UDID or a serial number of 1 to 255 characters");
  }
  return {};
}

Result<> check_declaration(const GroupDeclaration& declaration) {
  if (!check_item_name(declaration.name)) {
    return fail(Failure::invalid, "group.bad_name",
                "a group's name is 1 to 128 letters, digits, dots, underscores or dashes");
  }
  if (declaration.expression && declaration.members) {
    return fail(Failure::invalid, "group.two_ways", "a group has either an expression or members, not both");
  }
  if (declaration.expression) {
    if (const auto parsed = Expression::parse(*declaration.expression); !parsed)
      return std::unexpected(parsed.error());
  }
  return declaration.members ? check_members(*declaration.members) : Result<>{};
}

std::int64_t mark(pg::Connection& connection, const pg::Rows& names, Time now) {
  std::vector<std::string> changed;
  for (const auto row : names) changed.push_back(row.text(0));
  if (!changed.empty()) connection.exec(kGroupsMarkNames, changed, now);
  return static_cast<std::int64_t>(changed.size());
}

MemberChange replace_members(pg::Connection& connection, std::int32_t group,
                             std::span<const std::string> members, Time now) {
  MemberChange change;
  change.added = mark(connection, connection.exec(kGroupsAddNames, group, members), now);
  change.removed = mark(connection, connection.exec(kGroupsDropOthers, group, members), now);
  return change;
}

}  // namespace

Result<PutGroup> put_group(pg::Connection& connection, const GroupDeclaration& declaration, Time now) {
  if (const auto sane = check_declaration(declaration); !sane) return std::unexpected(sane.error());
  PutGroup put;
  put.created =
      connection.exec(kGroupsInsert, declaration.name, declaration.priority, declaration.expression, now)
          .affected() == 1;
  const auto rows = connection.exec(kGroupsLock, declaration.name);
  if (rows.empty()) return fail(Failure::busy, "group.deleted", "the group is being deleted; try again");
  put.group = read_group(rows[0]);
  const bool same =
      put.group.priority == declaration.priority && put.group.expression == declaration.expression;
  if (!same) {
    connection.exec(kGroupsUpdate, put.group.id, declaration.priority, declaration.expression, now);
    put.group.priority = declaration.priority;
    put.group.expression = declaration.expression;
    put.group.updated_at = now;
  }
  put.changed = put.created || !same;
  if (put.changed) move_generation(connection, now);
  const std::vector<std::string> nobody;
  if (declaration.members || declaration.expression) {
    const auto change =
        replace_members(connection, put.group.id, declaration.members ? *declaration.members : nobody, now);
    put.changed = put.changed || change.added + change.removed > 0;
  }
  return put;
}

std::vector<Group> list_groups(pg::Connection& connection, std::string_view after, int limit) {
  std::vector<Group> groups;
  for (const auto row : connection.exec(kGroupsList, after, std::int64_t{limit}))
    groups.push_back(read_group(row));
  return groups;
}

Result<Group> find_group(pg::Connection& connection, std::string_view name) {
  const auto rows = connection.exec(kGroupsFind, name);
  if (rows.empty()) return unknown_group(name);
  return read_group(rows[0]);
}

Result<> delete_group(pg::Connection& connection, std::string_view name, Time now) {
  const auto rows = connection.exec(kGroupsLock, name);
  if (rows.empty()) return unknown_group(name);
  const auto use = connection.exec(kGroupsUse, name);
  if (!use.empty()) {
    return fail(Failure::conflict, "group.in_use",
                fmt::format("an assignment of profile {} names the group {}: delete that first",
                            use[0].text(0), name));
  }
  connection.exec(kGroupsDelete, read_group(rows[0]).id);
  move_generation(connection, now);
  return {};
}

Result<MemberChange> change_members(pg::Connection& connection, std::string_view group,
                                    std::span<const std::string> add, std::span<const std::string> remove,
                                    Time now) {
  const auto rows = connection.exec(kGroupsLock, group);
  if (rows.empty()) return unknown_group(group);
  if (const auto sane = check_members(add); !sane) return std::unexpected(sane.error());
  const auto found = read_group(rows[0]);
  if (found.expression) {
    return fail(Failure::conflict, "group.not_static",
                fmt::format("the members of group {} follow from its expression", group));
  }
  MemberChange change;
  change.removed = mark(connection, connection.exec(kGroupsDropNames, found.id, remove), now);
  change.added = mark(connection, connection.exec(kGroupsAddNames, found.id, add), now);
  return change;
}

std::vector<std::string> list_member_names(pg::Connection& connection, std::int32_t group,
                                           std::string_view after, int limit) {
  std::vector<std::string> names;
  for (const auto row : connection.exec(kGroupsNames, group, after, std::int64_t{limit}))
    names.push_back(row.text(0));
  return names;
}

MemberCounts count_members(pg::Connection& connection, std::int32_t group) {
  const auto rows = connection.exec(kGroupsCount, group);
  return {.members = rows[0].int64(0), .unknown = rows[0].int64(1)};
}

std::vector<MemberDevice> list_members(pg::Connection& connection, std::int32_t group, std::int64_t after,
                                       int limit) {
  std::vector<MemberDevice> members;
  for (const auto row : connection.exec(kGroupsMembers, group, after, std::int64_t{limit})) {
    members.push_back({.device = row.int64(0),
                       .udid = row.text(1),
                       .serial_number = row.get<std::optional<std::string>>(2),
                       .known = row.get<bool>(3),
                       .since = row.get<Time>(4)});
  }
  return members;
}

std::vector<DeviceGroup> groups_of_device(pg::Connection& connection, std::int64_t device) {
  std::vector<DeviceGroup> groups;
  for (const auto row : connection.exec(kGroupsOfDevice, device))
    groups.push_back({.name = row.text(0), .known = row.get<bool>(1), .since = row.get<Time>(2)});
  return groups;
}

std::vector<std::string> tags_of_device(pg::Connection& connection, std::int64_t device) {
  std::vector<std::string> tags;
  for (const auto row : connection.exec(kGroupsTags, device)) tags.push_back(row.text(0));
  return tags;
}

Result<bool> put_tags(pg::Connection& connection, std::int64_t device, std::vector<std::string> tags,
                      Time now) {
  std::ranges::sort(tags);
  const auto twice = std::ranges::unique(tags);
  tags.erase(twice.begin(), twice.end());
  const bool sane = tags.size() <= kMostTags && std::ranges::all_of(tags, [](const std::string& tag) {
                      return !tag.empty() && tag.size() <= kLongestTag;
                    });
  if (!sane) {
    return fail(Failure::invalid, "device.bad_tag",
                "a device has at most 100 tags of 1 to 64 characters each");
  }
  const bool changed = connection.exec(kGroupsPutTags, device, tags).affected() == 1;
  if (changed) connection.exec(kGroupsMarkDevice, device, now);
  return changed;
}

}  // namespace mooring::director

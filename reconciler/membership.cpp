// SPDX-License-Identifier: Apache-2.0
#include "reconciler/membership.hpp"

#include <algorithm>
#include <set>

namespace mooring::reconciler {
namespace {

using director::Truth;

constexpr pg::Statement kMembershipGroups{"membership_groups",
                                          "select id, name, expression, revision from groups order by id"};
constexpr pg::Statement kMembershipLoad{
    "membership_load", "select device_id, group_id, known from group_members where device_id = any($1)"};
constexpr pg::Statement kMembershipNamed{"membership_named", R"(
select d.id, n.group_id from devices d join group_names n on n.name = d.udid where d.id = any($1)
union all
select d.id, n.group_id from devices d join group_names n on n.name = d.serial_number where d.id = any($1))"};
constexpr pg::Statement kMembershipPut{"membership_put", R"(
insert into group_members (device_id, group_id, known, since)
select device_id, group_id, known, $4 from unnest($1::int8[], $2::int4[], $3::bool[]) as t(device_id, group_id, known)
on conflict (device_id, group_id) do update set known = excluded.known, since = excluded.since)"};
constexpr pg::Statement kMembershipDrop{"membership_drop", R"(
delete from group_members m using unnest($1::int8[], $2::int4[]) as t(device_id, group_id)
where m.device_id = t.device_id and m.group_id = t.group_id)"};

bool needs_information(const GroupSet& set) {
  return std::ranges::any_of(
      set.groups, [](const CompiledGroup& g) { return g.expression && g.expression->needs_information(); });
}

Truth evaluate(const CompiledGroup& group, const director::Facts& facts, bool is_named) {
  if (group.unreadable) return Truth::unknown;
  return group.expression ? group.expression->evaluate(facts) : director::truth_of(is_named);
}

}  // namespace

GroupSet load_groups(pg::Connection& connection) {
  GroupSet set;
  for (const auto row : connection.exec(kMembershipGroups)) {
    CompiledGroup group{.id = row.get<std::int32_t>(0), .name = row.text(1), .expression = std::nullopt};
    if (const auto text = row.get<std::optional<std::string>>(2)) {
      auto parsed = director::Expression::parse(*text);
      group.unreadable = !parsed;
      if (parsed) group.expression = std::move(*parsed);
    }
    set.revision = std::max(set.revision, row.int64(3));
    set.groups.push_back(std::move(group));
  }
  return set;
}

DeviceMemberships load_memberships(pg::Connection& connection, std::span<const std::int64_t> devices) {
  DeviceMemberships memberships;
  for (const auto row : connection.exec(kMembershipLoad, devices)) {
    memberships[row.int64(0)][row.get<std::int32_t>(1)] = row.get<bool>(2) ? Truth::yes : Truth::unknown;
  }
  return memberships;
}

MembershipChanges evaluate_memberships(pg::Connection& connection, const GroupSet& set,
                                       std::span<const std::int64_t> devices,
                                       DeviceMemberships& memberships) {
  MembershipChanges changes;
  if (devices.empty() || set.groups.empty()) return changes;
  const auto facts = director::facts_of_devices(connection, devices, needs_information(set));
  std::set<std::pair<std::int64_t, std::int32_t>> named;
  for (const auto row : connection.exec(kMembershipNamed, devices))
    named.emplace(row.int64(0), row.get<std::int32_t>(1));
  for (const auto device : devices) {
    const auto known = facts.find(device);
    if (known == facts.end()) continue;
    auto& groups = memberships[device];
    for (const auto& group : set.groups) {
      const auto before = groups.find(group.id);
      const auto truth = evaluate(group, known->second, named.contains({device, group.id}));
      if (truth == Truth::no) {
        if (before == groups.end()) continue;
        groups.erase(before);
        changes.dropped_devices.push_back(device);
        changes.dropped_groups.push_back(group.id);
        continue;
      }
      if (before != groups.end() && (truth == Truth::unknown || before->second == truth)) continue;
      groups[group.id] = truth;
      changes.put_devices.push_back(device);
      changes.put_groups.push_back(group.id);
      changes.known.push_back(truth == Truth::yes);
    }
  }
  return changes;
}

void store_memberships(pg::Connection& connection, const MembershipChanges& changes, Time now) {
  if (!changes.dropped_devices.empty())
    connection.exec(kMembershipDrop, changes.dropped_devices, changes.dropped_groups);
  if (!changes.put_devices.empty())
    connection.exec(kMembershipPut, changes.put_devices, changes.put_groups, changes.known, now);
}

}  // namespace mooring::reconciler

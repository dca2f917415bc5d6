// SPDX-License-Identifier: Apache-2.0
#include <map>

#include "reconciler/detail/commit_parts.hpp"

namespace mooring::reconciler::detail {
namespace {

#define MOORING_LISTED_SHARD "(pg_backend_pid() % 8)::int2"
constexpr pg::Statement kCountListed{
    "commit_count_listed", R"(
insert into listed_profiles as c (identifier, shard, devices)
select t.identifier, )" MOORING_LISTED_SHARD
                           R"(, t.devices from unnest($1::text[], $2::int8[]) as t(identifier, devices)
on conflict (identifier, shard) do update set devices = c.devices + excluded.devices)"};
constexpr pg::Statement kDropListed{"commit_drop_listed", R"(
delete from listed_profiles c using unnest($1::text[]) as t(identifier)
where c.identifier = t.identifier and c.shard = )" MOORING_LISTED_SHARD " and c.devices = 0"};

}  // namespace

void put_listed(pg::Connection& connection, std::span<const Plan> plans) {
  std::map<std::string_view, std::int64_t> moved;  // ordered: every process takes the rows in the same order
  for (const auto& plan : plans) {
    for (const auto& identifier : plan.listed) ++moved[identifier];
    for (const auto& identifier : plan.unlisted) --moved[identifier];
  }
  std::vector<std::string_view> identifiers;
  std::vector<std::int64_t> devices;
  for (const auto& [identifier, delta] : moved) {
    if (delta == 0) continue;
    identifiers.push_back(identifier);
    devices.push_back(delta);
  }
  if (identifiers.empty()) return;
  connection.exec(kCountListed, identifiers, devices);
  connection.exec(kDropListed, identifiers);
}

}  // namespace mooring::reconciler::detail

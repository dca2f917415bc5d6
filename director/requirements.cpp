// SPDX-License-Identifier: Apache-2.0
#include "director/requirements.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "director/assignments.hpp"

namespace mooring::director {
namespace {

constexpr pg::Statement kRequiringItem{"requirements_item", R"(
select id from items where kind = 1 and name = $1 and deleted_at is null)"};
constexpr pg::Statement kRequirementsOf{"requirements_of", R"(
select i.name from item_requires r join items i on i.id = r.requires_id
where r.item_id = $1 and i.deleted_at is null order by i.name)"};
constexpr pg::Statement kRequirementsPut{"requirements_put", R"(
with gone as (delete from item_requires where item_id = $1)
select id, name from items where kind = 1 and name = any($2) and deleted_at is null)"};
constexpr pg::Statement kRequirementsAdd{"requirements_add", R"(
insert into item_requires (item_id, requires_id) select $1, r from unnest($2::int4[]) r)"};
// Which of its requirements leads back to it.
constexpr pg::Statement kRequirementsCircle{"requirements_circle", R"(
with recursive way(first, item) as (
  select requires_id, requires_id from item_requires where item_id = $1
  union
  select w.first, r.requires_id from way w join item_requires r on r.item_id = w.item
)
select i.name from way w join items i on i.id = w.first where w.item = $1 order by i.name limit 1)"};
constexpr pg::Statement kRequirementsBack{"requirements_back", R"(
select exists (select from item_requires where requires_id = $1))"};
constexpr pg::Statement kRequirementsAll{"requirements_all", R"(
select r.item_id, r.requires_id, i.name, q.name, q.deleted_at is not null
from item_requires r join items i on i.id = r.item_id join items q on q.id = r.requires_id
order by r.item_id, r.requires_id)"};

Result<std::int32_t> requiring_item(pg::Connection& connection, std::string_view profile) {
  const auto rows = connection.exec(kRequiringItem, profile);
  if (rows.empty())
    return fail(Failure::not_found, "profile.unknown", fmt::format("there is no profile named {}", profile));
  return rows[0].get<std::int32_t>(0);
}

std::vector<std::string> requirements_of(pg::Connection& connection, std::int32_t item) {
  std::vector<std::string> names;
  for (const auto row : connection.exec(kRequirementsOf, item)) names.push_back(row.text(0));
  return names;
}

}  // namespace

Result<std::vector<std::string>> find_requirements(pg::Connection& connection, std::string_view profile) {
  const auto item = requiring_item(connection, profile);
  if (!item) return std::unexpected(item.error());
  return requirements_of(connection, *item);
}

Result<bool> put_requirements(pg::Connection& connection, std::string_view profile,
                              std::vector<std::string> required, Time now) {
  std::ranges::sort(required);
  const auto twice = std::ranges::unique(required);
  required.erase(twice.begin(), twice.end());
  if (required.size() > kMostRequirements) {
    return fail(Failure::invalid, "requirements.too_many",
                fmt::format("a profile may require {} others at most", kMostRequirements));
  }
  const auto item = requiring_item(connection, profile);
  if (!item) return std::unexpected(item.error());
  if (requirements_of(connection, *item) == required) return false;
  move_generation(connection, now);  // first: two that would close a circle together wait for each other here
  std::vector<std::int32_t> ids;
  std::vector<std::string> found;
  for (const auto row : connection.exec(kRequirementsPut, *item, required)) {
    ids.push_back(row.get<std::int32_t>(0));
    found.push_back(row.text(1));
  }
  for (const auto& name : required) {
    if (std::ranges::find(found, name) == found.end()) {
      return fail(Failure::not_found, "profile.unknown",
                  fmt::format("{} cannot require {}: there is no profile of that name", profile, name));
    }
  }
  connection.exec(kRequirementsAdd, *item, ids);
  const auto circle = connection.exec(kRequirementsCircle, *item);
  if (!circle.empty()) {
    return fail(
        Failure::conflict, "requirements.cycle",
        fmt::format("{} would wait for itself: {}, which it requires, requires {} or another that does",
                    profile, circle[0].text(0), profile));
  }
  return true;
}

void release_dependents(pg::Connection& connection, std::int32_t item, Time now) {
  if (connection.exec(kRequirementsBack, item)[0].get<bool>(0)) move_generation(connection, now);
}

std::vector<Requirement> all_requirements(pg::Connection& connection) {
  std::vector<Requirement> all;
  for (const auto row : connection.exec(kRequirementsAll)) {
    all.push_back({.item = row.get<std::int32_t>(0),
                   .required = row.get<std::int32_t>(1),
                   .item_name = row.text(2),
                   .required_name = row.text(3),
                   .deleted = row.get<bool>(4)});
  }
  return all;
}

}  // namespace mooring::director

// SPDX-License-Identifier: Apache-2.0
#include "director/foreign_profiles.hpp"

#include "director/observed_profiles.hpp"

namespace mooring::director {
namespace {

constexpr pg::Statement kForeignList{"foreign_list", R"(
select l.identifier, sum(l.devices)::int8 from listed_profiles l
where l.identifier > $1 and l.identifier <> all($2)
  and not exists (select from items i where i.kind = 1 and i.slot = l.identifier)
group by l.identifier having sum(l.devices) > 0 order by l.identifier limit $3)"};
// Lists are small, and read in the order of the devices until the page is full.
constexpr pg::Statement kForeignHolders{"foreign_holders", R"(
select p.device_id, d.udid, d.serial_number, p.content from device_profiles p join devices d on d.id = p.device_id
where p.device_id > $1 and position($2 in p.content) > 0 order by p.device_id limit $3)"};

}  // namespace

std::vector<ForeignProfile> foreign_profiles(pg::Connection& connection, std::span<const std::string> known,
                                             std::string_view after, int limit) {
  std::vector<ForeignProfile> profiles;
  for (const auto row : connection.exec(kForeignList, after, known, std::int64_t{limit}))
    profiles.push_back({row.text(0), row.int64(1)});
  return profiles;
}

std::vector<Holder> holders_of(pg::Connection& connection, std::string_view identifier, std::int64_t after,
                               int limit) {
  std::vector<Holder> holders;
  while (static_cast<int>(holders.size()) < limit) {
    // The text may stand elsewhere in a list than where an identifier does.
    const auto rows = connection.exec(kForeignHolders, after, pg::Bytes{identifier}, std::int64_t{limit});
    for (const auto row : rows) {
      after = row.int64(0);
      const auto list = ObservedProfiles::decode(row.get<pg::Bytes>(3).view);
      const auto* held = list.find(identifier);
      if (held == nullptr || static_cast<int>(holders.size()) == limit) continue;
      holders.push_back({.device = after,
                         .udid = row.text(1),
                         .serial_number = row.get<std::optional<std::string>>(2),
                         .payload_uuid = held->uuid,
                         .display_name = held->display_name});
    }
    if (rows.size() < limit) break;
  }
  return holders;
}

}  // namespace mooring::director

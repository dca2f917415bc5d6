// SPDX-License-Identifier: Apache-2.0
#include "director/profiles.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/encoding.hpp"
#include "core/queue.hpp"
#include "director/assignments.hpp"
#include "director/requirements.hpp"

namespace mooring::director {
namespace {

#define MOORING_PROFILE_COLUMNS                                                                           \
  "i.id, i.name, i.slot, v.identity, v.hash, v.attributes, i.created_at, v.declared_at, "                 \
  "coalesce(c.desired, 0), "                                                                              \
  "coalesce(c.verified, 0), coalesce(c.failed, 0), coalesce(w.devices, 0)::int8, w.oldest, "              \
  "to_jsonb(v.variables) "                                                                                \
  "from items i join versions v on v.id = i.current_version left join item_totals c on c.item_id = i.id " \
  "left join lateral (select sum(d.devices) as devices, min(d.since) as oldest from item_drift d "        \
  "                   where d.item_id = i.id and d.devices > 0) w on true "

constexpr pg::Statement kFindProfile{"profiles_find",
                                     "select " MOORING_PROFILE_COLUMNS
                                     "where i.kind = 1 and i.deleted_at is null and i.name = $1"};
constexpr pg::Statement kListProfiles{"profiles_list",
                                      "select " MOORING_PROFILE_COLUMNS
                                      "where i.kind = 1 and i.deleted_at is null and i.name > $1 "
                                      "order by i.name limit $2"};
constexpr pg::Statement kLock{"profiles_lock", R"(
select id, slot, current_version from items where kind = 1 and name = $1 and deleted_at is null for update)"};
constexpr pg::Statement kInsertItem{"profiles_insert_item", R"(
insert into items (kind, name, slot, created_at, updated_at) values (1, $1, $2, $3, $3)
on conflict (kind, name) where deleted_at is null do nothing)"};
constexpr pg::Statement kPutVersion{"profiles_put_version", R"(
insert into versions (item_id, hash, identity, attributes, content, install_payload, remove_payload, declared_at,
                      variables)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
on conflict (item_id, hash) do update set declared_at = excluded.declared_at
returning id)"};
constexpr pg::Statement kSetCurrent{"profiles_set_current",
                                    "update items set current_version = $2, updated_at = $3 where id = $1"};
constexpr pg::Statement kFindVersion{"profiles_find_version",
                                     "select id from versions where item_id = $1 and hash = $2"};
constexpr pg::Statement kContent{"profiles_content", R"(
select v.content from items i join versions v on v.id = i.current_version
where i.kind = 1 and i.deleted_at is null and i.name = $1)"};
constexpr pg::Statement kDeleteProfile{"profiles_delete", R"(
update items set deleted_at = $2, updated_at = $2 where kind = 1 and name = $1 and deleted_at is null returning id)"};
constexpr pg::Statement kDeleteAssignments{"profiles_delete_assignments",
                                           "delete from assignments where item_id = $1"};

Profile read_profile_row(const pg::Row& row) {
  return {.item = row.get<std::int32_t>(0),
          .name = row.text(1),
          .identifier = row.text(2),
          .payload_uuid = row.get<crypto::Uuid>(3).text(),
          .hash = to_hex(row.get<pg::Bytes>(4).view),
          .attributes = std::string(row.get<pg::Json>(5).view),
          .created_at = row.get<Time>(6),
          .updated_at = row.get<Time>(7),
          .desired = row.int64(8),
          .verified = row.int64(9),
          .failed = row.int64(10),
          .drifted = row.int64(11),
          .oldest_drift = row.get<std::optional<Time>>(12),
          .variables = std::string(row.get<pg::Json>(13).view)};
}

std::string attributes_of(const ProfileDocument& document) {
  return nlohmann::json{{"display_name", document.display_name},   {"organization", document.organization},
                        {"description", document.description},     {"scope", document.scope},
                        {"payload_types", document.payload_types}, {"was_signed", document.was_signed}}
      .dump();
}

std::int32_t store_version(pg::Connection& connection, std::int32_t item, const ProfileDocument& document,
                           Time now) {
  const std::string install =
      document.per_device ? document.content : install_profile_command(document.content);
  const std::string remove = remove_profile_command(document.identifier);
  const auto install_payload = core::store_payload(
      connection,
      {.body = install,
       .request_type = "InstallProfile",
       .rendering = document.per_device ? core::Rendering::per_device : core::Rendering::profile},
      now);
  const auto remove_payload =
      core::store_payload(connection, {.body = remove, .request_type = "RemoveProfile"}, now);
  const std::string attributes = attributes_of(document);
  return connection
      .exec(kPutVersion, item, pg::Bytes{crypto::bytes_of(document.hash)}, document.payload_uuid,
            pg::Json{attributes}, pg::Bytes{document.content}, install_payload, remove_payload, now,
            document.variables)[0]
      .get<std::int32_t>(0);
}

}  // namespace

std::string_view name_of(ItemKind kind) {
  switch (kind) {
    case ItemKind::profile:
      return "profile";
  }
  return "unknown";
}

Result<> check_item_name(std::string_view name) {
  const bool sane = !name.empty() && name.size() <= 128 && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  });
  if (sane && name != "." && name != "..") return {};
  return fail(
      Failure::invalid, "profile.bad_name",
      "a profile's name is 1 to 128 letters, digits, dots, underscores or dashes: choose one with ?name=");
}

Result<PutProfile> put_profile(pg::Connection& connection, const std::string& name,
                               const ProfileDocument& document, Time now) {
  if (auto sane = check_item_name(name); !sane) return std::unexpected(sane.error());
  PutProfile put;
  put.created = connection.exec(kInsertItem, name, document.identifier, now).affected() == 1;
  const auto item = connection.exec(kLock, name);
  if (item.empty()) return fail(Failure::busy, "profile.deleted", "the profile is being deleted; try again");
  const auto id = item[0].get<std::int32_t>(0);
  if (item[0].text(1) != document.identifier) {
    return fail(
        Failure::conflict, "profile.identifier_changed",
        fmt::format("profile {} has PayloadIdentifier {}, the upload has {}: upload it under another name, "
                    "and delete this one if it is no longer wanted",
                    name, item[0].text(1), document.identifier));
  }
  const auto current = item[0].get<std::optional<std::int32_t>>(2);
  const auto same = connection.exec(kFindVersion, id, pg::Bytes{crypto::bytes_of(document.hash)});
  put.changed = same.empty() || current != same[0].get<std::int32_t>(0);
  if (put.changed) {
    put.version = store_version(connection, id, document, now);
    connection.exec(kSetCurrent, id, put.version, now);
    touch_holders(connection, id, now);
  } else {
    put.version = *current;
  }
  put.profile = *find_profile(connection, name);
  return put;
}

std::vector<Profile> list_profiles(pg::Connection& connection, std::string_view after, int limit) {
  std::vector<Profile> profiles;
  for (const auto row : connection.exec(kListProfiles, after, std::int64_t{limit}))
    profiles.push_back(read_profile_row(row));
  return profiles;
}

std::optional<Profile> find_profile(pg::Connection& connection, std::string_view name) {
  const auto rows = connection.exec(kFindProfile, name);
  if (rows.empty()) return std::nullopt;
  return read_profile_row(rows[0]);
}

std::optional<std::string> profile_content(pg::Connection& connection, std::string_view name) {
  const auto rows = connection.exec(kContent, name);
  if (rows.empty()) return std::nullopt;
  return std::string(rows[0].get<pg::Bytes>(0).view);
}

bool delete_profile(pg::Connection& connection, std::string_view name, Time now) {
  const auto rows = connection.exec(kDeleteProfile, name, now);
  if (rows.empty()) return false;
  const auto item = rows[0].get<std::int32_t>(0);
  touch_holders(connection, item, now);
  release_dependents(connection, item, now);
  connection.exec(kDeleteAssignments, item);
  return true;
}

}  // namespace mooring::director

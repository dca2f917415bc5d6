// SPDX-License-Identifier: Apache-2.0
#include "director/secrets.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/encoding.hpp"
#include "director/assignments.hpp"
#include "director/variables.hpp"

namespace mooring::director {
namespace {

constexpr pg::Statement kSecretLock{"secrets_lock", "select sealed from secrets where name = $1 for update"};
constexpr pg::Statement kSecretPut{"secrets_put", R"(
insert into secrets as s (name, sealed, revision, updated_at, updated_by)
values ($1, $2, nextval('secret_revisions'), $3, $4)
on conflict (name) do update set sealed = excluded.sealed, revision = excluded.revision,
  updated_at = excluded.updated_at, updated_by = excluded.updated_by)"};
#define MOORING_SECRET_COLUMNS                                                                     \
  "select s.name, s.revision, s.updated_at, s.updated_by, "                                        \
  "(select coalesce(jsonb_agg(i.name order by i.name), '[]') from versions v join items i "        \
  " on i.current_version = v.id where v.variables @> array['secret.' || s.name] and i.deleted_at " \
  " is null) from secrets s "
constexpr pg::Statement kSecretFind{"secrets_find", MOORING_SECRET_COLUMNS "where s.name = $1"};
constexpr pg::Statement kSecretList{"secrets_list", MOORING_SECRET_COLUMNS
                                    "where s.name collate \"C\" > $1 order by s.name collate \"C\" limit $2"};
constexpr pg::Statement kSecretDelete{"secrets_delete", "delete from secrets where name = $1"};
constexpr pg::Statement kSecretUsers{"secrets_users", R"(
select i.id from versions v join items i on i.current_version = v.id
where v.variables @> array[$1] and i.deleted_at is null)"};
constexpr pg::Statement kSecretRevisions{"secrets_revisions", "select name, revision from secrets"};
constexpr pg::Statement kSecretOpen{"secrets_open",
                                    "select name, revision, sealed from secrets where name = any($1)"};

std::string place_of_secret(std::string_view name) { return "secret:" + std::string(name); }

Secret read_secret(const pg::Row& row) {
  Secret secret{.name = row.text(0),
                .revision = row.int64(1),
                .updated_at = row.get<Time>(2),
                .updated_by = row.text(3),
                .profiles = {}};
  const auto names = nlohmann::json::parse(row.get<pg::Json>(4).view, nullptr, false);
  for (const auto& name : names) secret.profiles.push_back(name.get<std::string>());
  return secret;
}

bool is_good_value(std::string_view value) {
  const auto fits = [](char c) {
    return static_cast<unsigned char>(c) >= 0x20 || c == '\t' || c == '\n' || c == '\r';
  };
  return !value.empty() && value.size() <= kLargestSecret && is_utf8(value) &&
         std::ranges::all_of(value, fits);
}

}  // namespace

Result<PutSecret> put_secret(pg::Connection& connection, const crypto::SecretBox& box, std::string_view name,
                             std::string_view value, std::string_view actor, Time now) {
  if (!is_secret_name(name)) {
    return fail(Failure::invalid, "secret.bad_name",
                "a secret's name is 1 to 64 letters, digits, dots, underscores or dashes");
  }
  if (!is_good_value(value)) {
    return fail(Failure::invalid, "secret.bad_value",
                "a secret's value is text of 1 byte to 64 KiB in UTF-8, without control characters");
  }
  const auto before = connection.exec(kSecretLock, name);
  PutSecret put{.created = before.empty(), .changed = true};
  if (!before.empty()) {
    // One that no longer opens is as good as another value.
    const auto old = box.open(before[0].get<pg::Bytes>(0).view, place_of_secret(name));
    put.changed = !old || *old != value;
  }
  if (put.changed) {
    connection.exec(kSecretPut, name, pg::Bytes{box.seal(value, place_of_secret(name))}, now, actor);
    move_generation(connection, now);
    for (const auto row : connection.exec(kSecretUsers, variable_of_secret(name)))
      touch_holders(connection, row.get<std::int32_t>(0), now);
  }
  put.secret = *find_secret(connection, name);
  return put;
}

std::vector<Secret> list_secrets(pg::Connection& connection, std::string_view after, int limit) {
  std::vector<Secret> secrets;
  for (const auto row : connection.exec(kSecretList, after, std::int64_t{limit}))
    secrets.push_back(read_secret(row));
  return secrets;
}

std::optional<Secret> find_secret(pg::Connection& connection, std::string_view name) {
  const auto rows = connection.exec(kSecretFind, name);
  if (rows.empty()) return std::nullopt;
  return read_secret(rows[0]);
}

Result<> delete_secret(pg::Connection& connection, std::string_view name, Time now) {
  const auto secret = find_secret(connection, name);
  if (!secret)
    return fail(Failure::not_found, "secret.unknown", fmt::format("there is no secret named {}", name));
  if (!secret->profiles.empty()) {
    return fail(Failure::conflict, "secret.in_use",
                fmt::format("profile {} names this secret: declare it without, or delete it, first",
                            secret->profiles.front()));
  }
  connection.exec(kSecretDelete, name);
  move_generation(connection, now);  // whoever remembers revisions shall forget this one
  return {};
}

std::map<std::string, std::string, std::less<>> secret_revisions(pg::Connection& connection) {
  std::map<std::string, std::string, std::less<>> revisions;
  for (const auto row : connection.exec(kSecretRevisions))
    revisions.emplace(variable_of_secret(row.text(0)), std::to_string(row.int64(1)));
  return revisions;
}

Result<std::map<std::string, OpenedSecret>> open_secrets(pg::Connection& connection,
                                                         const crypto::SecretBox& box,
                                                         std::span<const std::string> names) {
  std::map<std::string, OpenedSecret> opened;
  if (names.empty()) return opened;
  for (const auto row : connection.exec(kSecretOpen, names)) {
    auto name = row.text(0);
    auto value = box.open(row.get<pg::Bytes>(2).view, place_of_secret(name));
    if (!value) {
      return fail(value.error().failure, value.error().code,
                  fmt::format("secret {} does not open: {}", name, value.error().message));
    }
    opened.emplace(std::move(name), OpenedSecret{.revision = row.int64(1), .value = std::move(*value)});
  }
  return opened;
}

}  // namespace mooring::director

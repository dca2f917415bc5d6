// SPDX-License-Identifier: Apache-2.0
#include "core/enroll/profiles.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace mooring::core::enroll {
namespace {

constexpr pg::Statement kEnrollmentProfileList{"enrollment_profile_list", R"(
select name, settings, created_at, updated_at from enrollment_profiles where name collate "C" > $1 order by name collate "C" limit $2)"};

constexpr pg::Statement kEnrollmentProfileFind{"enrollment_profile_find", R"(
select settings, created_at, updated_at from enrollment_profiles where name = $1)"};

constexpr pg::Statement kEnrollmentProfilePut{"enrollment_profile_put", R"(
insert into enrollment_profiles (name, settings, created_at, updated_at) values ($1, $2, $3, $3)
on conflict (name) do update set settings = excluded.settings, updated_at = excluded.updated_at
returning created_at)"};

constexpr pg::Statement kEnrollmentProfileDelete{"enrollment_profile_delete", R"(
delete from enrollment_profiles where name = $1)"};

constexpr pg::Statement kEnrollmentProfileLock{"enrollment_profile_lock", R"(
select pg_advisory_xact_lock(hashtextextended('enrollment profile ' || $1, 0)))"};

std::string place_of(std::string_view name) { return "enrollment-profile:" + std::string(name); }

bool is_good_name(std::string_view name) {
  const auto good = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
  };
  return !name.empty() && name.size() <= 64 && name.front() != '.' && std::ranges::all_of(name, good);
}

StoredProfile built_in_default() {
  return {.name = std::string(kDefaultProfile), .json = "{}", .settings = {}};
}

std::string listing_of(const std::vector<std::string>& names) {
  std::string text;
  for (const auto& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

/// A profile that cannot be made for any device is refused when it is put.
Result<> try_to_build(std::string_view name, const Settings& settings, Surroundings surroundings) {
  if (surroundings.topic.empty()) surroundings.topic = "com.apple.mgmt.none";
  const auto built = build_profile(name, settings, surroundings, {.seed = "trial", .challenge = "trial"});
  if (!built) return std::unexpected(built.error());
  return {};
}

}  // namespace

Result<StoredProfile> Profiles::open(std::string_view name, std::string_view sealed,
                                     std::optional<Time> created, std::optional<Time> updated) const {
  auto json = secrets_.open(sealed, place_of(name));
  if (!json) return std::unexpected(json.error());
  auto settings = parse_settings(*json);
  if (!settings) return std::unexpected(settings.error());
  return StoredProfile{.name = std::string(name),
                       .json = std::move(*json),
                       .settings = std::move(*settings),
                       .created_at = created,
                       .updated_at = updated};
}

Result<std::vector<StoredProfile>> Profiles::list(pg::Connection& db, std::string_view after,
                                                  int limit) const {
  std::vector<StoredProfile> profiles;
  for (const auto row : db.exec(kEnrollmentProfileList, after, limit)) {
    auto profile = open(row.text(0), row.get<pg::Bytes>(1).view, row.get<Time>(2), row.get<Time>(3));
    if (!profile) return std::unexpected(profile.error());
    profiles.push_back(std::move(*profile));
  }
  const auto place = std::ranges::lower_bound(profiles, kDefaultProfile, {}, &StoredProfile::name);
  const bool there = place != profiles.end() && place->name == kDefaultProfile;
  if (!there && after < kDefaultProfile) profiles.insert(place, built_in_default());
  if (profiles.size() > static_cast<std::size_t>(limit)) profiles.pop_back();
  return profiles;
}

Result<StoredProfile> Profiles::find(pg::Connection& db, std::string_view name) const {
  const auto rows = db.exec(kEnrollmentProfileFind, is_good_name(name) ? name : std::string_view());
  if (!rows.empty()) {
    return open(name, rows[0].get<pg::Bytes>(0).view, rows[0].get<Time>(1), rows[0].get<Time>(2));
  }
  if (name == kDefaultProfile) return built_in_default();
  return fail(Failure::not_found, "enrollment_profile.unknown",
              "there is no enrollment profile of that name");
}

Result<Profiles::Put> Profiles::put(pg::Connection& db, std::string_view name, std::string_view json,
                                    bool force, Time now) const {
  // "dep" is the URL of Automated Device Enrollment.
  if (!is_good_name(name) || name == "dep") {
    return fail(
        Failure::invalid, "enrollment_profile.bad_name",
        "the name of an enrollment profile is part of its URL: a to z, 0 to 9, -, _ and ., at most 64, "
        "and not dep");
  }
  auto settings = parse_settings(json);
  if (!settings) return std::unexpected(settings.error());
  const auto kept = without_read_only_keys(json);
  auto surroundings = around_(db);
  if (!surroundings) return std::unexpected(surroundings.error());
  if (auto good = try_to_build(name, *settings, *surroundings); !good) return std::unexpected(good.error());
  db.exec(kEnrollmentProfileLock, name);
  const auto before = find(db, name);
  const bool created = !before || !before->created_at;
  if (!created && !force) {
    const auto changed = immutable_changes(name, before->settings, *settings, *surroundings);
    if (!changed.empty()) {
      return fail(
          Failure::conflict, "enrollment_profile.immutable",
          fmt::format("devices that enrolled with this profile refuse an update that changes {}: they would "
                      "have to enroll again. Use a profile of another name, or say ?force=true.",
                      listing_of(changed)));
    }
  }
  const auto rows = db.exec(kEnrollmentProfilePut, name, pg::Bytes{secrets_.seal(kept, place_of(name))}, now);
  return Put{.created = created,
             .profile = {.name = std::string(name),
                         .json = kept,
                         .settings = std::move(*settings),
                         .created_at = rows[0].get<Time>(0),
                         .updated_at = now}};
}

bool Profiles::remove(pg::Connection& db, std::string_view name) const {
  return db.exec(kEnrollmentProfileDelete, name).affected() > 0;
}

}  // namespace mooring::core::enroll

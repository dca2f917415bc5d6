// SPDX-License-Identifier: Apache-2.0
#include "director/conditions.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "director/assignments.hpp"
#include "schema/key.hpp"

namespace mooring::director {
namespace {

constexpr pg::Statement kConditionsFind{"conditions_find", R"(
select id, to_jsonb(platforms), min_os, max_os from items where kind = 1 and name = $1 and deleted_at is null)"};
constexpr pg::Statement kConditionsPut{"conditions_put", R"(
update items set platforms = $2, min_os = $3, max_os = $4, updated_at = $5
where kind = 1 and name = $1 and deleted_at is null and (platforms, min_os, max_os) is distinct from ($2, $3, $4)
returning id)"};

constexpr std::array kConditionPlatforms{schema::Platform::ios, schema::Platform::macos,
                                         schema::Platform::tvos, schema::Platform::visionos,
                                         schema::Platform::watchos};

std::unexpected<Error> no_such_profile(std::string_view name) {
  return fail(Failure::not_found, "profile.unknown", fmt::format("there is no profile named {}", name));
}

bool is_version(std::string_view text) {
  if (text.empty() || text.size() > 32 || text.front() == '.' || text.back() == '.') return false;
  return text.find("..") == std::string_view::npos &&
         std::ranges::all_of(text, [](char c) { return c == '.' || (c >= '0' && c <= '9'); });
}

Result<> check_conditions(const Conditions& conditions) {
  for (const auto& platform : conditions.platforms) {
    if (std::ranges::find(kConditionPlatforms, platform, [](auto p) { return schema::name_of(p); }) ==
        kConditionPlatforms.end()) {
      return fail(
          Failure::invalid, "conditions.unknown_platform",
          fmt::format("\"{}\" is no platform: write iOS (iPhone and iPad), macOS, tvOS, visionOS or watchOS",
                      platform));
    }
  }
  for (const auto* version : {&conditions.min_os, &conditions.max_os}) {
    if (*version && !is_version(**version)) {
      return fail(Failure::invalid, "conditions.bad_version",
                  fmt::format("\"{}\" is no version: write numbers and dots, as in 14.7", **version));
    }
  }
  return {};
}

/// As many parts of `version` as `like` has.
std::string_view cut(std::string_view version, std::string_view like) {
  auto parts = std::ranges::count(like, '.') + 1;
  std::size_t end = 0;
  for (; parts > 0 && end < version.size(); --parts) {
    end = std::min(version.find('.', end), version.size());
    if (parts > 1 && end < version.size()) ++end;
  }
  return version.substr(0, end);
}

}  // namespace

Truth hold_on(const Conditions& conditions, std::string_view platform, std::string_view os_version) {
  Truth truth = Truth::yes;
  if (!conditions.platforms.empty()) {
    const bool among = std::ranges::find(conditions.platforms, platform) != conditions.platforms.end();
    truth = platform.empty() ? Truth::unknown : truth_of(among);
  }
  if (!conditions.min_os && !conditions.max_os) return truth;
  if (os_version.empty()) return both(truth, Truth::unknown);
  if (conditions.min_os) {
    truth = both(truth, truth_of(schema::compare_versions(os_version, *conditions.min_os) >= 0));
  }
  if (conditions.max_os) {
    const auto beginning = cut(os_version, *conditions.max_os);
    truth = both(truth, truth_of(schema::compare_versions(beginning, *conditions.max_os) <= 0));
  }
  return truth;
}

Result<bool> put_conditions(pg::Connection& connection, std::string_view profile, Conditions conditions,
                            Time now) {
  if (const auto sane = check_conditions(conditions); !sane) return std::unexpected(sane.error());
  std::ranges::sort(conditions.platforms);
  const auto twice = std::ranges::unique(conditions.platforms);
  conditions.platforms.erase(twice.begin(), twice.end());
  const auto changed = connection.exec(kConditionsPut, profile, conditions.platforms, conditions.min_os,
                                       conditions.max_os, now);
  if (!changed.empty()) {
    touch_holders(connection, changed[0].get<std::int32_t>(0), now);
    return true;
  }
  if (connection.exec(kConditionsFind, profile).empty()) return no_such_profile(profile);
  return false;
}

Result<Conditions> find_conditions(pg::Connection& connection, std::string_view profile) {
  const auto rows = connection.exec(kConditionsFind, profile);
  if (rows.empty()) return no_such_profile(profile);
  Conditions conditions{.platforms = {},
                        .min_os = rows[0].get<std::optional<std::string>>(2),
                        .max_os = rows[0].get<std::optional<std::string>>(3)};
  const auto platforms = nlohmann::json::parse(rows[0].get<pg::Json>(1).view, nullptr, false);
  for (const auto& platform : platforms) conditions.platforms.push_back(platform.get<std::string>());
  return conditions;
}

}  // namespace mooring::director

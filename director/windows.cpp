// SPDX-License-Identifier: Apache-2.0
#include "director/windows.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

namespace mooring::director {
namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::minutes;

// Only zones that PostgreSQL knows: one that an upgrade took away must not make the question fail.
constexpr pg::Statement kZones{"windows_zones", R"(
select z.name, extract(epoch from ($2::timestamptz at time zone z.name) - ($2::timestamptz at time zone 'UTC'))::int8
from pg_timezone_names z where z.name = any($1))"};
constexpr pg::Statement kFindWindows{"windows_find", R"(
select windows from items where kind = 1 and name = $1 and deleted_at is null)"};
constexpr pg::Statement kPutWindows{"windows_put", R"(
update items set windows = $2 where kind = 1 and name = $1 and deleted_at is null returning id)"};
constexpr pg::Statement kAllWindows{"windows_all", "select id, windows from items where windows is not null"};
constexpr pg::Statement kWindowsGeneration{"windows_generation", R"(
update declaration_state set generation = generation + 1, changed_at = $1)"};

constexpr std::array<std::string_view, 7> kDays{"mon", "tue", "wed", "thu", "fri", "sat", "sun"};
constexpr std::uint8_t kEveryDay = 0x7F;
constexpr std::size_t kMostWindows = 50;

std::unexpected<Error> malformed(std::size_t number, std::string_view what) {
  return fail(Failure::invalid, "windows.malformed", fmt::format("window {}: {}", number, what));
}

std::optional<minutes> read_hour(const nlohmann::json& window, const char* key) {
  const auto found = window.find(key);
  if (found == window.end() || !found->is_string()) return std::nullopt;
  const auto& text = found->get_ref<const std::string&>();
  const auto digit = [&](std::size_t at) { return text[at] >= '0' && text[at] <= '9'; };
  if (text.size() != 5 || !digit(0) || !digit(1) || text[2] != ':' || !digit(3) || !digit(4))
    return std::nullopt;
  const auto hour = (text[0] - '0') * 10 + (text[1] - '0');
  const auto minute = (text[3] - '0') * 10 + (text[4] - '0');
  if (hour > 23 || minute > 59) return std::nullopt;
  return hours(hour) + minutes(minute);
}

std::optional<std::uint8_t> read_days(const nlohmann::json& window) {
  const auto found = window.find("days");
  if (found == window.end()) return kEveryDay;
  if (!found->is_array() || found->empty()) return std::nullopt;
  std::uint8_t chosen = 0;
  for (const auto& day : *found) {
    const auto* const known =
        day.is_string() ? std::ranges::find(kDays, day.get_ref<const std::string&>()) : kDays.end();
    if (known == kDays.end()) return std::nullopt;
    chosen = static_cast<std::uint8_t>(chosen | (1U << static_cast<unsigned>(known - kDays.begin())));
  }
  return chosen;
}

Result<Window> read_window(const nlohmann::json& json, std::size_t number) {
  if (!json.is_object()) return malformed(number, "is no object");
  for (const auto& [key, value] : json.items()) {
    if (key != "days" && key != "from" && key != "to" && key != "zone")
      return malformed(number, fmt::format("\"{}\" is no key of a window", key));
  }
  const auto days = read_days(json);
  if (!days) return malformed(number, "\"days\" is a list of mon, tue, wed, thu, fri, sat, sun");
  const auto from = read_hour(json, "from");
  const auto to = read_hour(json, "to");
  if (!from || !to) return malformed(number, "\"from\" and \"to\" are times of day such as \"22:00\"");
  const auto zone = json.find("zone");
  if (zone == json.end() || !zone->is_string())
    return malformed(number, "\"zone\" is the name of a time zone such as \"Europe/Berlin\"");
  return Window{
      .days = *days, .from = *from, .to = *to, .zone = zone->get<std::string>(), .east = std::nullopt};
}

std::string hour_text(minutes time) {
  return fmt::format("{:02}:{:02}", time.count() / 60, time.count() % 60);
}

/// Calls `body(begin, end)` with the openings of `window` from yesterday to a week from now.
template <class Body>
void each_opening(const Window& window, Time now, Body body) {
  if (!window.east) return;
  const auto today = std::chrono::floor<days>(now + *window.east);
  const auto length = window.to > window.from ? window.to - window.from : window.to - window.from + hours(24);
  for (int offset = -1; offset <= 7; ++offset) {
    const auto day = today + days(offset);
    const auto weekday = std::chrono::weekday(day).iso_encoding() - 1;
    if ((window.days & (1U << weekday)) == 0) continue;
    const Time begin = Time(day) + window.from - *window.east;
    body(begin, begin + length);
  }
}

}  // namespace

Result<Windows> read_windows(std::string_view json) {
  const auto parsed = nlohmann::json::parse(json, nullptr, false);
  if (!parsed.is_array()) return fail(Failure::invalid, "windows.malformed", "windows are a list");
  if (parsed.size() > kMostWindows)
    return fail(Failure::invalid, "windows.malformed", fmt::format("{} windows at most", kMostWindows));
  Windows windows;
  for (const auto& entry : parsed) {
    auto window = read_window(entry, windows.size() + 1);
    if (!window) return std::unexpected(window.error());
    windows.push_back(std::move(*window));
  }
  return windows;
}

std::string write_windows(const Windows& windows) {
  auto list = nlohmann::ordered_json::array();
  for (const auto& window : windows) {
    auto names = nlohmann::ordered_json::array();
    for (std::size_t day = 0; day < kDays.size(); ++day) {
      if ((window.days & (1U << day)) != 0) names.push_back(kDays.at(day));
    }
    list.push_back({{"days", std::move(names)},
                    {"from", hour_text(window.from)},
                    {"to", hour_text(window.to)},
                    {"zone", window.zone}});
  }
  return list.dump();
}

bool locate_zones(pg::Connection& connection, std::span<Window> windows, Time now) {
  std::vector<std::string> names;
  for (const auto& window : windows) names.push_back(window.zone);
  if (names.empty()) return true;
  std::map<std::string, Duration> east;
  for (const auto row : connection.exec(kZones, names, now))
    east[row.text(0)] = std::chrono::seconds(row.int64(1));
  bool all = true;
  for (auto& window : windows) {
    const auto found = east.find(window.zone);
    window.east = found == east.end() ? std::nullopt : std::optional(found->second);
    all = all && window.east.has_value();
  }
  return all;
}

std::optional<Time> closes_at(const Windows& windows, Time now) {
  std::optional<Time> latest;
  for (const auto& window : windows) {
    each_opening(window, now, [&](Time begin, Time end) {
      if (begin <= now && now < end) latest = latest ? std::max(*latest, end) : end;
    });
  }
  return latest;
}

std::optional<Time> opens_at(const Windows& windows, Time now) {
  std::optional<Time> next;
  for (const auto& window : windows) {
    each_opening(window, now, [&](Time begin, Time) {
      if (begin > now) next = next ? std::min(*next, begin) : begin;
    });
  }
  return next;
}

Result<Windows> find_windows(pg::Connection& connection, std::string_view profile) {
  const auto rows = connection.exec(kFindWindows, profile);
  if (rows.empty()) {
    return fail(Failure::not_found, "profile.unknown", fmt::format("there is no profile named {}", profile));
  }
  if (rows[0].is_null(0)) return Windows{};
  return read_windows(rows[0].get<pg::Json>(0).view);
}

Result<> put_windows(pg::Connection& connection, std::string_view profile, Windows windows, Time now) {
  if (!locate_zones(connection, windows, now)) {
    const auto unknown = std::ranges::find_if(windows, [](const Window& w) { return !w.east; });
    return fail(Failure::invalid, "windows.unknown_zone",
                fmt::format("\"{}\" is no time zone that is known here", unknown->zone));
  }
  const auto text = write_windows(windows);
  const auto stored = windows.empty() ? std::nullopt : std::optional(pg::Json{text});
  if (connection.exec(kPutWindows, profile, stored).empty()) {
    return fail(Failure::not_found, "profile.unknown", fmt::format("there is no profile named {}", profile));
  }
  connection.exec(kWindowsGeneration, now);
  return {};
}

std::map<std::int32_t, Windows> all_windows(pg::Connection& connection) {
  std::map<std::int32_t, Windows> all;
  for (const auto row : connection.exec(kAllWindows)) {
    // What cannot be read never opens: better late than at the wrong time.
    all[row.get<std::int32_t>(0)] = read_windows(row.get<pg::Json>(1).view).value_or(Windows(1));
  }
  return all;
}

}  // namespace mooring::director

// SPDX-License-Identifier: Apache-2.0
#include "core/enroll/attempts.hpp"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

namespace mooring::core::enroll {

Attempts::Window& Attempts::window_of(const std::string& key, Time now) {
  auto [place, fresh] = windows_.try_emplace(key, Window{.began = now});
  if (!fresh && now - place->second.began >= limits_.window) place->second = Window{.began = now};
  return place->second;
}

/// Drops what is over; where that is not enough, the older half.
void Attempts::make_room(Time now) {
  if (windows_.size() < limits_.remembered) return;
  std::erase_if(windows_, [&](const auto& entry) { return now - entry.second.began >= limits_.window; });
  if (windows_.size() < limits_.remembered) return;
  std::vector<Time> times;
  times.reserve(windows_.size());
  for (const auto& [key, window] : windows_) times.push_back(window.began);
  const auto middle = times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2);
  std::ranges::nth_element(times, middle);
  std::erase_if(windows_, [&](const auto& entry) { return entry.second.began <= *middle; });
}

std::optional<std::chrono::seconds> Attempts::begin(const std::string& address, const std::string& user,
                                                    Time now) {
  make_room(now);
  const std::array keys{std::pair{"a" + address, limits_.by_address}, std::pair{"u" + user, limits_.by_user}};
  for (const auto& [key, most] : keys) {
    const auto& window = window_of(key, now);
    if (window.attempts < most) continue;
    const auto rest = limits_.window - (now - window.began);
    return std::max(std::chrono::seconds(1), std::chrono::ceil<std::chrono::seconds>(rest));
  }
  for (const auto& [key, most] : keys) ++window_of(key, now).attempts;
  return std::nullopt;
}

void Attempts::forgive(const std::string& address, const std::string& user) {
  for (const auto& key : {"a" + address, "u" + user}) {
    const auto found = windows_.find(key);
    if (found != windows_.end() && found->second.attempts > 0) --found->second.attempts;
  }
}

}  // namespace mooring::core::enroll

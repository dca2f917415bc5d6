// SPDX-License-Identifier: Apache-2.0
#include "schema/key.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace mooring::schema {
namespace {

constexpr std::array<std::string_view, 6> kPlatforms{"unknown", "iOS",      "macOS",
                                                     "tvOS",    "visionOS", "watchOS"};
constexpr std::array<std::string_view, 9> kTypes{"any",  "string", "integer", "real",      "boolean",
                                                 "data", "date",   "array",   "dictionary"};

/// Takes the number before the first dot off the front; 0 where nothing is left.
int next_part(std::string_view& version) {
  const auto dot = version.find('.');
  const auto part = version.substr(0, dot);
  version = dot == std::string_view::npos ? std::string_view() : version.substr(dot + 1);
  int number = 0;
  std::from_chars(part.data(), part.data() + part.size(), number);
  return number;
}

}  // namespace

std::string_view name_of(Platform platform) { return kPlatforms.at(static_cast<std::size_t>(platform)); }
std::string_view name_of(Type type) { return kTypes.at(static_cast<std::size_t>(type)); }

const Key* Key::find(std::string_view child) const {
  const Key* wildcard = nullptr;
  for (const auto& key : keys) {
    if (key.name == child) return &key;
    if (key.name == "*") wildcard = &key;
  }
  return wildcard;
}

const Support* Key::support(Platform platform) const {
  const auto found = std::ranges::find(supports, platform, &Support::platform);
  return found == supports.end() ? nullptr : &*found;
}

int compare_versions(std::string_view a, std::string_view b) {
  while (!a.empty() || !b.empty()) {
    const int left = next_part(a);
    const int right = next_part(b);
    if (left != right) return left < right ? -1 : 1;
  }
  return 0;
}

bool available_to(const std::vector<Support>& supports, const Target& target) {
  for (const auto& support : supports) {
    if (support.platform != target.platform) continue;
    if (!support.available) return false;
    if (target.user_enrollment && support.user_enrollment == "forbidden") return false;
    if (target.unsupervised && support.supervised) return false;
    if (target.user_channel ? !support.user_channel : !support.device_channel) return false;
    if (target.os_version.empty()) return true;
    if (!support.removed.empty() && compare_versions(target.os_version, support.removed) >= 0) return false;
    return support.introduced.empty() || compare_versions(target.os_version, support.introduced) >= 0;
  }
  return true;
}

}  // namespace mooring::schema

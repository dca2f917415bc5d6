// SPDX-License-Identifier: Apache-2.0
#include "core/platform.hpp"

#include <array>
#include <utility>

namespace mooring::core {

schema::Platform platform_of(std::string_view name) {
  using schema::Platform;
  static constexpr std::array<std::pair<std::string_view, Platform>, 8> kBeginnings{
      {{"iPhone", Platform::ios},
       {"iPad", Platform::ios},
       {"iPod", Platform::ios},
       {"AppleTV", Platform::tvos},
       {"Apple TV", Platform::tvos},
       {"Watch", Platform::watchos},
       {"Apple Watch", Platform::watchos},
       {"RealityDevice", Platform::visionos}}};
  for (const auto& [beginning, platform] : kBeginnings) {
    if (name.starts_with(beginning)) return platform;
  }
  // iMac, VirtualMac, MacBook, Mac14,7, ...
  return name.find("Mac") == std::string_view::npos ? Platform::unknown : Platform::macos;
}

}  // namespace mooring::core

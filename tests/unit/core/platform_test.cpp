// SPDX-License-Identifier: Apache-2.0
#include "core/platform.hpp"

#include <gtest/gtest.h>

namespace mooring::core {
namespace {

using schema::Platform;

TEST(PlatformOf, KnowsWhatDevicesCallThemselves) {
  for (const char* mac : {"Mac14,7", "MacBookPro18,3", "iMac21,1", "Macmini9,1", "VirtualMac2,1", "Mac mini"})
    EXPECT_EQ(platform_of(mac), Platform::macos) << mac;
  for (const char* mobile : {"iPhone14,5", "iPad13,16", "iPod9,1", "iPhone"})
    EXPECT_EQ(platform_of(mobile), Platform::ios) << mobile;
  EXPECT_EQ(platform_of("AppleTV11,1"), Platform::tvos);
  EXPECT_EQ(platform_of("Watch6,1"), Platform::watchos);
  EXPECT_EQ(platform_of("RealityDevice14,1"), Platform::visionos);
}

TEST(PlatformOf, SaysWhatItDoesNotKnow) {
  for (const char* name : {"", "Toaster", "MNEJ3LL/A"}) EXPECT_EQ(platform_of(name), Platform::unknown);
}

}  // namespace
}  // namespace mooring::core

// SPDX-License-Identifier: Apache-2.0
#include "director/conflicts.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/plist/plist.hpp"

namespace mooring::director::conflicts_test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::string with_payload(const std::string& type, plist::Dict settings) {
  settings.set("PayloadType", type);
  settings.set("PayloadIdentifier", "com.example.payload");
  settings.set("PayloadUUID", "B0E3C5B8-6E2D-4F59-9A57-3B0C5A1C7D11");
  settings.set("PayloadVersion", 1);
  return plist::to_xml(
      plist::Dict{{"PayloadType", "Configuration"}, {"PayloadContent", plist::Array(1, settings)}});
}

std::vector<std::string> keys_of(const std::string& profile) {
  std::vector<std::string> keys;
  for (const auto& setting : settings_of(profile)) keys.push_back(setting.payload_type + " " + setting.key);
  return keys;
}

TEST(Settings, AreTheKeysOfAPayloadApartFromItsNames) {
  EXPECT_THAT(keys_of(with_payload("com.apple.dock", {{"tilesize", 40}, {"autohide", true}})),
              ElementsAre("com.apple.dock autohide", "com.apple.dock tilesize"));
}

TEST(Settings, OfPreferencesAreThoseOfTheirDomains) {
  const plist::Dict entry{{"mcx_preference_settings", plist::Dict{{"tilesize", 40}}}};
  const plist::Dict domains{{"com.apple.dock", plist::Dict{{"Forced", plist::Array(1, entry)}}}};
  const auto preferences =
      settings_of(with_payload("com.apple.ManagedClient.preferences", {{"PayloadContent", domains}}));
  EXPECT_EQ(preferences, settings_of(with_payload("com.apple.dock", {{"tilesize", 40}})));
}

TEST(Settings, ThatADeviceHoldsManyOfDoNotMeet) {
  for (const char* type : {"com.apple.wifi.managed", "com.apple.security.root", "com.apple.vpn.managed",
                           "com.apple.TCC.configuration-profile-policy", "com.apple.webClip.managed"}) {
    EXPECT_THAT(keys_of(with_payload(type, {{"SSID_STR", "a"}})), IsEmpty()) << type;
  }
}

TEST(Settings, OfEqualMeaningAreEqual) {
  const plist::Dict one{{"a", plist::Dict{{"x", 1}, {"y", 2}}}};
  const plist::Dict other{{"a", plist::Dict{{"y", 2}, {"x", 1}}}};
  EXPECT_EQ(settings_of(with_payload("com.apple.dock", one)),
            settings_of(with_payload("com.apple.dock", other)));
}

TEST(Settings, OfWhatIsNoProfileAreNone) { EXPECT_THAT(settings_of("hello"), IsEmpty()); }

}  // namespace
}  // namespace mooring::director::conflicts_test

// SPDX-License-Identifier: Apache-2.0
// What is sent again without anybody's asking, and what a person lifts.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "reconciler/gauges.hpp"
#include "tests/integration/api_fixture.hpp"

namespace mooring::api_test {
namespace {

using test::profile;
using test::World;

constexpr const char* kWifi = "com.example.wifi";

std::size_t installs(const simulator::Device& device) {
  const auto found = device.install_log().find(kWifi);
  return found == device.install_log().end() ? 0 : found->second.size();
}

void hold_wifi(World& world, simulator::Device& device) {
  world.declare("wifi", profile(kWifi));
  world.assign("wifi");
  world.enroll(device);
  world.settle(device);
  ASSERT_EQ(installs(device), 1U);
}

// covers: state.R18, director.44
TEST(Upkeep, AHigherBuildGetsEverythingAgainOnceAndTheSwitchTurnsThatOff) {
  for (const bool on : {true, false}) {
    reconciler::Policy policy;
    policy.repush_on_new_build = on;
    World world(policy);
    const auto device = world.make_device();
    hold_wifi(world, *device);
    const auto later = [&] {
      world.advance(std::chrono::hours(7));
      world.settle(*device);
    };
    later();
    EXPECT_EQ(installs(*device), 1U) << "the same build";
    device->update_os("99.1", "99B78");
    later();
    EXPECT_EQ(installs(*device), on ? 2U : 1U);
    later();
    EXPECT_EQ(installs(*device), on ? 2U : 1U);
    EXPECT_EQ(world.state(*device, "wifi"), "verified");
    EXPECT_EQ(world.text("select build_seen from reconcile"), "99B78");
  }
}

// covers: state.R18
TEST(Upkeep, AnIntervalSendsAgainWhatWasProvenLongAgo) {
  reconciler::Policy policy;
  policy.reinstall_interval = std::chrono::hours(24 * 10);
  World world(policy);
  const auto device = world.make_device();
  hold_wifi(world, *device);
  for (int day = 0; day < 35; ++day) {
    world.advance(std::chrono::hours(24));
    world.settle(*device);
  }
  EXPECT_EQ(installs(*device), 4U) << "three more in five weeks";
}

// covers: state.N9
TEST(Upkeep, AnItemThatIsLostAgainAndAgainIsLeftAloneCountedAndLiftedByAPerson) {
  ApiFixture api;
  auto& world = api.world;
  const auto device = world.make_device();
  hold_wifi(world, *device);
  for (int i = 0; i < 12; ++i) {
    device->user_removes_profile(kWifi);
    world.db.connection().script(
        "update reconcile set marks = marks + 1, refresh_mark = marks + 1, due_at = '-infinity'");
    world.advance(std::chrono::hours(1));
    world.settle(*device);
  }
  EXPECT_EQ(world.state(*device, "wifi"), "quarantined");
  EXPECT_LE(installs(*device), 6U) << "sends are bounded";
  const auto page = [&] {
    reconciler::refresh_gauges(world.db.connection(), world.db.metrics, world.clock.now());
    return world.db.metrics.text();
  };
  EXPECT_THAT(page(),
              ::testing::HasSubstr("mooring_item_quarantined_devices{item=\"wifi\",kind=\"profile\"} 1"));
  const std::string items = "/v1/devices/" + device->identity().udid + "/items/";
  EXPECT_EQ(api.post(items + "none/lift").code(), "profile.unknown");
  EXPECT_EQ(api.post("/v1/devices/none/items/wifi/lift").code(), "device.unknown");
  const int rings = api.rings;
  EXPECT_EQ(api.post(items + "wifi/lift").status, 202);
  EXPECT_EQ(api.rings, rings + 1);
  world.settle(*device);
  EXPECT_EQ(world.state(*device, "wifi"), "verified");
  EXPECT_THAT(page(),
              ::testing::HasSubstr("mooring_item_quarantined_devices{item=\"wifi\",kind=\"profile\"} 0"));
}

// covers: mdm.D06
TEST(Upkeep, WhatADeviceSaysOfSingleSettingsIsShown) {
  ApiFixture api;
  auto& world = api.world;
  const auto device = world.make_device();
  world.enroll(*device);
  world.settle(*device);
  world.enqueue(device->identity().udid, "settings", "Settings");
  const plist::Dict link{
      {"ErrorCode", 12021}, {"ErrorDomain", "MCMDMErrorDomain"}, {"LocalizedDescription", "no"}};
  world.put("/mdm",
            {{"UDID", device->identity().udid},
             {"Status", "Acknowledged"},
             {"CommandUUID", "settings"},
             {"Settings", plist::Array{plist::Value(plist::Dict{{"Status", "Acknowledged"}}),
                                       plist::Value(plist::Dict{{"Status", "Error"},
                                                                {"Identifier", "com.example.app"},
                                                                {"ErrorChain", plist::Array(1, link)}})}}});
  const auto answer = api.get("/v1/enrollments/" + device->identity().udid + "/commands/settings");
  ASSERT_EQ(answer.status, 200) << answer.body.dump();
  const Json expected{
      {{"setting", 1},
       {"identifier", "com.example.app"},
       {"error_chain",
        {{{"ErrorCode", 12021}, {"ErrorDomain", "MCMDMErrorDomain"}, {"LocalizedDescription", "no"}}}}}};
  EXPECT_EQ(answer.body["setting_errors"], expected);
}

}  // namespace
}  // namespace mooring::api_test

// SPDX-License-Identifier: Apache-2.0
// Profiles that come after others, through the API, on real devices' stories.
#include <gtest/gtest.h>

#include "tests/integration/api_fixture.hpp"

namespace mooring::api_test {
namespace {

using test::profile;

constexpr const char* kOpenCommands =
    "select coalesce(string_agg(i.name || ' ' || (c.version_id is not null), ', ' order by i.name), '') "
    "from commands c join items i on i.id = c.item_id";

struct Order : ::testing::Test {
  ApiFixture api;
  test::World& world = api.world;
  std::unique_ptr<simulator::Device> device = world.make_device();

  void SetUp() override {
    // Those that come later are declared first: numbers must not decide.
    for (const auto* name : {"vpn", "wifi", "root"}) world.declare(name, profile(id(name)));
    world.enroll(*device);
    world.settle(*device);
  }
  static std::string id(const std::string& name) { return "com.example." + name; }
  Answer require(const std::string& name, const Json& others) {
    return api.put("/v1/profiles/" + name + "/requirements", Json{{"requires", others}}.dump());
  }
  void in_order() {
    ASSERT_EQ(require("vpn", {"wifi"}).status, 200);
    ASSERT_EQ(require("wifi", {"root"}).status, 200);
  }
  /// What is queued, once nothing more can be decided: "NAME true" installs, "NAME false" removes.
  std::string queued() {
    world.reconcile();
    return world.text(kOpenCommands);
  }
  std::string why(const std::string& name) {
    for (const auto& item : api.get("/v1/devices/" + device->identity().udid + "/items").body["items"])
      if (item["name"] == name) return item.value("reason", std::string());
    return "none";
  }
  /// Until the next commands are queued, or nothing is.
  std::string next() {
    for (int i = 0; i < 6; ++i) {
      world.connect(*device);
      if (auto now = queued(); !now.empty()) return now;
    }
    return {};
  }
};

// covers: state.D9
TEST_F(Order, EachIsSentWhenWhatItRequiresIsProvenAndRemovedBeforeIt) {
  in_order();
  for (const auto* name : {"vpn", "wifi", "root"}) world.assign(name);
  EXPECT_EQ(queued(), "root true");
  EXPECT_EQ(why("vpn"), "waiting for another item: wifi");
  EXPECT_EQ(next(), "wifi true");
  EXPECT_EQ(next(), "vpn true");
  EXPECT_EQ(next(), "");
  for (const auto* name : {"vpn", "wifi", "root"}) EXPECT_EQ(world.state(*device, name), "verified") << name;

  world.declare("root", profile(id("root"), "2"));
  world.declare("vpn", profile(id("vpn"), "2"));
  world.declare("wifi", profile(id("wifi"), "2"));
  EXPECT_EQ(queued(), "root true") << "a new version of all goes in the same order";
  EXPECT_EQ(next(), "wifi true");
  EXPECT_EQ(next(), "vpn true");
  EXPECT_EQ(next(), "");

  for (const auto* name : {"root", "wifi", "vpn"}) world.remove_profile(name);
  EXPECT_EQ(queued(), "vpn false");
  EXPECT_EQ(next(), "wifi false");
  EXPECT_EQ(next(), "root false");
  EXPECT_EQ(next(), "");
  EXPECT_EQ(device->profile(id("root")), nullptr);
  EXPECT_EQ(world.number("select count(*) from device_items"), 0);
}

// covers: state.D9
TEST_F(Order, WhatIsNotMeantForADeviceIsWaitedForAndADeletedOneIsNot) {
  in_order();
  world.assign("wifi");
  world.settle(*device);
  EXPECT_EQ(world.state(*device, "wifi"), "waiting");
  EXPECT_EQ(why("wifi"), "waiting for another item: root");
  EXPECT_EQ(device->profile(id("wifi")), nullptr);
  world.remove_profile("root");
  world.settle(*device);
  EXPECT_EQ(world.state(*device, "wifi"), "verified");
  EXPECT_EQ(api.get("/v1/profiles/wifi/requirements").body["requires"], Json::array());
}

// covers: state.D9
TEST_F(Order, AnOrderThatIsDeclaredLaterTakesNothingAway) {
  world.assign("wifi");
  world.settle(*device);
  in_order();
  world.settle(*device);
  EXPECT_EQ(world.state(*device, "wifi"), "verified");
  device->user_removes_profile(id("wifi"));
  world.advance(std::chrono::hours(30));
  world.settle(*device);
  EXPECT_EQ(world.state(*device, "wifi"), "waiting") << "a repair keeps to it";
}

// covers: state.D9
TEST_F(Order, WhatIsRemovedDoesNotWaitForWhatStays) {
  in_order();
  for (const auto* name : {"vpn", "wifi", "root"}) world.assign(name);
  world.settle(*device, 30);
  world.unassign("root");
  world.settle(*device);
  EXPECT_EQ(device->profile(id("root")), nullptr);
  EXPECT_NE(device->profile(id("wifi")), nullptr);
}

// covers: state.D9
TEST_F(Order, ACircleIsRefusedAndChangesNothing) {
  in_order();
  EXPECT_EQ(require("root", {"root"}).code(), "requirements.cycle");
  const auto circle = require("root", {"vpn"});
  EXPECT_EQ(circle.status, 409);
  EXPECT_EQ(circle.code(), "requirements.cycle");
  EXPECT_EQ(api.get("/v1/profiles/root/requirements").body["requires"], Json::array());
  EXPECT_EQ(require("root", {"nothing"}).code(), "profile.unknown");
  EXPECT_EQ(require("nothing", Json::array()).code(), "profile.unknown");
  EXPECT_EQ(api.get("/v1/profiles/nothing/requirements").code(), "profile.unknown");
  EXPECT_EQ(require("root", "vpn").status, 400);
  const auto rings = api.rings.load();
  const auto same = require("vpn", {"wifi", "wifi"});
  EXPECT_EQ(same.body["changed"], false);
  EXPECT_EQ(same.body["requires"], Json({"wifi"}));
  EXPECT_EQ(api.rings.load(), rings);
  EXPECT_EQ(require("vpn", {"wifi", "root"}).body["changed"], true) << "two ways are no circle";
}

}  // namespace
}  // namespace mooring::api_test

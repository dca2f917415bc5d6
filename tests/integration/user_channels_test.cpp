// SPDX-License-Identifier: Apache-2.0
// Profiles of users: declared once, kept on every user's channel of a device.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/plist/plist.hpp"
#include "tests/integration/api_fixture.hpp"
#include "tests/support/world.hpp"

namespace mooring::test::user_channels_test {
namespace {

using api_test::ApiFixture;
using api_test::Json;
using std::chrono::hours;

constexpr const char* kDock = "com.example.dock";

std::string user_profile(const std::string& identifier, const std::string& value = "1") {
  auto dict = *plist::parse_dict(profile(identifier, value));
  dict.set("PayloadScope", "User");
  return plist::to_xml(dict);
}

struct UserChannels : ::testing::Test {
  ApiFixture api;
  World& world = api.world;
  std::unique_ptr<simulator::Device> mac = make(simulator::Platform::mac);

  std::unique_ptr<simulator::Device> make(simulator::Platform platform) {
    for (int index = 0;; ++index) {
      auto device = world.make_device(index);
      if (device->identity().platform == platform) return device;
    }
  }
  void enroll(std::vector<std::string> users) {
    world.enroll(*mac);
    for (const auto& user : users) world.enroll_user(*mac, user);
    world.settle(*mac);
  }
  void declare(const std::string& mobileconfig = user_profile(kDock)) {
    world.declare("dock", mobileconfig);
    world.assign("dock");
  }
  bool holds(const std::string& user, const std::string& identifier = kDock) {
    return mac->user(user)->store.find(identifier) != nullptr;
  }
  /// By user.
  std::map<std::string, Json> items(const simulator::Device& device) {
    std::map<std::string, Json> views;
    for (const auto& item : api.get("/v1/devices/" + device.identity().udid + "/items").body["items"])
      views[item["user"].is_null() ? std::string() : item["user"].get<std::string>()] = item;
    return views;
  }
  std::int64_t channel(const std::string& user) {
    return world.number(fmt::format("select id from enrollments where user_short_name = '{}'", user));
  }
  void check_out(const std::string& user) {
    const auto response = world.put("/mdm", plist::Dict{{"MessageType", "CheckOut"},
                                                        {"Topic", "com.apple.mgmt.External.simulator"},
                                                        {"UDID", mac->identity().udid},
                                                        {"UserID", mac->user(user)->id}});
    EXPECT_EQ(response.status, 200) << response.body;
    mac->remove_user(user);
  }
  std::int64_t count(const std::string& what) {
    return world.number("select coalesce(sum(" + what + "), 0) from item_totals");
  }
  std::int64_t drifting() { return world.number("select coalesce(sum(devices), 0) from item_drift"); }
};

// covers: state.D13, director.87
TEST_F(UserChannels, AProfileWithUserScopeIsKeptOnEveryUsersChannelAndNowhereElse) {
  enroll({"ada", "bob"});
  declare();
  world.settle(*mac);
  EXPECT_TRUE(holds("ada"));
  EXPECT_TRUE(holds("bob"));
  EXPECT_EQ(mac->profile(kDock), nullptr) << "not the device's";
  EXPECT_EQ(world.state(*mac, "dock", "ada"), "verified");
  EXPECT_EQ(world.state(*mac, "dock", "bob"), "verified");
  EXPECT_EQ(world.state(*mac, "dock"), "none");
  auto views = items(*mac);
  EXPECT_EQ(views.size(), 2U);
  EXPECT_EQ(views["ada"]["state"], "verified");
  EXPECT_EQ(views["ada"]["observed_payload_uuid"], mac->user("ada")->store.find(kDock)->uuid);
  const auto list = api.get("/v1/devices/" + mac->identity().udid + "/profiles?user=ada").body;
  EXPECT_EQ(list["items"][0]["identifier"], kDock);
  EXPECT_EQ(list["items"][0]["managed"], true);
  EXPECT_EQ(api.get("/v1/devices/" + mac->identity().udid + "/profiles?user=eve").code(),
            "device.unknown_user");

  mac->user("ada")->store.remove(kDock);
  world.advance(hours(7));
  world.settle(*mac);
  EXPECT_TRUE(holds("ada")) << "drift of one user is found in that user's list and repaired";
  EXPECT_EQ(mac->user("ada")->installs[kDock], 2);
  EXPECT_EQ(mac->user("bob")->installs[kDock], 1);

  world.declare("dock", user_profile(kDock, "2"));
  world.settle(*mac);
  EXPECT_EQ(mac->user("ada")->installs[kDock], 3);
  EXPECT_EQ(mac->user("bob")->installs[kDock], 2);
  world.unassign("dock");
  world.settle(*mac);
  EXPECT_FALSE(holds("ada"));
  EXPECT_FALSE(holds("bob"));
  EXPECT_EQ(mac->user("ada")->removals[kDock], 1);
  EXPECT_EQ(world.number("select count(*) from device_items"), 0);
}

// covers: director.87
TEST_F(UserChannels, ADeviceCountsOnceHoweverManyUsersItHas) {
  enroll({"ada", "bob", "eve"});
  const auto summary = [&] { return api.get("/v1/summary").body; };
  EXPECT_EQ(summary()["devices"]["known"], 1);
  EXPECT_EQ(summary()["devices"]["enrolled"], 1);
  declare();
  world.reconcile();
  EXPECT_EQ(count("desired"), 1);
  EXPECT_EQ(drifting(), 1);
  EXPECT_EQ(api.get("/v1/devices").body["items"][0]["drifted"], 1);
  EXPECT_EQ(api.get("/v1/drift?profile=dock").body["items"].size(), 1U);
  world.settle(*mac);
  EXPECT_EQ(count("verified"), 1);
  EXPECT_EQ(drifting(), 0);
  mac->user("eve")->store.remove(kDock);
  mac->behaviour().refuse.insert(kDock);
  world.advance(hours(7));
  world.settle(*mac);
  EXPECT_EQ(count("desired"), 1);
  EXPECT_EQ(count("verified"), 0) << "one of three is not there";
  EXPECT_EQ(drifting(), 1);
  EXPECT_EQ(summary()["profiles"]["drifted"], 1);
}

// covers: state.D13
TEST_F(UserChannels, WithoutAUserThereIsNoRecordAndTheReasonIsSaid) {
  const auto phone = make(simulator::Platform::iphone);
  world.enroll(*phone);
  declare();
  world.settle(*phone);
  EXPECT_EQ(world.number("select count(*) from device_items"), 0);
  auto view = items(*phone)[""];
  EXPECT_EQ(view["state"], "waiting");
  EXPECT_NE(view["reason"].get<std::string>().find("user"), std::string::npos) << view["reason"];
  const auto device = api.get("/v1/devices/" + phone->identity().udid).body;
  EXPECT_EQ(device["convergence"]["converged"], true) << "nothing is waited for";
  EXPECT_EQ(phone->profile(kDock), nullptr);
  EXPECT_EQ(count("desired"), 0);
}

// covers: state.D13
TEST_F(UserChannels, WhoComesLaterGetsItAndWhoGoesTakesTheRecordsAlong) {
  enroll({"ada"});
  declare();
  world.settle(*mac);
  world.advance(hours(24 * 30));
  world.enroll_user(*mac, "bob");
  world.reconcile();
  EXPECT_LE(world.number("select extract(epoch from '" + to_rfc3339(world.clock.now()) +
                         "' - min(since))::int8 from item_drift"),
            60)
      << "it is missing since bob came, not since it was declared";
  world.settle(*mac);
  EXPECT_TRUE(holds("bob"));

  mac->user("bob")->logged_in = false;
  world.declare("dock", user_profile(kDock, "2"));
  world.settle(*mac);
  const auto bob = channel("bob");
  const auto open = fmt::format("select count(*) from commands where enrollment_id = {}", bob);
  EXPECT_EQ(world.number(open), 1);
  check_out("bob");
  world.settle(*mac);
  EXPECT_EQ(world.number(open), 0) << "nobody fetches it any more";
  EXPECT_EQ(world.number(fmt::format("select count(*) from device_items where channel_id = {}", bob)), 0);
  EXPECT_EQ(world.number(fmt::format("select count(*) from user_lists where enrollment_id = {}", bob)), 0);
  EXPECT_EQ(world.state(*mac, "dock", "ada"), "verified");
  EXPECT_EQ(count("verified"), 1);
  EXPECT_EQ(drifting(), 0);
  EXPECT_EQ(world.number("select drifted + unsettled from reconcile"), 0);

  world.enroll_user(*mac, "bob");
  world.settle(*mac);
  EXPECT_TRUE(holds("bob")) << "a list of before proves nothing";
  check_out("ada");
  check_out("bob");
  world.settle(*mac);
  EXPECT_EQ(count("desired"), 0);
  EXPECT_EQ(world.number("select count(*) from device_items"), 0);
}

// covers: state.D13
TEST_F(UserChannels, AUserWhoIsNotThereHoldsUpNeitherTheDeviceNorOthers) {
  enroll({"ada", "bob"});
  mac->user("bob")->logged_in = false;
  declare();
  world.declare("wifi", profile("com.example.wifi"));
  world.assign("wifi");
  world.settle(*mac);
  EXPECT_EQ(world.state(*mac, "wifi"), "verified");
  EXPECT_EQ(world.state(*mac, "dock", "ada"), "verified");
  EXPECT_NE(world.state(*mac, "dock", "bob"), "verified");
  const auto& pushed = world.pushes();
  EXPECT_NE(std::ranges::find(pushed, channel("bob")), pushed.end()) << "that channel is woken";
  const auto before = pushed.size();
  world.advance(hours(1));
  world.reconcile();
  EXPECT_EQ(std::vector<std::int64_t>(pushed.begin() + static_cast<std::ptrdiff_t>(before), pushed.end()),
            (std::vector<std::int64_t>{channel("bob")}))
      << "and later only that one";
  mac->user("bob")->logged_in = true;
  world.settle(*mac);
  EXPECT_EQ(world.state(*mac, "dock", "bob"), "verified");
}

TEST_F(UserChannels, AProfileMayMoveFromTheDeviceToItsUsersAndBack) {
  enroll({"ada"});
  declare(profile(kDock));
  world.settle(*mac);
  ASSERT_NE(mac->profile(kDock), nullptr);
  EXPECT_FALSE(holds("ada"));
  world.declare("dock", user_profile(kDock));
  world.settle(*mac);
  EXPECT_EQ(mac->profile(kDock), nullptr);
  EXPECT_TRUE(holds("ada"));
  EXPECT_EQ(count("verified"), 1);
  world.declare("dock", profile(kDock, "3"));
  world.settle(*mac);
  EXPECT_NE(mac->profile(kDock), nullptr);
  EXPECT_FALSE(holds("ada"));
  EXPECT_EQ(count("verified"), 1);
}

TEST_F(UserChannels, TheSameIdentifierMayBeTheDevicesAndAUsers) {
  enroll({"ada"});
  declare();
  world.declare("system", profile(kDock, "of the device"));
  world.assign("system", "device:" + mac->identity().udid);
  world.settle(*mac);
  EXPECT_NE(mac->profile(kDock), nullptr);
  EXPECT_TRUE(holds("ada"));
  world.unassign("system", "device:" + mac->identity().udid);
  world.settle(*mac);
  EXPECT_EQ(mac->profile(kDock), nullptr);
  EXPECT_TRUE(holds("ada")) << "its own was removed, not the user's";
}

TEST_F(UserChannels, WhatAUserInstalledIsLeftAlone) {
  enroll({"ada"});
  auto foreign = *simulator::read_profile(profile("com.foreign"));
  mac->user("ada")->store.install(foreign);
  declare();
  world.settle(*mac);
  world.unassign("dock");
  world.settle(*mac);
  EXPECT_TRUE(holds("ada", "com.foreign"));
  EXPECT_FALSE(holds("ada"));
}

TEST_F(UserChannels, ANewEnrollmentOfTheDeviceForgetsWhatItsUsersHad) {
  enroll({"ada"});
  declare();
  world.settle(*mac);
  mac->wipe();
  world.enroll(*mac);
  world.reconcile();
  EXPECT_EQ(world.number("select count(*) from device_items"), 0);
  EXPECT_EQ(world.number("select count(*) from user_lists"), 0);
  world.enroll_user(*mac, "ada");
  world.settle(*mac);
  EXPECT_TRUE(holds("ada"));
}

}  // namespace
}  // namespace mooring::test::user_channels_test

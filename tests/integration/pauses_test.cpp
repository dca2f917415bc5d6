// SPDX-License-Identifier: Apache-2.0
// Pauses and maintenance windows through the API, on real devices' stories.
#include <gtest/gtest.h>

#include "tests/integration/api_fixture.hpp"

namespace mooring::api_test {
namespace {

using test::profile;

constexpr const char* kWifi = "com.example.wifi";
constexpr const char* kItemCommands = "select count(*) from commands where item_id > 0";

struct Pauses : ::testing::Test {
  ApiFixture api;
  test::World& world = api.world;
  std::unique_ptr<simulator::Device> device = world.make_device();

  void SetUp() override {
    world.enroll(*device);
    world.settle(*device);
  }
  void declare() {
    world.declare("wifi", profile(kWifi));
    world.assign("wifi");
  }
  /// The id of the new pause, as the path of its resource.
  std::string pause(const std::string& scope, const Json& until = nullptr) {
    Json body{{"scope", scope}, {"reason", "exams"}};
    if (!until.is_null()) body["until"] = until;
    const auto answer = api.post("/v1/pauses", body);
    EXPECT_EQ(answer.status, 201) << answer.body.dump();
    return "/v1/pauses/" + answer.body.value("id", Json()).dump();
  }
  std::size_t installs() const {
    const auto found = device->install_log().find(kWifi);
    return found == device->install_log().end() ? 0 : found->second.size();
  }
  std::string in(Duration time) { return to_rfc3339(world.clock.now() + time); }
};

// covers: state.N26
TEST_F(Pauses, NothingThatIsDeclaredLeavesWhileItIsPausedAndAllOfItAfterwards) {
  declare();
  for (const auto& scope :
       {std::string("all"), std::string("profile:wifi"), "device:" + device->identity().serial}) {
    world.declare("wifi", profile(kWifi, "before " + scope));
    world.reconcile();
    ASSERT_EQ(world.number(kItemCommands), 1) << "queued before";
    const auto place = pause(scope);
    EXPECT_GT(api.rings.load(), 0);
    const auto installed = installs();
    world.connect(*device);
    EXPECT_EQ(installs(), installed) << "held back before any pass has looked";
    world.settle(*device);
    EXPECT_EQ(world.number(kItemCommands), 0) << "withdrawn: " << scope;
    EXPECT_EQ(world.state(*device, "wifi"), "waiting") << scope;
    EXPECT_EQ(world.number("select count(*) from device_items where drift_since is not null"), 1) << scope;
    world.advance(std::chrono::hours(7));
    const auto lists = world.text("select list_event from reconcile");
    world.settle(*device);
    EXPECT_NE(world.text("select list_event from reconcile"), lists) << "what differs is measured: " << scope;
    EXPECT_EQ(world.state(*device, "wifi"), "waiting") << scope;
    EXPECT_EQ(api.remove(place).status, 204);
    EXPECT_EQ(api.get(place).code(), "pause.unknown");
    world.settle(*device);
    EXPECT_EQ(world.state(*device, "wifi"), "verified") << scope;
  }
}

// covers: state.N26
TEST_F(Pauses, OneThatHasAnEndEndsByItself) {
  declare();
  pause("all", in(std::chrono::hours(2)));
  pause("device:" + device->identity().udid, in(std::chrono::hours(3)));
  world.settle(*device);
  world.advance(std::chrono::minutes(150));
  world.settle(*device);
  EXPECT_EQ(world.state(*device, "wifi"), "waiting") << "the device's own goes on";
  EXPECT_EQ(api.get("/v1/pauses").body["items"].size(), 1U) << "those in force";
  world.advance(std::chrono::minutes(31));
  world.settle(*device);
  EXPECT_EQ(world.state(*device, "wifi"), "verified");
}

// covers: state.N26
TEST_F(Pauses, OnlyWhatIsPausedIsHeldBackAndCommandsOfPeopleGo) {
  const auto other = world.make_device(1);
  world.enroll(*other);
  world.settle(*other);
  declare();
  world.declare("dock", profile("com.example.dock"));
  world.assign("dock");
  pause("device:" + other->identity().udid);
  pause("profile:wifi");
  world.enqueue(other->identity().udid, "by-hand", "SecurityInfo");
  for (auto* each : {device.get(), other.get()}) world.settle(*each);
  EXPECT_EQ(world.state(*device, "dock"), "verified");
  EXPECT_EQ(world.state(*device, "wifi"), "waiting");
  EXPECT_EQ(world.state(*other, "dock"), "waiting");
  EXPECT_EQ(other->executions().count("by-hand"), 1U);
}

TEST_F(Pauses, ASecondOneReplacesTheFirstAndWhoDidItIsKept) {
  pause("all");
  const auto again = api.post("/v1/pauses", {{"scope", "all"}, {"reason", "more exams"}});
  EXPECT_EQ(again.status, 200);
  EXPECT_EQ(again.body["reason"], "more exams");
  EXPECT_TRUE(again.body["until"].is_null());
  EXPECT_TRUE(again.body["actor"].get<std::string>().starts_with("token:")) << again.body.dump();
  EXPECT_EQ(api.get("/v1/pauses").body["items"].size(), 1U);
}

TEST_F(Pauses, WhatCannotBePausedIsRefused) {
  const auto code = [&](Json body) { return api.post("/v1/pauses", body).code(); };
  EXPECT_EQ(code({{"scope", "all"}}), "request.missing_key");
  EXPECT_EQ(code({{"scope", "all"}, {"reason", ""}}), "request.missing_key");
  EXPECT_EQ(code({{"scope", "all"}, {"reason", std::string(501, 'x')}}), "pause.bad_reason");
  EXPECT_EQ(code({{"scope", "some"}, {"reason", "x"}}), "pause.malformed");
  EXPECT_EQ(code({{"scope", "device:none"}, {"reason", "x"}}), "device.unknown");
  EXPECT_EQ(code({{"scope", "profile:none"}, {"reason", "x"}}), "profile.unknown");
  EXPECT_EQ(code({{"scope", "all"}, {"reason", "x"}, {"until", "tomorrow"}}), "pause.bad_end");
  EXPECT_EQ(code({{"scope", "all"}, {"reason", "x"}, {"until", in(-std::chrono::hours(1))}}),
            "pause.bad_end");
  EXPECT_EQ(api.remove("/v1/pauses/999").code(), "pause.unknown");
  EXPECT_EQ(world.number("select count(*) from pauses"), 0);
}

// covers: state.N24
TEST_F(Pauses, OutsideItsWindowAnItemIsPlannedAndNotSent) {
  declare();
  const auto hour = [&](Duration from_now) { return to_rfc3339(world.clock.now() + from_now).substr(11, 5); };
  const Json windows{{"windows",
                      {{{"days", {"mon", "tue", "wed", "thu", "fri", "sat", "sun"}},
                        {"from", hour(std::chrono::hours(2))},
                        {"to", hour(std::chrono::hours(3))},
                        {"zone", "Etc/UTC"}}}}};
  const auto put = api.put("/v1/profiles/wifi/windows", windows.dump());
  ASSERT_EQ(put.status, 200) << put.body.dump();
  EXPECT_EQ(put.body, windows);
  EXPECT_EQ(api.get("/v1/profiles/wifi/windows").body, windows);
  world.settle(*device);
  EXPECT_EQ(world.state(*device, "wifi"), "waiting");
  EXPECT_EQ(world.number(kItemCommands), 0);
  world.advance(std::chrono::minutes(125));
  world.reconcile();
  EXPECT_EQ(world.number(kItemCommands), 1) << "the window is open";
  world.advance(std::chrono::minutes(60));
  world.settle(*device);
  EXPECT_EQ(world.state(*device, "wifi"), "waiting") << "withdrawn when it closed";
  world.advance(std::chrono::hours(23));
  world.settle(*device);
  EXPECT_EQ(world.state(*device, "wifi"), "verified");
  EXPECT_EQ(api.put("/v1/profiles/wifi/windows", R"({"windows":[]})").status, 200);
  world.remove_profile("wifi");
  world.settle(*device);
  EXPECT_EQ(device->profile(kWifi), nullptr) << "without windows at any time";
}

TEST_F(Pauses, AWindowIsOfItsZone) {
  declare();
  // Tokyo keeps no summer time: nine hours east.
  const auto tokyo = [&](Duration from_now) {
    return to_rfc3339(world.clock.now() + from_now + std::chrono::hours(9)).substr(11, 5);
  };
  const auto put = [&](Duration from, Duration to) {
    const Json windows{{"windows", {{{"from", tokyo(from)}, {"to", tokyo(to)}, {"zone", "Asia/Tokyo"}}}}};
    EXPECT_EQ(api.put("/v1/profiles/wifi/windows", windows.dump()).status, 200);
    world.settle(*device);
  };
  put(std::chrono::hours(1), std::chrono::hours(2));
  EXPECT_EQ(world.state(*device, "wifi"), "waiting");
  put(-std::chrono::hours(1), std::chrono::hours(2));
  EXPECT_EQ(world.state(*device, "wifi"), "verified");
}

TEST_F(Pauses, WindowsThatAreNoneAreRefused) {
  declare();
  const auto code = [&](const char* body) { return api.put("/v1/profiles/wifi/windows", body).code(); };
  EXPECT_EQ(code("{}"), "request.missing_key");
  EXPECT_EQ(code(R"({"windows":[{"from":"1","to":"2","zone":"UTC"}]})"), "windows.malformed");
  EXPECT_EQ(code(R"({"windows":[{"from":"01:00","to":"02:00","zone":"Mars/Olympus"}]})"),
            "windows.unknown_zone");
  EXPECT_EQ(api.put("/v1/profiles/none/windows", R"({"windows":[]})").code(), "profile.unknown");
  EXPECT_EQ(api.get("/v1/profiles/none/windows").code(), "profile.unknown");
}

}  // namespace
}  // namespace mooring::api_test

// SPDX-License-Identifier: Apache-2.0
// Groups, tags and filters through the API.
#include <gtest/gtest.h>

#include <algorithm>

#include "base/plist/plist.hpp"
#include "tests/integration/api_fixture.hpp"

namespace mooring::api_test {
namespace {

constexpr const char* kGroupWifi = "com.example.wifi";

struct ApiGroups : ::testing::Test {
  void SetUp() override {
    api.world.enroll(*device);
    api.world.settle(*device);
  }
  Answer put(const std::string& path, const Json& body) { return api.put(path, body.dump()); }
  std::int64_t generation() { return api.world.number("select generation from declaration_state"); }
  Json item() { return api.get("/v1/devices/" + serial + "/items").body["items"][0]; }

  ApiFixture api;
  std::unique_ptr<simulator::Device> device = api.world.make_device();
  std::string udid = device->identity().udid;
  std::string serial = device->identity().serial;
};

// covers: state.D6
TEST_F(ApiGroups, AGroupIsDeclaredShownUsedAndDeleted) {
  auto answer = put("/v1/groups/lab", {{"priority", 5}, {"members", {serial, "NOT-HERE-YET"}}});
  EXPECT_EQ(answer.status, 201);
  EXPECT_EQ(answer.body["changed"], true);
  EXPECT_EQ(api.rings, 1);
  api.world.settle(*device);
  answer = api.get("/v1/groups/lab");
  EXPECT_EQ(answer.body["priority"], 5);
  EXPECT_TRUE(answer.body["expression"].is_null());
  EXPECT_EQ(answer.body["devices"], 1);
  EXPECT_EQ(answer.body["unknown_devices"], 0);
  EXPECT_EQ(api.get("/v1/groups/lab/members").body["items"].size(), 2U);
  EXPECT_EQ(api.get("/v1/groups/lab/members?limit=1").body["items"].size(), 1U);
  EXPECT_EQ(api.get("/v1/groups/lab/devices").body["items"][0]["udid"], udid);
  EXPECT_EQ(api.get("/v1/devices/" + udid + "/groups").body["items"][0]["group"], "lab");
  EXPECT_EQ(api.get("/v1/groups").body["items"].size(), 1U);

  api.put("/v1/profiles/wifi", test::profile(kGroupWifi));
  answer = api.post("/v1/assignments", {{"profile", "wifi"}, {"scope", "group:lab"}});
  EXPECT_EQ(answer.status, 201);
  EXPECT_EQ(answer.body["scope"], "group:lab");
  EXPECT_EQ(item()["scope"], "group");
  api.world.settle(*device);
  EXPECT_EQ(item()["state"], "verified");
  EXPECT_NE(device->profile(kGroupWifi), nullptr);

  EXPECT_EQ(api.remove("/v1/groups/lab").code(), "group.in_use");
  answer = api.post("/v1/groups/lab/members", {{"remove", {serial}}});
  EXPECT_EQ(answer.body["removed"], 1);
  EXPECT_EQ(answer.body["added"], 0);
  api.world.settle(*device);
  EXPECT_EQ(device->profile(kGroupWifi), nullptr);
  for (const auto& assignment : api.get("/v1/assignments").body["items"])
    api.remove("/v1/assignments/" + assignment["id"].dump());
  EXPECT_EQ(api.remove("/v1/groups/lab").status, 204);
  EXPECT_EQ(api.remove("/v1/groups/lab").code(), "group.unknown");
  EXPECT_EQ(api.get("/v1/groups/lab").status, 404);
}

// covers: state.D7
TEST_F(ApiGroups, AnItemThatWaitsForAFactSaysSo) {
  api.put("/v1/profiles/wifi", test::profile(kGroupWifi));
  put("/v1/groups/zone", {{"expression", R"(time_zone = "Nowhere" or software_update_id = "x")"}});
  api.post("/v1/assignments", {{"profile", "wifi"}, {"scope", "group:zone"}});
  api.world.db.connection().script("update devices set facts = '{}'");
  api.world.settle(*device);
  EXPECT_EQ(item()["state"], "waiting");
  EXPECT_EQ(item()["reason"], "a fact that decides about it is not known yet");
  EXPECT_EQ(api.get("/v1/groups/zone").body["unknown_devices"], 1);
  EXPECT_EQ(api.get("/v1/groups/zone/devices").body["items"][0]["known"], false);
}

// covers: state.D6
TEST_F(ApiGroups, TagsAreReplacedAsAWhole) {
  put("/v1/groups/loan", {{"expression", R"(tag("loan"))"}});
  auto answer = put("/v1/devices/" + serial + "/tags", {{"tags", {"loan", "b", "loan"}}});
  EXPECT_EQ(answer.body["changed"], true);
  EXPECT_EQ(answer.body["tags"], (Json{"b", "loan"}));
  api.world.settle(*device);
  EXPECT_EQ(api.get("/v1/devices/" + udid + "/groups").body["items"][0]["group"], "loan");
  EXPECT_EQ(put("/v1/devices/" + serial + "/tags", {{"tags", {"loan", "b"}}}).body["changed"], false);
  EXPECT_EQ(put("/v1/devices/" + serial + "/tags", {{"tags", Json::array()}}).body["changed"], true);
  api.world.settle(*device);
  EXPECT_TRUE(api.get("/v1/devices/" + udid + "/groups").body["items"].empty());
  EXPECT_EQ(put("/v1/devices/" + serial + "/tags", {{"tags", {""}}}).code(), "device.bad_tag");
  EXPECT_EQ(put("/v1/devices/" + serial + "/tags", Json::object()).code(), "request.missing_key");
}

TEST_F(ApiGroups, WhatCannotBeMeantIsRefused) {
  EXPECT_EQ(put("/v1/groups/g", {{"expression", "colour = 1"}}).code(), "expression.unknown_fact");
  EXPECT_EQ(put("/v1/groups/g", {{"expression", "supervised and"}}).code(), "expression.malformed");
  EXPECT_EQ(put("/v1/groups/g", {{"expression", "supervised"}, {"members", {"x"}}}).code(), "group.two_ways");
  EXPECT_EQ(put("/v1/groups/g", {{"members", {""}}}).code(), "group.bad_member");
  EXPECT_EQ(put("/v1/groups/g", {{"priority", 1.5}}).code(), "group.bad_priority");
  EXPECT_EQ(put("/v1/groups/g%20h", Json::object()).code(), "group.bad_name");
  EXPECT_EQ(put("/v1/groups/g", {{"expression", "supervised"}}).status, 201);
  EXPECT_EQ(api.post("/v1/groups/g/members", {{"add", {"x"}}}).code(), "group.not_static");
  EXPECT_EQ(api.post("/v1/groups/h/members", {{"add", {"x"}}}).code(), "group.unknown");
  api.put("/v1/profiles/wifi", test::profile(kGroupWifi));
  const auto assign = [&](const std::string& key, const Json& value, const std::string& scope = "all") {
    return api.post("/v1/assignments", {{"profile", "wifi"}, {"scope", scope}, {key, value}}).code();
  };
  EXPECT_EQ(assign("intent", "present", "group:h"), "group.unknown");
  EXPECT_EQ(assign("exclude", {"h"}), "group.unknown");
  EXPECT_EQ(assign("include_any", "g"), "request.wrong_type");
  EXPECT_EQ(assign("percent", 101), "assignment.bad_percent");
  EXPECT_EQ(assign("percent", "10"), "assignment.bad_percent");
}

// covers: state.D10
TEST_F(ApiGroups, AProfileTellsOnWhichDevicesItMakesSense) {
  api.put("/v1/profiles/wifi", test::profile(kGroupWifi));
  const std::string path = "/v1/profiles/wifi/conditions";
  EXPECT_TRUE(api.get(path).body["platforms"].empty());
  auto answer = put(path, {{"platforms", {"macOS", "iOS"}}, {"min_os", "13"}});
  EXPECT_EQ(answer.body["changed"], true);
  EXPECT_EQ(answer.body["platforms"], (Json{"iOS", "macOS"}));
  EXPECT_EQ(put(path, {{"min_os", "13"}, {"platforms", {"iOS", "macOS"}}}).body["changed"], false);
  EXPECT_EQ(api.get(path).body["min_os"], "13");
  EXPECT_EQ(put(path, {{"platforms", {"OS/2"}}}).code(), "conditions.unknown_platform");
  EXPECT_EQ(put(path, {{"max_os", "15.x"}}).code(), "conditions.bad_version");
  EXPECT_EQ(put("/v1/profiles/none/conditions", {{"max_os", "15"}}).code(), "profile.unknown");
  EXPECT_EQ(api.get("/v1/profiles/none/conditions").code(), "profile.unknown");
}

// covers: state.N18
TEST_F(ApiGroups, WhatSaysTheSameIsNoChange) {
  const auto dict = plist::parse_dict(test::profile(kGroupWifi)).value();
  std::vector<plist::Dict::Entry> entries(dict.begin(), dict.end());
  std::ranges::reverse(entries);
  const auto reordered = plist::to_xml(plist::Dict::from_entries(std::move(entries)));
  ASSERT_NE(reordered, plist::to_xml(dict));
  EXPECT_EQ(api.put("/v1/profiles/wifi", test::profile(kGroupWifi)).body["changed"], true);
  put("/v1/groups/a", {{"members", {serial, "X"}}, {"priority", 1}});
  put("/v1/groups/b", {{"expression", "supervised"}});
  EXPECT_EQ(api.post("/v1/assignments", {{"profile", "wifi"}, {"scope", "all"}, {"include_any", {"a", "b"}}})
                .body["changed"],
            true);
  api.world.settle(*device);
  ASSERT_EQ(item()["state"], "verified");
  const auto before = generation();
  const auto rings = api.rings.load();
  EXPECT_EQ(api.put("/v1/profiles/wifi", reordered).body["changed"], false);
  EXPECT_EQ(put("/v1/groups/a", {{"priority", 1}, {"members", {"X", serial, "X"}}}).body["changed"], false);
  EXPECT_EQ(put("/v1/groups/b", {{"expression", "supervised"}, {"priority", 0}}).body["changed"], false);
  EXPECT_EQ(
      api.post("/v1/assignments", {{"include_any", {"b", "a", "b"}}, {"scope", "all"}, {"profile", "wifi"}})
          .body["changed"],
      false);
  EXPECT_EQ(generation(), before);
  EXPECT_EQ(api.rings, rings);
  api.world.settle(*device);
  EXPECT_EQ(device->install_log().at(kGroupWifi).size(), 1U);
}

}  // namespace
}  // namespace mooring::api_test

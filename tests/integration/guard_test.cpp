// SPDX-License-Identifier: Apache-2.0
// Changes that would remove much, and plans of changes.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/integration/api_fixture.hpp"

namespace mooring::api_test::guard_test {
namespace {

using ::testing::HasSubstr;

constexpr const char* kWifi = "com.example.wifi";
constexpr int kFleet = 12;

struct ApiGuard : ::testing::Test {
  ApiGuard() {
    for (int i = 0; i < kFleet; ++i) {
      fleet.push_back(api.world.make_device(i));
      api.world.enroll(*fleet.back());
    }
    settle();
  }
  void settle() {
    for (auto& device : fleet) api.world.settle(*device);
  }
  void declare(const std::string& name, const std::string& identifier, const std::string& value = "1") {
    ASSERT_LT(api.put("/v1/profiles/" + name, test::profile(identifier, value)).status, 300);
  }
  Answer assign(const std::string& name, const std::string& scope = "all",
                const std::string& intent = "present") {
    return api.post("/v1/assignments", {{"profile", name}, {"scope", scope}, {"intent", intent}});
  }
  int holders(const std::string& identifier) {
    int count = 0;
    for (auto& device : fleet) count += device->profile(identifier) == nullptr ? 0 : 1;
    return count;
  }
  std::string generation() { return api.world.text("select generation from declaration_state"); }

  ApiFixture api;
  std::vector<std::unique_ptr<simulator::Device>> fleet;
};

// covers: state.N14
TEST_F(ApiGuard, DeletingWhatAllHaveHasToBeConfirmed) {
  declare("wifi", kWifi);
  assign("wifi");
  settle();
  ASSERT_EQ(holders(kWifi), kFleet);
  const auto before = generation();
  const auto refused = api.remove("/v1/profiles/wifi");
  EXPECT_EQ(refused.status, 409);
  EXPECT_EQ(refused.code(), "guard.mass_removal");
  EXPECT_EQ(refused.body["devices"], kFleet);
  EXPECT_EQ(refused.body["enrolled"], kFleet);
  EXPECT_EQ(refused.body["profiles"], Json::parse(R"([{"profile": "wifi", "devices": 12}])"));
  EXPECT_EQ(generation(), before) << "nothing was declared";
  settle();
  EXPECT_EQ(holders(kWifi), kFleet);
  EXPECT_EQ(api.remove("/v1/profiles/wifi?confirm=no").status, 409);
  const auto confirm = refused.body["confirm"].get<std::string>();
  EXPECT_EQ(api.remove("/v1/profiles/wifi?confirm=" + confirm).status, 204);
  settle();
  EXPECT_EQ(holders(kWifi), 0);
}

// covers: state.N14
TEST_F(ApiGuard, AConfirmationIsOfOneChangeToOneStateOfTheDeclarations) {
  declare("wifi", kWifi);
  assign("wifi");
  settle();
  const auto confirm = api.remove("/v1/profiles/wifi").body["confirm"].get<std::string>();
  const auto id = api.get("/v1/assignments").body["items"][0]["id"].get<int>();
  EXPECT_EQ(api.remove(fmt::format("/v1/assignments/{}?confirm={}", id, confirm)).code(),
            "guard.mass_removal");
  declare("dock", "com.example.dock");
  assign("dock");
  EXPECT_EQ(api.remove("/v1/profiles/wifi?confirm=" + confirm).code(), "guard.mass_removal");
}

// covers: state.N14
TEST_F(ApiGuard, EachWayToRemoveMuchIsGuarded) {
  Json everybody = Json::array();
  for (const auto& device : fleet) everybody.push_back(device->identity().udid);
  ASSERT_LT(api.put("/v1/groups/lab", Json{{"members", everybody}}.dump()).status, 300);
  declare("wifi", kWifi);
  assign("wifi", "group:lab");
  settle();
  ASSERT_EQ(holders(kWifi), kFleet);
  const auto id = api.get("/v1/assignments").body["items"][0]["id"].get<int>();
  const std::vector<Answer> tries{
      api.remove("/v1/profiles/wifi"),
      api.remove(fmt::format("/v1/assignments/{}", id)),
      assign("wifi", "group:lab", "absent"),
      api.post("/v1/assignments", {{"profile", "wifi"}, {"scope", "group:lab"}, {"percent", 0}}),
      api.put("/v1/profiles/wifi/conditions", R"({"platforms": ["watchOS"]})"),
      api.put("/v1/groups/lab", R"({"members": []})"),
      api.put("/v1/groups/lab", R"({"expression": "serial_number = \"none\""})"),
      api.post("/v1/groups/lab/members", {{"remove", everybody}}),
  };
  for (std::size_t i = 0; i < tries.size(); ++i) {
    EXPECT_EQ(tries[i].code(), "guard.mass_removal") << i << ": " << tries[i].body.dump();
    EXPECT_EQ(tries[i].body["devices"], kFleet) << i;
  }
  settle();
  EXPECT_EQ(holders(kWifi), kFleet);
}

TEST_F(ApiGuard, WhatRemovesLittleGoesThrough) {
  declare("wifi", kWifi);
  for (int i = 0; i < 3; ++i) assign("wifi", "device:" + fleet[static_cast<std::size_t>(i)]->identity().udid);
  settle();
  ASSERT_EQ(holders(kWifi), 3);
  EXPECT_EQ(api.remove("/v1/profiles/wifi").status, 204);
}

TEST_F(ApiGuard, WhatIsReplacedInItsPlaceIsNotLost) {
  declare("wifi", kWifi);
  assign("wifi");
  settle();
  declare("heir", kWifi, "2");
  api.put("/v1/groups/lab", Json{{"expression", "known(udid) or not known(udid)"}}.dump());
  ASSERT_LT(assign("heir", "group:lab").status, 300);
  EXPECT_EQ(api.remove("/v1/profiles/wifi").status, 204);
  settle();
  EXPECT_EQ(holders(kWifi), kFleet);
}

TEST_F(ApiGuard, WhatNobodyHasYetIsNotLost) {
  declare("wifi", kWifi);
  assign("wifi");
  api.world.reconcile();
  EXPECT_EQ(api.remove("/v1/profiles/wifi").status, 204);
}

// covers: state.N6
TEST_F(ApiGuard, APlanOfChangesSaysWhatTheyWouldDoAndChangesNothing) {
  declare("wifi", kWifi);
  assign("wifi");
  settle();
  const auto before = generation();
  const Json changes = Json::array(
      {{{"method", "DELETE"}, {"path", "/v1/profiles/wifi"}},
       {{"method", "PUT"}, {"path", "/v1/profiles/dock"}, {"body", test::profile("com.example.dock")}},
       {{"method", "POST"}, {"path", "/v1/assignments"}, {"body", {{"profile", "dock"}, {"scope", "all"}}}}});
  const auto plan = api.post("/v1/plan", {{"changes", changes}, {"examples", 2}});
  ASSERT_EQ(plan.status, 200) << plan.body.dump();
  EXPECT_EQ(plan.body["devices"], kFleet);
  EXPECT_EQ(plan.body["losing"], kFleet);
  EXPECT_EQ(plan.body["examples"].size(), 2U);
  std::map<std::string, Json> profiles;
  for (const auto& entry : plan.body["profiles"]) profiles[entry["profile"]] = entry;
  EXPECT_EQ(profiles["dock"]["install"], kFleet);
  EXPECT_EQ(profiles["wifi"]["remove"], kFleet);
  EXPECT_EQ(generation(), before);
  EXPECT_EQ(api.get("/v1/profiles/dock").status, 404);
  EXPECT_EQ(api.get("/v1/changes").body["items"].size(), 2U) << "what was only planned is no history";
  settle();
  EXPECT_EQ(holders(kWifi), kFleet);
}

// covers: state.N6
TEST_F(ApiGuard, WhatAPlanOfChangesCountsIsWhatHappens) {
  declare("wifi", kWifi);
  assign("wifi");
  settle();
  const auto body = test::profile(kWifi, "2");
  const auto plan = api.post(
      "/v1/plan", {{"changes", {{{"method", "PUT"}, {"path", "/v1/profiles/wifi"}, {"body", body}}}}});
  ASSERT_EQ(plan.status, 200) << plan.body.dump();
  ASSERT_EQ(plan.body["profiles"].size(), 1U);
  EXPECT_EQ(plan.body["profiles"][0]["replace"], kFleet);
  EXPECT_EQ(plan.body["losing"], 0);
  api.put("/v1/profiles/wifi", body);
  api.world.reconcile();
  EXPECT_EQ(api.world.number("select count(*) from commands where item_id > 0"), kFleet);
}

TEST_F(ApiGuard, RefusesPlansOfWhatCannotBePlanned) {
  const auto plan = [&](const Json& change) {
    return api.post("/v1/plan", {{"changes", Json::array({change})}});
  };
  EXPECT_EQ(plan({{"method", "POST"}, {"path", "/v1/repush"}}).code(), "plan.unknown_change");
  EXPECT_EQ(plan({{"method", "GET"}, {"path", "/v1/profiles/wifi"}}).code(), "plan.unknown_change");
  EXPECT_EQ(plan({{"method", "DELETE"}, {"path", "/v1/profiles/none"}}).code(), "profile.unknown");
  EXPECT_EQ(plan({{"method", "DELETE"}}).code(), "request.missing_key");
  EXPECT_EQ(plan("DELETE").code(), "request.wrong_type");
  EXPECT_EQ(api.post("/v1/plan", {{"changes", Json::array()}}).code(), "plan.no_changes");
}

}  // namespace
}  // namespace mooring::api_test::guard_test

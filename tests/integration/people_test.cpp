// SPDX-License-Identifier: Apache-2.0
// What the API tells people of a device: what would be sent, why, and what happened.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <set>

#include "director/history.hpp"
#include "reconciler/chores.hpp"
#include "tests/integration/api_fixture.hpp"

namespace mooring::api_test::people_test {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsSupersetOf;

constexpr const char* kWifi = "com.example.wifi";
constexpr const char* kVpn = "com.example.vpn";

struct ApiPeople : ::testing::Test {
  ApiFixture api;
  std::unique_ptr<simulator::Device> device = api.world.make_device();
  std::string udid = device->identity().udid;

  void declare(const std::string& name, const std::string& identifier, const std::string& value = "1") {
    ASSERT_LT(api.put("/v1/profiles/" + name, test::profile(identifier, value)).status, 300);
  }
  void assign(const std::string& name, const std::string& scope = "all",
              const std::string& intent = "present") {
    ASSERT_LT(api.post("/v1/assignments", {{"profile", name}, {"scope", scope}, {"intent", intent}}).status,
              300);
  }
  Json plan() { return api.get("/v1/devices/" + udid + "/plan").body; }
  Json why(const std::string& profile) {
    const auto answer = api.get("/v1/devices/" + udid + "/why?profile=" + profile);
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.body["items"].size(), 1U) << answer.body.dump();
    return answer.body["items"][0];
  }
  Json history(const std::string& profile) {
    return api.get("/v1/devices/" + udid + "/items/" + profile + "/history").body["items"];
  }
  /// UUIDs of open commands of the reconciler.
  std::set<std::string> open_commands() {
    std::set<std::string> uuids;
    for (const auto& command : api.get("/v1/devices/" + udid + "/commands").body["items"]) {
      if (command["status"] == "queued" || command["status"] == "not_now")
        uuids.insert(command["command_uuid"]);
    }
    return uuids;
  }
};

std::set<std::string> uuids_in(const Json& commands) {
  std::set<std::string> uuids;
  for (const auto& command : commands) uuids.insert(command["command_uuid"]);
  return uuids;
}

// covers: state.N6
TEST_F(ApiPeople, APassDoesExactlyWhatThePlanSays) {
  int planned = 0;
  const auto compare = [&](const char* when) {
    SCOPED_TRACE(when);
    auto expected = open_commands();
    const auto said = plan();
    EXPECT_EQ(open_commands(), expected) << "nothing is sent by asking";
    for (const auto& uuid : uuids_in(said["cancels"])) EXPECT_EQ(expected.erase(uuid), 1U);
    expected.merge(uuids_in(said["commands"]));
    planned += static_cast<int>(said["commands"].size());
    api.world.reconcile();
    EXPECT_EQ(open_commands(), expected);
  };
  declare("wifi", kWifi);
  declare("vpn", kVpn);
  assign("wifi");
  api.world.enroll(*device);
  compare("enrolled");
  api.world.connect(*device);
  compare("its first lists are read");
  api.world.settle(*device);
  compare("converged");
  EXPECT_EQ(plan()["empty"], true);
  EXPECT_TRUE(plan()["unsettled"].empty());
  device->behaviour().refuse.insert(kVpn);
  assign("vpn");
  compare("one more");
  api.world.connect(*device);
  compare("refused");
  EXPECT_EQ(plan()["unsettled"][0]["state"], "backing_off");
  declare("wifi", kWifi, "2");
  compare("a new version");
  declare("wifi", kWifi, "3");
  compare("another one before the first was fetched");
  device->lock_until(api.world.clock.now() + std::chrono::minutes(5));
  api.world.connect(*device);
  compare("NotNow");
  api.remove("/v1/profiles/wifi");
  compare("deleted");
  api.world.advance(std::chrono::minutes(10));
  api.world.settle(*device);
  compare("at rest");
  EXPECT_GT(planned, 6);
}

// covers: state.N6
TEST_F(ApiPeople, ThePlanSaysWhatEachCommandIsFor) {
  api.world.enroll(*device);
  api.world.settle(*device);
  declare("wifi", kWifi);
  assign("wifi");
  auto said = plan();
  ASSERT_EQ(said["commands"].size(), 1U);
  EXPECT_EQ(said["commands"][0]["purpose"], "install");
  EXPECT_EQ(said["commands"][0]["profile"], "wifi");
  api.world.settle(*device);
  declare("wifi", kWifi, "2");
  EXPECT_EQ(plan()["commands"][0]["purpose"], "replace");
  api.world.settle(*device);
  api.remove("/v1/profiles/wifi");
  EXPECT_EQ(plan()["commands"][0]["purpose"], "remove");
  EXPECT_EQ(plan()["commands"][0]["request_type"], "RemoveProfile");
}

TEST_F(ApiPeople, ThePlanOfADeviceThatNeverEnrolledIsEmpty) {
  EXPECT_EQ(api.get("/v1/devices/none/plan").code(), "device.unknown");
  EXPECT_EQ(api.get("/v1/devices/none/why").code(), "device.unknown");
  EXPECT_EQ(api.get("/v1/devices/none/items/wifi/history").code(), "device.unknown");
  api.world.enroll(*device);
  EXPECT_EQ(api.get("/v1/devices/" + udid + "/items/none/history").code(), "profile.unknown");
  EXPECT_EQ(api.get("/v1/devices/" + udid + "/why?profile=none").code(), "profile.unknown");
}

// covers: state.N7
TEST_F(ApiPeople, WhyFollowsAnItemFromItsSourceToItsProof) {
  api.world.enroll(*device);
  api.world.settle(*device);
  declare("wifi", kWifi);
  EXPECT_EQ(why("wifi")["intent"], "none");
  EXPECT_EQ(why("wifi")["summary"], "no assignment reaches the device");
  assign("wifi");
  auto said = why("wifi");
  EXPECT_EQ(said["sources"][0]["scope"], "all");
  EXPECT_EQ(said["sources"][0]["decides"], true);
  EXPECT_EQ(said["decision"]["state"], "pending");
  EXPECT_TRUE(said["evidence"]["profile_list_at"].is_string());
  EXPECT_TRUE(said["evidence"]["shown_payload_uuid"].is_null());
  device->behaviour().refuse.insert(kWifi);
  api.world.settle(*device);
  said = why("wifi");
  EXPECT_EQ(said["decision"]["state"], "backing_off");
  EXPECT_THAT(said["decision"]["reason"].get<std::string>(), HasSubstr("refused"));
  EXPECT_EQ(said["next"]["at"], api.get("/v1/devices/" + udid + "/items").body["items"][0]["next_try_at"]);
  device->behaviour().refuse.clear();
  api.world.advance(std::chrono::minutes(5));
  api.world.settle(*device);
  said = why("wifi");
  EXPECT_EQ(said["decision"]["state"], "verified");
  EXPECT_TRUE(said["decision"]["reason"].is_null());
  EXPECT_EQ(said["evidence"]["shown_payload_uuid"], said["evidence"]["declared_payload_uuid"]);
  EXPECT_EQ(said["evidence"]["installed_by_mooring"], true);
  EXPECT_TRUE(said["next"]["at"].is_string());
}

// covers: state.N7
TEST_F(ApiPeople, WhySaysWhichAssignmentDecidesAndWhatKeepsTheOthersFromIt) {
  api.world.enroll(*device);
  api.world.settle(*device);
  declare("wifi", kWifi);
  api.put("/v1/groups/lab", R"({"members": []})");
  api.post("/v1/assignments", {{"profile", "wifi"}, {"scope", "group:lab"}});
  auto said = why("wifi");
  EXPECT_EQ(said["intent"], "none");
  EXPECT_EQ(said["sources"][0]["applies"], "no");
  EXPECT_EQ(said["sources"][0]["because"][0], "the device is not in group lab");
  assign("wifi");
  assign("wifi", "device:" + udid, "absent");
  said = why("wifi");
  ASSERT_EQ(said["sources"].size(), 3U);
  EXPECT_EQ(said["intent"], "absent");
  EXPECT_EQ(said["sources"][0]["scope"], "device:" + udid);
  EXPECT_EQ(said["sources"][0]["decides"], true);
  EXPECT_EQ(said["sources"][2]["applies"], "yes");
  EXPECT_EQ(said["sources"][2]["because"][0], "another assignment of the profile goes before it");
}

/// kind and what, oldest first.
std::vector<std::string> chain_of(const Json& history) {
  std::vector<std::string> chain;
  for (auto entry = history.rbegin(); entry != history.rend(); ++entry) {
    std::string line = (*entry)["kind"];
    for (const char* key : {"what", "from", "to"}) {
      if ((*entry)[key].is_string()) line += " " + (*entry)[key].get<std::string>();
    }
    if ((*entry)["kind"] == "answered") line += " " + (*entry)["status"].get<std::string>();
    chain.push_back(line);
  }
  return chain;
}

// covers: state.N25
TEST_F(ApiPeople, TheHistoryOfAnItemIsOneChainFromTheDeclarationToTheProof) {
  api.world.enroll(*device);
  api.world.settle(*device);
  const auto step = [&] { api.world.advance(std::chrono::minutes(1)); };
  declare("wifi", kWifi);
  step();
  assign("wifi");
  step();
  api.world.settle(*device);
  step();
  ASSERT_TRUE(device->user_removes_profile(kWifi));
  api.post("/v1/devices/" + udid + "/refresh");
  api.world.settle(*device);
  step();
  api.post("/v1/repush", {{"device", udid}});
  api.world.settle(*device);
  step();
  api.remove("/v1/profiles/wifi");
  step();
  api.world.settle(*device);
  const auto entries = history("wifi");
  EXPECT_THAT(chain_of(entries),
              ElementsAre("declared profile.declared", "declared assignment.declared",
                          "queued InstallProfile", "answered InstallProfile acknowledged",
                          "state acknowledged verified", "state verified commanded", "queued InstallProfile",
                          "answered InstallProfile acknowledged", "state acknowledged verified",
                          "asked repush", "queued InstallProfile", "answered InstallProfile acknowledged",
                          "state acknowledged verified", "declared profile.deleted", "queued RemoveProfile",
                          "answered RemoveProfile acknowledged", "removed acknowledged"))
      << entries.dump(1);
  const auto actor = entries.back()["actor"].get<std::string>();
  EXPECT_TRUE(actor.starts_with("token:")) << actor;
  for (const auto& entry : entries) {
    const bool by_people = entry["kind"] == "declared" || entry["kind"] == "asked";
    EXPECT_EQ(entry["actor"].is_string(), by_people) << entry.dump();
    const bool command = entry["kind"] == "queued" || entry["kind"] == "answered";
    EXPECT_EQ(entry["command_uuid"].is_string(), command) << entry.dump();
  }
}

TEST_F(ApiPeople, TheHistoryIsReadPageByPage) {
  api.world.enroll(*device);
  declare("wifi", kWifi);
  assign("wifi");
  api.world.settle(*device);
  const auto whole = history("wifi");
  ASSERT_GE(whole.size(), 5U);
  auto collected = Json::array();
  std::string cursor;
  do {
    const auto page = api.get("/v1/devices/" + udid + "/items/wifi/history?limit=2" +
                              (cursor.empty() ? "" : "&cursor=" + cursor));
    ASSERT_EQ(page.status, 200);
    for (const auto& entry : page.body["items"]) collected.push_back(entry);
    cursor = page.body["next_cursor"].is_null() ? "" : page.body["next_cursor"].get<std::string>();
  } while (!cursor.empty());
  EXPECT_EQ(collected, whole);
}

// covers: state.N25
TEST_F(ApiPeople, HistoryIsAppendOnly) {
  api.world.enroll(*device);
  declare("wifi", kWifi);
  assign("wifi");
  api.world.settle(*device);
  ASSERT_FALSE(history("wifi").empty());
  for (const char* table : {"item_history", "declaration_log"}) {
    EXPECT_THROW(api.world.db.connection().script(fmt::format("update {} set actor = 'nobody'", table)),
                 pg::SqlError)
        << table;
  }
}

TEST_F(ApiPeople, HistoryGoesWithTheResultsOfCommands) {
  api.world.enroll(*device);
  declare("wifi", kWifi);
  assign("wifi");
  api.world.settle(*device);
  const auto rows = [&] { return api.world.number("select count(*) from item_history"); };
  ASSERT_GT(rows(), 0);
  reconciler::do_chores(api.world.db.connection(), {}, api.world.clock.now());
  EXPECT_GT(rows(), 0);
  reconciler::do_chores(api.world.db.connection(), {},
                        api.world.clock.now() + std::chrono::hours(24 * 30) + std::chrono::seconds(1));
  EXPECT_EQ(rows(), 0);
  EXPECT_GT(api.get("/v1/changes").body["items"].size(), 1U) << "what was declared stays";
}

// covers: state.N25
TEST_F(ApiPeople, EachDeclaredChangeSaysWhoMadeIt) {
  declare("wifi", kWifi);
  declare("wifi", kWifi);
  assign("wifi");
  assign("wifi");
  api.put("/v1/groups/lab", R"({"members": ["A"]})");
  api.post("/v1/groups/lab/members", {{"add", {"B"}}});
  api.put("/v1/profiles/wifi/conditions", R"({"platforms": ["macOS"]})");
  api.post("/v1/pauses", {{"scope", "profile:wifi"}, {"reason", "exams"}});
  const auto changes = api.get("/v1/changes").body["items"];
  std::vector<std::string> actions;
  for (const auto& change : changes) {
    actions.push_back(change["action"]);
    EXPECT_TRUE(change["actor"].get<std::string>().starts_with("token:"));
  }
  EXPECT_THAT(actions, ElementsAre("pause.declared", "conditions.declared", "group.members", "group.declared",
                                   "assignment.declared", "profile.declared"));
  EXPECT_EQ(api.get("/v1/changes?profile=wifi").body["items"].size(), 4U);
  const auto page = api.get("/v1/changes?limit=4").body;
  EXPECT_EQ(page["items"].size(), 4U);
  EXPECT_EQ(
      api.get("/v1/changes?limit=4&cursor=" + page["next_cursor"].get<std::string>()).body["items"].size(),
      2U);
}

}  // namespace
}  // namespace mooring::api_test::people_test

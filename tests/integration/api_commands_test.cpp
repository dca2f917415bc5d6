// SPDX-License-Identifier: Apache-2.0
// A person's commands: queued, looked at, cancelled and read through the API.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/encoding.hpp"
#include "base/plist/plist.hpp"
#include "tests/integration/api_fixture.hpp"

namespace mooring::api_test {
namespace {

std::string device_information(const std::string& uuid) {
  return plist::to_xml(plist::Dict{
      {"CommandUUID", uuid},
      {"Command", plist::Dict{{"RequestType", "DeviceInformation"}, {"Queries", plist::Array{"UDID"}}}}});
}

struct ApiCommands : ::testing::Test {
  Answer queue(const std::string& query, const std::string& uuid) {
    auto request = api.make("POST", "/v1/commands?" + query, device_information(uuid));
    request.headers.set("Content-Type", "application/xml");
    return api.send(std::move(request));
  }
  void SetUp() override {
    api.world.enroll(*device);
    api.world.settle(*device);
  }
  /// UUIDs of a person's open commands, in the order in which they go out.
  std::vector<std::string> open() {
    std::vector<std::string> uuids;
    for (const auto& command : api.get("/v1/devices/" + udid + "/commands").body["items"]) {
      if (command["status"] == "queued" && command["origin"] == "person")
        uuids.push_back(command["command_uuid"]);
    }
    return uuids;
  }

  ApiFixture api{true};
  std::unique_ptr<simulator::Device> device = api.world.make_device();
  std::string udid = device->identity().udid;
};

// covers: mdm.Q08, seed.25
TEST_F(ApiCommands, OneCommandGoesToManyAndUnknownIdsFailNoOther) {
  const auto other = api.world.make_device(1);
  api.world.enroll(*other);
  const auto answer = api.post("/v1/commands", {{"plist", to_base64(device_information("one"))},
                                                {"enrollments", {udid, "nobody"}},
                                                {"devices", {other->identity().serial, "none"}}});
  EXPECT_EQ(answer.status, 201);
  EXPECT_EQ(answer.body["command_uuid"], "one");
  EXPECT_EQ(answer.body["request_type"], "DeviceInformation");
  EXPECT_EQ(answer.body["targets"],
            Json::parse(R"([{"enrollment":")" + udid + R"(","status":"queued"},
    {"enrollment":"nobody","status":"unknown"},
    {"device":")" + other->identity().serial +
                        R"(","status":"queued"},{"device":"none","status":"unknown"}])"));
  EXPECT_EQ(api.get("/v1/commands/one").body["targets"].size(), 2U);
  EXPECT_EQ(api.world.number("select count(*) from payloads where relayed"), 1);
}

// covers: mdm.Q08
TEST_F(ApiCommands, ACommandUuidIsUsedOnce) {
  EXPECT_EQ(queue("enrollment=" + udid, "one").status, 201);
  const auto answer = queue("enrollment=" + udid, "one");
  EXPECT_EQ(answer.status, 409);
  EXPECT_EQ(answer.code(), "command.duplicate_uuid");
  EXPECT_EQ(open().size(), 1U);
}

TEST_F(ApiCommands, NothingIsStoredWhereNobodyIsKnown) {
  const auto answer = queue("enrollment=nobody", "one");
  EXPECT_EQ(answer.status, 404);
  EXPECT_EQ(answer.code(), "command.unknown_targets");
  EXPECT_EQ(queue("enrollment=" + udid, "one").status, 201) << "the UUID is still free";
}

TEST_F(ApiCommands, AnEnrollmentNamedTwiceGetsItOnce) {
  EXPECT_EQ(queue("enrollment=" + udid + "&device=" + udid + "&enrollment=" + udid, "one").status, 201);
  EXPECT_EQ(open().size(), 1U);
}

// covers: mdm.Q09
TEST_F(ApiCommands, GoOutByPriority) {
  queue("enrollment=" + udid, "normal");
  queue("enrollment=" + udid + "&priority=-10", "later");
  queue("enrollment=" + udid + "&priority=10", "first");
  EXPECT_EQ(open(), (std::vector<std::string>{"first", "normal", "later"}));
  EXPECT_EQ(queue("enrollment=" + udid + "&priority=101", "x").code(), "command.bad_priority");
  for (const auto& wrong : {Json(-101), Json(18446744073709551615U), Json(1.5), Json("1"), Json()}) {
    const auto answer = api.post(
        "/v1/commands", {{"request_type", "ProfileList"}, {"enrollments", {udid}}, {"priority", wrong}});
    EXPECT_EQ(answer.code(), "command.bad_priority") << wrong;
  }
  const auto first = "/v1/commands/first";
  EXPECT_EQ(api.get(first).body["targets"][0]["priority"], 10);
  api.world.connect(*device);
  EXPECT_EQ(api.get(first).body["targets"][0]["priority"], nullptr) << "nobody keeps it, and it says so";
}

// covers: mdm.Q09
TEST_F(ApiCommands, AreNotHandedOutAfterTheirTime) {
  queue("enrollment=" + udid + "&expires_in=15m", "short");
  queue("enrollment=" + udid, "lasting");
  api.world.advance(std::chrono::minutes(16));
  EXPECT_EQ(api.world.connect(*device).commands, 1U);
  EXPECT_EQ(api.get("/v1/commands/lasting").body["targets"][0]["status"], "acknowledged");
  EXPECT_NE(api.get("/v1/commands/short").body["targets"][0]["status"], "acknowledged");
}

// covers: mdm.Q09
TEST_F(ApiCommands, AreCancelledWhereStillOpen) {
  const auto other = api.world.make_device(1);
  api.world.enroll(*other);
  queue("enrollment=" + udid + "&enrollment=" + other->identity().udid, "one");
  api.world.connect(*device);
  auto answer = api.remove("/v1/commands/one");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body["cancelled"], 1);
  std::map<std::string, std::string> states;
  for (const auto& target : api.get("/v1/commands/one").body["targets"]) {
    states[target["enrollment"]] = target["status"];
  }
  EXPECT_EQ(states[udid], "acknowledged");
  EXPECT_EQ(states[other->identity().udid], "cancelled");
  EXPECT_EQ(api.remove("/v1/commands/one").body["cancelled"], 0);
  EXPECT_EQ(api.remove("/v1/commands/none").code(), "command.unknown");
}

// covers: mdm.Q09
TEST_F(ApiCommands, AreClearedForADeviceButNotTheReconcilers) {
  queue("enrollment=" + udid, "one");
  queue("enrollment=" + udid, "two");
  api.put("/v1/profiles/wifi", test::profile("com.example.wifi"));
  api.post("/v1/assignments", {{"profile", "wifi"}, {"scope", "all"}});
  api.world.reconcile();
  const auto answer = api.remove("/v1/devices/" + udid + "/commands");
  EXPECT_EQ(answer.body["cancelled"], 2);
  EXPECT_TRUE(open().empty());
  EXPECT_EQ(api.world.number("select count(*) from commands where item_id > 0"), 1);
}

// covers: mdm.Q09
TEST_F(ApiCommands, GiveTheirResults) {
  queue("enrollment=" + udid, "one");
  api.world.connect(*device);
  auto answer = api.get("/v1/enrollments/" + udid + "/commands/one");
  EXPECT_EQ(answer.body["status"], "acknowledged");
  EXPECT_EQ(answer.body["result_json"]["QueryResponses"]["UDID"], udid);
  const auto report = plist::parse_dict(from_base64(answer.body["result"].get<std::string>()).value());
  ASSERT_TRUE(report);
  EXPECT_EQ(*report->string("CommandUUID"), "one");
  const auto result = answer.body["result"];
  answer = api.get("/v1/commands/one?results=true");
  EXPECT_EQ(answer.body["targets"][0]["result"], result);
  EXPECT_FALSE(api.get("/v1/commands/one").body["targets"][0].contains("result"));
  EXPECT_EQ(api.get("/v1/enrollments/none/commands/one").code(), "enrollment.unknown");
  EXPECT_EQ(api.get("/v1/enrollments/" + udid + "/commands/none").code(), "command.unknown");
}

TEST_F(ApiCommands, WakeTheirTargetsUnlessToldNotTo) {
  queue("enrollment=" + udid + "&push=false", "quiet");
  queue("enrollment=" + udid, "loud");
  for (int i = 0; i < 500 && api.pushed == 0; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  EXPECT_EQ(api.pushed, 1);
}

TEST_F(ApiCommands, AreCountedUnderApplesNamesOnly) {
  queue("enrollment=" + udid, "one");
  const auto odd =
      plist::to_xml(plist::Dict{{"CommandUUID", "odd"}, {"Command", plist::Dict{{"RequestType", "Odd"}}}});
  auto request = api.make("POST", "/v1/commands?enrollment=" + udid, odd);
  EXPECT_EQ(api.send(std::move(request)).status, 201);
  const std::string page = api.get("/metrics").response.body;
  EXPECT_THAT(page, ::testing::HasSubstr(
                        R"(mooring_commands_total{request_type="DeviceInformation",status="queued"})"));
  EXPECT_THAT(page,
              ::testing::HasSubstr(R"(mooring_commands_total{request_type="other",status="queued"} 1)"));
  EXPECT_THAT(page, ::testing::Not(::testing::HasSubstr("\"Odd\"")));
}

}  // namespace
}  // namespace mooring::api_test

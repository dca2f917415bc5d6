// SPDX-License-Identifier: Apache-2.0
// Commands built from JSON, and the lists in which a person follows them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/encoding.hpp"
#include "base/plist/plist.hpp"
#include "tests/integration/api_fixture.hpp"

namespace mooring::api_test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

struct ApiBuild : ::testing::Test {
  /// Enrolled; the next of the seed's mix that is of that platform.
  std::unique_ptr<simulator::Device> enrolled(simulator::Platform platform) {
    while (true) {
      auto device = api.world.make_device(next_index++);
      if (device->identity().platform != platform) continue;
      api.world.enroll(*device);
      return device;
    }
  }
  Answer send(Json command, const std::vector<const simulator::Device*>& to) {
    for (const auto* device : to) command["devices"].push_back(device->identity().udid);
    return api.post("/v1/commands", command);
  }
  plist::Dict next_for(const simulator::Device& device) {
    const auto response = api.world.report(device.identity().udid, "Idle");
    auto parsed = plist::parse_dict(response.body);
    return parsed ? *parsed : plist::Dict{};
  }
  std::vector<std::string> uuids(const Answer& answer) {
    std::vector<std::string> all;
    for (const auto& item : answer.body["items"]) all.push_back(item["command_uuid"]);
    return all;
  }

  ApiFixture api;
  int next_index = 0;
  std::unique_ptr<simulator::Device> mac = enrolled(simulator::Platform::mac);
  std::unique_ptr<simulator::Device> phone = enrolled(simulator::Platform::iphone);
};

// covers: seed.05
TEST_F(ApiBuild, ReachesTheDeviceAsAPropertyList) {
  const auto answer = send({{"request_type", "InstallProfile"},
                            {"payload", to_base64(test::profile("com.example.wifi"))},
                            {"command_uuid", "my-own"},
                            {"priority", 5}},
                           {mac.get()});
  EXPECT_EQ(answer.status, 201);
  EXPECT_EQ(answer.body["command_uuid"], "my-own");
  const auto command = next_for(*mac);
  ASSERT_NE(command.dict("Command"), nullptr);
  EXPECT_EQ(*command.string("CommandUUID"), "my-own");
  EXPECT_EQ(*command.dict("Command"),
            (plist::Dict{{"RequestType", "InstallProfile"},
                         {"Payload", plist::Data{test::profile("com.example.wifi")}}}));
  api.world.connect(*mac);
  EXPECT_NE(mac->profile("com.example.wifi"), nullptr);
  EXPECT_EQ(api.get("/v1/commands/my-own").body["statuses"], Json::parse(R"({"acknowledged": 1})"));
}

// covers: seed.05, mdm.Q08
TEST_F(ApiBuild, MakesAUuidAndOnePayloadForAll) {
  const Json asked{{"RequestType", "DeviceInformation"}, {"Queries", {"UDID", "OSVersion"}}};
  const auto first = send(asked, {mac.get(), phone.get()});
  const auto second = send(asked, {mac.get(), phone.get()});
  EXPECT_EQ(first.status, 201);
  EXPECT_EQ(second.status, 201);
  EXPECT_NE(first.body["command_uuid"], second.body["command_uuid"]);
  EXPECT_EQ(api.world.number("select count(*) from payloads where disposable"), 1);
  api.world.connect(*mac);
  const std::string uuid = first.body["command_uuid"];
  const auto answer = api.get("/v1/commands/" + uuid + "?results=true");
  EXPECT_EQ(answer.body["statuses"], Json::parse(R"({"acknowledged": 1, "queued": 1})"));
  EXPECT_EQ(answer.body["targets"][0]["result_json"]["QueryResponses"]["UDID"], mac->identity().udid);
  EXPECT_TRUE(answer.body["targets"][1]["result"].is_null());
}

// covers: seed.05
TEST_F(ApiBuild, RefusesWithOneProblemThatNamesEveryPath) {
  auto answer =
      send({{"request_type", "InstallApplication"}, {"options", {{"purchase_method", 9}}}, {"tea", 1}},
           {mac.get()});
  EXPECT_EQ(answer.status, 400);
  EXPECT_EQ(answer.code(), "command.invalid");
  EXPECT_THAT(answer.body["detail"].get<std::string>(), HasSubstr("Options.PurchaseMethod has a value"));
  EXPECT_THAT(answer.body["detail"].get<std::string>(), HasSubstr("tea is not a key"));
  EXPECT_EQ(send({{"request_type", "MakeTea"}}, {mac.get()}).code(), "command.unknown_request_type");
  EXPECT_EQ(send({{"request_type", "ProfileList"}}, {}).code(), "command.no_target");
  EXPECT_EQ(send({{"payload", "AQID"}}, {mac.get()}).code(), "request.missing_key");
  EXPECT_EQ(send({{"request_type", "Settings"}, {"settings", {nullptr}}}, {mac.get()}).code(),
            "request.wrong_type");
  EXPECT_EQ(send({{"request_type", "ProfileList"}, {"command_uuid", "a\nb"}}, {mac.get()}).code(),
            "command.malformed");
  std::string deep(200000, '[');
  auto request = api.make("POST", "/v1/commands",
                          R"({"request_type":"InstallApplication","Configuration":{"a":)" + deep +
                              std::string(deep.size(), ']') + R"(},"devices":["x"]})");
  EXPECT_EQ(api.send(std::move(request)).code(), "request.too_deep");
  EXPECT_EQ(api.world.number("select count(*) from command_requests"), 0);
}

// covers: seed.05
TEST_F(ApiBuild, IsNotSentToDevicesThatDoNotHaveTheCommandUnlessAsked) {
  const Json mac_only{{"request_type", "SetFirmwarePassword"}, {"new_password", "x"}};
  auto answer = send(mac_only, {mac.get(), phone.get()});
  EXPECT_EQ(answer.status, 201);
  EXPECT_EQ(answer.body["targets"][0]["status"], "queued");
  EXPECT_EQ(answer.body["targets"][1]["status"], "unsupported");
  EXPECT_THAT(answer.body["targets"][1]["warnings"].dump(), HasSubstr("is not available to iOS"));
  EXPECT_EQ(next_for(*phone), plist::Dict{});

  answer = send(mac_only, {phone.get()});
  EXPECT_EQ(answer.status, 409);
  EXPECT_EQ(answer.code(), "command.unsupported");

  Json forced = mac_only;
  forced["allow_unsupported"] = true;
  answer = send(forced, {phone.get()});
  EXPECT_EQ(answer.status, 201);
  EXPECT_EQ(answer.body["targets"][0]["status"], "queued");
  EXPECT_EQ(answer.body["targets"][0]["warnings"].size(), 1U);
  EXPECT_EQ(*next_for(*phone).dict("Command")->string("RequestType"), "SetFirmwarePassword");
}

// covers: seed.05
TEST_F(ApiBuild, KnowsWhatNeedsSupervision) {
  const auto supervised = [&](const char* value) {
    api.world.db.connection().script("update devices set facts = jsonb_build_object('IsSupervised', " +
                                     std::string(value) + ")");
  };
  const Json lost{{"request_type", "EnableLostMode"}, {"message", "call us"}};
  EXPECT_EQ(send(lost, {phone.get()}).status, 201) << "nothing is known: Apple's answer decides";
  supervised("true");
  EXPECT_EQ(send(lost, {phone.get()}).status, 201);
  supervised("false");
  const auto refused = send(lost, {phone.get()});
  EXPECT_EQ(refused.code(), "command.unsupported");
  EXPECT_THAT(refused.body["detail"].dump(), HasSubstr("(not supervised)"));
  const Json settings{{"request_type", "Settings"},
                      {"settings", Json::array({Json{{"Item", "TimeZone"}, {"TimeZone", "Europe/Berlin"}}})}};
  const auto warned = send(settings, {phone.get()});
  EXPECT_EQ(warned.body["targets"][0]["status"], "queued");
  EXPECT_EQ(warned.body["targets"][0]["warnings"].size(), 1U);
}

TEST_F(ApiBuild, WarnsOfKeysThatADeviceDoesNotHave) {
  const auto answer =
      send({{"request_type", "RestartDevice"}, {"RebuildKernelCache", true}}, {mac.get(), phone.get()});
  EXPECT_EQ(answer.body["targets"][0].contains("warnings"), false);
  EXPECT_EQ(answer.body["targets"][1]["status"], "queued");
  EXPECT_THAT(answer.body["targets"][1]["warnings"].dump(),
              HasSubstr("RebuildKernelCache is not available to iOS"));
}

TEST_F(ApiBuild, TakesTheShapeThatMicroMdmsClientsSend) {
  auto request = api.make("POST", "/v1/commands",
                          R"({"udid":")" + phone->identity().udid +
                              R"(","request_type":"Settings","settings":)"
                              R"([{"item":"DeviceName","device_name":"Desk 4"}],"priority":null})");
  request.headers.set("Content-Type", "application/x-www-form-urlencoded");  // curl -d without a word of JSON
  EXPECT_EQ(api.send(request).code(), "command.bad_priority");
  request.body = R"({"udid":")" + phone->identity().udid +
                 R"(","request_type":"Settings","settings":[{"item":"DeviceName","device_name":"Desk 4"}]})";
  EXPECT_EQ(api.send(request).status, 201);
  EXPECT_EQ(next_for(*phone).dict("Command")->array("Settings")->front(),
            plist::Value(plist::Dict{{"Item", "DeviceName"}, {"DeviceName", "Desk 4"}}));
}

// covers: seed.25
TEST_F(ApiBuild, IsListedNewestFirstPageByPageAndByWhatIsAsked) {
  const auto send_as = [&](const char* uuid, const char* type, std::vector<const simulator::Device*> to) {
    EXPECT_EQ(send({{"request_type", type}, {"command_uuid", uuid}}, to).status, 201);
  };
  send_as("one", "ProfileList", {mac.get(), phone.get()});
  send_as("two", "SecurityInfo", {mac.get()});
  send_as("three", "ProfileList", {phone.get()});
  api.world.connect(*mac);

  auto page = api.get("/v1/commands?limit=2");
  EXPECT_THAT(uuids(page), ElementsAre("three", "two"));
  EXPECT_EQ(page.body["items"][1]["statuses"], Json::parse(R"({"acknowledged": 1})"));
  page = api.get("/v1/commands?limit=2&cursor=" + page.body["next_cursor"].get<std::string>());
  EXPECT_THAT(uuids(page), ElementsAre("one"));
  EXPECT_EQ(page.body["items"][0]["target_count"], 2);
  EXPECT_EQ(page.body["items"][0]["statuses"], Json::parse(R"({"acknowledged": 1, "queued": 1})"));
  EXPECT_TRUE(page.body["next_cursor"].is_null());

  EXPECT_THAT(uuids(api.get("/v1/commands?request_type=ProfileList")), ElementsAre("three", "one"));
  EXPECT_THAT(uuids(api.get("/v1/commands?status=acknowledged")), ElementsAre("two", "one"));
  EXPECT_THAT(uuids(api.get("/v1/commands?status=cancelled")), ElementsAre());
  page = api.get("/v1/commands?device=" + mac->identity().serial);
  EXPECT_THAT(uuids(page), ElementsAre("two", "one"));
  EXPECT_EQ(page.body["items"][1]["statuses"], Json::parse(R"({"acknowledged": 1})")) << "at that device";
  EXPECT_THAT(uuids(api.get("/v1/commands?status=queued&device=" + mac->identity().udid)), ElementsAre());
  EXPECT_EQ(api.get("/v1/commands?status=lost").code(), "request.bad_parameter");
  EXPECT_EQ(api.get("/v1/commands?device=none").code(), "device.unknown");
  EXPECT_EQ(api.get("/v1/commands?cursor=xyz").code(), "request.bad_cursor");
}

// covers: seed.25
TEST_F(ApiBuild, SaysItsStatePerTargetPageByPage) {
  std::vector<std::unique_ptr<simulator::Device>> more;
  std::vector<const simulator::Device*> all{mac.get(), phone.get()};
  for (int i = 0; i < 3; ++i) {
    more.push_back(enrolled(simulator::Platform::mac));
    all.push_back(more.back().get());
  }
  ASSERT_EQ(send({{"request_type", "ProfileList"}, {"command_uuid", "one"}}, all).status, 201);
  api.world.connect(*phone);
  std::map<std::string, std::string> states;
  std::string cursor;
  int pages = 0;
  do {
    const auto page = api.get("/v1/commands/one?limit=2" + (cursor.empty() ? "" : "&cursor=" + cursor));
    ASSERT_LE(page.body["targets"].size(), 2U);
    for (const auto& target : page.body["targets"]) states[target["enrollment"]] = target["status"];
    cursor = page.body["next_cursor"].is_null() ? "" : page.body["next_cursor"].get<std::string>();
  } while (!cursor.empty() && ++pages < 10);
  EXPECT_EQ(states.size(), 5U);
  for (const auto& [enrollment, state] : states) {
    EXPECT_EQ(state, enrollment == phone->identity().udid ? "acknowledged" : "queued");
  }
}

// covers: mdm.Q09
TEST_F(ApiBuild, IsFollowedInTheDevicesOwnListPageByPage) {
  std::vector<std::string> expected;
  for (int i = 0; i < 4; ++i) {
    const std::string uuid = "answered-" + std::to_string(i);
    send({{"request_type", "ProfileList"}, {"command_uuid", uuid}}, {mac.get()});
    api.world.connect(*mac);
    api.world.advance(std::chrono::seconds(1));
    expected.insert(expected.begin(), uuid);
  }
  send({{"request_type", "ProfileList"}, {"command_uuid", "open-late"}, {"priority", -1}}, {mac.get()});
  send({{"request_type", "ProfileList"}, {"command_uuid", "open-1"}}, {mac.get()});
  send({{"request_type", "ProfileList"}, {"command_uuid", "open-2"}}, {mac.get()});
  expected.insert(expected.begin(), {"open-1", "open-2", "open-late"});
  const std::string path = "/v1/devices/" + mac->identity().udid + "/commands";
  for (const int limit : {1, 2, 3, 7, 100}) {
    std::vector<std::string> seen;
    std::string cursor;
    for (int pages = 0; pages < 10; ++pages) {
      const auto page =
          api.get(path + "?limit=" + std::to_string(limit) + (cursor.empty() ? "" : "&cursor=" + cursor));
      for (const auto& uuid : uuids(page)) seen.push_back(uuid);
      if (page.body["next_cursor"].is_null()) break;
      cursor = page.body["next_cursor"];
    }
    EXPECT_EQ(seen, expected) << limit;
  }
  EXPECT_EQ(api.get(path + "?cursor=Y29tbWFuZHM6bzox").code(), "request.bad_cursor");  // "commands:o:1"
}

// covers: mdm.Q09
TEST_F(ApiBuild, CountsWhatIsCancelled) {
  send({{"request_type", "ProfileList"}, {"command_uuid", "one"}}, {mac.get(), phone.get()});
  send({{"request_type", "SecurityInfo"}, {"command_uuid", "two"}}, {mac.get()});
  const std::string mac_id = mac->identity().udid;
  EXPECT_EQ(api.remove("/v1/enrollments/" + mac_id + "/commands/one").body["cancelled"], 1);
  EXPECT_EQ(api.remove("/v1/enrollments/" + mac_id + "/commands/one").body["cancelled"], 0);
  EXPECT_EQ(api.remove("/v1/enrollments/" + mac_id + "/commands/none").code(), "command.unknown");
  EXPECT_EQ(api.remove("/v1/commands/one").body["cancelled"], 1);
  EXPECT_EQ(api.remove("/v1/devices/" + mac_id + "/commands").body["cancelled"], 1);
  const std::string page = api.get("/metrics").response.body;
  EXPECT_THAT(page, HasSubstr(R"(mooring_commands_total{request_type="ProfileList",status="cancelled"} 2)"));
  EXPECT_THAT(page, HasSubstr(R"(mooring_commands_total{request_type="SecurityInfo",status="cancelled"} 1)"));
  EXPECT_EQ(next_for(*mac), plist::Dict{});
}

TEST_F(ApiBuild, OfTheReconcilerIsNotCancelledByHand) {
  api.put("/v1/profiles/wifi", test::profile("com.example.wifi"));
  api.post("/v1/assignments", {{"profile", "wifi"}, {"scope", "all"}});
  api.world.reconcile();
  const auto list = api.get("/v1/devices/" + mac->identity().udid + "/commands");
  ASSERT_FALSE(list.body["items"].empty());
  const std::string uuid = list.body["items"][0]["command_uuid"];
  EXPECT_EQ(api.remove("/v1/enrollments/" + mac->identity().udid + "/commands/" + uuid).code(),
            "command.of_reconciler");
}

}  // namespace
}  // namespace mooring::api_test

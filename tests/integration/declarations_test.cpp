// SPDX-License-Identifier: Apache-2.0
// Declarations: set by a person, fetched and reported on by devices and users.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <yaml-cpp/yaml.h>

#include <cstdlib>
#include <filesystem>

#include "base/plist/plist.hpp"
#include "core/ddm/declaration_store.hpp"
#include "schema/schema.hpp"
#include "tests/integration/api_fixture.hpp"

namespace mooring::test::declarations_test {
namespace {

using api_test::Json;
using ::testing::IsEmpty;

plist::Dict message(const std::string& type, plist::Dict keys) {
  keys.set("MessageType", type);
  return keys;
}

Json passcode(int length = 8) {
  return {{"Type", "com.apple.configuration.passcode.settings"},
          {"Identifier", "passcode/1"},
          {"Payload", {{"MinimumLength", length}}}};
}
Json activation() {
  return {{"Type", "com.apple.activation.simple"},
          {"Identifier", "all"},
          {"Payload", {{"StandardConfigurations", {"passcode/1"}}}}};
}

struct Declarations : ::testing::Test {
  api_test::ApiFixture api{true};
  World& world = api.world;
  const plist::Dict device{{"UDID", "D1"}};
  const plist::Dict ada{{"UDID", "D1"}, {"UserID", "U1"}, {"UserLongName", "Ada"}};

  void SetUp() override {
    enroll();
    update(ada);
  }
  void enroll() {
    auto authenticate = message("Authenticate", device);
    authenticate.set("Topic", "t");
    ASSERT_EQ(world.put("/mdm", authenticate).status, 200);
    update(device);
  }
  void update(const plist::Dict& ids) {
    auto update = message("TokenUpdate", ids);
    update.set("Topic", "t");
    update.set("PushMagic", "m");
    update.set("Token", plist::Data{"token"});
    ASSERT_EQ(world.put("/mdm", update).status, 200);
  }
  http::Response fetch(const std::string& endpoint, const plist::Dict& ids, const std::string& data = {}) {
    auto request = message("DeclarativeManagement", ids);
    request.set("Endpoint", endpoint);
    if (!data.empty()) request.set("Data", plist::Data{data});
    return world.put("/mdm", request);
  }
  Json get(const std::string& endpoint, const plist::Dict& ids) {
    const auto response = fetch(endpoint, ids);
    EXPECT_EQ(response.status, 200) << endpoint << ": " << response.body;
    EXPECT_EQ(response.headers.get("Content-Type"), "application/json") << endpoint;
    return Json::parse(response.body, nullptr, false);
  }
  api_test::Answer declare(const std::vector<Json>& list, const std::string& channel = {}) {
    const auto answer = api.put("/v1/devices/D1/declarations" + channel, Json{{"declarations", list}}.dump());
    EXPECT_EQ(answer.status, 200) << answer.response.body;
    return answer;
  }
  /// The SyncTokens of the open DeclarativeManagement commands of a channel, as it would get them.
  std::vector<Json> told(const plist::Dict& ids) {
    std::vector<Json> all;
    auto idle = ids;
    idle.set("Status", "Idle");
    for (auto reply = world.put("/mdm", idle); !reply.body.empty();) {
      const auto envelope = plist::parse_dict(reply.body).value();
      const auto& command = *envelope.dict("Command");
      EXPECT_THAT(schema::Schema::apple().check_request(command), IsEmpty());
      if (*command.string("RequestType") == "DeclarativeManagement")
        all.push_back(Json::parse(command.data("Data")->bytes));
      auto report = ids;
      report.set("Status", "Acknowledged");
      report.set("CommandUUID", *envelope.string("CommandUUID"));
      reply = world.put("/mdm", report);
    }
    return all;
  }
};

// covers: mdm.C10
TEST_F(Declarations, AreServedAsTheyWereSet) {
  const auto answer = declare({passcode(), activation()});
  EXPECT_EQ(answer.body["changed"], true);
  const auto tokens = get("tokens", device);
  EXPECT_EQ(tokens["SyncTokens"]["DeclarationsToken"], answer.body["declarations_token"]);
  EXPECT_EQ(tokens["SyncTokens"]["Timestamp"], "2026-10-26T07:33:20Z");
  const auto items = get("declaration-items", device);
  EXPECT_EQ(items["DeclarationsToken"], answer.body["declarations_token"]);
  ASSERT_EQ(items["Declarations"]["Configurations"].size(), 1U);
  const auto& item = items["Declarations"]["Configurations"][0];
  EXPECT_EQ(item["Identifier"], "passcode/1");
  const auto document = get("declaration/configuration/passcode/1", device);
  EXPECT_EQ(document["ServerToken"], item["ServerToken"]);
  EXPECT_EQ(document["Type"], "com.apple.configuration.passcode.settings");
  EXPECT_EQ(document["Identifier"], "passcode/1");
  EXPECT_EQ(document["Payload"], passcode()["Payload"]);
  EXPECT_EQ(get("declaration/activation/all", device)["Payload"], activation()["Payload"]);
}

// covers: mdm.C10
TEST_F(Declarations, ThatAreNotHeldAreAnswered404) {
  declare({passcode()});
  for (const char* endpoint :
       {"declaration/configuration/other", "declaration/activation/passcode/1", "declaration/configuration/",
        "declaration/configuration", "declaration/nonsense/passcode/1", "declaration/"}) {
    EXPECT_EQ(fetch(endpoint, device).status, 404) << endpoint;
  }
  EXPECT_EQ(fetch("declaration/configuration/passcode/1", ada).status, 404) << "the device's, not the user's";
  EXPECT_EQ(fetch("nonsense", device).status, 400);
  EXPECT_EQ(world.put("/mdm", message("DeclarativeManagement", device)).status, 400) << "without Endpoint";
  EXPECT_EQ(fetch("tokens", {{"UDID", "NEVER-SEEN"}}).status, 400);
}

// covers: mdm.C10
TEST_F(Declarations, OfAChannelThatHasNoneAreAnEmptyManifestThatStaysTheSame) {
  const auto items = get("declaration-items", device);
  for (const char* list : {"Activations", "Configurations", "Assets", "Management"}) {
    EXPECT_EQ(items["Declarations"][list], Json::array()) << list;
  }
  const auto tokens = get("tokens", device);
  EXPECT_EQ(tokens["SyncTokens"]["DeclarationsToken"], items["DeclarationsToken"]);
  world.advance(std::chrono::hours(1));
  EXPECT_EQ(get("tokens", device), tokens);
  EXPECT_EQ(declare({}).body["changed"], false) << "none is what it had";
  EXPECT_THAT(told(device), IsEmpty());
}

// covers: mdm.C10, seed.34
TEST_F(Declarations, BelongToOneChannel) {
  declare({passcode(6)});
  declare({passcode(9)}, "?enrollment=D1:U1");
  EXPECT_EQ(get("declaration/configuration/passcode/1", device)["Payload"]["MinimumLength"], 6);
  EXPECT_EQ(get("declaration/configuration/passcode/1", ada)["Payload"]["MinimumLength"], 9);
  EXPECT_EQ(told(device).size(), 1U);
  EXPECT_EQ(told(ada).size(), 1U);
  EXPECT_EQ(api.get("/v1/devices/D1/declarations?enrollment=D1:U1").body["enrollment"], "D1:U1");
  EXPECT_EQ(api.get("/v1/devices/D1/declarations?enrollment=D2").code(), "enrollment.unknown");
  EXPECT_EQ(api.get("/v1/devices/D2/declarations").code(), "device.unknown");
}

TEST_F(Declarations, AChangeIsToldOnceWithTheNewestTokens) {
  const auto pushed = api.pushed.load();
  declare({passcode(6)});
  world.advance(std::chrono::seconds(5));
  const auto newest = declare({passcode(7)});
  EXPECT_EQ(world.number("select count(*) from commands c join payloads p on p.id = c.payload_id "
                         "where p.request_type = 'DeclarativeManagement'"),
            1)
      << "the one that still waited is cancelled";
  const auto commands = told(device);
  ASSERT_EQ(commands.size(), 1U);
  EXPECT_EQ(commands[0], get("tokens", device));
  EXPECT_EQ(commands[0]["SyncTokens"]["DeclarationsToken"], newest.body["declarations_token"]);
  EXPECT_EQ(declare({passcode(7)}).body["changed"], false);
  EXPECT_THAT(told(device), IsEmpty()) << "nothing new to tell";
  declare({});
  EXPECT_EQ(told(device).size(), 1U) << "that all are gone is a change";
  EXPECT_EQ(get("declaration-items", device)["Declarations"]["Configurations"], Json::array());
  for (int i = 0; i < 1000 && api.pushed.load() == pushed; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  EXPECT_GT(api.pushed.load(), pushed) << "and the device is woken";
}

TEST_F(Declarations, AreToldAgainToADeviceThatEnrollsAnew) {
  declare({passcode()});
  EXPECT_EQ(told(device).size(), 1U);
  fetch("status", device, R"({"StatusItems": {}, "Errors": []})");
  enroll();
  EXPECT_EQ(told(device).size(), 1U);
  EXPECT_EQ(world.number("select count(*) from declaration_status"), 0) << "what it said before is void";
  update(device);
  EXPECT_THAT(told(device), IsEmpty()) << "a further TokenUpdate is no reason";
}

TEST_F(Declarations, OfAChannelThatTakesNoCommandsAreToldWhenItComesBack) {
  auto out = message("CheckOut", device);
  out.set("Topic", "t");
  world.put("/mdm", out);
  declare({passcode()});
  EXPECT_EQ(world.number("select count(*) from commands c join payloads p on p.id = c.payload_id "
                         "where p.request_type = 'DeclarativeManagement'"),
            0);
  update(device);
  EXPECT_EQ(told(device).size(), 1U);
}

TEST_F(Declarations, AreStoredOnceForAllWhoHoldThem) {
  std::vector<std::int64_t> enrollments;
  for (int i = 0; i < 50; ++i) {
    auto ids = message("TokenUpdate", {{"UDID", "FLEET-" + std::to_string(i)}});
    ids.set("Topic", "t");
    ids.set("PushMagic", "m");
    ids.set("Token", plist::Data{"token"});
    world.put("/mdm", ids);
    enrollments.push_back(world.number("select max(id) from enrollments"));
  }
  const std::vector<core::ddm::Declaration> declarations{
      core::ddm::read_declaration(passcode().dump()).value(),
      core::ddm::read_declaration(activation().dump()).value()};
  auto& db = world.db.connection();
  const auto now = world.clock.now();
  const auto set = core::ddm::store_declaration_set(db, declarations, now).value();
  EXPECT_EQ(core::ddm::set_declarations(db, enrollments, set, now), enrollments);
  EXPECT_THAT(core::ddm::set_declarations(db, enrollments, set, now), IsEmpty());
  const std::vector<core::ddm::Declaration> turned{declarations[1], declarations[0]};
  EXPECT_EQ(core::ddm::store_declaration_set(db, turned, now), set);
  EXPECT_EQ(world.number("select count(*) from declarations"), 2);
  EXPECT_EQ(world.number("select count(*) from payloads where request_type = 'DeclarativeManagement'"), 1);
  EXPECT_EQ(world.number("select count(*) from commands"), 50);
}

TEST_F(Declarations, AreRefusedWithTheReason) {
  const auto refused = [&](const std::string& body) {
    const auto answer = api.put("/v1/devices/D1/declarations", body);
    EXPECT_EQ(answer.status, 400);
    return answer.code();
  };
  EXPECT_EQ(refused("[]"), "request.malformed");
  EXPECT_EQ(refused(R"({"declarations": 5})"), "request.wrong_type");
  EXPECT_EQ(refused(Json{{"declarations", {passcode(), passcode(9)}}}.dump()), "declaration.duplicate");
  EXPECT_EQ(refused(R"({"declarations": [{"Type": "com.example.x", "Identifier": "a", "Payload": {}}]})"),
            "declaration.type");
  EXPECT_EQ(refused(R"({"declarations": )" + std::string(5000, '[')), "declaration.malformed");
  EXPECT_EQ(world.number("select count(*) from enrollment_declarations"), 0);
}

constexpr const char* kReport = R"({"StatusItems": {"management": {"declarations": {
  "activations": [{"identifier": "all", "server-token": "old", "active": true, "valid": "valid"}],
  "configurations": [{"identifier": "gone", "server-token": "x", "active": false, "valid": "invalid",
                      "reasons": [{"code": "Error.Unknown"}]}],
  "assets": [], "management": []}}}, "Errors": [], "FullReport": true})";

// covers: mdm.C10
TEST_F(Declarations, StatusReportsAreKeptAndShown) {
  declare({passcode(), activation()});
  auto answer = api.get("/v1/devices/D1/declaration-status");
  EXPECT_EQ(answer.body["reported_at"], nullptr);
  EXPECT_EQ(answer.body["declarations"].size(), 2U);
  const auto response = fetch("status", device, kReport);
  EXPECT_EQ(response.status, 200);
  EXPECT_THAT(response.body, IsEmpty());
  world.advance(std::chrono::minutes(1));
  fetch("status", device, R"({"StatusItems": {"passcode": {"is-compliant": true}}, "Errors": []})");
  answer = api.get("/v1/devices/D1/declaration-status");
  EXPECT_EQ(answer.body["report"]["StatusItems"]["passcode"]["is-compliant"], true);
  EXPECT_EQ(answer.body["full_report"], Json::parse(kReport));
  EXPECT_NE(answer.body["full_at"], answer.body["reported_at"]);
  std::map<std::string, Json> states;
  for (const auto& state : answer.body["declarations"]) states[state["identifier"]] = state;
  ASSERT_EQ(states.size(), 3U);
  EXPECT_EQ(states["all"]["valid"], "valid");
  EXPECT_EQ(states["all"]["current"], false) << "it still holds the version before";
  EXPECT_EQ(states["passcode/1"]["reported_token"], nullptr);
  EXPECT_EQ(states["gone"]["server_token"], nullptr);
  EXPECT_EQ(states["gone"]["reasons"][0]["code"], "Error.Unknown");
  EXPECT_EQ(api.get("/v1/devices/D1/declaration-status?enrollment=D1:U1").body["reported_at"], nullptr);
  for (const char* broken : {"", "no json", "[]"}) {
    EXPECT_EQ(fetch("status", device, broken).status, 400) << broken;
  }
  EXPECT_EQ(world.number("select count(*) from declaration_status"), 1);
}

TEST_F(Declarations, EachMessageIsAnEvent) {
  declare({passcode()});
  const auto before = world.number("select coalesce(max(id), 0) from events");
  get("tokens", device);
  get("declaration-items", ada);
  get("declaration/configuration/passcode/1", device);
  fetch("status", device, kReport);
  EXPECT_EQ(
      world.text(
          "select string_agg(v.kind || ' ' || e.enrollment_id || ' ' || coalesce(v.detail->>'endpoint', ''), "
          "', ' order by v.id) from events v join enrollments e on e.id = v.enrollment_id where v.id > " +
          std::to_string(before)),
      "8 D1 tokens, 8 D1:U1 declaration-items, 8 D1 declaration/configuration/passcode/1, 9 D1 ");
}

// ---- against Apple's own description

std::filesystem::path shared_protocol() {
  const char* set = std::getenv("MOORING_SHARED");
  return std::filesystem::path(set == nullptr ? MOORING_SOURCE_DIR "/../shared" : set) / "apple/declarative";
}

bool is_of(const std::string& type, const Json& value) {
  if (type == "<string>") return value.is_string();
  if (type == "<dictionary>") return value.is_object();
  if (type == "<array>") return value.is_array();
  if (type == "<boolean>") return value.is_boolean();
  return type == "<any>";
}

void check_keys(const YAML::Node& keys, const Json& object, const std::string& where,
                std::vector<std::string>& wrong) {
  std::set<std::string> known;
  for (const auto& key : keys) {
    const auto name = key["key"].as<std::string>();
    known.insert(name);
    const bool required = key["presence"].as<std::string>("optional") == "required";
    if (!object.contains(name)) {
      if (required) wrong.push_back(where + name + " is missing");
      continue;
    }
    const auto& value = object[name];
    if (!is_of(key["type"].as<std::string>(), value)) wrong.push_back(where + name + " has the wrong type");
    if (!key["subkeys"]) continue;
    if (value.is_object()) check_keys(key["subkeys"], value, where + name + ".", wrong);
    if (!value.is_array()) continue;
    for (const auto& item : value)
      check_keys(key["subkeys"][0]["subkeys"], item, where + name + "[].", wrong);
  }
  for (const auto& [name, value] : object.items()) {
    if (!known.contains(name)) wrong.push_back(where + name + " is not Apple's");
  }
}

// covers: mdm.C10
TEST_F(Declarations, HaveTheKeysOfApplesSchema) {
  if (!std::filesystem::exists(shared_protocol())) GTEST_SKIP() << "Apple's schema is not at hand";
  declare({passcode(), activation()});
  for (const auto& [endpoint, file] :
       {std::pair{"tokens", "protocol/tokensresponse.yaml"},
        {"declaration-items", "protocol/declarationitemsresponse.yaml"},
        {"declaration/configuration/passcode/1", "declarations/declarationbase.yaml"}}) {
    std::vector<std::string> wrong;
    check_keys(YAML::LoadFile(shared_protocol() / file)["payloadkeys"], get(endpoint, device), "", wrong);
    EXPECT_THAT(wrong, IsEmpty()) << endpoint;
  }
}

}  // namespace
}  // namespace mooring::test::declarations_test

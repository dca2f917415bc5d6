// SPDX-License-Identifier: Apache-2.0
// What devices say of themselves: when they are asked, what is kept, how it changes, and who sees it.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "base/encoding.hpp"
#include "base/plist/plist.hpp"
#include "core/janitor.hpp"
#include "director/groups.hpp"
#include "schema/schema.hpp"
#include "tests/integration/api_fixture.hpp"
#include "tests/support/pki.hpp"
#include "tests/support/world.hpp"

namespace mooring::test::inventory_test {
namespace {

using api_test::ApiFixture;
using api_test::Json;
using std::chrono::hours;
using std::chrono::minutes;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

constexpr const char* kWifi = "com.example.wifi";

/// The first device of the mix with that platform.
std::unique_ptr<simulator::Device> make(World& world, simulator::Platform platform) {
  for (int index = 0;; ++index) {
    auto device = world.make_device(index);
    if (device->identity().platform == platform) return device;
  }
}

struct Inventory : ::testing::Test {
  ApiFixture api;
  World& world = api.world;
  std::unique_ptr<simulator::Device> mac = make(world, simulator::Platform::mac);

  /// RequestTypes of the reconciler's inventory commands that are open.
  std::vector<std::string> asked() {
    std::vector<std::string> types;
    for (const auto row : world.db.connection().script("select p.request_type from commands c join payloads "
                                                       "p on p.id = c.payload_id where c.item_id = 0"))
      types.push_back(row.text(0));
    return types;
  }
  Json device(const simulator::Device& of) { return api.get("/v1/devices/" + of.identity().udid).body; }
  /// By name.
  std::map<std::string, Json> facts(const simulator::Device& of) {
    std::map<std::string, Json> known;
    for (const auto& item : api.get("/v1/devices/" + of.identity().udid + "/facts").body["items"])
      known[item["fact"]] = item["value"];
    return known;
  }
  Json history(const simulator::Device& of, const std::string& query = "") {
    return api.get("/v1/devices/" + of.identity().udid + "/facts/history" + query).body["items"];
  }
  void refresh() {
    EXPECT_EQ(api.post("/v1/devices/" + mac->identity().udid + "/refresh").status, 202);
    world.settle(*mac);
  }
};

// covers: director.89, director.38, mdm.D03, director.29
TEST_F(Inventory, AllListsAreAskedForAtEnrollmentAndAgainOnlyAfterTheInterval) {
  world.enroll(*mac);
  world.reconcile();
  EXPECT_THAT(asked(),
              UnorderedElementsAre("ProfileList", "DeviceInformation", "SecurityInfo", "CertificateList"));
  world.settle(*mac);
  EXPECT_THAT(asked(), IsEmpty());
  const auto at = to_rfc3339(world.clock.now());
  auto state = device(*mac)["convergence"];
  for (const auto* when :
       {"profile_list_at", "information_at", "security_at", "certificates_at", "requested_at"})
    EXPECT_EQ(state[when], at) << when;
  EXPECT_EQ(device(*mac)["last_seen_at"], at);

  world.advance(hours(5));
  world.settle(*mac);
  world.reconcile();
  EXPECT_THAT(asked(), IsEmpty()) << "the interval is six hours";
  world.advance(hours(2));
  world.reconcile();
  EXPECT_EQ(asked().size(), 4U) << "all in one session";
  world.settle(*mac);
  state = device(*mac)["convergence"];
  EXPECT_EQ(state["security_at"], to_rfc3339(world.clock.now()));
  EXPECT_EQ(state["requested_at"], to_rfc3339(world.clock.now()));
}

// covers: director.38
TEST_F(Inventory, DevicesAreAskedForWhatTheirSystemKnowsAndNothingElse) {
  const auto phone = make(world, simulator::Platform::iphone);
  for (auto* each : {mac.get(), phone.get()}) {
    world.enroll(*each);
    world.settle(*each);
    const auto body = world.text(fmt::format(
        "select convert_from(p.body, 'UTF8') from command_results r join payloads p on p.id = r.payload_id "
        "join enrollments e on e.id = r.enrollment_id where p.request_type = 'DeviceInformation' and "
        "e.enrollment_id = '{}'",
        each->identity().udid));
    const auto command = plist::parse_dict("<plist version=\"1.0\">" + body + "</plist>");
    ASSERT_TRUE(command);
    std::vector<std::string> queries;
    for (const auto& query : *command->array("Queries")) queries.push_back(*query.as<std::string>());
    auto known = schema::Schema::apple().queries(each->target());
    std::erase_if(
        known, [](const std::string& q) { return q == "DevicePropertiesAttestation" || q == "PushToken"; });
    EXPECT_EQ(queries, known);
    EXPECT_GT(queries.size(), 30U);
    EXPECT_TRUE(schema::Schema::apple().check_request(*command, each->target()).empty());
  }
  const auto told = facts(*phone);
  EXPECT_TRUE(told.contains("battery_level"));
  EXPECT_FALSE(told.contains("host_name")) << "no key of iOS";
  EXPECT_FALSE(told.contains("filevault"));
  EXPECT_EQ(told.at("passcode"), true);
}

// covers: mdm.D03, seed.29
TEST_F(Inventory, AnswersBecomeTypedFactsAndWhatWasNotToldStaysUnknown) {
  mac->tell("IsSupervised", "yes");  // of another type than Apple's
  mac->tell("BatteryLevel", plist::Array{});
  mac->tell("NoSuchKey", true);
  world.enroll(*mac);
  world.settle(*mac);
  const auto told = facts(*mac);
  EXPECT_EQ(told.at("filevault"), true);
  EXPECT_EQ(told.at("firewall"), true);
  EXPECT_EQ(told.at("sip"), true);
  EXPECT_EQ(told.at("user_approved"), true);
  EXPECT_EQ(told.at("dep"), false);
  EXPECT_EQ(told.at("secure_boot"), "full");
  EXPECT_EQ(told.at("capacity"), 494.4);
  EXPECT_EQ(told.at("os_version"), mac->identity().os_version);
  EXPECT_EQ(told.at("update_auto_check"), true);
  EXPECT_EQ(told.at("update_previous_scan"), to_rfc3339(Time{std::chrono::seconds(1'790'000'000)}));
  for (const auto* unknown : {"supervised", "battery_level", "gatekeeper", "imei"})
    EXPECT_FALSE(told.contains(unknown)) << unknown;
  auto security = device(*mac)["security"];
  EXPECT_EQ(security["filevault"], true);
  EXPECT_EQ(security["user_approved"], true);
  EXPECT_EQ(security["dep"], false);
  EXPECT_EQ(security["sip"], true);
  EXPECT_EQ(security["firewall"], true);
  EXPECT_TRUE(security["supervised"].is_null());
  EXPECT_TRUE(security["gatekeeper"].is_null()) << "no query of MDM tells it";
  EXPECT_TRUE(security["last_seen_at"].is_string());
  EXPECT_EQ(device(*mac)["security_info"]["SecureBoot"]["SecureBootLevel"], "full");
  EXPECT_FALSE(world.schema_problems.empty());
  world.schema_problems.clear();  // those were meant

  mac->tell("BatteryLevel", 0.5);
  mac->tell("IsSupervised", true);
  refresh();
  EXPECT_EQ(device(*mac)["security"]["supervised"], true);
}

TEST_F(Inventory, RecoveryKeysAreNotKeptAmongTheFacts) {
  mac->tell_security("FDE_PersonalRecoveryKeyCMS", plist::Data{"sealed for the escrow"});
  mac->tell_security("FDE_PersonalRecoveryKeyDeviceKey", "ABCD");
  world.enroll(*mac);
  world.settle(*mac);
  const auto info = device(*mac)["security_info"];
  EXPECT_EQ(info["FDE_Enabled"], true);
  EXPECT_FALSE(info.contains("FDE_PersonalRecoveryKeyCMS"));
  EXPECT_FALSE(info.contains("FDE_PersonalRecoveryKeyDeviceKey"));
}

TEST_F(Inventory, ChangesOfFactsAreKeptAndWhatMovesByItselfIsNot) {
  world.enroll(*mac);
  world.settle(*mac);
  EXPECT_THAT(history(*mac), IsEmpty()) << "the first answer is no change";
  world.advance(hours(1));
  mac->tell_security("FDE_Enabled", false);
  mac->tell("BatteryLevel", 0.5);
  mac->tell("DeviceName", "Renamed");
  refresh();
  auto changes = history(*mac);
  ASSERT_EQ(changes.size(), 2U) << changes.dump();
  EXPECT_EQ(history(*mac, "?fact=device_name")[0]["now"], "Renamed");
  const auto change = history(*mac, "?fact=filevault")[0];
  EXPECT_EQ(change["was"], true);
  EXPECT_EQ(change["now"], false);
  EXPECT_EQ(change["at"], to_rfc3339(world.clock.now()));
  world.advance(hours(1));
  mac->tell_security("FDE_Enabled", true);
  refresh();
  changes = history(*mac, "?fact=filevault");
  ASSERT_EQ(changes.size(), 2U);
  EXPECT_EQ(changes[0]["now"], true) << "newest first";
  const auto page = api.get("/v1/devices/" + mac->identity().udid + "/facts/history?limit=2").body;
  EXPECT_EQ(page["items"].size(), 2U);
  const auto rest = api.get("/v1/devices/" + mac->identity().udid +
                            "/facts/history?limit=2&cursor=" + page["next_cursor"].get<std::string>());
  EXPECT_EQ(rest.body["items"].size(), 1U);
  EXPECT_EQ(api.get("/v1/devices/" + mac->identity().udid + "/facts/history?fact=none").code(),
            "fact.unknown");
  refresh();
  EXPECT_EQ(history(*mac).size(), 3U) << "an unchanged answer changes nothing";

  core::tidy(world.db.connection(), {}, world.clock.now() + hours(24 * 366));
  EXPECT_THAT(history(*mac), IsEmpty());
}

// covers: mdm.D03, director.41
TEST_F(Inventory, CertificatesAreListedWithSubjectIssuerValidityAndBytes) {
  const auto authority = make_authority("Example CA");
  const auto der = authority.certificate.der;
  const plist::Dict payload{{"PayloadType", "com.apple.security.root"},
                            {"PayloadIdentifier", "com.example.ca.payload"},
                            {"PayloadUUID", "B0E3C5B8-6E2D-4F59-9A57-3B0C5A1C7D12"},
                            {"PayloadVersion", 1},
                            {"PayloadContent", plist::Data{der}}};
  const auto bytes = plist::to_xml(plist::Dict{{"PayloadType", "Configuration"},
                                               {"PayloadIdentifier", "com.example.ca"},
                                               {"PayloadUUID", "6F0B1C5E-0C9A-4B5B-8E55-0E6B4B1B2C12"},
                                               {"PayloadVersion", 1},
                                               {"PayloadContent", plist::Array(1, payload)}});
  ASSERT_TRUE(mac->user_installs_profile(bytes));
  world.enroll(*mac);
  world.settle(*mac);
  const auto answer = api.get("/v1/devices/" + mac->identity().udid + "/certificates").body;
  ASSERT_EQ(answer["items"].size(), 1U);
  const auto& certificate = answer["items"][0];
  EXPECT_EQ(certificate["subject"], authority.certificate.subject);
  EXPECT_EQ(certificate["issuer"], authority.certificate.issuer);
  EXPECT_EQ(certificate["not_before"], to_rfc3339(authority.certificate.not_before));
  EXPECT_EQ(certificate["not_after"], to_rfc3339(authority.certificate.not_after));
  EXPECT_EQ(certificate["data"], to_base64(der));
  EXPECT_EQ(certificate["is_identity"], false);
  EXPECT_EQ(answer["observed_at"], to_rfc3339(world.clock.now()));
  EXPECT_EQ(world.number("select count(*) from device_inventory where source = 3"), 1);
}

TEST_F(Inventory, BytesThatAreNoCertificateAreListedAndHarmNothing) {
  world.enroll(*mac);
  world.reconcile();
  const auto uuid = core::decode_command_uuid(*from_hex(
      world.text("select encode(c.uuid, 'hex') from commands c join payloads p on p.id = c.payload_id "
                 "where p.request_type = 'CertificateList'")));
  const plist::Dict entry{
      {"CommonName", "odd"}, {"Data", plist::Data{"no certificate"}}, {"IsIdentity", true}};
  EXPECT_EQ(
      world
          .put("/mdm", plist::Dict{{"UDID", mac->identity().udid},
                                   {"Status", "Acknowledged"},
                                   {"CommandUUID", uuid},
                                   {"CertificateList", plist::Array{plist::Value(entry), plist::Value(1)}}})
          .status,
      200);
  world.settle(*mac);
  const auto items = api.get("/v1/devices/" + mac->identity().udid + "/certificates").body["items"];
  ASSERT_EQ(items.size(), 1U);
  EXPECT_EQ(items[0]["common_name"], "odd");
  EXPECT_TRUE(items[0]["subject"].is_null());
}

TEST_F(Inventory, WhatADeviceDoesNotKnowIsAskedAgainAfterAWeek) {
  world.enroll(*mac);
  world.reconcile();
  const auto uuid = core::decode_command_uuid(*from_hex(
      world.text("select encode(c.uuid, 'hex') from commands c join payloads p on p.id = c.payload_id "
                 "where p.request_type = 'SecurityInfo'")));
  const plist::Dict error{
      {"ErrorCode", 12021}, {"ErrorDomain", "MCMDMErrorDomain"}, {"LocalizedDescription", "Unknown command"}};
  world.put("/mdm", plist::Dict{{"UDID", mac->identity().udid},
                                {"Status", "Error"},
                                {"CommandUUID", uuid},
                                {"ErrorChain", plist::Array(1, plist::Value(error))}});
  world.settle(*mac);
  EXPECT_TRUE(device(*mac)["convergence"]["security_at"].is_null());
  for (int day = 1; day < 7; ++day) {
    world.advance(hours(24));
    world.reconcile();
    const auto types = asked();
    EXPECT_EQ(std::ranges::count(types, "SecurityInfo"), 0) << day;
    EXPECT_EQ(std::ranges::count(types, "DeviceInformation"), 1) << day;
    world.settle(*mac);
  }
  world.advance(hours(25));
  world.settle(*mac);
  EXPECT_FALSE(device(*mac)["convergence"]["security_at"].is_null());
}

// covers: seed.29
TEST_F(Inventory, WhatOnlyOthersKnowCanBeToldAndGroupsFollow) {
  world.enroll(*mac);
  world.settle(*mac);
  const std::string path = "/v1/devices/" + mac->identity().udid + "/facts";
  const auto put = [&](const std::string& name, const std::string& expression) {
    EXPECT_EQ(api.put("/v1/groups/" + name, Json{{"expression", expression}}.dump()).status, 201);
  };
  put("open", "not gatekeeper");
  put("locked", "filevault and firewall and secure_boot = \"full\"");
  put("scanned", "update_previous_scan >= \"2026-01-01T00:00:00Z\"");
  world.settle(*mac);
  const auto groups = [&] {
    std::map<std::string, bool> names;
    for (const auto& group : api.get("/v1/devices/" + mac->identity().udid + "/groups").body["items"])
      names[group["group"]] = group["known"];
    return names;
  };
  EXPECT_EQ(groups(), (std::map<std::string, bool>{{"locked", true}, {"open", false}, {"scanned", true}}));
  auto answer = api.patch(path, {{"gatekeeper", false}});
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(device(*mac)["security"]["gatekeeper"], false);
  world.settle(*mac);
  EXPECT_TRUE(groups().at("open"));
  mac->tell_security("FDE_Enabled", false);
  refresh();
  EXPECT_FALSE(groups().contains("locked"));
  EXPECT_EQ(api.patch(path, {{"gatekeeper", true}}).status, 200);
  EXPECT_EQ(history(*mac, "?fact=gatekeeper").size(), 1U);
  EXPECT_EQ(api.patch(path, {{"gatekeeper", nullptr}}).status, 200);
  EXPECT_TRUE(device(*mac)["security"]["gatekeeper"].is_null());
  EXPECT_EQ(api.patch(path, {{"filevault", true}}).code(), "fact.not_yours");
  EXPECT_EQ(api.patch(path, {{"gatekeeper", "on"}}).code(), "request.wrong_type");
}

TEST_F(Inventory, TheNamesOfFactsAreListed) {
  std::map<std::string, Json> names;
  for (const auto& item : api.get("/v1/facts").body["items"]) names[item["fact"]] = item;
  EXPECT_EQ(names.at("filevault")["key"], "FDE_Enabled");
  EXPECT_EQ(names.at("filevault")["type"], "boolean");
  EXPECT_EQ(names.at("battery_level")["history"], false);
  EXPECT_EQ(names.at("os_version")["type"], "version");
}

// covers: director.20, director.21, director.22, director.24, director.25
TEST_F(Inventory, TheListIsKeptAndWhatDiffersFromItIsRepaired) {
  ASSERT_TRUE(mac->user_installs_profile(profile("com.foreign")));
  world.enroll(*mac);
  world.declare("wifi", profile(kWifi));
  world.assign("wifi");
  world.settle(*mac);
  const auto listed = [&] {
    std::map<std::string, std::string> profiles;
    for (const auto& item : api.get("/v1/devices/" + mac->identity().udid + "/profiles").body["items"])
      profiles[item["identifier"]] = item["payload_uuid"];
    return profiles;
  };
  const auto first = listed();
  EXPECT_EQ(first.size(), 2U);
  EXPECT_EQ(first.at(kWifi), mac->profile(kWifi)->uuid) << "missing: installed";
  world.declare("wifi", profile(kWifi, "2"));
  world.settle(*mac);
  EXPECT_EQ(mac->install_log().at(kWifi).size(), 2U) << "another PayloadUUID: installed";
  EXPECT_NE(listed().at(kWifi), first.at(kWifi));
  mac->user_removes_profile(kWifi);
  refresh();
  EXPECT_EQ(mac->install_log().at(kWifi).size(), 3U) << "gone from the list: installed";
  world.assign("wifi", "device:" + mac->identity().serial, director::Intent::absent);
  world.settle(*mac);
  EXPECT_EQ(mac->profile(kWifi), nullptr) << "declared absent and in the list: removed";
  EXPECT_EQ(mac->removals().at(kWifi), 1);
  EXPECT_EQ(listed().size(), 1U);
  EXPECT_NE(mac->profile("com.foreign"), nullptr) << "nobody declared it: left alone";
  EXPECT_FALSE(mac->removals().contains("com.foreign"));
}

}  // namespace
}  // namespace mooring::test::inventory_test

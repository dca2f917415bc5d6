// SPDX-License-Identifier: Apache-2.0
// Profiles that differ from device to device, and the secrets in them: from the upload to what is installed.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/encoding.hpp"
#include "base/plist/plist.hpp"
#include "tests/integration/api_fixture.hpp"

namespace mooring::api_test {
namespace {

constexpr const char* kWifiProfile = "com.example.wifi";
constexpr const char* kSecretValue = "correct-horse-battery-staple";
constexpr const char* kSecondValue = "tr0ub4dor-and-3";

/// The value in what a device holds; "none" where it holds nothing.
std::string installed_value(const simulator::Device& device, const std::string& identifier = kWifiProfile) {
  const auto* held = device.profile(identifier);
  if (held == nullptr) return "none";
  const auto dict = plist::parse_dict(held->content);
  return *dict->array("PayloadContent")->front().as<plist::Dict>()->string("Value");
}

struct DeviceVariables : ::testing::Test {
  void SetUp() override {
    for (auto* device : {one.get(), two.get()}) {
      api.world.enroll(*device);
      api.world.settle(*device);
    }
  }
  void settle() {
    for (auto* device : {one.get(), two.get()}) api.world.settle(*device);
  }
  void declare(const std::string& value, const std::string& scope = "all", const std::string& name = "wifi",
               const std::string& identifier = kWifiProfile) {
    EXPECT_LT(api.put("/v1/profiles/" + name, test::profile(identifier, value)).status, 300);
    EXPECT_LT(api.post("/v1/assignments", {{"profile", name}, {"scope", scope}}).status, 300);
  }
  Answer put_secret(const std::string& name, const std::string& value) {
    return api.put("/v1/secrets/" + name, Json{{"value", value}}.dump());
  }
  Json item(const simulator::Device& device, std::size_t index = 0) {
    return api.get("/v1/devices/" + device.identity().serial + "/items").body["items"][index];
  }
  void user_becomes_known(const simulator::Device& device, const std::string& name) {
    api.world.db.connection().script(
        fmt::format("update devices set user_name = '{}' where udid = '{}'", name, device.identity().udid));
    EXPECT_LT(api.post("/v1/devices/" + device.identity().serial + "/refresh").status, 300);
  }
  std::size_t installs(const simulator::Device& device) {
    const auto found = device.install_log().find(kWifiProfile);
    return found == device.install_log().end() ? 0 : found->second.size();
  }
  /// Rows of any table that have the text in them, in clear, in hexadecimal or in Base64.
  int rows_with(const std::string& text) {
    auto& db = api.world.db.connection();
    std::vector<std::string> tables;
    for (const auto row : db.script("select tablename::text from pg_tables where schemaname = 'public'"))
      tables.push_back(row.text(0));
    EXPECT_GT(tables.size(), 20U);
    int found = 0;
    for (const auto& table : tables) {
      for (const auto row : db.script(fmt::format("select t::text from \"{}\" t", table))) {
        const auto content = row.text(0);
        for (const auto& form : {text, to_hex(text), to_base64(text).substr(0, text.size())}) {
          if (content.find(form) != std::string::npos) ++found;
        }
      }
    }
    return found;
  }

  ApiFixture api;
  std::unique_ptr<simulator::Device> one = api.world.make_device(0);
  std::unique_ptr<simulator::Device> two = api.world.make_device(1);
};

// covers: state.D11
TEST_F(DeviceVariables, EachDeviceGetsItsOwnValuesFromOneStoredProfile) {
  declare("$SERIAL/$UDID/${fact.device_name}/$$x");
  settle();
  for (const auto* device : {one.get(), two.get()}) {
    const auto& identity = device->identity();
    EXPECT_EQ(installed_value(*device),
              identity.serial + "/" + identity.udid + "/" + identity.device_name + "/$x");
    EXPECT_EQ(item(*device)["state"], "verified");
    EXPECT_EQ(installs(*device), 1U);
  }
  EXPECT_NE(one->profile(kWifiProfile)->uuid, two->profile(kWifiProfile)->uuid);
  EXPECT_EQ(api.world.number("select count(*) from payloads where request_type = 'InstallProfile'"), 1);
  const auto profile = api.get("/v1/profiles/wifi").body;
  EXPECT_EQ(profile["variables"], (Json{"fact.device_name", "fact.serial_number", "fact.udid"}));
  EXPECT_EQ(profile["verified"], 2);
  const auto listed = api.get("/v1/devices/" + one->identity().serial + "/profiles").body["items"][0];
  EXPECT_EQ(listed["managed"], true);
  EXPECT_EQ(listed["profile"], "wifi");
}

// covers: state.D11
TEST_F(DeviceVariables, AnItemWaitsForAValueAndIsNeverSentHalfMade) {
  declare("hello $USER");
  settle();
  EXPECT_EQ(installs(*one), 0U);
  EXPECT_EQ(item(*one)["state"], "waiting");
  EXPECT_NE(item(*one)["reason"].get<std::string>().find("fact.user_name"), std::string::npos);
  user_becomes_known(*one, "anna");
  settle();
  EXPECT_EQ(installed_value(*one), "hello anna");
  EXPECT_EQ(item(*one)["state"], "verified");
  EXPECT_EQ(installs(*two), 0U);
  user_becomes_known(*one, "bert");
  settle();
  EXPECT_EQ(installed_value(*one), "hello bert");
  EXPECT_EQ(installs(*one), 2U);
  EXPECT_EQ(api.remove("/v1/profiles/wifi").status, 204);
  settle();
  EXPECT_EQ(installed_value(*one), "none") << "it is ours, whatever it was made of";
}

// covers: state.D11
TEST_F(DeviceVariables, AFactThatADeviceTellsAnewBringsTheProfileAgain) {
  declare("runs $OS_VERSION");
  settle();
  EXPECT_EQ(installed_value(*one), "runs " + one->identity().os_version);
  one->update_os("99.1", "99A1");
  api.world.advance(std::chrono::hours(26));
  settle();
  EXPECT_EQ(installed_value(*one), "runs 99.1");
  EXPECT_EQ(item(*one)["state"], "verified");
  EXPECT_EQ(installs(*two), 1U);
}

TEST_F(DeviceVariables, WhatIsNoVariableIsRefusedOrTakenAsItIs) {
  const auto answer = api.put("/v1/profiles/wifi", test::profile(kWifiProfile, "$HOME/x"));
  EXPECT_EQ(answer.status, 400);
  EXPECT_EQ(answer.code(), "profile.unknown_variable");
  EXPECT_EQ(api.put("/v1/profiles/wifi?variables=off", test::profile(kWifiProfile, "$HOME/x")).status, 201);
  EXPECT_EQ(api.put("/v1/profiles/wifi?variables=maybe", "x").code(), "request.bad_parameter");
  EXPECT_EQ(api.post("/v1/assignments", {{"profile", "wifi"}, {"scope", "all"}}).status, 201);
  settle();
  EXPECT_EQ(installed_value(*one), "$HOME/x");
}

// covers: state.D12
TEST_F(DeviceVariables, ASecretIsInstalledAndShownNowhere) {
  ::testing::internal::CaptureStderr();
  auto answer = put_secret("wifi-password", kSecretValue);
  EXPECT_EQ(answer.status, 201);
  std::string said = answer.response.body;
  declare("key ${secret.wifi-password}");
  one->behaviour().refuse.insert(kWifiProfile);
  settle();
  EXPECT_EQ(installed_value(*two), std::string("key ") + kSecretValue);
  for (const auto* path :
       {"/v1/secrets", "/v1/secrets/wifi-password", "/v1/profiles", "/v1/profiles/wifi",
        "/v1/profiles/wifi/content", "/v1/commands", "/v1/events", "/v1/drift", "/v1/summary", "/metrics"}) {
    said += api.get(path).response.body;
  }
  for (const auto* device : {one.get(), two.get()}) {
    for (const auto* part : {"", "/items", "/profiles", "/commands"})
      said += api.get("/v1/devices/" + device->identity().serial + part).response.body;
  }
  said += ::testing::internal::GetCapturedStderr();
  EXPECT_EQ(said.find(kSecretValue), std::string::npos);
  EXPECT_EQ(said.find(to_base64(kSecretValue).substr(0, 20)), std::string::npos);
  EXPECT_EQ(rows_with(kSecretValue), 0);
  EXPECT_GT(rows_with("wifi-password"), 0) << "the search finds what is there";
}

// covers: state.D12
TEST_F(DeviceVariables, ANewValueGoesToExactlyThoseWhoHoldTheOldOne) {
  put_secret("wifi", kSecretValue);
  put_secret("other", "unrelated");
  declare("${secret.wifi}", "device:" + one->identity().udid);
  declare("plain", "device:" + two->identity().udid, "mail", "com.example.mail");
  declare("all alike", "all", "vpn", "com.example.vpn");
  settle();
  ASSERT_EQ(installed_value(*one), kSecretValue);
  const auto commands = [&] { return api.world.number("select count(*) from command_results"); };
  const auto before = one->profile(kWifiProfile)->uuid;
  const auto settled = commands();

  EXPECT_EQ(put_secret("wifi", kSecretValue).body["changed"], false);
  EXPECT_EQ(put_secret("other", "still unrelated").body["changed"], true);
  settle();
  EXPECT_EQ(commands(), settled) << "nobody's profile has changed";

  const auto answer = put_secret("wifi", kSecondValue);
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body["profiles"], Json{"wifi"});
  settle();
  EXPECT_EQ(installed_value(*one), kSecondValue);
  EXPECT_NE(one->profile(kWifiProfile)->uuid, before);
  EXPECT_EQ(item(*one)["state"], "verified");
  EXPECT_EQ(installs(*one), 2U);
  EXPECT_EQ(commands(), settled + 2) << "one profile to one device, and its list";
}

// covers: state.D12
TEST_F(DeviceVariables, SecretsWaitForTheirFirstValueAndStayWhileTheyAreUsed) {
  declare("${secret.later}");
  settle();
  EXPECT_EQ(item(*one)["state"], "waiting");
  EXPECT_NE(item(*one)["reason"].get<std::string>().find("secret.later"), std::string::npos);
  put_secret("later", kSecretValue);
  settle();
  EXPECT_EQ(installed_value(*one), kSecretValue);
  EXPECT_EQ(api.remove("/v1/secrets/later").code(), "secret.in_use");
  EXPECT_EQ(api.remove("/v1/profiles/wifi").status, 204);
  EXPECT_EQ(api.remove("/v1/secrets/later").status, 204);
  EXPECT_EQ(api.remove("/v1/secrets/later").status, 404);
  EXPECT_EQ(api.get("/v1/secrets/later").code(), "secret.unknown");
  EXPECT_EQ(put_secret("a%20b", "x").status, 400);
  EXPECT_EQ(put_secret("a", "").status, 400);
  EXPECT_EQ(put_secret("a", "bell\x07").code(), "secret.bad_value");
  EXPECT_EQ(put_secret("a", std::string(65537, 'x')).status, 400);
}

// covers: director.28
TEST_F(DeviceVariables, AProfileThatCannotBeMadeFailsAloneAndHoldsNobodyUp) {
  put_secret("wifi", kSecretValue);
  declare("${secret.wifi}");
  declare("plain", "all", "mail", "com.example.mail");
  api.world.db.connection().script("update secrets set sealed = 'damaged'");
  settle();
  EXPECT_EQ(installed_value(*one), "none");
  EXPECT_EQ(installed_value(*one, "com.example.mail"), "plain");
  EXPECT_EQ(api.world.state(*one, "wifi"), "backing_off");
  EXPECT_NE(item(*one)["reason"].get<std::string>().find("cannot be made"), std::string::npos)
      << item(*one)["reason"];
  for (int hour = 0; hour < 48; ++hour) {
    api.world.advance(std::chrono::hours(1));
    settle();
  }
  EXPECT_EQ(api.world.state(*one, "wifi"), "failed") << "not for ever";
  EXPECT_EQ(installs(*one), 0U);
  put_secret("wifi", kSecondValue);
  settle();
  EXPECT_EQ(installed_value(*one), kSecondValue) << "a new value is new content";
}

TEST_F(DeviceVariables, TheChallengeOfARenewalIsNotStoredInClear) {
  api.world.db.connection().script("update devices set enrollment_profile = 'default'");
  const auto answer = api.post("/v1/devices/" + one->identity().serial + "/renew-identity");
  ASSERT_EQ(answer.status, 202) << answer.response.body;
  const auto stored = api.world.text("select encode(body, 'escape') from payloads where disposable");
  EXPECT_FALSE(stored.empty());
  EXPECT_EQ(api.world.number("select rendering from payloads where disposable"), 3);
  EXPECT_EQ(stored.find("RequestType"), std::string::npos);
  settle();
  const auto& log = one->install_log();
  EXPECT_EQ(log.size(), 1U) << "it was opened on its way to the device";
}

}  // namespace
}  // namespace mooring::api_test

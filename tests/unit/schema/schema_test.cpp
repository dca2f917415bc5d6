// SPDX-License-Identifier: Apache-2.0
#include "schema/schema.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "base/plist/plist.hpp"
#include "tests/unit/schema/shared.hpp"

namespace mooring::schema {
namespace {

using plist::Array;
using plist::Data;
using plist::Dict;

const Schema& apple() { return Schema::apple(); }

struct Case {
  const char* name;
  Dict request;
  const char* problem;  ///< Empty: none.
  Target target = {};
};

class Request : public testing::TestWithParam<Case> {};

TEST_P(Request, IsJudged) {
  EXPECT_EQ(to_string(apple().check_request(GetParam().request, GetParam().target)), GetParam().problem);
}

const Target kMac14{.platform = Platform::macos, .os_version = "14.1"};
const Target kMac10{.platform = Platform::macos, .os_version = "10.13"};
const Target kPhone{.platform = Platform::ios, .os_version = "17.0"};

Dict setting(Dict item) { return {{"RequestType", "Settings"}, {"Settings", Array{std::move(item)}}}; }

INSTANTIATE_TEST_SUITE_P(
    Good, Request,
    testing::Values(
        Case{"ProfileList", {{"RequestType", "ProfileList"}, {"ManagedOnly", true}}, ""},
        Case{"InstallProfile", {{"RequestType", "InstallProfile"}, {"Payload", Data{"x"}}}, ""},
        Case{"Queries", {{"RequestType", "DeviceInformation"}, {"Queries", Array{"UDID", "OSVersion"}}}, ""},
        Case{"NoKeys", {{"RequestType", "DeviceConfigured"}}, ""},
        Case{"Setting", setting({{"Item", "DeviceName"}, {"DeviceName", "x"}}), ""},
        Case{"AnyContent",
             {{"RequestType", "InstallApplication"}, {"Configuration", Dict{{"a", Dict{{"b", 1}}}}}},
             ""},
        Case{"KeyOfItsVersion", {{"RequestType", "ProfileList"}, {"ManagedOnly", true}}, "", kMac14}),
    [](const auto& param) { return std::string(param.param.name); });

INSTANTIATE_TEST_SUITE_P(
    Bad, Request,
    testing::Values(
        Case{"NoRequestType", {{"Payload", Data{"x"}}}, "RequestType is missing"},
        Case{"UnknownRequestType",
             {{"RequestType", "MakeTea"}},
             "RequestType is not a command of the schema: MakeTea"},
        Case{"UnknownKey", {{"RequestType", "ProfileList"}, {"Nope", 1}}, "Nope is not a key of the schema"},
        Case{"MissingKey", {{"RequestType", "InstallProfile"}}, "Payload is missing"},
        Case{"WrongType",
             {{"RequestType", "InstallProfile"}, {"Payload", "text"}},
             "Payload is of type string, should be data"},
        Case{"ValueNotAllowed",
             {{"RequestType", "RotateFileVaultKey"},
              {"KeyType", "secret"},
              {"FileVaultUnlock", Dict{}},
              {"ReplyEncryptionCertificate", Data{"x"}}},
             "KeyType has a value that is not allowed: secret (allowed: personal, institutional)"},
        Case{"UnknownQuery",
             {{"RequestType", "DeviceInformation"}, {"Queries", Array{"ShoeSize"}}},
             "Queries[0] has a value that is not allowed: ShoeSize"},
        Case{"UnknownSetting", setting({{"Item", "Colour"}}),
             "Settings[0].Item has a value that is not allowed: Colour"},
        Case{"KeyOfAnotherSetting", setting({{"Item", "DeviceName"}, {"DeviceName", "x"}, {"Enabled", true}}),
             "Settings[0].Enabled is not a key of the schema"},
        Case{"CommandOfAnotherPlatform",
             {{"RequestType", "DeviceLocation"}},
             "RequestType DeviceLocation is not available to macOS 14.1",
             kMac14},
        Case{"KeyOfALaterVersion",
             {{"RequestType", "ProfileList"}, {"ManagedOnly", true}},
             "ManagedOnly is not available to macOS 10.13",
             kMac10}),
    [](const auto& param) { return std::string(param.param.name); });

TEST(SchemaTable, HoldsEveryCommandCheckInAndErrorOfApple) {
  const auto types = apple().request_types();
  EXPECT_GE(types.size(), 66U);
  EXPECT_TRUE(std::ranges::binary_search(types, "InstallProfile"));
  EXPECT_EQ(apple().message_types().size(), 8U);
  EXPECT_NE(apple().error("com.apple.unrecognized.device"), nullptr);
  EXPECT_EQ(apple().command("Nope"), nullptr);
}

TEST(SchemaTable, SaysWhereAKeyIsAvailable) {
  const auto& list = *apple().command("ProfileList")->response.find("ProfileList");
  const auto* managed = list.keys.front().find("IsManaged");
  ASSERT_NE(managed, nullptr);
  EXPECT_FALSE(managed->support(Platform::macos)->available);
  EXPECT_EQ(managed->support(Platform::ios), nullptr);
}

TEST(SchemaTable, QueriesDependOnThePlatform) {
  const auto has = [](const Target& target, const char* name) {
    const auto names = apple().queries(target);
    return std::ranges::find(names, name) != names.end();
  };
  EXPECT_TRUE(has(kMac14, "HostName"));
  EXPECT_FALSE(has(kPhone, "HostName"));
  EXPECT_TRUE(has(kPhone, "IMEI") || has(kPhone, "ServiceSubscriptions"));
  EXPECT_FALSE(has(kMac14, "IsCloudBackupEnabled"));
}

TEST(SchemaTable, ARowThatIsNotOneIsAnError) {
  EXPECT_FALSE(Schema::parse("command\tX\n"));
  EXPECT_FALSE(Schema::parse("command\tX\trequest\tA.B\tstring\t-\t-\t-\t-\t-\n"));
  EXPECT_FALSE(Schema::parse("command\tX\trequest\tA\tcolour\t-\t-\t-\t-\t-\n"));
  EXPECT_TRUE(Schema::parse("# note\n\ncommand\tX\trequest\tA\tstring\t-\t-\t-\t-\t-\n"));
}

TEST(SchemaVersions, CompareByNumber) {
  EXPECT_LT(compare_versions("9.3.2", "10.0"), 0);
  EXPECT_EQ(compare_versions("14", "14.0"), 0);
  EXPECT_GT(compare_versions("10.13.6", "10.13"), 0);
}

Dict report(const char* status, Dict more = {}) {
  Dict all{{"UDID", "U"}, {"Status", status}, {"CommandUUID", "C"}};
  for (const auto& [key, value] : more) all.set(key, value);
  return all;
}

TEST(Report, RequiredKeysAreDemandedOnlyOfAnAcknowledgement) {
  EXPECT_EQ(to_string(apple().check_report("ProfileList", report("NotNow"))), "");
  EXPECT_EQ(to_string(apple().check_report("ProfileList", report("Acknowledged"))), "ProfileList is missing");
  EXPECT_EQ(
      to_string(apple().check_report("ProfileList", report("Acknowledged", {{"ProfileList", Array{}}}))), "");
}

TEST(Report, AnErrorNeedsItsChain) {
  EXPECT_EQ(to_string(apple().check_report("ProfileList", report("Error"))), "ErrorChain is missing");
  const Dict link{{"ErrorCode", 12021}, {"ErrorDomain", "MCMDMErrorDomain"}, {"LocalizedDescription", "no"}};
  EXPECT_EQ(to_string(apple().check_report("Anything", report("Error", {{"ErrorChain", Array{link}}}))), "");
}

TEST(Report, IdleNeedsOnlyItsIdentity) {
  EXPECT_EQ(to_string(apple().check_report("", {{"Status", "Idle"}, {"UDID", "U"}})), "");
  EXPECT_EQ(to_string(apple().check_report("", {{"Status", "Idle"}})), "names neither UDID nor EnrollmentID");
  EXPECT_NE(to_string(apple().check_report("", {{"Status", "Bored"}, {"UDID", "U"}})), "");
}

TEST(Report, SettingsAnswerIsAListAsDevicesSendIt) {
  const Dict one{{"Status", "Acknowledged"}};
  const auto answer = report("Acknowledged", {{"Settings", Array{one, one}}});
  EXPECT_EQ(to_string(apple().check_report("Settings", answer)), "");
}

TEST(Report, KeysOfAnotherPlatformAreProblems) {
  const Dict profile{{"PayloadUUID", "P"}, {"PayloadIdentifier", "p"}, {"IsManaged", true}};
  const auto answer = report("Acknowledged", {{"ProfileList", Array{profile}}});
  EXPECT_EQ(to_string(apple().check_report("ProfileList", answer)), "");
  EXPECT_EQ(to_string(apple().check_report("ProfileList", answer, kPhone)), "");
  EXPECT_EQ(to_string(apple().check_report("ProfileList", answer, kMac14)),
            "ProfileList[0].IsManaged is not available to macOS 14.1");
}

TEST(CheckIn, RequiredKeysFollowThePlatform) {
  const Dict message{{"MessageType", "Authenticate"}, {"Topic", "t"}, {"UDID", "U"}};
  EXPECT_EQ(to_string(apple().check_checkin(message)), "");
  EXPECT_EQ(to_string(apple().check_checkin(message, kPhone)), "");
  EXPECT_EQ(to_string(apple().check_checkin(message, kMac14)),
            "DeviceName is missing; Model is missing; ModelName is missing");
}

TEST(CheckIn, BootstrapTokenMessagesCarryIdsThatTheirSchemaDoesNotList) {
  EXPECT_EQ(to_string(apple().check_checkin({{"MessageType", "GetBootstrapToken"}, {"UDID", "U"}})), "");
}

TEST(CheckIn, RepliesAndErrorBodiesAreJudged) {
  EXPECT_EQ(to_string(apple().check_checkin_reply("GetToken", {{"TokenData", Data{"x"}}})), "");
  EXPECT_EQ(to_string(apple().check_checkin_reply("GetToken", {})), "TokenData is missing");
  EXPECT_EQ(to_string(apple().check_error_body({{"code", "com.apple.unrecognized.device"}})), "");
  EXPECT_EQ(to_string(apple().check_error_body({{"code", "com.apple.softwareupdate.required"}})),
            "details is missing");
}

/// What real devices send beyond or against the schema; anything else would be a defect of the checker.
const std::map<std::string, std::string> kKnownDeviations{
    {"Authenticate.2.plist", "Challenge is not a key of the schema"},
    {"SecurityInfo.1.plist",
     "SecurityInfo.FirewallSettings.AllowSigned is not a key of the schema; "
     "SecurityInfo.FirewallSettings.AllowSignedApp is not a key of the schema; "
     "SecurityInfo.SecureBoot.WindowsBootLevel is not a key of the schema"},
};

TEST(RealSamples, SatisfyTheSchemaApartFromKnownDeviations) {
  const auto samples = test::shared() / "samples";
  if (!std::filesystem::is_directory(samples)) GTEST_SKIP() << "no samples of real devices at " << samples;
  for (const auto* folder : {"checkin", "reports"}) {
    for (const auto& entry : std::filesystem::directory_iterator(samples / folder)) {
      const auto file = entry.path().filename().string();
      const auto message = plist::parse_dict(test::read_file(entry.path()));
      ASSERT_TRUE(message) << file << ": " << message.error().message;
      const auto type = file.substr(0, file.find('.'));
      const auto problems = folder == std::string("checkin") ? apple().check_checkin(*message)
                                                             : apple().check_report(type, *message);
      const auto known = kKnownDeviations.find(file);
      EXPECT_EQ(to_string(problems), known == kKnownDeviations.end() ? "" : known->second) << file;
    }
  }
}

}  // namespace
}  // namespace mooring::schema

// SPDX-License-Identifier: Apache-2.0
#include "core/message.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>

#include "base/plist/plist.hpp"

namespace mooring::core::message_test {
namespace {

using plist::Array;
using plist::Data;
using plist::Dict;

const std::string kSharedIpad = "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF";

std::string code_of(const auto& result) { return result ? "" : result.error().code; }

struct IdCase {
  std::string name;
  Dict message;
  EnrollmentId expected;
};

class ResolvesEnrollmentId : public testing::TestWithParam<IdCase> {};

// covers: mdm.C09
TEST_P(ResolvesEnrollmentId, AsTable) {
  const auto id = resolve_enrollment_id(GetParam().message);
  ASSERT_TRUE(id) << id.error().message;
  EXPECT_EQ(*id, GetParam().expected);
}

INSTANTIATE_TEST_SUITE_P(
    Kinds, ResolvesEnrollmentId,
    testing::Values(
        IdCase{"Device", {{"UDID", "d1"}}, {"d1", EnrollmentKind::device, ""}},
        IdCase{"DeviceWithEmptyUser", {{"UDID", "d1"}, {"UserID", ""}}, {"d1", EnrollmentKind::device, ""}},
        IdCase{"CaseIsKept", {{"UDID", "aB-Cd"}}, {"aB-Cd", EnrollmentKind::device, ""}},
        IdCase{"User", {{"UDID", "d1"}, {"UserID", "u1"}}, {"d1:u1", EnrollmentKind::user, "d1"}},
        IdCase{"UserWithNames",
               {{"UDID", "d1"}, {"UserID", "u1"}, {"UserShortName", "joe"}, {"UserLongName", "Joe"}},
               {"d1:u1", EnrollmentKind::user, "d1"}},
        IdCase{"SharedIpad",
               {{"UDID", "d1"}, {"UserID", kSharedIpad}, {"UserShortName", "joe@example.com"}},
               {"d1:joe@example.com", EnrollmentKind::shared_ipad, "d1"}},
        IdCase{"UserEnrollmentDevice",
               {{"EnrollmentID", "e1"}},
               {"e1", EnrollmentKind::user_enrollment_device, ""}},
        IdCase{"UserEnrollment",
               {{"EnrollmentID", "e1"}, {"EnrollmentUserID", "eu1"}},
               {"e1:eu1", EnrollmentKind::user_enrollment, "e1"}},
        IdCase{"UdidGoesFirst",
               {{"EnrollmentID", "e1"}, {"EnrollmentUserID", "eu1"}, {"UDID", "d1"}},
               {"d1", EnrollmentKind::device, ""}},
        IdCase{"UdidGoesFirstWithUser",
               {{"EnrollmentID", "e1"}, {"UDID", "d1"}, {"UserID", "u1"}},
               {"d1:u1", EnrollmentKind::user, "d1"}},
        IdCase{"UserIdMeansNothingToEnrollmentId",
               {{"EnrollmentID", "e1"}, {"UserID", "u1"}},
               {"e1", EnrollmentKind::user_enrollment_device, ""}},
        IdCase{"EmptyUdidIsAbsent",
               {{"UDID", ""}, {"EnrollmentID", "e1"}},
               {"e1", EnrollmentKind::user_enrollment_device, ""}},
        IdCase{"LongestAllowed",
               {{"UDID", std::string(255, 'd')}},
               {std::string(255, 'd'), EnrollmentKind::device, ""}}),
    [](const auto& info) { return info.param.name; });

// covers: mdm.C09
TEST(EnrollmentIds, ThatReadAlikeAreToldApartByTheLengthOfTheirDevice) {
  const std::vector<Dict> messages{
      {{"UDID", "a:b:c"}}, {{"UDID", "a"}, {"UserID", "b:c"}}, {{"UDID", "a:b"}, {"UserID", "c"}}};
  std::set<std::int16_t> lengths;
  for (const auto& message : messages) {
    const auto id = resolve_enrollment_id(message);
    ASSERT_TRUE(id) << id.error().message;
    EXPECT_EQ(id->id, "a:b:c");
    EXPECT_TRUE(lengths.insert(id->parent_length()).second) << id->device();
  }
  for (const std::string odd :
       {"a b", "ä/../ü", "\xF0\x9F\x92\xBB", "'; drop table devices; --", "%00", "\n\t"}) {
    const auto id = resolve_enrollment_id(Dict{{"UDID", odd}});
    ASSERT_TRUE(id) << odd;
    EXPECT_EQ(id->id, odd);
  }
}

TEST(EnrollmentIdRefusals, NameWhatIsWrong) {
  EXPECT_EQ(code_of(resolve_enrollment_id({})), "checkin.no_enrollment_id");
  EXPECT_EQ(code_of(resolve_enrollment_id({{"UDID", ""}})), "checkin.no_enrollment_id");
  EXPECT_EQ(code_of(resolve_enrollment_id({{"UserID", "u1"}})), "checkin.no_enrollment_id");
  for (const Dict& bad :
       {Dict{{"UDID", 5}}, Dict{{"UDID", Data{"d1"}}}, Dict{{"UDID", "d1"}, {"UserID", true}},
        Dict{{"UDID", std::string(256, 'd')}}, Dict{{"UDID", std::string(250, 'd')}, {"UserID", "123456"}},
        Dict{{"UDID", "d1"}, {"UserID", kSharedIpad}}}) {
    EXPECT_EQ(code_of(resolve_enrollment_id(bad)), "checkin.bad_enrollment_id") << to_xml_fragment(bad);
  }
}

TEST(ParseCheckin, ReadsAuthenticate) {
  const auto checkin = parse_checkin({{"MessageType", "Authenticate"},
                                      {"UDID", "d1"},
                                      {"Topic", "com.apple.mgmt.x"},
                                      {"SerialNumber", "C02"},
                                      {"Model", "M1"},
                                      {"ModelName", "Mac"},
                                      {"DeviceName", "Fruit"},
                                      {"OSVersion", "15.1"},
                                      {"BuildVersion", "24B83"},
                                      {"ProductName", "Mac14,2"},
                                      {"IMEI", "35"},
                                      {"MEID", 7},
                                      {"Unknown", Array{1}}});
  ASSERT_TRUE(checkin) << checkin.error().message;
  const auto& message = std::get<Authenticate>(*checkin);
  EXPECT_EQ(message.enrollment.id, "d1");
  EXPECT_EQ(message.topic, "com.apple.mgmt.x");
  EXPECT_EQ(message.udid, "d1");
  EXPECT_EQ(message.serial_number, "C02");
  EXPECT_EQ(message.model, "M1");
  EXPECT_EQ(message.model_name, "Mac");
  EXPECT_EQ(message.device_name, "Fruit");
  EXPECT_EQ(message.os_version, "15.1");
  EXPECT_EQ(message.build_version, "24B83");
  EXPECT_EQ(message.product_name, "Mac14,2");
  EXPECT_EQ(message.imei, "35");
  EXPECT_EQ(message.meid, "");
}

TEST(ParseCheckin, ReadsTokenUpdate) {
  const auto checkin = parse_checkin({{"MessageType", "TokenUpdate"},
                                      {"UDID", "d1"},
                                      {"Topic", "t"},
                                      {"PushMagic", "p"},
                                      {"Token", Data{"\1\2"}},
                                      {"UnlockToken", Data{"unlock"}},
                                      {"AwaitingConfiguration", true},
                                      {"NotOnConsole", true},
                                      {"UserID", "u1"},
                                      {"UserShortName", "joe"},
                                      {"UserLongName", "Joe"}});
  ASSERT_TRUE(checkin) << checkin.error().message;
  const auto& message = std::get<TokenUpdate>(*checkin);
  EXPECT_EQ(message.enrollment, (EnrollmentId{"d1:u1", EnrollmentKind::user, "d1"}));
  EXPECT_EQ(message.push_magic, "p");
  EXPECT_EQ(message.token, "\1\2");
  EXPECT_EQ(message.unlock_token, "unlock");
  EXPECT_EQ(message.awaiting_configuration, true);
  EXPECT_TRUE(message.not_on_console);
  EXPECT_EQ(message.user_id, "u1");
  EXPECT_EQ(message.user_short_name, "joe");
  EXPECT_EQ(message.user_long_name, "Joe");
}

TEST(ParseCheckin, AnAbsentOrEmptyUnlockTokenIsNone) {
  Dict message{{"MessageType", "TokenUpdate"},
               {"UDID", "d"},
               {"Topic", "t"},
               {"PushMagic", "p"},
               {"Token", Data{"x"}}};
  EXPECT_EQ(std::get<TokenUpdate>(*parse_checkin(message)).unlock_token, std::nullopt);
  EXPECT_EQ(std::get<TokenUpdate>(*parse_checkin(message)).awaiting_configuration, std::nullopt);
  message.set("UnlockToken", Data{});
  EXPECT_EQ(std::get<TokenUpdate>(*parse_checkin(message)).unlock_token, std::nullopt);
}

TEST(ParseCheckin, MissingKeysAreNamed) {
  const Dict whole{{"MessageType", "TokenUpdate"},
                   {"UDID", "d"},
                   {"Topic", "t"},
                   {"PushMagic", "p"},
                   {"Token", Data{"x"}}};
  ASSERT_TRUE(parse_checkin(whole));
  for (const std::string key : {"Topic", "PushMagic", "Token"}) {
    Dict without = whole;
    without.erase(key);
    Dict wrong = whole;
    wrong.set(key, 5);
    for (const auto& result : {parse_checkin(without), parse_checkin(wrong)}) {
      ASSERT_EQ(code_of(result), "checkin.missing_key");
      EXPECT_NE(result.error().message.find(key), std::string::npos);
    }
  }
  EXPECT_EQ(code_of(parse_checkin({{"MessageType", "Authenticate"}, {"UDID", "d"}})), "checkin.missing_key");
  EXPECT_EQ(code_of(parse_checkin({{"UDID", "d"}})), "checkin.missing_key");
}

TEST(ParseCheckin, KnowsApplesOtherMessagesAndRefusesUnknownOnes) {
  EXPECT_TRUE(std::holds_alternative<CheckOut>(*parse_checkin({{"MessageType", "CheckOut"}, {"UDID", "d"}})));
  for (const std::string type : {"UserAuthenticate", "SetBootstrapToken", "GetBootstrapToken",
                                 "DeclarativeManagement", "GetToken", "ReturnToService"}) {
    const auto checkin = parse_checkin({{"MessageType", type}, {"UDID", "d"}});
    ASSERT_TRUE(checkin);
    EXPECT_EQ(std::get<OtherCheckin>(*checkin).message_type, type);
  }
  const auto unknown = parse_checkin({{"MessageType", "Greeting"}, {"UDID", "d"}});
  EXPECT_EQ(code_of(unknown), "checkin.unknown_message_type");
  EXPECT_EQ(unknown.error().failure, Failure::invalid);
  EXPECT_EQ(code_of(parse_checkin({{"MessageType", "CheckOut"}})), "checkin.no_enrollment_id");
}

TEST(ParseReport, ReadsEveryStatus) {
  const auto status_of = [](const std::string& text) {
    return parse_report({{"UDID", "d"}, {"Status", text}})->status;
  };
  EXPECT_EQ(status_of("Idle"), ReportStatus::idle);
  EXPECT_EQ(status_of("Acknowledged"), ReportStatus::acknowledged);
  EXPECT_EQ(status_of("Error"), ReportStatus::error);
  EXPECT_EQ(status_of("CommandFormatError"), ReportStatus::command_format_error);
  EXPECT_EQ(status_of("NotNow"), ReportStatus::not_now);
  EXPECT_EQ(status_of("Later"), ReportStatus::unknown);
  EXPECT_EQ(parse_report({{"UDID", "d"}, {"Status", "Later"}})->status_text, "Later");
  EXPECT_EQ(code_of(parse_report({{"UDID", "d"}})), "report.no_status");
  EXPECT_EQ(code_of(parse_report({{"UDID", "d"}, {"Status", 1}})), "report.no_status");
  EXPECT_EQ(code_of(parse_report({{"Status", "Idle"}})), "checkin.no_enrollment_id");
}

TEST(ParseReport, ReadsTheErrorChainOutermostFirst) {
  const auto report = parse_report({{"UDID", "d"},
                                    {"Status", "Error"},
                                    {"CommandUUID", "c1"},
                                    {"RequestType", "InstallProfile"},
                                    {"ErrorChain", Array{Dict{{"ErrorCode", 12021},
                                                              {"ErrorDomain", "MCMDMErrorDomain"},
                                                              {"LocalizedDescription", "lokal"},
                                                              {"USEnglishDescription", "english"}},
                                                         "not a dictionary", Dict{{"ErrorCode", -909}}}}});
  ASSERT_TRUE(report);
  EXPECT_EQ(report->command_uuid, "c1");
  EXPECT_EQ(report->request_type, "InstallProfile");
  ASSERT_EQ(report->error_chain.size(), 2U);
  EXPECT_EQ(report->error_chain[0], (ErrorChainItem{12021, "MCMDMErrorDomain", "lokal", "english"}));
  EXPECT_EQ(report->error_chain[1], (ErrorChainItem{-909, "", "", ""}));
}

TEST(IsCheckin, GoesByMessageType) {
  EXPECT_TRUE(is_checkin({{"MessageType", "x"}}));
  EXPECT_FALSE(is_checkin({{"Status", "Idle"}}));
}

// ---- captures of real devices, kept outside of the repository
// -------------------------------------------------

std::filesystem::path samples(const char* folder) {
  const char* shared = std::getenv("MOORING_SHARED");
  const std::filesystem::path root = shared != nullptr ? std::filesystem::path(shared)
                                                       : std::filesystem::path(__FILE__).parent_path() /
                                                             ".." / ".." / ".." / ".." / "shared";
  return root / "samples" / folder;
}

std::string contents(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST(Captures, OfCheckinsAreUnderstood) {
  const auto folder = samples("checkin");
  if (!std::filesystem::exists(folder)) GTEST_SKIP() << "no captures: set MOORING_SHARED to their folder";
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const auto dict = plist::parse_dict(contents(entry.path()));
    ASSERT_TRUE(dict) << entry.path() << dict.error().message;
    EXPECT_TRUE(is_checkin(*dict));
    const auto checkin = parse_checkin(*dict);
    EXPECT_TRUE(checkin) << entry.path() << checkin.error().message;
  }
}

TEST(Captures, OfReportsAreUnderstood) {
  const auto folder = samples("reports");
  if (!std::filesystem::exists(folder)) GTEST_SKIP() << "no captures: set MOORING_SHARED to their folder";
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const auto dict = plist::parse_dict(contents(entry.path()));
    ASSERT_TRUE(dict) << entry.path() << dict.error().message;
    EXPECT_FALSE(is_checkin(*dict));
    const auto report = parse_report(*dict);
    ASSERT_TRUE(report) << entry.path() << report.error().message;
    EXPECT_NE(report->status, ReportStatus::unknown) << entry.path();
  }
}

}  // namespace
}  // namespace mooring::core::message_test

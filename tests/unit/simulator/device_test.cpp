// SPDX-License-Identifier: Apache-2.0
#include "simulator/device.hpp"

#include <gtest/gtest.h>

#include <set>

#include "tests/unit/simulator/support.hpp"

namespace mooring::simulator {
namespace {

using namespace std::chrono_literals;
using plist::Array;
using plist::Dict;
using namespace test;  // NOLINT(google-build-using-namespace)

Dict answer(Device& device, const Dict& envelope, Time now = kStart) {
  auto report = device.respond(envelope, now);
  EXPECT_TRUE(report.has_value());
  if (!report) return {};
  EXPECT_EQ(report_problems(device, envelope, *report), "") << request_type(envelope);
  return *report;
}

class EveryDevice : public testing::TestWithParam<Identity> {
 protected:
  std::string checkin_problems(const Dict& message) {
    return schema::to_string(schema::Schema::apple().check_checkin(message, device.target()));
  }
  Device device{GetParam(), {.seed = 7}};
};
INSTANTIATE_TEST_SUITE_P(Device, EveryDevice, testing::Values(mac(), phone()),
                         [](const auto& p) { return p.param.platform == Platform::mac ? "Mac" : "Phone"; });

TEST_P(EveryDevice, ChecksInAsTheSchemaSays) {
  EXPECT_EQ(checkin_problems(device.authenticate()), "");
  EXPECT_EQ(checkin_problems(device.token_update()), "");
  EXPECT_EQ(checkin_problems(device.check_out()), "");
  EXPECT_EQ(schema::to_string(schema::Schema::apple().check_report("", device.idle_report())), "");
  EXPECT_EQ(device.token_update().data("Token")->bytes.size(), 32U);
}

TEST_P(EveryDevice, AnswersWhatItIsAskedWithinTheSchema) {
  answer(device, install("1", profile("a", "v1")));
  const auto listing = answer(device, list("2"));
  EXPECT_EQ(listing.array("ProfileList")->size(), 1U);
  answer(device, command("3", {{"RequestType", "SecurityInfo"}}));
  answer(device, command("4", {{"RequestType", "CertificateList"}}));
  answer(device, command("5", {{"RequestType", "DeviceConfigured"}}));
  answer(device, remove("6", "a"));
  EXPECT_TRUE(device.profiles().empty());
}

TEST_P(EveryDevice, EveryQueryOfTheSchemaIsAnsweredOrDropped) {
  Array queries{"NoSuchQuery"};
  for (const auto& name : schema::Schema::apple().queries()) queries.emplace_back(name);
  const auto report =
      answer(device, command("1", {{"RequestType", "DeviceInformation"}, {"Queries", std::move(queries)}}));
  const auto* responses = report.dict("QueryResponses");
  ASSERT_NE(responses, nullptr);
  EXPECT_EQ(*responses->string("SerialNumber"), GetParam().serial);
  EXPECT_EQ(*responses->string("OSVersion"), GetParam().os_version);
  EXPECT_EQ(responses->find("NoSuchQuery"), nullptr);
  EXPECT_EQ(responses->find("HostName") != nullptr, GetParam().platform == Platform::mac);
}

TEST_P(EveryDevice, OnlyPhonesSayWhoManagesAProfile) {
  answer(device, install("1", profile("a", "v1")));
  const auto listing = answer(device, list("2"));
  const auto& entry = *listing.array("ProfileList")->front().as<Dict>();
  EXPECT_EQ(entry.find("IsManaged") == nullptr, GetParam().platform == Platform::mac);
  EXPECT_EQ(*entry.string("PayloadUUID"), "v1");
}

TEST_P(EveryDevice, UnknownAndForeignCommandsAreErrors) {
  for (const auto* type : {"MakeTea", "ScheduleOSUpdate"}) {
    const auto report = answer(device, command("1", {{"RequestType", type}}));
    EXPECT_EQ(status_of(report), "Error");
    EXPECT_EQ(first_error(report), "MCMDMErrorDomain 12021");
  }
}

TEST_P(EveryDevice, AMalformedCommandIsACommandFormatError) {
  EXPECT_EQ(status_of(answer(device, command("1", {{"RequestType", "InstallProfile"}}))),
            "CommandFormatError");
  EXPECT_EQ(status_of(answer(device, command("2", {}))), "CommandFormatError");
  EXPECT_EQ(status_of(answer(device, {{"CommandUUID", "3"}})), "CommandFormatError");
}

TEST(DeviceProfiles, TheSameIdentifierIsReplaced) {
  Device device(mac(), {});
  answer(device, install("1", profile("a", "v1")));
  answer(device, install("2", profile("a", "v2")));
  ASSERT_EQ(device.profiles().size(), 1U);
  EXPECT_EQ(device.profiles()[0].uuid, "v2");
  const auto& log = device.install_log().at("a");
  ASSERT_EQ(log.size(), 2U);
  EXPECT_EQ(log[0].payload_uuid + log[1].payload_uuid, "v1v2");
}

TEST(DeviceProfiles, AMalformedProfileIsAnErrorOfTheProfileDomain) {
  Device device(mac(), {});
  for (const auto& bytes : {std::string("junk"), plist::to_xml(Dict{{"PayloadType", "Configuration"}}),
                            plist::to_xml(Array{}), std::string()}) {
    EXPECT_EQ(first_error(answer(device, install("1", bytes))), "MCProfileErrorDomain 1000");
  }
  EXPECT_TRUE(device.profiles().empty());
}

TEST(DeviceProfiles, RemovingWhatMdmDidNotInstallIsAnError) {
  Device device(mac(), {});
  EXPECT_EQ(first_error(answer(device, remove("1", "a"))), "MCMDMErrorDomain 12075");
  ASSERT_TRUE(device.user_installs_profile(profile("a", "v1")));
  EXPECT_EQ(first_error(answer(device, remove("2", "a"))), "MCMDMErrorDomain 12075");
  EXPECT_EQ(device.profiles().size(), 1U);
}

TEST(DeviceProfiles, ManagedOnlyLeavesOutWhatTheUserInstalled) {
  Device device(mac(), {});
  ASSERT_TRUE(device.user_installs_profile(profile("user", "u")));
  answer(device, install("1", profile("mdm", "m")));
  EXPECT_EQ(answer(device, list("2", true)).array("ProfileList")->size(), 1U);
  EXPECT_EQ(answer(device, list("3", false)).array("ProfileList")->size(), 2U);
}

TEST(DeviceProfiles, TheUserRemovesOnlyWhatMayBeRemoved) {
  Device device(mac(), {});
  answer(device, install("1", profile("a", "v1")));
  auto fixed = *plist::parse_dict(profile("b", "v1"));
  fixed.set("PayloadRemovalDisallowed", true);
  answer(device, install("2", plist::to_xml(fixed)));
  EXPECT_TRUE(device.user_removes_profile("a"));
  EXPECT_FALSE(device.user_removes_profile("a"));
  EXPECT_FALSE(device.user_removes_profile("b"));
  EXPECT_EQ(device.profiles().size(), 1U);
}

TEST(DeviceBehaviour, LockedItPutsOffInstallationsButStillTellsAboutItself) {
  Device device(mac(), {});
  device.lock_until(kStart + 10min);
  EXPECT_EQ(status_of(answer(device, install("1", profile("a", "v1")))), "NotNow");
  EXPECT_EQ(status_of(answer(device, list("2"))), "NotNow");
  const auto asks = command("3", {{"RequestType", "DeviceInformation"}, {"Queries", Array{"UDID"}}});
  EXPECT_EQ(status_of(answer(device, asks)), "Acknowledged");
  EXPECT_FALSE(device.executions().contains("1"));
  EXPECT_EQ(status_of(answer(device, install("1", profile("a", "v1")), kStart + 10min)), "Acknowledged");
  EXPECT_EQ(device.executions().at("1"), 1);
}

TEST(DeviceBehaviour, NotNowComesByChanceAndEnds) {
  Device device(mac(), {.behaviour = {.not_now_probability = 1, .not_now_duration = 5min}});
  EXPECT_TRUE(device.connect(kStart));
  EXPECT_TRUE(device.locked(kStart + 4min));
  EXPECT_FALSE(device.locked(kStart + 5min));
}

TEST(DeviceBehaviour, OfflineItDoesNotConnectUntilItIsBack) {
  Device device(mac(), {.behaviour = {.offline_probability = 1, .offline_duration = 5min}});
  EXPECT_FALSE(device.connect(kStart));
  device.behaviour().offline_probability = 0;
  EXPECT_FALSE(device.online(kStart + 4min));
  EXPECT_FALSE(device.connect(kStart + 4min));
  EXPECT_TRUE(device.connect(kStart + 5min));
}

TEST(DeviceBehaviour, ALostAnswerLeavesTheCommandExecuted) {
  Device device(mac(), {.behaviour = {.lost_answer_probability = 1}});
  EXPECT_FALSE(device.respond(install("1", profile("a", "v1")), kStart));
  EXPECT_EQ(device.profiles().size(), 1U);
  device.behaviour().lost_answer_probability = 0;
  EXPECT_EQ(status_of(answer(device, install("1", profile("a", "v1")))), "Acknowledged");
  EXPECT_EQ(device.executions().at("1"), 2);
  EXPECT_EQ(device.install_log().at("a").size(), 2U);
}

TEST(DeviceBehaviour, RefusedProfilesFailEveryTime) {
  Device device(mac(), {.behaviour = {.refuse = {"a"}}});
  EXPECT_EQ(first_error(answer(device, install("1", profile("a", "v1")))), "MCInstallationErrorDomain 4001");
  EXPECT_EQ(status_of(answer(device, install("2", profile("b", "v1")))), "Acknowledged");
  EXPECT_EQ(device.profiles().size(), 1U);
  EXPECT_FALSE(device.install_log().at("a")[0].landed);
}

TEST(DeviceBehaviour, AnAcknowledgementCanBeEmpty) {
  Device device(mac(), {.behaviour = {.ack_without_effect = {"a"}}});
  EXPECT_EQ(status_of(answer(device, install("1", profile("a", "v1")))), "Acknowledged");
  EXPECT_TRUE(device.profiles().empty());
  EXPECT_FALSE(device.install_log().at("a")[0].landed);
}

TEST(DeviceBehaviour, TheUserRemovesProfilesByChance) {
  Device device(mac(), {.behaviour = {.user_removal_probability = 1}});
  answer(device, install("1", profile("a", "v1")));
  EXPECT_TRUE(device.connect(kStart));
  EXPECT_TRUE(device.profiles().empty());
}

TEST(DeviceLife, AWipeForgetsEverythingAndChangesThePushDetails) {
  Device device(mac(), {.awaiting_configuration = true});
  device.set_enrolled(true);
  const auto token = device.push_token();
  answer(device, install("1", profile("a", "v1")));
  answer(device, command("2", {{"RequestType", "DeviceConfigured"}}));
  EXPECT_FALSE(device.awaiting_configuration());
  EXPECT_EQ(status_of(answer(device, command("3", {{"RequestType", "EraseDevice"}}))), "Acknowledged");
  EXPECT_TRUE(device.profiles().empty());
  EXPECT_FALSE(device.enrolled());
  EXPECT_TRUE(device.awaiting_configuration());
  EXPECT_NE(device.push_token(), token);
}

TEST(DeviceLife, RemovingTheEnrollmentTakesManagedProfilesAlong) {
  Device device(mac(), {});
  ASSERT_TRUE(device.user_installs_profile(profile("user", "u")));
  answer(device, install("1", profile("mdm", "m")));
  device.unenroll();
  ASSERT_EQ(device.profiles().size(), 1U);
  EXPECT_EQ(device.profiles()[0].identifier, "user");
}

/// Everything a device with every kind of trouble does in a hundred connections.
std::string story(std::uint64_t seed) {
  Device device(make_identity(seed, 3), {.seed = seed,
                                         .behaviour = {.not_now_probability = 0.2,
                                                       .offline_probability = 0.1,
                                                       .lost_answer_probability = 0.1,
                                                       .duplicate_report_probability = 0.1,
                                                       .user_removal_probability = 0.1}});
  std::string told = plist::canonical(device.token_update());
  for (int i = 0; i < 100; ++i) {
    const auto now = kStart + i * 3min;
    if (!device.connect(now)) {
      told += "offline ";
      continue;
    }
    for (const auto& envelope : {install("i" + std::to_string(i), profile("p" + std::to_string(i % 7), "v")),
                                 list("l" + std::to_string(i))}) {
      const auto report = device.respond(envelope, now);
      told += report ? plist::canonical(*report) : "lost ";
      if (device.repeats_report()) told += "twice ";
    }
  }
  return told;
}

TEST(DeviceStory, TheSameSeedTellsTheSameStory) {
  EXPECT_EQ(story(1), story(1));
  EXPECT_NE(story(1), story(2));
  for (const auto* word : {"offline", "NotNow", "lost", "twice"}) {
    EXPECT_NE(story(1).find(word), std::string::npos) << word;
  }
}

TEST(Identities, AreStableUniqueAndMixed) {
  std::set<std::string> udids;
  std::set<std::string> serials;
  std::set<Platform> platforms;
  for (std::uint64_t i = 0; i < 2000; ++i) {
    const auto identity = make_identity(42, i);
    EXPECT_EQ(identity, make_identity(42, i));
    udids.insert(identity.udid);
    serials.insert(identity.serial);
    platforms.insert(identity.platform);
    EXPECT_EQ(identity.serial.size(), 12U);
  }
  EXPECT_EQ(udids.size(), 2000U);
  EXPECT_EQ(serials.size(), 2000U);
  EXPECT_EQ(platforms.size(), 3U);
}

}  // namespace
}  // namespace mooring::simulator

// SPDX-License-Identifier: Apache-2.0
// The loop: declared, commanded, observed, on a real database with simulated devices and simulated time.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/plist/plist.hpp"
#include "director/profile_document.hpp"
#include "reconciler/claim.hpp"
#include "reconciler/gauges.hpp"
#include "reconciler/load.hpp"
#include "tests/support/world.hpp"

namespace mooring::test {
namespace {

constexpr const char* kWifi = "com.example.wifi";

std::string uuid_of(const std::string& mobileconfig) {
  return director::read_profile(mobileconfig)->payload_uuid.text();
}

/// What a device holds for an identifier; empty where nothing.
std::string held(const simulator::Device& device, const std::string& identifier) {
  const auto* found = device.profile(identifier);
  return found == nullptr ? std::string() : found->uuid;
}

std::size_t installs(const simulator::Device& device, const std::string& identifier) {
  const auto found = device.install_log().find(identifier);
  return found == device.install_log().end() ? 0 : found->second.size();
}

struct Loop : ::testing::Test {
  World world;
  std::unique_ptr<simulator::Device> device = world.make_device();
};

// covers: mdm.D01, state.R3, state.D2, seed.13
TEST_F(Loop, ADeclaredProfileIsInstalledOnceAndVerifiedByTheDevicesOwnList) {
  world.enroll(*device);
  world.settle(*device);
  world.declare("wifi", profile(kWifi));
  world.assign("wifi");
  world.reconcile();
  EXPECT_EQ(world.state(*device, "wifi"), "commanded");
  world.settle(*device);
  EXPECT_EQ(held(*device, kWifi), uuid_of(profile(kWifi)));
  EXPECT_EQ(world.state(*device, "wifi"), "verified");
  EXPECT_EQ(installs(*device, kWifi), 1U);
}

TEST_F(Loop, AnAcknowledgementAloneIsNoProof) {
  device->behaviour().ack_without_effect.insert(kWifi);
  world.enroll(*device);
  world.declare("wifi", profile(kWifi));
  world.assign("wifi");
  world.settle(*device);
  EXPECT_EQ(world.state(*device, "wifi"), "backing_off");
  EXPECT_EQ(installs(*device, kWifi), 1U) << "the retry waits for its time";
}

// covers: state.R1, state.N2
TEST_F(Loop, AProfileThatTheUserRemovedIsNoticedByTheNextListAndComesBack) {
  world.declare("wifi", profile(kWifi));
  world.assign("wifi");
  world.enroll(*device);
  world.settle(*device);
  ASSERT_EQ(world.state(*device, "wifi"), "verified");
  device->user_removes_profile(kWifi);
  world.settle(*device);
  EXPECT_EQ(held(*device, kWifi), "") << "nobody knows before the next inventory";
  world.advance(std::chrono::hours(7));
  world.settle(*device);
  EXPECT_EQ(held(*device, kWifi), uuid_of(profile(kWifi)));
  EXPECT_EQ(world.state(*device, "wifi"), "verified");
  EXPECT_EQ(installs(*device, kWifi), 2U);
}

// covers: state.R4
TEST_F(Loop, AnEmptyListIsDriftOfEverything) {
  for (const char* name : {"a", "b", "c"}) {
    world.declare(name, profile(std::string("com.example.") + name));
    world.assign(name);
  }
  world.enroll(*device);
  world.settle(*device);
  for (const char* name : {"a", "b", "c"}) device->user_removes_profile(std::string("com.example.") + name);
  ASSERT_TRUE(device->profiles().empty());
  world.advance(std::chrono::hours(7));
  world.settle(*device);
  EXPECT_EQ(device->profiles().size(), 3U);
}

// covers: state.R2, state.D5
TEST_F(Loop, ANewVersionReplacesTheOldOneAndADeletedProfileIsRemovedFromEveryHolder) {
  const auto other = world.make_device(1);
  world.declare("wifi", profile(kWifi, "1"));
  world.assign("wifi");
  for (auto* each : {device.get(), other.get()}) {
    world.enroll(*each);
    world.settle(*each);
  }
  world.declare("wifi", profile(kWifi, "2"));
  for (auto* each : {device.get(), other.get()}) world.settle(*each);
  EXPECT_EQ(held(*device, kWifi), uuid_of(profile(kWifi, "2")));
  EXPECT_EQ(held(*other, kWifi), uuid_of(profile(kWifi, "2")));
  world.remove_profile("wifi");
  for (auto* each : {device.get(), other.get()}) world.settle(*each);
  EXPECT_EQ(held(*device, kWifi), "");
  EXPECT_EQ(held(*other, kWifi), "");
  EXPECT_EQ(device->removals().at(kWifi), 1);
  EXPECT_EQ(world.number("select count(*) from device_items"), 0) << "proven removals leave no record";
}

// covers: state.D5
TEST_F(Loop, ADeviceThatIsOfflineWhenAProfileIsDeletedLosesItWhenItIsBack) {
  world.declare("wifi", profile(kWifi));
  world.assign("wifi");
  world.enroll(*device);
  world.settle(*device);
  world.remove_profile("wifi");
  world.reconcile();
  world.advance(std::chrono::hours(24 * 20));
  world.reconcile();
  world.settle(*device);
  EXPECT_EQ(held(*device, kWifi), "");
}

// covers: state.D1, state.D3, state.D4
TEST_F(Loop, ADevicesOwnProfileGoesBeforeTheSharedOneWithItsIdentifierAndGivesWayAgain) {
  const auto other = world.make_device(1);
  const std::string shared = profile(kWifi, "shared");
  const std::string own = profile(kWifi, "own");
  world.declare("wifi", shared);
  world.assign("wifi");
  for (auto* each : {device.get(), other.get()}) {
    world.enroll(*each);
    world.settle(*each);
  }
  world.declare("wifi-lab", own);
  world.assign("wifi-lab", "device:" + device->identity().serial);
  world.settle(*device);
  world.settle(*other);
  EXPECT_EQ(held(*device, kWifi), uuid_of(own));
  EXPECT_EQ(held(*other, kWifi), uuid_of(shared)) << "another device keeps the shared one";
  world.unassign("wifi-lab", "device:" + device->identity().serial);
  world.settle(*device);
  EXPECT_EQ(held(*device, kWifi), uuid_of(shared));
  EXPECT_TRUE(device->removals().empty()) << "the slot was never empty in between";
  EXPECT_EQ(world.state(*device, "wifi-lab"), "none");
}

TEST_F(Loop, AnAbsentAssignmentForOneDeviceOptsItOutOfASharedProfile) {
  world.declare("wifi", profile(kWifi));
  world.assign("wifi");
  world.enroll(*device);
  world.settle(*device);
  world.assign("wifi", "device:" + device->identity().udid, director::Intent::absent);
  world.settle(*device);
  EXPECT_EQ(held(*device, kWifi), "");
  EXPECT_EQ(world.state(*device, "wifi"), "verified") << "proven absent";
  world.unassign("wifi", "device:" + device->identity().udid);
  world.settle(*device);
  EXPECT_EQ(held(*device, kWifi), uuid_of(profile(kWifi)));
}

// covers: state.R11
TEST_F(Loop, RemovingAProfileThatWasNeverInstalledIsSuccessWithoutACommand) {
  world.enroll(*device);
  world.settle(*device);
  world.declare("wifi", profile(kWifi));
  world.assign("wifi", "all", director::Intent::absent);
  world.settle(*device);
  EXPECT_EQ(world.state(*device, "wifi"), "verified");
  EXPECT_TRUE(device->removals().empty());
  EXPECT_EQ(world.number("select count(*) from command_results where request_type = 'RemoveProfile'"), 0);
}

// covers: state.R11
TEST_F(Loop, ARemovalThatTheDeviceRefusesBecauseNothingIsThereIsSuccess) {
  world.declare("wifi", profile(kWifi));
  world.assign("wifi");
  world.enroll(*device);
  world.settle(*device);
  device->user_removes_profile(kWifi);  // after the last list: RemoveProfile will be answered with an Error
  world.remove_profile("wifi");
  world.settle(*device);
  EXPECT_EQ(world.number(
                "select count(*) from command_results where request_type = 'RemoveProfile' and status = 3"),
            1);
  EXPECT_EQ(world.number("select count(*) from device_items"), 0);
}

// covers: state.R23
TEST_F(Loop, AProfileThatMooringNeverInstalledIsNotTouched) {
  ASSERT_TRUE(device->user_installs_profile(profile("com.stranger.vpn")));
  world.enroll(*device);
  world.settle(*device);
  world.declare("vpn", profile("com.stranger.vpn", "ours"));
  world.assign("vpn", "all", director::Intent::absent);
  world.settle(*device);
  EXPECT_NE(held(*device, "com.stranger.vpn"), "");
  EXPECT_EQ(world.state(*device, "vpn"), "failed");
  EXPECT_EQ(world.number("select count(*) from command_results where request_type = 'RemoveProfile'"), 0);
}

// covers: state.R8, state.R9
TEST_F(Loop, ManyMarksAreOnePassAndManyListsOneInstall) {
  world.declare("wifi", profile(kWifi));
  world.assign("wifi");
  world.enroll(*device);
  world.settle(*device);
  device->user_removes_profile(kWifi);
  world.advance(std::chrono::hours(7));
  for (int i = 0; i < 20; ++i) {
    world.number("select 1 from (select 1) x");
    world.db.connection().script("update reconcile set marks = marks + 1, due_at = least(due_at, now())");
  }
  EXPECT_EQ(world.reconcile(), 1U) << "twenty marks, one pass";
  world.settle(*device);
  EXPECT_EQ(installs(*device, kWifi), 2U);
}

// covers: state.R9
TEST_F(Loop, PassesWithoutNewsSendNothingAgain) {
  world.declare("wifi", profile(kWifi));
  world.assign("wifi");
  world.enroll(*device);
  world.reconcile();
  for (int i = 0; i < 5; ++i) {
    world.db.connection().script("update reconcile set marks = marks + 1, due_at = least(due_at, now())");
    world.reconcile();
  }
  EXPECT_EQ(world.number("select count(*) from commands"), 4) << "each list once";
}

// covers: state.R5
TEST_F(Loop, ARefusedInstallIsTriedWithGrowingWaitsAndThenGivenUp) {
  device->behaviour().refuse.insert(kWifi);
  world.declare("wifi", profile(kWifi));
  world.assign("wifi");
  world.enroll(*device);
  world.settle(*device);
  EXPECT_EQ(installs(*device, kWifi), 1U);
  world.advance(std::chrono::seconds(20));
  world.settle(*device);
  EXPECT_EQ(installs(*device, kWifi), 1U) << "too early";
  for (int hour = 0; hour < 72; ++hour) {
    world.advance(std::chrono::hours(1));
    world.settle(*device);
  }
  EXPECT_EQ(installs(*device, kWifi), 5U) << "the budget";
  EXPECT_EQ(world.state(*device, "wifi"), "failed");
}

// covers: state.R7
TEST_F(Loop, ANewVersionGetsANewBudget) {
  device->behaviour().refuse.insert(kWifi);
  world.declare("wifi", profile(kWifi, "bad"));
  world.assign("wifi");
  world.enroll(*device);
  for (int hour = 0; hour < 48; ++hour) {
    world.settle(*device);
    world.advance(std::chrono::hours(1));
  }
  ASSERT_EQ(world.state(*device, "wifi"), "failed");
  device->behaviour().refuse.clear();
  world.settle(*device);
  EXPECT_EQ(installs(*device, kWifi), 5U) << "failed stays failed";
  world.declare("wifi", profile(kWifi, "good"));
  world.settle(*device);
  EXPECT_EQ(world.state(*device, "wifi"), "verified");
}

// covers: state.R6
TEST_F(Loop, RepairsOfTheSameItemBackOffAndThenStop) {
  world.declare("wifi", profile(kWifi));
  world.assign("wifi");
  world.enroll(*device);
  world.settle(*device);
  const auto lose_it_again = [&] {
    device->user_removes_profile(kWifi);
    world.db.connection().script(
        "update reconcile set marks = marks + 1, refresh_mark = marks + 1, due_at = '-infinity'");
    world.settle(*device);
  };
  lose_it_again();
  EXPECT_EQ(installs(*device, kWifi), 2U) << "the first repair is immediate";
  lose_it_again();
  EXPECT_EQ(installs(*device, kWifi), 2U) << "the second one waits";
  EXPECT_EQ(world.state(*device, "wifi"), "backing_off");
  world.advance(std::chrono::minutes(2));
  world.settle(*device);
  EXPECT_EQ(installs(*device, kWifi), 3U);
  for (int i = 0; i < 6; ++i) {
    lose_it_again();
    world.advance(std::chrono::hours(3));
    world.settle(*device);
  }
  EXPECT_EQ(world.state(*device, "wifi"), "quarantined");
  EXPECT_LE(installs(*device, kWifi), 6U);
}

// covers: state.R10
TEST_F(Loop, AVersionThatWaitedInNotNowNeverLandsAfterANewerOneWasDeclared) {
  world.enroll(*device);
  world.settle(*device);
  world.declare("wifi", profile(kWifi, "old"));
  world.assign("wifi");
  world.reconcile();
  device->lock_until(world.clock.now() + std::chrono::minutes(30));
  world.connect(*device);
  EXPECT_EQ(world.number("select count(*) from commands where status = 1"), 1);
  world.declare("wifi", profile(kWifi, "new"));
  world.advance(std::chrono::hours(1));
  // The device comes before any pass has seen the new version: it must not be given the old one.
  world.connect(*device);
  EXPECT_EQ(held(*device, kWifi), "");
  world.settle(*device);
  EXPECT_EQ(held(*device, kWifi), uuid_of(profile(kWifi, "new")));
  for (const auto& install : device->install_log().at(kWifi)) {
    EXPECT_EQ(install.payload_uuid, uuid_of(profile(kWifi, "new")));
  }
}

// covers: state.R12, seed.19
TEST_F(Loop, NotNowThenAPushLaterThenAcknowledged) {
  world.enroll(*device);
  world.settle(*device);
  world.declare("wifi", profile(kWifi));
  world.assign("wifi");
  world.reconcile();
  device->lock_until(world.clock.now() + std::chrono::minutes(30));
  const auto before = world.pushes().size();
  EXPECT_EQ(world.connect(*device).not_now, 1U);
  world.reconcile();
  EXPECT_EQ(world.pushes().size(), before) << "no push storm at a locked device";
  world.advance(std::chrono::hours(1));
  world.reconcile();
  EXPECT_EQ(world.pushes().size(), before + 1) << "a push later";
  world.settle(*device);
  EXPECT_EQ(world.state(*device, "wifi"), "verified");
  EXPECT_EQ(installs(*device, kWifi), 1U);
}

// covers: state.R12
TEST_F(Loop, NotNowIsOfferedAgainAtTheDevicesOwnNextPoll) {
  world.enroll(*device);
  world.settle(*device);
  world.declare("wifi", profile(kWifi));
  world.assign("wifi");
  world.reconcile();
  device->lock_until(world.clock.now() + std::chrono::minutes(1));
  world.connect(*device);
  world.advance(std::chrono::minutes(2));
  world.settle(*device);
  EXPECT_EQ(world.state(*device, "wifi"), "verified");
}

// covers: state.R13
TEST_F(Loop, ADeviceThatWasOfflineForWeeksConvergesWhenItIsBack) {
  world.enroll(*device);
  world.settle(*device);
  world.declare("wifi", profile(kWifi, "1"));
  world.assign("wifi");
  const auto before = world.pushes().size();
  for (int day = 0; day < 20; ++day) {
    world.reconcile();
    world.advance(std::chrono::hours(24));
  }
  const auto pushed = world.pushes().size() - before;
  EXPECT_GE(pushed, 10U) << "APNs forgets after seven days: it is pushed again";
  EXPECT_LE(pushed, 60U) << "but not hammered";
  EXPECT_EQ(world.number("select count(*) from commands where item_id > 0"), 1)
      << "one command waits, not twenty";
  world.declare("wifi", profile(kWifi, "2"));
  world.settle(*device);
  EXPECT_EQ(held(*device, kWifi), uuid_of(profile(kWifi, "2")));
  EXPECT_EQ(installs(*device, kWifi), 1U);
}

TEST_F(Loop, ALostAnswerIsMadeUpForWithoutADoubledCommand) {
  world.enroll(*device);
  world.settle(*device);
  world.declare("wifi", profile(kWifi));
  world.assign("wifi");
  world.reconcile();
  device->behaviour().lost_answer_probability = 1;
  world.connect(*device);
  device->behaviour().lost_answer_probability = 0;
  EXPECT_EQ(world.number("select count(*) from commands where item_id > 0"), 1);
  world.settle(*device);
  EXPECT_EQ(world.state(*device, "wifi"), "verified");
  EXPECT_EQ(world.number("select count(*) from command_results where request_type = 'InstallProfile'"), 1);
}

// covers: mdm.C05, seed.35
TEST_F(Loop, AWipedDeviceThatEnrollsAgainConvergesAgain) {
  world.declare("wifi", profile(kWifi));
  world.assign("wifi");
  world.enroll(*device);
  world.settle(*device);
  device->wipe();
  world.enroll(*device);
  EXPECT_EQ(world.number("select token_update_tally from enrollments"), 1);
  world.reconcile();
  EXPECT_EQ(world.state(*device, "wifi"), "pending") << "what was believed of the device is void";
  world.settle(*device);
  EXPECT_EQ(held(*device, kWifi), uuid_of(profile(kWifi)));
  EXPECT_EQ(world.number("select desired from item_totals"), 1);
  EXPECT_EQ(world.number("select verified from item_totals"), 1);
}

TEST_F(Loop, ADeviceThatChecksOutLeavesTheCountersAndGetsNothingMore) {
  world.declare("wifi", profile(kWifi));
  world.assign("wifi");
  world.enroll(*device);
  world.settle(*device);
  const std::string enrolled = "select coalesce(sum(value), 0) from counters where name = 'devices.enrolled'";
  EXPECT_EQ(world.number(enrolled), 1);
  world.put("/mdm", device->check_out());
  world.declare("wifi", profile(kWifi, "2"));
  world.reconcile();
  EXPECT_EQ(world.number(enrolled), 0);
  EXPECT_EQ(world.number("select sum(value) from counters where name = 'devices.known'"), 1);
  EXPECT_EQ(world.number("select count(*) from commands"), 0);
  EXPECT_EQ(world.number("select coalesce(max(desired), 0) from item_totals"), 0);
  EXPECT_EQ(world.number("select count(*) from device_items"), 0);
}

// covers: state.N1
TEST_F(Loop, TheDriftCountersMoveWithTheStateAndComeBackToZero) {
  std::vector<std::unique_ptr<simulator::Device>> fleet;
  world.declare("wifi", profile(kWifi));
  world.assign("wifi");
  for (int i = 0; i < 10; ++i) {
    fleet.push_back(world.make_device(i));
    world.enroll(*fleet.back());
    world.settle(*fleet.back());
  }
  const std::string drifted = "select coalesce(sum(devices), 0) from item_drift";
  EXPECT_EQ(world.number(drifted), 0);
  EXPECT_EQ(world.number("select verified from item_totals"), 10);
  for (int i = 0; i < 3; ++i) fleet[static_cast<std::size_t>(i)]->user_removes_profile(kWifi);
  world.advance(std::chrono::hours(7));
  world.reconcile();
  for (auto& each : fleet) world.connect(*each);
  world.reconcile();
  EXPECT_EQ(world.number(drifted), 3);
  EXPECT_EQ(world.number("select verified from item_totals"), 7);
  EXPECT_EQ(world.number("select count(*) from device_items where drift_since is not null"), 3);
  world.advance(std::chrono::minutes(9));
  reconciler::refresh_gauges(world.db.connection(), world.db.metrics, world.clock.now());
  const std::string page = world.db.metrics.text();
  EXPECT_THAT(page, ::testing::HasSubstr("mooring_item_drifted_devices{item=\"wifi\",kind=\"profile\"} 3"));
  EXPECT_THAT(page, ::testing::ContainsRegex(
                        "mooring_item_drift_oldest_seconds.item=\"wifi\",kind=\"profile\". (5[4-9]|600)"));
  for (auto& each : fleet) world.settle(*each);
  EXPECT_EQ(world.number(drifted), 0);
  EXPECT_EQ(world.number("select count(*) from item_drift"), 0);
  EXPECT_EQ(world.number("select verified from item_totals"), 10);
}

// covers: state.N2
TEST_F(Loop, TimeToConvergeIsObservedOnceForEachDeviceAndGeneration) {
  world.enroll(*device);
  world.settle(*device);
  const auto count = [&] { return world.text("select converged_generation from reconcile"); };
  const auto before = count();
  world.advance(std::chrono::minutes(1));
  world.declare("wifi", profile(kWifi));
  world.assign("wifi");
  world.advance(std::chrono::seconds(90));
  world.settle(*device);
  EXPECT_NE(count(), before);
  const std::string page = world.db.metrics.text();
  EXPECT_THAT(page, ::testing::HasSubstr("mooring_converge_seconds_bucket{le=\"60\"} 1"))
      << "the empty first one";
  EXPECT_THAT(page, ::testing::HasSubstr("mooring_converge_seconds_bucket{le=\"300\"} 2"));
  world.advance(std::chrono::hours(7));
  world.settle(*device);
  EXPECT_THAT(world.db.metrics.text(), ::testing::HasSubstr("mooring_converge_seconds_count 2"));
}

// A pass is one transaction: where the process dies in it, everything is as if it had never begun.
// covers: state.R21
TEST_F(Loop, APassThatDiesBeforeItsCommitLosesNothingAndDoublesNothing) {
  world.enroll(*device);
  world.settle(*device);
  world.declare("wifi", profile(kWifi));
  world.assign("wifi");
  world.db.connection().script(
      "create function die() returns trigger language plpgsql as "
      "$$ begin perform pg_terminate_backend(pg_backend_pid()); return null; end $$;"
      "create constraint trigger die after insert on commands deferrable initially deferred "
      "for each row when (new.item_id > 0) execute function die()");
  EXPECT_FALSE(world.try_reconcile()) << "killed at the very end of the pass";
  EXPECT_EQ(world.number("select count(*) from commands"), 0);
  world.db.connection().script("drop trigger die on commands");
  world.settle(*device);
  EXPECT_EQ(world.state(*device, "wifi"), "verified");
  EXPECT_EQ(installs(*device, kWifi), 1U);
}

// The statements of a pass do not share a snapshot: a report may commit between any two of them.
// covers: state.R9
TEST_F(Loop, ACommandThatIsAnsweredWhileAPassReadsIsNeitherLostNorSentAgain) {
  world.enroll(*device);
  world.settle(*device);
  world.declare("wifi", profile(kWifi));
  world.assign("wifi");
  world.reconcile();
  // What a pass sees that reads open commands before, and reports after, the commit of an acknowledgement.
  world.db.connection().script(
      "insert into observations (event_id, device_id, command_uuid, reported_at, status, request_type, "
      "item_id, version_id) "
      "select 1000000, e.device_id, c.uuid, now(), 2, 'InstallProfile', c.item_id, c.version_id "
      "from commands c join enrollments e on e.id = c.enrollment_id where c.item_id > 0");
  pg::Connection own(world.db.connect_options());
  own.script("begin");
  const std::vector<std::int64_t> devices{world.device_id(*device)};
  own.script("update reconcile set marks = marks + 1");
  reconciler::Declarations declarations;
  const auto batch = reconciler::load(own, declarations, devices, world.clock.now());
  ASSERT_EQ(batch.snapshots.size(), 1U);
  EXPECT_EQ(batch.snapshots[0].observations.size(), 1U);
  EXPECT_TRUE(batch.snapshots[0].open.empty()) << "answered is not open";
  own.script("rollback");
}

// covers: state.R22
TEST_F(Loop, TwoPassesNeverHoldTheSameDevice) {
  world.declare("wifi", profile(kWifi));
  world.assign("wifi");
  world.enroll(*device);
  pg::Connection other(world.db.connect_options());
  other.script("begin");
  ASSERT_TRUE(reconciler::claim_device(other, world.device_id(*device)));
  world.reconcile();
  EXPECT_EQ(world.number("select count(*) from commands"), 0) << "someone else holds it";
  other.script("rollback");
  world.reconcile();
  EXPECT_EQ(world.number("select count(*) from commands"), 4);
}

TEST_F(Loop, AListThatCannotBeReadRemovesAndRepairsNothing) {
  world.declare("wifi", profile(kWifi));
  world.assign("wifi");
  world.enroll(*device);
  world.settle(*device);
  world.remove_profile("wifi");
  world.advance(std::chrono::hours(7));
  // An answer without ProfileList: accepted, but evidence of nothing.
  world.db.connection().script(
      "update reconcile set refresh_mark = marks + 1, marks = marks + 1, due_at = '-infinity'");
  world.reconcile();
  const auto uuid = world.text(
      "select upper(encode(c.uuid, 'hex')) from commands c join payloads p on p.id = c.payload_id "
      "where p.request_type = 'ProfileList'");
  ASSERT_EQ(uuid.size(), 32U);
  const std::string text = uuid.substr(0, 8) + "-" + uuid.substr(8, 4) + "-" + uuid.substr(12, 4) + "-" +
                           uuid.substr(16, 4) + "-" + uuid.substr(20);
  EXPECT_EQ(world.report(device->identity().udid, "Acknowledged", text).status, 200);
  world.reconcile();
  EXPECT_EQ(world.number("select count(*) from device_items"), 1) << "the record of the removal stays";
  world.advance(std::chrono::hours(1));
  world.settle(*device);
  EXPECT_EQ(held(*device, kWifi), "");
  EXPECT_EQ(world.number("select count(*) from device_items"), 0);
}

}  // namespace
}  // namespace mooring::test

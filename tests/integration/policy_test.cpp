// SPDX-License-Identifier: Apache-2.0
// What the loop does when things go wrong: refusals, NotNow, strangers, errors in the middle of a pass.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/plist/plist.hpp"
#include "director/profile_document.hpp"
#include "tests/support/world.hpp"

namespace mooring::test {
namespace {

constexpr const char* kVpn = "com.example.vpn";
constexpr const char* kDock = "com.example.dock";
constexpr const char* kRemovals = "select count(*) from command_results where request_type = 'RemoveProfile'";

struct PolicyLoop : ::testing::Test {
  World world;
  std::unique_ptr<simulator::Device> device = world.make_device();

  void hold(const char* name, const char* identifier) {
    world.declare(name, profile(identifier));
    world.assign(name);
  }
  void fail_inserts_of_commands_for(std::int64_t only_device = 0) {
    world.db.connection().script(
        fmt::format("create function refuse() returns trigger language plpgsql as "
                    "$$ begin raise exception 'no more room'; end $$;"
                    "create trigger refuse before insert on commands for each row when (new.item_id > 0 {}) "
                    "execute function refuse()",
                    only_device == 0 ? "" : fmt::format("and new.enrollment_id = {}", only_device)));
  }
  void heal() { world.db.connection().script("drop trigger refuse on commands"); }
  /// The CommandUUID, as text, of the ProfileList that waits.
  std::string open_list() {
    return world.text(
        "select upper(encode(substring(c.uuid from 1 for 4), 'hex') || '-' || "
        "encode(substring(c.uuid from 5 for 2), 'hex') || '-' || encode(substring(c.uuid from 7 for 2), "
        "'hex') "
        "|| '-' || encode(substring(c.uuid from 9 for 2), 'hex') || '-' || "
        "encode(substring(c.uuid from 11 for 6), 'hex')) "
        "from commands c join payloads p on p.id = c.payload_id where p.request_type = 'ProfileList'");
  }
};

// covers: state.R23
TEST_F(PolicyLoop, AStrangerThatTookThePlaceOfOursIsLeftAlone) {
  hold("vpn", kVpn);
  world.enroll(*device);
  world.settle(*device);
  world.assign("vpn", "all", director::Intent::absent);
  world.settle(*device);
  ASSERT_EQ(device->profile(kVpn), nullptr);
  ASSERT_EQ(world.number(kRemovals), 1);
  ASSERT_TRUE(device->user_installs_profile(profile(kVpn, "of somebody else")));
  world.advance(std::chrono::hours(7));
  world.settle(*device);
  EXPECT_EQ(world.state(*device, "vpn"), "failed");
  world.remove_profile("vpn");
  world.settle(*device);
  EXPECT_EQ(world.number("select count(*) from device_items"), 0) << "nothing of ours is left to remove";
  EXPECT_NE(device->profile(kVpn), nullptr);
  EXPECT_EQ(world.number(kRemovals), 1) << "the command never left";
}

TEST_F(PolicyLoop, ARemovalThatMetAStrangerEndsAfterOneCommand) {
  hold("vpn", kVpn);
  world.enroll(*device);
  world.settle(*device);
  ASSERT_TRUE(device->user_installs_profile(profile(kVpn, "of somebody else")));
  world.remove_profile("vpn");
  world.settle(*device);
  for (int hour = 0; hour < 24; ++hour) {
    world.advance(std::chrono::hours(1));
    world.settle(*device);
  }
  EXPECT_NE(device->profile(kVpn), nullptr);
  EXPECT_EQ(world.number(kRemovals), 1) << "its last list still showed ours";
  EXPECT_EQ(world.number("select count(*) from device_items"), 0);
}

// covers: director.82
TEST_F(PolicyLoop, OneItemThatIsRefusedDoesNotHoldUpTheOthers) {
  device->behaviour().refuse.insert(kVpn);
  for (const char* name : {"a", "vpn", "z"}) hold(name, fmt::format("com.example.{}", name).c_str());
  world.enroll(*device);
  world.settle(*device);
  EXPECT_EQ(world.state(*device, "vpn"), "backing_off");
  EXPECT_EQ(world.state(*device, "a"), "verified");
  EXPECT_EQ(world.state(*device, "z"), "verified");
}

// covers: director.82
TEST_F(PolicyLoop, OneDeviceThatCannotBePlannedDoesNotHoldUpItsBatch) {
  const auto other = world.make_device(1);
  for (auto* each : {device.get(), other.get()}) {
    world.enroll(*each);
    world.settle(*each);
  }
  fail_inserts_of_commands_for(world.number(
      fmt::format("select e.id from enrollments e where e.device_id = {}", world.device_id(*device))));
  hold("vpn", kVpn);
  for (auto* each : {device.get(), other.get()}) world.settle(*each);
  EXPECT_EQ(world.state(*other, "vpn"), "verified");
  EXPECT_EQ(world.state(*device, "vpn"), "none");
  heal();
  world.advance(std::chrono::minutes(6));
  world.settle(*device);
  EXPECT_EQ(world.state(*device, "vpn"), "verified") << "it was only postponed";
}

// covers: state.N8
TEST_F(PolicyLoop, FromOneVersionToAnotherToNoneWithNotNowAtEachStepEndsWithNone) {
  world.enroll(*device);
  world.settle(*device);
  const auto put_off = [&] {
    world.reconcile();
    device->lock_until(world.clock.now() + std::chrono::minutes(30));
    EXPECT_EQ(world.connect(*device).not_now, 1U);
    world.reconcile();
  };
  world.declare("vpn", profile(kVpn, "A"));
  world.assign("vpn");
  put_off();
  world.declare("vpn", profile(kVpn, "B"));
  put_off();
  EXPECT_EQ(world.number("select count(*) from commands where item_id > 0"), 1) << "A is withdrawn";
  world.remove_profile("vpn");
  world.reconcile();
  EXPECT_EQ(world.number("select count(*) from commands where item_id > 0"), 0) << "B as well";
  world.advance(std::chrono::hours(8));
  world.settle(*device);
  EXPECT_TRUE(device->install_log().empty()) << "neither ever landed";
  EXPECT_EQ(device->profile(kVpn), nullptr);
  EXPECT_EQ(world.number("select count(*) from device_items"), 0);
  EXPECT_EQ(world.number(kRemovals), 0) << "there was nothing to remove";
}

// covers: state.N13
TEST_F(PolicyLoop, APartialListRemovesNothingAndProvesNothing) {
  hold("vpn", kVpn);
  hold("dock", kDock);
  world.enroll(*device);
  world.settle(*device);
  world.advance(std::chrono::hours(7));
  world.reconcile();
  const plist::Dict whole{{"PayloadIdentifier", kVpn}, {"PayloadUUID", device->profile(kVpn)->uuid}};
  const plist::Dict partial{{"PayloadIdentifier", "com.example.other"}};
  world.put("/mdm", {{"UDID", device->identity().udid},
                     {"Status", "Acknowledged"},
                     {"CommandUUID", open_list()},
                     {"ProfileList", plist::Array{plist::Value(whole), plist::Value(partial)}}});
  world.reconcile();
  EXPECT_EQ(world.state(*device, "vpn"), "verified");
  EXPECT_EQ(world.state(*device, "dock"), "verified") << "what a partial list lacks is not missing";
  EXPECT_EQ(world.number("select count(*) from commands where item_id > 0"), 0);
  EXPECT_EQ(world.number("select inventory_failures from reconcile"), 1);
}

// covers: state.N13
TEST_F(PolicyLoop, AnErrorInTheMiddleOfAPassRemovesNothing) {
  hold("vpn", kVpn);
  world.enroll(*device);
  world.settle(*device);
  world.remove_profile("vpn");
  for (const char* table : {"assignments", "device_items", "device_profiles", "observations"}) {
    world.db.connection().script(fmt::format("alter table {0} rename to {0}_gone", table));
    world.try_reconcile();
    world.db.connection().script(fmt::format("alter table {0}_gone rename to {0}", table));
    EXPECT_EQ(world.number("select count(*) from commands"), 0) << table << " could not be read";
    world.connect(*device);
    EXPECT_NE(device->profile(kVpn), nullptr) << table;
    EXPECT_EQ(world.state(*device, "vpn"), "verified") << table;
    world.advance(std::chrono::minutes(6));
  }
  fail_inserts_of_commands_for();
  world.try_reconcile();
  EXPECT_EQ(world.state(*device, "vpn"), "verified") << "a pass that failed left nothing behind";
  heal();
  world.advance(std::chrono::minutes(6));
  world.settle(*device);
  EXPECT_EQ(device->profile(kVpn), nullptr);
  EXPECT_EQ(world.number(kRemovals), 1);
}

}  // namespace
}  // namespace mooring::test

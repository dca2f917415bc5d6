// SPDX-License-Identifier: Apache-2.0
// Groups, filters and percentages, from the declaration to what devices hold.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/postgres/pool.hpp"
#include "director/conditions.hpp"
#include "director/groups.hpp"
#include "director/profile_document.hpp"
#include "tests/support/world.hpp"

namespace mooring::test::scopes_test {
namespace {

constexpr const char* kWifi = "com.example.wifi";

struct LoopScopes : ::testing::Test {
  World world;
  std::vector<std::unique_ptr<simulator::Device>> devices;

  simulator::Device& enrolled(int index) {
    devices.push_back(world.make_device(index));
    world.enroll(*devices.back());
    world.settle(*devices.back());
    return *devices.back();
  }
  void settle() {
    for (const auto& device : devices) world.settle(*device);
  }
  template <class Body>
  void transact(Body body) {
    const auto done = pg::in_transaction(world.db.connection(), [&](pg::Connection& c) -> Result<bool> {
      const auto result = body(c);
      if (!result) return std::unexpected(result.error());
      return true;
    });
    ASSERT_TRUE(done) << done.error().message;
  }
  void named_group(const std::string& name, std::vector<std::string> members, int priority = 0) {
    transact([&](pg::Connection& c) {
      return director::put_group(
          c, {.name = name, .priority = priority, .expression = std::nullopt, .members = members},
          world.clock.now());
    });
  }
  void group(const std::string& name, const std::string& expression, int priority = 0) {
    transact([&](pg::Connection& c) {
      return director::put_group(
          c, {.name = name, .priority = priority, .expression = expression, .members = std::nullopt},
          world.clock.now());
    });
  }
  void members(const std::string& name, std::vector<std::string> add, std::vector<std::string> remove = {}) {
    transact(
        [&](pg::Connection& c) { return director::change_members(c, name, add, remove, world.clock.now()); });
  }
  void filter(const std::string& profile_name, director::Filters filters, const std::string& scope = "all") {
    transact([&](pg::Connection& c) {
      return director::put_assignment(c, profile_name, *director::Scope::parse(scope),
                                      director::Intent::present, world.clock.now(), filters);
    });
  }
  void tags(const simulator::Device& device, std::vector<std::string> tags) {
    transact([&](pg::Connection& c) {
      return director::put_tags(c, world.device_id(device), tags, world.clock.now());
    });
  }
  /// Forgets a fact as a device that no longer tells it would, and brings a look at the device.
  void forget_fact(const simulator::Device& device, const std::string& key) {
    world.db.connection().script(
        fmt::format("update devices set facts = facts - '{}' where id = {}", key, world.device_id(device)));
    world.db.connection().script(fmt::format(
        "update reconcile set marks = marks + 1, groups_seen = 0, due_at = '2000-01-01' where device_id = {}",
        world.device_id(device)));
  }
};

bool holds(const simulator::Device& device, const std::string& content) {
  const auto* found = device.profile(kWifi);
  return found != nullptr && found->uuid == director::read_profile(content)->payload_uuid.text();
}

TEST_F(LoopScopes, OfTwoNamesForOneDeviceTheLastWordCounts) {
  auto& device = enrolled(0);
  world.declare("own", profile(kWifi, "own"));
  world.assign("own", "device:" + device.identity().udid, director::Intent::absent);
  world.advance(std::chrono::minutes(1));
  world.assign("own", "device:" + device.identity().serial);
  settle();
  EXPECT_TRUE(holds(device, profile(kWifi, "own")));
  world.advance(std::chrono::minutes(1));
  world.assign("own", "device:" + device.identity().udid, director::Intent::present);
  world.assign("own", "device:" + device.identity().serial, director::Intent::absent);
  settle();
  EXPECT_EQ(device.profile(kWifi), nullptr);
}

// covers: state.D3, state.D4
TEST_F(LoopScopes, AGroupsProfileStandsBetweenTheDevicesOwnAndTheSharedOne) {
  auto& first = enrolled(0);
  auto& second = enrolled(1);
  for (const char* name : {"all", "group", "own"}) world.declare(name, profile(kWifi, name));
  named_group("lab", {first.identity().serial, second.identity().udid});
  world.assign("all");
  world.assign("group", "group:lab");
  world.assign("own", "device:" + first.identity().serial);
  settle();
  EXPECT_TRUE(holds(first, profile(kWifi, "own")));
  EXPECT_TRUE(holds(second, profile(kWifi, "group")));
  world.unassign("own", "device:" + first.identity().serial);
  settle();
  EXPECT_TRUE(holds(first, profile(kWifi, "group")));
  // One is out of reach while the group loses it.
  members("lab", {}, {first.identity().serial});
  world.reconcile();
  world.advance(std::chrono::hours(24 * 3));
  settle();
  EXPECT_TRUE(holds(first, profile(kWifi, "all")));
  EXPECT_TRUE(holds(second, profile(kWifi, "group"))) << "who is still in the group keeps it";
  world.unassign("group", "group:lab");
  settle();
  EXPECT_TRUE(holds(second, profile(kWifi, "all")));
  for (const auto& device : devices) EXPECT_TRUE(device->removals().empty()) << "the slot was never empty";
}

// covers: state.D5
TEST_F(LoopScopes, WhoLeavesAGroupLosesItsProfileAndADeletedProfileLeavesAllOfIt) {
  auto& first = enrolled(0);
  auto& second = enrolled(1);
  world.declare("wifi", profile(kWifi));
  named_group("lab", {first.identity().serial, second.identity().serial});
  world.assign("wifi", "group:lab");
  settle();
  EXPECT_TRUE(holds(first, profile(kWifi)));
  EXPECT_TRUE(holds(second, profile(kWifi)));
  members("lab", {}, {first.identity().serial});
  settle();
  EXPECT_EQ(first.profile(kWifi), nullptr);
  EXPECT_TRUE(holds(second, profile(kWifi)));
  world.remove_profile("wifi");
  settle();
  EXPECT_EQ(second.profile(kWifi), nullptr);
  EXPECT_EQ(world.number("select count(*) from device_items"), 0);
}

// covers: director.78
TEST_F(LoopScopes, OneDeviceOptsOutOfAGroupsProfileAndTheEndOfThatBringsItBack) {
  auto& device = enrolled(0);
  world.declare("wifi", profile(kWifi));
  named_group("lab", {device.identity().serial});
  world.assign("wifi", "group:lab");
  world.assign("wifi", "device:" + device.identity().serial, director::Intent::absent);
  settle();
  EXPECT_EQ(device.profile(kWifi), nullptr);
  world.unassign("wifi", "device:" + device.identity().serial);
  settle();
  EXPECT_TRUE(holds(device, profile(kWifi)));
}

// covers: state.D3
TEST_F(LoopScopes, TheGroupWithTheHigherPriorityDecidesAndAChangedPriorityChangesIt) {
  auto& device = enrolled(0);
  world.declare("wifi", profile(kWifi));
  named_group("few", {device.identity().serial}, 2);
  named_group("many", {device.identity().serial}, 1);
  world.assign("wifi", "group:many");
  world.assign("wifi", "group:few", director::Intent::absent);
  settle();
  EXPECT_EQ(device.profile(kWifi), nullptr);
  named_group("many", {device.identity().serial}, 3);
  settle();
  EXPECT_TRUE(holds(device, profile(kWifi)));
}

// covers: state.D6
TEST_F(LoopScopes, FiltersLetAProfileReachExactlyWhoTheySay) {
  for (int i = 0; i < 4; ++i) enrolled(i);
  const auto serial = [&](std::size_t i) { return devices[i]->identity().serial; };
  named_group("a", {serial(0), serial(1), serial(2)});
  named_group("b", {serial(1), serial(2), serial(3)});
  named_group("c", {serial(2)});
  world.declare("wifi", profile(kWifi));
  const auto held = [&] {
    std::string held;
    for (const auto& device : devices) held += holds(*device, profile(kWifi)) ? '1' : '0';
    return held;
  };
  filter("wifi", {.include_any = {"a", "c"}, .include_all = {}, .exclude = {}});
  settle();
  EXPECT_EQ(held(), "1110");
  filter("wifi", {.include_any = {}, .include_all = {"a", "b"}, .exclude = {}});
  settle();
  EXPECT_EQ(held(), "0110");
  filter("wifi", {.include_any = {"a", "b"}, .include_all = {"b"}, .exclude = {"c"}});
  settle();
  EXPECT_EQ(held(), "0101");
  filter("wifi", {});
  settle();
  EXPECT_EQ(held(), "1111");
}

// covers: state.D6
TEST_F(LoopScopes, AnExpressionFollowsTheDevicesFactsAndTags) {
  auto& device = enrolled(0);
  world.declare("wifi", profile(kWifi));
  group("old", R"(os_version < "99" and not tag("loan"))");
  world.assign("wifi", "group:old");
  settle();
  EXPECT_TRUE(holds(device, profile(kWifi)));
  device.update_os("99.1", "99A1");
  world.advance(std::chrono::hours(24));
  settle();
  EXPECT_EQ(device.profile(kWifi), nullptr) << "the next inventory tells";
  group("old", R"(os_version < "100" and not tag("loan"))");
  settle();
  EXPECT_TRUE(holds(device, profile(kWifi)));
  tags(device, {"loan"});
  settle();
  EXPECT_EQ(device.profile(kWifi), nullptr);
  tags(device, {});
  settle();
  EXPECT_TRUE(holds(device, profile(kWifi)));
}

// covers: state.D7, state.N13
TEST_F(LoopScopes, WhatIsNotKnownChangesNothing) {
  auto& in = enrolled(0);
  auto& out = enrolled(1);
  // Says of one that it is in, of the other that it is not, as long as both tell their time zone.
  group("zone", fmt::format(R"((time_zone != "Nowhere" and serial_number = "{}") or time_zone = "Nowhere")",
                            in.identity().serial));
  world.declare("wifi", profile(kWifi));
  world.assign("wifi", "group:zone");
  const auto stamp = [&](const simulator::Device& device) {
    world.db.connection().script(
        fmt::format("update devices set facts = facts || '{{\"TimeZone\": \"Europe/Berlin\"}}' where id = {}",
                    world.device_id(device)));
    world.db.connection().script(fmt::format(
        "update reconcile set marks = marks + 1, groups_seen = 0, due_at = '2000-01-01' where device_id = {}",
        world.device_id(device)));
  };
  for (const auto& device : devices) stamp(*device);
  settle();
  ASSERT_TRUE(holds(in, profile(kWifi)));
  ASSERT_EQ(out.profile(kWifi), nullptr);
  for (const auto& device : devices) forget_fact(*device, "TimeZone");
  settle();
  EXPECT_TRUE(holds(in, profile(kWifi))) << "it is not removed";
  EXPECT_EQ(out.profile(kWifi), nullptr) << "it is not installed";
  EXPECT_EQ(world.number("select count(*) from group_members where known"), 1);
  EXPECT_EQ(world.number("select count(*) from group_members where not known"), 1);
  // As an exclusion it holds what is there as well.
  world.unassign("wifi", "group:zone");
  for (const auto& device : devices) stamp(*device);
  filter("wifi", {.include_any = {}, .include_all = {}, .exclude = {"zone"}});
  settle();
  ASSERT_EQ(in.profile(kWifi), nullptr);
  ASSERT_TRUE(holds(out, profile(kWifi)));
  for (const auto& device : devices) forget_fact(*device, "TimeZone");
  settle();
  EXPECT_EQ(in.profile(kWifi), nullptr);
  EXPECT_TRUE(holds(out, profile(kWifi)));
  EXPECT_EQ(world.number("select count(*) from command_results where request_type = 'RemoveProfile'"), 1)
      << "of the one change that was certain";
}

// covers: state.D1, seed.35
TEST_F(LoopScopes, ADeclarationBySerialNumberWaitsForTheDeviceAndFollowsItToANewEnrollment) {
  devices.push_back(world.make_device(0));
  auto& device = *devices.back();
  world.declare("wifi", profile(kWifi, "own"));
  world.declare("vpn", profile("com.example.vpn"));
  world.assign("wifi", "device:" + device.identity().serial);
  named_group("lab", {device.identity().serial});
  world.assign("vpn", "group:lab");
  world.enroll(device);
  settle();
  EXPECT_TRUE(holds(device, profile(kWifi, "own")));
  EXPECT_NE(device.profile("com.example.vpn"), nullptr);
  device.wipe();
  ASSERT_TRUE(device.profiles().empty());
  world.enroll(device);
  settle();
  EXPECT_TRUE(holds(device, profile(kWifi, "own")));
  EXPECT_NE(device.profile("com.example.vpn"), nullptr);
  // Another board under the same serial number, as after a repair.
  auto identity = device.identity();
  identity.udid = world.make_device(50)->identity().udid;
  devices.push_back(std::make_unique<simulator::Device>(identity, simulator::DeviceOptions{.seed = 99}));
  world.enroll(*devices.back());
  settle();
  EXPECT_TRUE(holds(*devices.back(), profile(kWifi, "own")));
  EXPECT_NE(devices.back()->profile("com.example.vpn"), nullptr);
}

// covers: state.D10
TEST_F(LoopScopes, AProfileStaysWithinItsPlatformsAndVersionsAsDevicesMoveOn) {
  simulator::Device* mac = nullptr;
  simulator::Device* phone = nullptr;
  for (int i = 0; mac == nullptr || phone == nullptr; ++i) {
    auto& each = enrolled(i);
    (each.identity().platform == simulator::Platform::mac ? mac : phone) = &each;
  }
  world.declare("wifi", profile(kWifi));
  const auto conditions = [&](director::Conditions conditions) {
    transact([&](pg::Connection& c) {
      return director::put_conditions(c, "wifi", conditions, world.clock.now());
    });
    settle();
  };
  conditions({.platforms = {"macOS"}, .min_os = "13", .max_os = {}});
  world.assign("wifi");
  settle();
  EXPECT_TRUE(holds(*mac, profile(kWifi)));
  EXPECT_EQ(phone->profile(kWifi), nullptr);
  conditions({.platforms = {"macOS"}, .min_os = "98", .max_os = "98"});
  EXPECT_EQ(mac->profile(kWifi), nullptr) << "too old now";
  for (const auto* version : {"98.1", "99.0"}) {
    mac->update_os(version, "99A1");
    world.advance(std::chrono::hours(24));
    settle();
    EXPECT_EQ(mac->profile(kWifi) != nullptr, std::string(version) == "98.1") << version;
  }
  conditions({});
  EXPECT_TRUE(holds(*mac, profile(kWifi)));
  EXPECT_TRUE(holds(*phone, profile(kWifi)));
}

// covers: state.D8
TEST_F(LoopScopes, APercentageGrowsWithoutTakingFromThoseWhoHaveIt) {
  for (int i = 0; i < 12; ++i) enrolled(i);
  world.declare("wifi", profile(kWifi));
  std::size_t before = 0;
  for (const int percent : {0, 30, 70, 100}) {
    filter(
        "wifi",
        {.percent = static_cast<std::int16_t>(percent), .include_any = {}, .include_all = {}, .exclude = {}});
    settle();
    std::size_t count = 0;
    for (const auto& device : devices) {
      if (holds(*device, profile(kWifi))) ++count;
      EXPECT_TRUE(device->removals().empty());
    }
    EXPECT_GE(count, before);
    before = count;
    if (percent == 0) EXPECT_EQ(count, 0U);
  }
  EXPECT_EQ(before, devices.size());
  for (const auto& device : devices) EXPECT_EQ(device->install_log().at(kWifi).size(), 1U);
}

}  // namespace
}  // namespace mooring::test::scopes_test

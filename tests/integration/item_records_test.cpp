// SPDX-License-Identifier: Apache-2.0
// What the passes keep of items: counters that move with them, requests that they take, what results
// remember.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "director/item_requests.hpp"
#include "tests/support/world.hpp"

namespace mooring::test::item_records_test {
namespace {

constexpr const char* kWifi = "com.example.wifi";

std::size_t installs(const simulator::Device& device, const std::string& identifier) {
  const auto found = device.install_log().find(identifier);
  return found == device.install_log().end() ? 0 : found->second.size();
}

struct LoopRecords : ::testing::Test {
  World world;
  std::unique_ptr<simulator::Device> device = world.make_device();
};

TEST_F(LoopRecords, TheTotalsEqualARecountAtEachStep) {
  const auto expect_equal = [&](const char* when) {
    EXPECT_EQ(world.number("select count(*) from ("
                           "select item_id, version_id, intent, state, sum(devices) from item_states "
                           "group by 1, 2, 3, 4 except "
                           "select item_id, version_id, intent, state, count(*) from device_items "
                           "group by 1, 2, 3, 4) x"),
              0)
        << when;
    EXPECT_EQ(world.number("select coalesce(sum(devices), 0) - (select count(*) from device_items) "
                           "from item_states"),
              0)
        << when;
    EXPECT_EQ(world.number("select count(*) from reconcile r where (drifted, unsettled) <> "
                           "(select count(*) filter (where drift_since is not null)::int, "
                           "        count(*) filter (where state <> 3 or intent < 0)::int "
                           " from device_items s where s.device_id = r.device_id)"),
              0)
        << when;
  };
  world.declare("wifi", profile(kWifi));
  world.assign("wifi");
  device->behaviour().refuse.insert(kWifi);
  world.enroll(*device);
  world.reconcile();
  expect_equal("before the first list");
  world.settle(*device);
  expect_equal("refused");
  device->behaviour().refuse.clear();
  world.advance(std::chrono::minutes(5));
  world.settle(*device);
  expect_equal("verified");
  world.declare("wifi", profile(kWifi, "2"));
  world.reconcile();
  expect_equal("a new version");
  world.settle(*device);
  world.remove_profile("wifi");
  world.reconcile();
  expect_equal("ended");
  world.settle(*device);
  expect_equal("gone");
  EXPECT_EQ(world.number("select count(*) from item_states"), 0);
}

TEST_F(LoopRecords, ARequestForOneItemIsTakenByTheNextPassAndAskedTwiceIsAskedOnce) {
  for (const char* name : {"wifi", "vpn"}) {
    world.declare(name, profile(std::string("com.example.") + name));
    world.assign(name);
  }
  world.enroll(*device);
  world.settle(*device);
  const auto sent = device->executions().size();
  const std::vector<std::int64_t> devices{world.device_id(*device)};
  const auto item = static_cast<std::int32_t>(world.number("select id from items where name = 'vpn'"));
  for (int i = 0; i < 2; ++i) {
    director::ask_of_item(world.db.connection(), devices, item, director::RequestKind::repush, "token:ops",
                          world.clock.now());
  }
  EXPECT_EQ(world.number("select count(*) from item_requests"), 1);
  world.settle(*device);
  EXPECT_EQ(installs(*device, "com.example.vpn"), 2U);
  EXPECT_EQ(installs(*device, "com.example.wifi"), 1U);
  EXPECT_GT(device->executions().size(), sent);
  EXPECT_EQ(world.number("select count(*) from item_requests"), 0);
}

TEST_F(LoopRecords, AResultRemembersItsVersionAndAReportItsChannel) {
  world.declare("wifi", profile(kWifi));
  world.assign("wifi");
  world.enroll(*device);
  world.reconcile();
  world.connect(*device);
  ASSERT_GT(world.number("select count(*) from observations"), 0);
  EXPECT_EQ(world.number("select count(*) from observations o join enrollments e on e.id = o.enrollment_id"),
            world.number("select count(*) from observations"));
  world.settle(*device);
  EXPECT_EQ(
      world.number("select count(*) from command_results r join items i on i.current_version = r.version_id "
                   "where r.request_type = 'InstallProfile'"),
      1);
}

TEST_F(LoopRecords, AProbeSeesHowFarAPassHasCome) {
  using reconciler::Stage;
  world.enroll(*device);
  std::vector<Stage> stages;
  reconciler::Reconciler watched(
      {.connect = world.db.connect_options(), .probe = [&](Stage stage) { stages.push_back(stage); }}, {},
      world.clock, world.db.log, world.db.metrics);
  ASSERT_TRUE(watched.prepare(world.db.connection()));
  ASSERT_EQ(watched.run_once(world.db.connection()).value(), 1U);
  EXPECT_EQ(stages, (std::vector{Stage::claimed, Stage::loaded, Stage::planned, Stage::committing}));
}

}  // namespace
}  // namespace mooring::test::item_records_test

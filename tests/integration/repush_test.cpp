// SPDX-License-Identifier: Apache-2.0
// Who has commands waiting is pushed again, on a schedule that grows: days in simulated time.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/plist/plist.hpp"
#include "tests/support/world.hpp"

namespace mooring::test {
namespace {

using namespace std::chrono_literals;
using ::testing::Each;

constexpr const char* kUuid = "E3A9D7A2-0000-4000-8000-000000000001";

class Repush : public ::testing::Test {
 protected:
  Repush() {
    world.enroll(*device);
    world.settle(*device);
    world.advance(1h);
    world.settle(*device);
  }
  std::string udid() const { return device->identity().udid; }
  /// Passes each ten seconds; how many pushes they asked for.
  std::size_t pushes_within(Duration time) {
    const auto before = world.pushes().size();
    for (const Time end = world.clock.now() + time; world.clock.now() < end;) {
      world.advance(10s);
      world.reconcile();
    }
    return world.pushes().size() - before;
  }

  World world{reconciler::Policy{.inventory_interval = 24h * 30}};
  std::unique_ptr<simulator::Device> device = world.make_device();
};

// covers: mdm.P04, state.R12
TEST_F(Repush, APersonsCommandThatIsNotAnsweredIsPushedAgainLessAndLessOften) {
  world.enqueue(udid(), kUuid);
  EXPECT_EQ(pushes_within(7min), 0U) << "whoever queued it has pushed already";
  EXPECT_EQ(pushes_within(7min), 1U) << "after about ten minutes";
  EXPECT_EQ(pushes_within(10min), 0U) << "the next wait is longer";
  const auto week = pushes_within(24h * 7);
  EXPECT_GE(week, 12U);
  EXPECT_LE(week, 20U) << "at most about every twelve hours";
}

// covers: mdm.P04
TEST_F(Repush, EndsWithTheAnswer) {
  world.enqueue(udid(), kUuid);
  EXPECT_EQ(pushes_within(14min), 1U);
  EXPECT_EQ(world.connect(*device).commands, 1U);
  EXPECT_EQ(pushes_within(24h * 7), 0U);
}

TEST_F(Repush, ACommandThatIsAnsweredAtOnceCostsOneLook) {
  world.enqueue(udid(), kUuid);
  EXPECT_EQ(world.connect(*device).commands, 1U);
  EXPECT_EQ(pushes_within(24h), 0U);
  EXPECT_EQ(world.text("select next_push_at is null from reconcile"), "true");
}

TEST_F(Repush, TheLookAtASilentDeviceIsItsFirstRepush) {
  world.enqueue(udid(), kUuid);
  std::size_t passes = 0;
  const auto before = world.pushes().size();
  for (int i = 0; i < 84; ++i) {
    world.advance(10s);
    passes += world.reconcile();
  }
  EXPECT_EQ(passes, 1U);
  EXPECT_EQ(world.pushes().size() - before, 1U);
}

TEST_F(Repush, ANewCommandBeginsTheScheduleAnew) {
  world.enqueue(udid(), kUuid);
  pushes_within(24h * 3);
  world.enqueue(udid(), "E3A9D7A2-0000-4000-8000-000000000002");
  EXPECT_EQ(pushes_within(7min), 0U);
  EXPECT_EQ(pushes_within(7min), 1U);
}

// covers: mdm.P04
TEST_F(Repush, ALockedDeviceIsPushedAgainForACommandItPutOff) {
  world.enqueue(udid(), kUuid, "CertificateList");
  device->lock_until(world.clock.now() + 20min);
  EXPECT_EQ(world.connect(*device).not_now, 1U);
  EXPECT_EQ(pushes_within(14min), 1U);
}

// covers: mdm.P04
TEST_F(Repush, AUsersChannelIsPushedByItself) {
  const std::string user = "00000000-1111-2222-3333-444444444444";
  world.put("/mdm", plist::Dict{{"MessageType", "TokenUpdate"},
                                {"UDID", udid()},
                                {"UserID", user},
                                {"UserShortName", "ada"},
                                {"Topic", "com.apple.mgmt.External.simulator"},
                                {"PushMagic", "user magic"},
                                {"Token", plist::Data{std::string(32, 'u')}}});
  const auto channel =
      world.number("select id from enrollments where parent_id is not null or kind not in (0, 3)");
  ASSERT_GT(channel, 0);
  world.reconcile();
  const auto id = world.text("select enrollment_id from enrollments where id = " + std::to_string(channel));
  world.enqueue(id, kUuid);
  const auto before = world.pushes().size();
  EXPECT_EQ(pushes_within(14min), 1U);
  EXPECT_EQ(world.pushes()[before], channel);
}

// covers: mdm.P04
TEST_F(Repush, NoneForADeviceThatLeft) {
  world.enqueue(udid(), kUuid);
  world.put("/mdm", plist::Dict{{"MessageType", "CheckOut"},
                                {"UDID", udid()},
                                {"Topic", "com.apple.mgmt.External.simulator"}});
  EXPECT_EQ(pushes_within(24h), 0U);
}

// covers: state.N19
TEST_F(Repush, OnlyWhoEnrolledJustNowIsUrgent) {
  const auto before = world.urgent_pushes();
  world.enqueue(udid(), kUuid);
  pushes_within(24h);
  EXPECT_EQ(world.urgent_pushes(), before);
  EXPECT_GT(world.background_pushes(), 0U);
  const auto fresh = world.make_device(1);
  world.enroll(*fresh);
  world.reconcile();
  EXPECT_GT(world.urgent_pushes(), before);
}

// covers: state.N19
TEST_F(Repush, AFleetDoesNotComeDueInOneMoment) {
  std::vector<std::unique_ptr<simulator::Device>> fleet;
  for (int i = 1; i <= 40; ++i) {
    fleet.push_back(world.make_device(i));
    world.enroll(*fleet.back());
    world.settle(*fleet.back());
  }
  world.advance(1h);
  world.reconcile();
  for (const auto& each : fleet) world.enqueue(each->identity().udid, kUuid);
  std::size_t most = 0;
  std::size_t all = 0;
  for (int i = 0; i < 90; ++i) {
    const auto now = pushes_within(10s);
    most = std::max(most, now);
    all += now;
  }
  EXPECT_EQ(all, 40U);
  EXPECT_LT(most, 12U) << "jitter spreads them over minutes";
}

}  // namespace
}  // namespace mooring::test

// SPDX-License-Identifier: Apache-2.0
#include "simulator/session.hpp"

#include <gtest/gtest.h>

#include "tests/unit/simulator/mini_mdm.hpp"
#include "tests/unit/simulator/support.hpp"

namespace mooring::simulator {
namespace {

using namespace test;  // NOLINT(google-build-using-namespace)

class SessionTest : public testing::Test {
 protected:
  Session session(Behaviour behaviour = {}) {
    device.behaviour() = std::move(behaviour);
    return {device, transport, clock, {.observer = [this](Direction direction, const plist::Dict& dict) {
              seen += direction == Direction::to_server ? ">" : "<";
              if (dict.string("MessageType") != nullptr) {
                problems += schema::to_string(schema::Schema::apple().check_checkin(dict, device.target()));
              }
            }}};
  }
  const std::string& udid() const { return device.identity().udid; }

  ManualClock clock{kStart};
  Device device{mac(), {}};
  MiniMdm server;
  DirectTransport transport{server};
  std::string seen;
  std::string problems;
};

TEST_F(SessionTest, EnrollsWithAuthenticateAndTokenUpdate) {
  auto one = session();
  ASSERT_TRUE(run(one.enroll()));
  EXPECT_TRUE(device.enrolled());
  const auto messages = server.check_ins(udid());
  ASSERT_EQ(messages.size(), 2U);
  EXPECT_EQ(*messages[0].string("MessageType") + *messages[1].string("MessageType"),
            "AuthenticateTokenUpdate");
  EXPECT_EQ(problems, "");
}

TEST_F(SessionTest, DrainsTheQueueInOneConnection) {
  auto one = session();
  ASSERT_TRUE(run(one.enroll()));
  server.enqueue(udid(), install("1", profile("a", "v1")));
  server.enqueue(udid(), command("2", {{"RequestType", "MakeTea"}}));
  server.enqueue(udid(), list("3"));
  seen.clear();
  const auto outcome = run(one.run());
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_EQ(outcome->commands, 3U);
  EXPECT_EQ(outcome->acknowledged, 2U);
  EXPECT_EQ(outcome->installs, 1U);
  EXPECT_EQ(outcome->errors, 1U);
  EXPECT_EQ(seen, "><><><>");
  EXPECT_EQ(server.reports(udid()).size(), 3U);
}

TEST_F(SessionTest, ALockedDeviceLeavesTheCommandWithTheServer) {
  auto one = session();
  ASSERT_TRUE(run(one.enroll()));
  server.enqueue(udid(), install("1", profile("a", "v1")));
  device.lock_until(kStart + std::chrono::minutes(1));
  EXPECT_EQ(run(one.run())->not_now, 1U);
  clock.advance(std::chrono::minutes(1));
  EXPECT_EQ(run(one.run())->installs, 1U);
  EXPECT_EQ(device.executions().at("1"), 1);
}

TEST_F(SessionTest, AfterALostAnswerTheCommandIsExecutedAgain) {
  auto one = session({.lost_answer_probability = 1});
  ASSERT_TRUE(run(one.enroll()));
  server.enqueue(udid(), install("1", profile("a", "v1")));
  EXPECT_TRUE(run(one.run())->lost);
  EXPECT_EQ(transport.drops, 1);
  EXPECT_TRUE(server.reports(udid()).empty());
  device.behaviour().lost_answer_probability = 0;
  EXPECT_FALSE(run(one.run())->lost);
  EXPECT_EQ(device.executions().at("1"), 2);
  EXPECT_EQ(server.reports(udid()).size(), 1U);
}

TEST_F(SessionTest, ADuplicateReportIsTheSameReport) {
  auto one = session({.duplicate_report_probability = 1});
  ASSERT_TRUE(run(one.enroll()));
  server.enqueue(udid(), install("1", profile("a", "v1")));
  EXPECT_EQ(run(one.run())->duplicates, 1U);
  const auto reports = server.reports(udid());
  ASSERT_EQ(reports.size(), 2U);
  EXPECT_EQ(reports[0], reports[1]);
  EXPECT_EQ(device.executions().at("1"), 1);
}

TEST_F(SessionTest, AServerErrorIsAFailureAndLeavesTheEnrollment) {
  auto one = session();
  ASSERT_TRUE(run(one.enroll()));
  server.answer_with(500);
  const auto outcome = run(one.run());
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, "server.refused");
  EXPECT_EQ(outcome.error().failure, Failure::unavailable);
  EXPECT_TRUE(device.enrolled());
  EXPECT_FALSE(one.turned_away());
}

TEST_F(SessionTest, AServerThatTurnsADeviceAwayEndsItsEnrollment) {
  for (const auto& [status, body] :
       {std::pair{401, ""}, std::pair{403, R"({"code": "com.apple.unrecognized.device"})"}}) {
    server.answer_with(200);
    auto one = session();
    ASSERT_TRUE(run(one.enroll()));
    server.answer_with(status, body);
    EXPECT_FALSE(run(one.run()));
    EXPECT_TRUE(one.turned_away());
    EXPECT_FALSE(device.enrolled());
  }
}

TEST_F(SessionTest, AnErasedDeviceReportsAndIsGone) {
  auto one = session();
  ASSERT_TRUE(run(one.enroll()));
  server.enqueue(udid(), command("1", {{"RequestType", "EraseDevice"}}));
  server.enqueue(udid(), list("2"));
  EXPECT_EQ(run(one.run())->commands, 1U);
  EXPECT_EQ(server.reports(udid()).size(), 1U);
  EXPECT_FALSE(device.enrolled());
}

TEST_F(SessionTest, CheckOutEndsTheEnrollment) {
  auto one = session();
  ASSERT_TRUE(run(one.enroll()));
  ASSERT_TRUE(run(one.check_out()));
  EXPECT_FALSE(device.enrolled());
  EXPECT_EQ(*server.check_ins(udid()).back().string("MessageType"), "CheckOut");
}

}  // namespace
}  // namespace mooring::simulator

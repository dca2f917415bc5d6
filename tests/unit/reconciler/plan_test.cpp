// SPDX-License-Identifier: Apache-2.0
// The plan as a table of rules: a snapshot in, actions out.
#include "tests/unit/reconciler/story.hpp"

namespace mooring::reconciler {
namespace {

TEST(Plan, NothingIsInstalledBeforeTheDevicesOwnListWasRead) {
  const auto plan = Story().wants(1, "a", 7).run_without_list();
  EXPECT_EQ(sent(plan), (Types{"ProfileList"}));
  EXPECT_EQ(plan.after[0].state, ItemState::pending);
}

// covers: state.R1
TEST(Plan, WhatTheListLacksIsInstalledAndTheCommandNamesItsVersion) {
  const auto plan = Story().wants(1, "a", 7).run();
  ASSERT_EQ(sent(plan), (Types{"InstallProfile"}));
  EXPECT_EQ(plan.commands[0].version, 7);
  EXPECT_EQ(plan.commands[0].payload, 57);
  EXPECT_EQ(plan.after[0].state, ItemState::commanded);
  EXPECT_TRUE(plan.after[0].drift_since.has_value());
  EXPECT_EQ(plan.pushes.size(), 1U);
}

TEST(Plan, TheSameSnapshotYieldsTheSameCommandUuids) {
  EXPECT_EQ(Story().wants(1, "a", 7).run().commands[0].uuid, Story().wants(1, "a", 7).run().commands[0].uuid);
}

TEST(Plan, WhatTheListShowsIsVerifiedWithoutACommand) {
  const auto plan = Story().wants(1, "a", 7).holds("a", 7).run();
  EXPECT_TRUE(plan.commands.empty());
  EXPECT_EQ(plan.after[0].state, ItemState::verified);
  EXPECT_TRUE(plan.after[0].installed) << "its identity is derived from our content: it is ours";
  EXPECT_TRUE(plan.converged_after.has_value());
}

TEST(Plan, AnOpenCommandForTheSameVersionIsNotDoubled) {
  Story story;
  story.wants(1, "a", 7).open(1, 7);
  story.record(1, "a", 7, ItemState::commanded);
  EXPECT_TRUE(story.run().commands.empty());
}

// covers: state.R10
TEST(Plan, ANewVersionCancelsTheOpenCommandOfTheOldOne) {
  Story story;
  story.wants(1, "a", 8).open(1, 7, CommandStatus::not_now);
  story.record(1, "a", 7, ItemState::commanded);
  const auto plan = story.run();
  ASSERT_EQ(plan.cancels.size(), 1U);
  EXPECT_EQ(plan.cancels[0].uuid, "open-1");
  ASSERT_EQ(sent(plan), (Types{"InstallProfile"}));
  EXPECT_EQ(plan.commands[0].version, 8);
}

// covers: state.R3
TEST(Plan, AnAcknowledgementAsksForAListAndAListFromBeforeItProvesNothing) {
  Story story;
  story.wants(1, "a", 7).holds("a", 7).reports(101, 1, 7, CommandStatus::acknowledged);
  story.record(1, "a", 7, ItemState::commanded);
  const auto plan = story.run();
  EXPECT_EQ(sent(plan), (Types{"ProfileList"}));
  EXPECT_EQ(plan.after[0].state, ItemState::acknowledged);
}

TEST(Plan, OneListWaitsForTheAcknowledgementsOfTheWholeBatchButNotForNotNow) {
  for (const auto [status, lists] :
       {std::pair{CommandStatus::queued, 0U}, std::pair{CommandStatus::not_now, 1U}}) {
    Story story;
    story.wants(1, "a", 7)
        .wants(2, "b", 8)
        .reports(101, 1, 7, CommandStatus::acknowledged)
        .open(2, 8, status);
    story.record(1, "a", 7, ItemState::commanded);
    story.record(2, "b", 8, ItemState::commanded);
    EXPECT_EQ(story.run().commands.size(), lists);
  }
}

TEST(Plan, AFreshListWithoutTheItemAfterItsAcknowledgementIsAFailedAttempt) {
  Story story;
  story.wants(1, "a", 7);
  auto& record = story.record(1, "a", 7, ItemState::acknowledged);
  record.attempts = 1;
  record.acknowledged_event = 99;
  const auto plan = story.run();
  EXPECT_TRUE(plan.commands.empty());
  EXPECT_EQ(plan.after[0].state, ItemState::backing_off);
  EXPECT_GT(*plan.after[0].next_try_at, kNow);
  EXPECT_LE(plan.row.due_at, *plan.after[0].next_try_at);
}

TEST(Plan, ATerminalErrorFailsAtOnceAndARefusalAfterItsBudget) {
  for (const auto [status, attempts, expected] :
       {std::tuple{CommandStatus::command_format_error, 1, ItemState::failed},
        std::tuple{CommandStatus::error, 1, ItemState::backing_off},
        std::tuple{CommandStatus::error, 5, ItemState::failed}}) {
    Story story;
    story.wants(1, "a", 7).reports(101, 1, 7, status);
    story.record(1, "a", 7, ItemState::commanded).attempts = static_cast<std::int16_t>(attempts);
    EXPECT_EQ(story.run().after[0].state, expected) << attempts;
  }
}

// covers: state.R7
TEST(Plan, ANewIncidentAfterVerificationBeginsWithAFreshBudget) {
  Story story;
  story.wants(1, "a", 7);
  auto& record = story.record(1, "a", 7, ItemState::verified);
  record.attempts = 4;
  const auto plan = story.run();
  EXPECT_EQ(plan.after[0].attempts, 1);
  EXPECT_EQ(plan.after[0].repairs, 1);
  EXPECT_EQ(*plan.after[0].drift_since, kNow);
}

TEST(Plan, RemovalNeedsProofThatMooringInstalledIt) {
  for (const bool ours : {true, false}) {
    Story story;
    story.wants(1, "a", 7, Intent::absent).holds("a", ours ? 7 : 666);
    story.record(1, "a", 7, ItemState::verified).installed = ours;
    const auto plan = story.run();
    EXPECT_EQ(sent(plan), ours ? Types{"RemoveProfile"} : Types{});
  }
}

// covers: state.D5
TEST(Plan, AnAssignmentThatEndedRemovesWhatWasInstalledAndForgetsItOnceProven) {
  Story holding;
  holding.holds("a", 7);
  holding.record(1, "a", 7, ItemState::verified).installed = true;
  const auto first = holding.run();
  EXPECT_EQ(sent(first), (Types{"RemoveProfile"}));
  EXPECT_EQ(first.after[0].intent, RecordIntent::ended);

  Story gone;
  auto& record = gone.record(1, "a", 7, ItemState::acknowledged);
  record.intent = RecordIntent::ended;
  record.installed = true;
  record.acknowledged_event = 99;
  EXPECT_TRUE(gone.run().after.empty());
}

// covers: state.D4
TEST(Plan, AnItemThatEndedIsNotRemovedWhileAnotherTakesItsSlot) {
  Story story;
  story.wants(2, "a", 8).holds("a", 7);
  story.record(1, "a", 7, ItemState::verified).installed = true;
  const auto plan = story.run();
  ASSERT_EQ(sent(plan), (Types{"InstallProfile"}));
  EXPECT_EQ(plan.commands[0].item, 2);
}

TEST(Plan, AnInstallThatMayHaveLandedIsLookedForBeforeItIsForgotten) {
  Story story;
  story.open(1, 7);
  auto& record = story.record(1, "a", 7, ItemState::commanded);
  record.attempts = 1;
  const auto plan = story.run();
  ASSERT_EQ(plan.cancels.size(), 1U);
  EXPECT_EQ(plan.cancels[0].uuid, "open-1");
  EXPECT_EQ(sent(plan), (Types{"ProfileList"}));
  ASSERT_EQ(plan.after.size(), 1U);
}

TEST(Plan, AResetForgetsEverythingAndAsksForAList) {
  Story story;
  story.wants(1, "a", 7).holds("a", 7);
  story.record(1, "a", 7, ItemState::verified).installed = true;
  story.snapshot.row.reset_mark = 5;
  const auto plan = story.run();
  EXPECT_EQ(sent(plan), (Types{"ProfileList", "DeviceInformation", "SecurityInfo", "CertificateList"}));
  EXPECT_TRUE(plan.forget_list);
  EXPECT_EQ(plan.after[0].state, ItemState::pending);
  EXPECT_FALSE(plan.after[0].installed);
}

// A pass that read the device before its Authenticate may queue after it; nobody else would ever take that
// back.
TEST(Plan, AResetWithdrawsWhatWasQueuedForTheEnrollmentBefore) {
  Story story;
  story.wants(1, "wifi", 2).open(1, 2).open(7, 3);
  story.snapshot.row.reset_mark = 5;
  const auto plan = story.run();
  ASSERT_EQ(plan.cancels.size(), 2U);
  EXPECT_EQ(plan.cancels[0].uuid, "open-1");
  EXPECT_EQ(plan.cancels[1].uuid, "open-7");
}

TEST(Plan, ADisabledDeviceGetsNothingAndItsOpenCommandsAreCancelled) {
  Story story;
  story.wants(1, "a", 7).open(1, 7);
  story.record(1, "a", 7, ItemState::commanded);
  story.snapshot.row.enabled = false;
  const auto plan = story.run();
  EXPECT_TRUE(plan.commands.empty());
  EXPECT_EQ(plan.cancels.size(), 1U);
  EXPECT_TRUE(plan.after.empty());
}

TEST(Plan, ARePushSendsAgainWhatTheListShowsAndLiftsQuarantine) {
  Story story;
  story.wants(1, "a", 7).wants(2, "b", 8).holds("a", 7);
  story.record(1, "a", 7, ItemState::verified).installed = true;
  story.record(2, "b", 8, ItemState::quarantined).repairs = 6;
  story.snapshot.row.repush_mark = 5;
  EXPECT_EQ(sent(story.run()), (Types{"InstallProfile", "InstallProfile"}));
}

TEST(Plan, ASilentDeviceIsLookedAtWhenItIsPushedAgainAndNotInEveryPass) {
  Story overdue;
  overdue.snapshot.own.list.at = kNow - hours(24 * 9);
  overdue.snapshot.row.information_at = kNow - hours(24 * 9);
  const auto first = overdue.run();
  EXPECT_EQ(sent(first), (Types{"ProfileList", "DeviceInformation"}));
  EXPECT_EQ(first.row.requested_at, kNow);
  EXPECT_GE(first.row.due_at, kNow + minutes(5));

  Story waiting;
  waiting.snapshot.row = first.row;
  waiting.snapshot.own.list = first.list;
  waiting.snapshot.open = {
      {.uuid = "list", .payload = kListPayload, .request_type = "ProfileList"},
      {.uuid = "info", .payload = kInformationPayload, .request_type = "DeviceInformation"}};
  const auto second = waiting.run();
  EXPECT_TRUE(second.commands.empty());
  EXPECT_GE(second.row.due_at, kNow + minutes(5));

  Story refused;
  refused.snapshot.own.list.at = kNow - hours(24 * 9);
  refused.snapshot.own.list.retry_at = kNow + minutes(3);
  EXPECT_EQ(refused.run().row.due_at, kNow + minutes(3));
}

// covers: mdm.P04
TEST(Plan, AScheduleOfPushesThatWasMadeWithLongerWaitsIsCutShort) {
  Story story;
  story.snapshot.people = {{.enrollment = 10, .newest = kNow - minutes(1)}};
  story.snapshot.row.next_push_at = kNow + hours(10);
  EXPECT_LE(story.run().row.next_push_at, kNow + minutes(12));
}

// covers: state.N19
TEST(Plan, AProfileWithACertificateWaitsForItsTurnAndThenGoesWithoutAnother) {
  int taken = 0;
  const auto turn_at = [&](Story& story, Time at) {
    story.context.certificate_turn = [&taken, at](std::int32_t item, std::int32_t version) {
      EXPECT_EQ(item * 100 + version, 107);
      ++taken;
      return at;
    };
    story.desired[0].facts.asks_for_certificate = true;
  };
  Story early;
  turn_at(early.wants(1, "a", 7), kNow + minutes(3));
  const auto waiting = early.run();
  EXPECT_TRUE(waiting.commands.empty());
  EXPECT_EQ(waiting.after[0].state, ItemState::backing_off);
  EXPECT_EQ(waiting.after[0].next_try_at, kNow + minutes(3));
  EXPECT_EQ(waiting.after[0].attempts, 0);
  EXPECT_EQ(waiting.row.due_at, kNow + minutes(3));

  Story later;
  turn_at(later.wants(1, "a", 7), kNow + hours(1));
  later.record(1, "a", 7, ItemState::backing_off).next_try_at = kNow;
  EXPECT_EQ(sent(later.run()), (Types{"InstallProfile"}));
  EXPECT_EQ(taken, 1);

  Story fresh;
  turn_at(fresh.wants(1, "a", 7), kNow + hours(1));
  fresh.snapshot.row.enrolled_at = kNow - minutes(20);
  EXPECT_EQ(sent(fresh.run()), (Types{"InstallProfile"}));
  EXPECT_EQ(taken, 1) << "somebody waits before it";
}

TEST(Plan, NotNowOnAListDoesNotStopInstalls) {
  Story story;
  story.wants(1, "a", 7);
  story.snapshot.open.push_back({.uuid = "list",
                                 .item = core::kInventoryItem,
                                 .payload = kListPayload,
                                 .status = CommandStatus::not_now});
  EXPECT_EQ(sent(story.run()), (Types{"InstallProfile"}));
}

}  // namespace
}  // namespace mooring::reconciler

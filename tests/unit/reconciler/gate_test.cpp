// SPDX-License-Identifier: Apache-2.0
// What a gate that is closed does to an item, and what people ask of one.
#include <array>

#include "tests/unit/reconciler/story.hpp"

namespace mooring::reconciler {
namespace {

using director::RequestKind;

constexpr std::array kShut{Gate{[](const GateInput&) -> std::optional<Closed> {
  return Closed{.reason = Reason::outside_window, .opens_at = kNow + hours(2)};
}}};
constexpr std::array kFirstOnly{Gate{[](const GateInput& input) -> std::optional<Closed> {
  if (input.record.item == 1) return std::nullopt;
  return Closed{.reason = Reason::waits_for_item, .detail = input.records.front().facts->slot};
}}};

TEST(Gates, WhatIsHeldBackWaitsWithItsReasonAndIsLookedAtWhenTheGateOpens) {
  Story story;
  story.context.gates = kShut;
  const auto plan = story.wants(1, "a", 7).run();
  EXPECT_TRUE(plan.commands.empty());
  ASSERT_EQ(plan.after.size(), 1U);
  EXPECT_EQ(plan.after[0].state, ItemState::waiting);
  EXPECT_EQ(plan.after[0].reason, Reason::outside_window);
  EXPECT_TRUE(plan.after[0].drift_since) << "it differs all the same";
  EXPECT_EQ(plan.after[0].attempts, 0);
  EXPECT_EQ(plan.row.due_at, kNow + hours(2));
  EXPECT_FALSE(plan.converged_after);
  EXPECT_EQ(plan.row.unsettled, 1);
  EXPECT_EQ(plan.row.drifted, 1);
}

TEST(Gates, AnOpenGateLetsItGo) {
  Story story;
  story.record(1, "a", 7, ItemState::waiting);
  EXPECT_EQ(sent(story.wants(1, "a", 7).run()), (Types{"InstallProfile"}));
}

TEST(Gates, EvidenceVerifiesWhatWaits) {
  Story story;
  story.context.gates = kShut;
  story.record(1, "a", 7, ItemState::waiting);
  EXPECT_EQ(story.wants(1, "a", 7).holds("a", 7).run().after[0].state, ItemState::verified);
}

TEST(Gates, HoldBackOneItemAndNotAnother) {
  Story story;
  story.context.gates = kFirstOnly;
  const auto plan = story.wants(1, "a", 7).wants(2, "b", 8).run();
  EXPECT_EQ(plan.commands.size(), 1U);
  EXPECT_EQ(plan.after[0].state, ItemState::commanded);
  EXPECT_EQ(plan.after[1].state, ItemState::waiting);
  EXPECT_EQ(plan.after[1].detail, "a");
}

TEST(Gates, WithdrawWhatIsQueuedWithoutCountingItAsAnAttempt) {
  Story story;
  story.context.gates = kShut;
  story.wants(1, "a", 7).open(1, 7);
  story.record(1, "a", 7, ItemState::commanded).attempts = 1;
  const auto plan = story.run();
  ASSERT_EQ(plan.cancels.size(), 1U);
  EXPECT_EQ(plan.after[0].state, ItemState::waiting);
  EXPECT_EQ(plan.after[0].attempts, 0);
}

TEST(Gates, HoldBackRemovalsToo) {
  Story story;
  story.context.gates = kShut;
  story.record(1, "a", 7, ItemState::verified).installed = true;
  const auto plan = story.holds("a", 7).run();
  EXPECT_TRUE(plan.commands.empty());
  EXPECT_EQ(plan.after[0].intent, RecordIntent::ended);
  EXPECT_EQ(plan.after[0].state, ItemState::waiting);
}

TEST(ItemRequests, ARepushConcernsTheItemThatItNames) {
  Story story;
  story.wants(1, "a", 7).wants(2, "b", 8).holds("a", 7).holds("b", 8);
  story.record(1, "a", 7, ItemState::verified).installed = true;
  story.record(2, "b", 8, ItemState::verified).installed = true;
  story.snapshot.requests = {{.item = 2, .kind = RequestKind::repush, .actor = "token:ops"}};
  const auto plan = story.run();
  ASSERT_EQ(plan.commands.size(), 1U);
  EXPECT_EQ(plan.commands[0].item, 2);
  story.snapshot.requests[0].item = director::kAllItems;
  EXPECT_EQ(story.run().commands.size(), 2U);
}

TEST(ItemRequests, ALiftTriesAgainWhatWasGivenUpAndNothingElse) {
  Story story;
  story.wants(1, "a", 7).wants(2, "b", 8).wants(3, "c", 9).holds("c", 9);
  story.record(1, "a", 7, ItemState::failed).attempts = 5;
  story.record(2, "b", 8, ItemState::quarantined).repairs = 6;
  story.record(3, "c", 9, ItemState::verified).installed = true;
  EXPECT_TRUE(story.run().commands.empty());
  story.snapshot.requests = {{.kind = RequestKind::lift, .actor = "token:ops"}};
  const auto plan = story.run();
  EXPECT_EQ(plan.commands.size(), 2U);
  EXPECT_EQ(plan.after[0].attempts, 1) << "a new budget";
  EXPECT_EQ(plan.after[1].repairs, 0);
  EXPECT_EQ(plan.after[2].state, ItemState::verified);
}

TEST(ItemRequests, DistrustAsksForAList) {
  Story story;
  story.wants(1, "a", 7).holds("a", 7);
  story.snapshot.requests = {{.item = 1, .kind = RequestKind::distrusted, .actor = "token:osquery"}};
  EXPECT_EQ(sent(story.run()), (Types{"ProfileList"}));
}

TEST(Channels, ReportsAndCommandsOfAUserLeaveTheDevicesOwnItemsAlone) {
  Story story;
  story.wants(1, "a", 7).open(1, 7).reports(200, 1, 7, CommandStatus::acknowledged);
  story.snapshot.open[0].channel = 99;
  story.snapshot.observations[0].channel = 99;
  story.snapshot.users.push_back({.channel = 99, .enabled = true});
  const auto plan = story.run();
  EXPECT_EQ(sent(plan), (Types{"InstallProfile"}));
  EXPECT_TRUE(plan.cancels.empty());
}

TEST(Channels, WhatIsOpenForAUserWhoIsGoneIsWithdrawn) {
  Story story;
  story.open(1, 7);
  story.snapshot.open[0].channel = 99;
  story.snapshot.users.push_back({.channel = 99, .enabled = false});
  const auto plan = story.run();
  ASSERT_EQ(plan.cancels.size(), 1U);
  EXPECT_EQ(plan.cancels[0].channel, 99);
}

}  // namespace
}  // namespace mooring::reconciler

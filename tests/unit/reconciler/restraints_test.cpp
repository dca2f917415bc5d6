// SPDX-License-Identifier: Apache-2.0
// Pauses and windows as gates.
#include "tests/unit/reconciler/story.hpp"

namespace mooring::reconciler {
namespace {

Story restrained(Restraints restraints) {
  Story story;
  story.snapshot.restraints = std::make_shared<const Restraints>(std::move(restraints));
  return story;
}

director::Windows open_in(Duration from_now, Duration length) {
  const auto from =
      std::chrono::floor<minutes>(kNow + from_now - std::chrono::floor<std::chrono::days>(kNow));
  director::Window window{.days = 0x7F, .zone = "UTC", .east = Duration{}};
  window.from = from % hours(24);
  window.to = (from + std::chrono::floor<minutes>(length)) % hours(24);
  return {window};
}

struct PauseCase {
  const char* name;
  std::optional<Time> device;
  Restraints declared;
  std::optional<Time> opens;
};

// covers: state.N26
TEST(PausedGate, HoldsBackADeviceAnItemOrTheFleetUntilItsEnd) {
  const Restraints::Until later = kNow + hours(5);
  for (const auto& each : {
           PauseCase{"device", later, {}, later},
           PauseCase{"device, no end", kNow + hours(24 * 365 * 7000), {}, std::nullopt},
           PauseCase{"fleet", std::nullopt, {.fleet = later}, later},
           PauseCase{"fleet, no end", std::nullopt, {.fleet = Restraints::Until()}, std::nullopt},
           PauseCase{"item", std::nullopt, {.items = {{1, later}}}, later},
           PauseCase{"item, no end", std::nullopt, {.items = {{1, std::nullopt}}}, std::nullopt},
       }) {
    auto story = restrained(each.declared);
    story.snapshot.row.paused_until = each.device;
    const auto plan = story.wants(1, "a", 7).run();
    EXPECT_TRUE(plan.commands.empty()) << each.name;
    EXPECT_EQ(plan.after[0].state, ItemState::waiting) << each.name;
    EXPECT_EQ(plan.after[0].reason, Reason::paused) << each.name;
    EXPECT_EQ(plan.after[0].next_try_at, each.opens) << each.name;
    EXPECT_TRUE(plan.after[0].drift_since) << each.name;
    if (each.opens) EXPECT_LE(plan.row.due_at, *each.opens) << each.name;
  }
}

// covers: state.N26
TEST(PausedGate, LetsGoOfWhatIsOverAndOfOtherItems) {
  const Restraints::Until over = kNow - minutes(1);
  for (const auto& declared : {
           Restraints{.fleet = over},
           Restraints{.items = {{1, over}}},
           Restraints{.items = {{2, std::nullopt}}},
       }) {
    auto story = restrained(declared);
    story.snapshot.row.paused_until = over;
    EXPECT_EQ(sent(story.wants(1, "a", 7).run()), (Types{"InstallProfile"}));
  }
}

// covers: state.N24
TEST(WindowGate, HoldsAnItemBackUntilItsWindowOpensRemovalsToo) {
  const auto closed = Restraints{.windows = {{1, open_in(hours(3), hours(1))}}};
  const auto plan = restrained(closed).wants(1, "a", 7).wants(2, "b", 8).run();
  ASSERT_EQ(plan.commands.size(), 1U);
  EXPECT_EQ(plan.commands[0].item, 2);
  EXPECT_EQ(plan.after[0].reason, Reason::outside_window);
  EXPECT_EQ(plan.after[0].next_try_at, kNow + hours(3));
  EXPECT_LE(plan.row.due_at, kNow + hours(3));
  auto ended = restrained(closed);
  ended.record(1, "a", 7, ItemState::verified).installed = true;
  EXPECT_TRUE(ended.holds("a", 7).run().commands.empty());
}

// covers: state.N24
TEST(WindowGate, WhatIsSentIsLookedAtAgainWhenTheWindowCloses) {
  const auto open = Restraints{.windows = {{1, open_in(hours(-1), hours(2))}}};
  auto story = restrained(open);
  story.context.policy.push_base = hours(9);  // so that nothing else comes earlier
  const auto first = story.wants(1, "a", 7).run();
  EXPECT_EQ(sent(first), (Types{"InstallProfile"}));
  EXPECT_EQ(first.row.due_at, kNow + hours(1));
  auto waiting = restrained(open);
  waiting.context.policy.push_base = hours(9);
  waiting.wants(1, "a", 7).open(1, 7, CommandStatus::not_now);
  waiting.record(1, "a", 7, ItemState::commanded);
  waiting.snapshot.row.next_push_at = kNow + hours(9);
  EXPECT_EQ(waiting.run().row.due_at, kNow + hours(1));
}

TEST(Restraints, ChangeTheHashOfAPassButNotWhatADeviceShouldHold) {
  const Restraints none;
  const Restraints paused{.fleet = Restraints::Until()};
  const Restraints item{.items = {{1, std::nullopt}}};
  const Restraints window{.windows = {{1, open_in(hours(3), hours(1))}}};
  EXPECT_TRUE(hash_of(none).empty());
  EXPECT_NE(hash_of(paused), hash_of(item));
  EXPECT_NE(hash_of(item), hash_of(window));
  Story story;
  story.wants(1, "a", 7).holds("a", 7);
  story.snapshot.row.desired_hash = hash_of(story.desired) + hash_of(paused);
  const auto plan = story.run();
  EXPECT_EQ(plan.row.generation, 0);
  EXPECT_EQ(plan.row.desired_hash, hash_of(story.desired));
}

}  // namespace
}  // namespace mooring::reconciler

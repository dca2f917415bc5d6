// SPDX-License-Identifier: Apache-2.0
// Profiles whose content each device has of its own.
#include "reconciler/renderings.hpp"
#include "tests/unit/reconciler/story.hpp"

namespace mooring::reconciler {
namespace {

const director::VariableValues kAnna{{"fact.user_name", "anna"}};
const director::VariableValues kBert{{"fact.user_name", "bert"}};

struct Rendered : ::testing::Test {
  ItemFacts of(const director::VariableValues& values) const {
    auto facts = Story::facts(1, "a", 7);
    facts.variables = {"fact.user_name"};
    return rendered(std::move(facts), values);
  }
  void wants(const director::VariableValues& values, Intent intent = Intent::present) {
    story.desired.push_back({.facts = of(values), .intent = intent, .declared_at = kNow - minutes(5)});
  }
  ItemRecord& record(ItemState state, const director::VariableValues& values) {
    auto& made = story.record(1, "a", 7, state);
    made.rendering = of(values).rendering;
    return made;
  }
  void holds(const director::VariableValues& values) {
    story.list.push_back({.identifier = "a", .uuid = of(values).identity});
  }

  Story story;
};

// covers: state.D11
TEST_F(Rendered, TheListHasToShowTheDevicesOwnContent) {
  wants(kAnna);
  holds(kAnna);
  const auto plan = story.run();
  EXPECT_TRUE(plan.commands.empty());
  EXPECT_EQ(plan.after[0].state, ItemState::verified);
  EXPECT_EQ(plan.after[0].rendering, of(kAnna).rendering);
}

// covers: state.N11
TEST_F(Rendered, OtherValuesAreNewContentWithANewBudget) {
  wants(kBert);
  holds(kAnna);
  auto& before = record(ItemState::failed, kAnna);
  before.installed = true;
  before.attempts = 5;
  const auto plan = story.run();
  ASSERT_EQ(sent(plan), (Types{"InstallProfile"}));
  EXPECT_EQ(plan.after[0].attempts, 1);
  EXPECT_EQ(plan.after[0].rendering, of(kBert).rendering);
}

TEST_F(Rendered, OtherValuesWithdrawWhatWasMadeOfTheOldOnes) {
  wants(kBert);
  record(ItemState::commanded, kAnna);
  story.open(1, 7, CommandStatus::not_now);
  const auto plan = story.run();
  EXPECT_EQ(plan.cancels.size(), 1U);
  ASSERT_EQ(sent(plan), (Types{"InstallProfile"}));
  EXPECT_NE(plan.commands[0].uuid, plan.cancels[0].uuid);
}

TEST_F(Rendered, AnOpenCommandOfTheSameValuesIsNotDoubled) {
  wants(kAnna);
  record(ItemState::commanded, kAnna);
  story.open(1, 7);
  const auto plan = story.run();
  EXPECT_TRUE(plan.commands.empty());
  EXPECT_TRUE(plan.cancels.empty());
}

// covers: state.D11
TEST_F(Rendered, NothingIsSentWhileAValueIsMissing) {
  wants({});
  const auto plan = story.run();
  EXPECT_TRUE(plan.commands.empty());
  EXPECT_EQ(plan.after[0].state, ItemState::waiting);
  EXPECT_EQ(plan.after[0].reason, Reason::missing_variable);
  EXPECT_EQ(plan.after[0].detail, "fact.user_name");
  EXPECT_FALSE(plan.converged_after);
}

TEST_F(Rendered, AValueThatIsLostTakesNothingAway) {
  wants({});
  holds(kAnna);
  auto& before = record(ItemState::verified, kAnna);
  before.installed = true;
  const auto plan = story.run();
  EXPECT_TRUE(plan.commands.empty());
  EXPECT_EQ(plan.after[0].state, ItemState::waiting);
  EXPECT_EQ(plan.after[0].rendering, of(kAnna).rendering) << "should it come back, nothing has to be sent";
}

TEST_F(Rendered, ItIsRemovedWhateverItWasMadeOf) {
  for (const bool ended : {false, true}) {
    story = Story();
    if (!ended) wants(kBert, Intent::absent);
    holds(kAnna);
    auto& before = record(ItemState::verified, kAnna);
    before.installed = true;
    EXPECT_EQ(sent(story.run()), (Types{"RemoveProfile"})) << ended;
  }
}

TEST_F(Rendered, AStrangerInItsSlotIsNotRemoved) {
  story.list.push_back({.identifier = "a", .uuid = crypto::Uuid::derived("stranger", "x").text()});
  auto& before = record(ItemState::verified, kAnna);
  before.installed = true;
  EXPECT_TRUE(story.run().commands.empty());
}

TEST_F(Rendered, ASecretThatChangesChangesWhatIsDesired) {
  wants(kAnna);
  const auto before = hash_of(story.desired);
  story.desired[0].facts.secrets = 1;
  const auto with_secret = hash_of(story.desired);
  story.desired[0].facts.secrets = 2;
  EXPECT_NE(before, with_secret);
  EXPECT_NE(hash_of(story.desired), with_secret);
}

// covers: director.28
TEST_F(Rendered, WhatCouldNotBeMadeIsTriedAgainWithinItsBudget) {
  wants(kAnna);
  record(ItemState::commanded, kAnna).attempts = 1;
  story.reports(101, 1, 7, CommandStatus::error);
  story.snapshot.observations[0].error_chain = {
      {core::kRenderingFailed, core::kRenderingDomain, "no", "secret.wifi does not open"}};
  const auto plan = story.run();
  EXPECT_TRUE(plan.commands.empty());
  EXPECT_EQ(plan.after[0].state, ItemState::backing_off);
  EXPECT_EQ(plan.after[0].reason, Reason::cannot_render);
}

}  // namespace
}  // namespace mooring::reconciler

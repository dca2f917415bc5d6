// SPDX-License-Identifier: Apache-2.0
// Only what Mooring installed, and what is still there, is ever removed.
#include "tests/unit/reconciler/story.hpp"

namespace mooring::reconciler {
namespace {

constexpr int kStranger = 666;

/// Something that Mooring installed as version 7, after version 6; the list shows `held` in its place.
Story holding(int held, ItemState state = ItemState::verified) {
  Story story;
  story.holds("a", held);
  story.record(1, "a", 7, state).installed = true;
  story.snapshot.own.items[0].identities =
      std::make_shared<const std::vector<std::string>>(std::vector{identity(6), identity(7)});
  return story;
}

// covers: state.R23
TEST(Removal, AStrangerThatTookThePlaceOfWhatEndedIsLeftAloneAndTheRecordGoes) {
  const auto plan = holding(kStranger).run();
  EXPECT_TRUE(plan.commands.empty());
  EXPECT_TRUE(plan.after.empty());
}

// covers: state.R23
TEST(Removal, AStrangerWhereSomethingShallBeAbsentIsReportedAndLeftAlone) {
  for (int state = 0; state <= static_cast<int>(kLastItemState); ++state) {
    auto story = holding(kStranger, static_cast<ItemState>(state));
    story.snapshot.own.items[0].record.intent = RecordIntent::absent;
    const auto plan = story.wants(1, "a", 7, Intent::absent).run();
    EXPECT_TRUE(plan.commands.empty()) << state;
    EXPECT_EQ(plan.after[0].state, ItemState::failed) << state;
    EXPECT_EQ(plan.after[0].reason, Reason::foreign) << state;
    EXPECT_FALSE(plan.after[0].drift_since) << state;
  }
}

TEST(Removal, AnotherVersionOfOursIsRemoved) {
  EXPECT_EQ(sent(holding(6).run()), (Types{"RemoveProfile"}));
  EXPECT_EQ(sent(holding(6).wants(1, "a", 7, Intent::absent).run()), (Types{"RemoveProfile"}));
}

TEST(Removal, ACommandThatWaitsIsWithdrawnOnceAStrangerIsSeen) {
  for (const bool ended : {true, false}) {
    auto story = holding(kStranger, ItemState::commanded);
    auto& record = story.snapshot.own.items[0].record;
    record.intent = ended ? RecordIntent::ended : RecordIntent::absent;
    if (!ended) story.wants(1, "a", 7, Intent::absent);
    const auto plan = story.open(1, std::nullopt, CommandStatus::not_now).run();
    EXPECT_EQ(plan.cancels.size(), 1U) << ended;
    EXPECT_TRUE(plan.commands.empty()) << ended;
  }
}

TEST(Removal, AListFromBeforeTheLastInstallIsNoProofThatAStrangerIsThere) {
  auto story = holding(kStranger, ItemState::commanded);
  story.open(1, 7);
  const auto plan = story.run();
  EXPECT_EQ(sent(plan), (Types{"ProfileList"})) << "what was handed out may have landed since";
  EXPECT_EQ(plan.cancels.size(), 1U);
  ASSERT_EQ(plan.after.size(), 1U);
  EXPECT_EQ(plan.after[0].intent, RecordIntent::ended);
}

TEST(Removal, WhenTheStrangerIsGoneTheAbsenceIsProven) {
  Story story;
  auto& record = story.record(1, "a", 7, ItemState::failed);
  record.reason = Reason::foreign;
  record.installed = true;
  record.intent = RecordIntent::absent;
  EXPECT_EQ(story.wants(1, "a", 7, Intent::absent).run().after[0].state, ItemState::verified);
}

}  // namespace
}  // namespace mooring::reconciler

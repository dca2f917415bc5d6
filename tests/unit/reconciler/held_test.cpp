// SPDX-License-Identifier: Apache-2.0
// What is not known to apply is left as it is, whatever state it is in.
#include <gmock/gmock.h>

#include "tests/unit/reconciler/story.hpp"

namespace mooring::reconciler {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

Story holding(int version) {
  Story story;
  story.wants(1, "a", version);
  story.desired.back().applies = director::Truth::unknown;
  return story;
}

// covers: state.D7, state.N13
TEST(Held, NothingIsInstalledThatMayNotApply) {
  const auto plan = holding(1).run();
  EXPECT_THAT(sent(plan), IsEmpty());
  EXPECT_THAT(plan.after, IsEmpty());
}

// covers: state.D7, state.N13
TEST(Held, NothingIsRemovedReplacedOrWithdrawnThatMayApply) {
  for (const auto state :
       {ItemState::verified, ItemState::commanded, ItemState::failed, ItemState::pending}) {
    auto story = holding(2);  // a new version of it, too
    story.holds("a", 1);
    auto& record = story.record(1, "a", 1, state);
    record.installed = true;
    const auto before = record;
    if (state == ItemState::commanded) story.open(1, 1);
    const auto plan = story.run();
    EXPECT_THAT(sent(plan), IsEmpty()) << name_of(state);
    EXPECT_THAT(plan.cancels, IsEmpty()) << name_of(state);
    EXPECT_THAT(plan.after, ElementsAre(before)) << name_of(state);
  }
}

TEST(Held, NewFactsBringAnotherPassWhereTheyDecide) {
  for (const bool decide : {false, true}) {
    Story story;
    story.context.facts_decide = decide;
    story.snapshot.row.groups_seen = 7;
    story.snapshot.observations.push_back({.event = 101,
                                           .at = kNow,
                                           .status = CommandStatus::acknowledged,
                                           .request_type = "DeviceInformation",
                                           .body = "{}"});
    const auto plan = story.run();
    EXPECT_EQ(plan.row.due_at <= kNow, decide);
    EXPECT_EQ(plan.row.groups_seen, decide ? 0 : 7);
  }
}

}  // namespace
}  // namespace mooring::reconciler

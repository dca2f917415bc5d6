// SPDX-License-Identifier: Apache-2.0
// Item 1 requires item 2.
#include "tests/unit/reconciler/story.hpp"

namespace mooring::reconciler {
namespace {

Story two_requires(bool still_there = true) {
  Story story;
  Restraints order;
  if (still_there) order.requirements[1] = {{.item = 2, .name = "first"}};
  order.dependents[2] = {{.item = 1, .name = "second"}};
  story.snapshot.restraints = std::make_shared<const Restraints>(std::move(order));
  return story;
}

struct Before {
  const char* name;
  std::function<void(Story&)> given;
  bool open;
};

// covers: state.D9
TEST(OrderGate, OpensWhenTheOtherIsProvenInTheVersionThatIsDeclared) {
  for (const auto& each : {
           Before{"not declared here", [](Story&) {}, false},
           Before{"opted out", [](Story& s) { s.wants(2, "b", 8, Intent::absent); }, false},
           Before{"new", [](Story& s) { s.wants(2, "b", 8); }, false},
           Before{"in an older version",
                  [](Story& s) {
                    s.wants(2, "b", 8).holds("b", 7).record(2, "b", 7, ItemState::verified).installed = true;
                  },
                  false},
           Before{"given up", [](Story& s) { s.wants(2, "b", 8).record(2, "b", 8, ItemState::failed); },
                  false},
           Before{"proven",
                  [](Story& s) {
                    s.wants(2, "b", 8).holds("b", 8).record(2, "b", 8, ItemState::verified).installed = true;
                  },
                  true},
           Before{"proven, and held since",
                  [](Story& s) {
                    s.wants(2, "b", 8).holds("b", 8).record(2, "b", 8, ItemState::verified).installed = true;
                    s.desired.back().applies = director::Truth::unknown;
                  },
                  true},
       }) {
    auto story = two_requires();
    story.wants(1, "a", 5);
    each.given(story);
    const auto plan = story.run();
    const auto& record = plan.after[0];
    ASSERT_EQ(record.item, 1) << each.name;
    EXPECT_EQ(record.state, each.open ? ItemState::commanded : ItemState::waiting) << each.name;
    if (each.open) continue;
    EXPECT_EQ(record.reason, Reason::waits_for_item) << each.name;
    EXPECT_EQ(record.detail, "first") << each.name;
  }
}

// covers: state.D9
TEST(OrderGate, LooksAgainAtOnceWhenTheOtherWasProvenLaterInTheSamePass) {
  auto story = two_requires();
  story.record(2, "b", 8, ItemState::acknowledged);
  const auto plan = story.wants(1, "a", 5).wants(2, "b", 8).holds("b", 8).run();
  EXPECT_EQ(plan.after[0].state, ItemState::waiting);
  EXPECT_EQ(plan.after[1].state, ItemState::verified);
  EXPECT_EQ(plan.row.due_at, kNow);
}

// covers: state.D9
TEST(OrderGate, NobodyRunsInCirclesWhileNothingMoves) {
  auto story = two_requires();
  story.record(2, "b", 8, ItemState::failed);
  story.record(1, "a", 5, ItemState::waiting);
  EXPECT_GT(story.wants(1, "a", 5).wants(2, "b", 8).run().row.due_at, kNow + minutes(1));
}

// covers: state.D9
TEST(OrderGate, RemovalGoesTheOtherWayAndPassesByWhatCannotBeRemoved) {
  for (const auto state : {ItemState::verified, ItemState::pending, ItemState::failed}) {
    auto story = two_requires(false);
    story.holds("a", 5).holds("b", 8);
    auto& first = story.record(1, "a", 5, state);
    first.installed = true;
    if (state == ItemState::failed) first.intent = RecordIntent::ended;
    story.record(2, "b", 8, ItemState::verified).installed = true;
    const auto plan = story.run();
    const auto& second = plan.after[1];
    EXPECT_EQ(second.state, state == ItemState::failed ? ItemState::commanded : ItemState::waiting)
        << name_of(state);
    if (second.state == ItemState::waiting) EXPECT_EQ(second.detail, "second");
  }
}

}  // namespace
}  // namespace mooring::reconciler

// SPDX-License-Identifier: Apache-2.0
#include "reconciler/build.hpp"

#include "tests/unit/reconciler/story.hpp"

namespace mooring::reconciler {
namespace {

TEST(Builds, AreOrderedByTrainLetterNumberAndSuffix) {
  const std::vector<std::string> ascending{"9A405",  "24G231", "25A5351b", "25B78",
                                           "25B101", "25C56",  "25C56a",   "26A1"};
  for (std::size_t i = 0; i < ascending.size(); ++i) {
    for (std::size_t j = 0; j < ascending.size(); ++j) {
      // 25A5351b: a beta's number is larger than that of its release, which has another letter by then.
      EXPECT_EQ(compare_builds(ascending[i], ascending[j]), std::partial_ordering(i <=> j))
          << ascending[i] << " " << ascending[j];
    }
  }
  for (const char* none : {"", "25", "B78", "25B", "25B78-1", "-1B7", "99999999999B1"})
    EXPECT_EQ(compare_builds(none, "25B78"), std::partial_ordering::unordered) << none;
}

/// A device that holds what it should, last seen with `seen`, and now says `build`.
Plan upgraded(const std::optional<std::string>& seen, const std::string& build, bool repush = true) {
  Story story;
  story.context.policy.repush_on_new_build = repush;
  story.wants(1, "a", 7).wants(2, "b", 8, Intent::absent).holds("a", 7);
  story.record(1, "a", 7, ItemState::verified).installed = true;
  story.record(2, "b", 8, ItemState::verified).intent = RecordIntent::absent;
  story.snapshot.row.build_seen = seen;
  story.snapshot.observations.push_back({.event = 101,
                                         .at = kNow,
                                         .status = CommandStatus::acknowledged,
                                         .request_type = "DeviceInformation",
                                         .body = "{}",
                                         .build = build});
  return story.run();
}

// covers: state.R18, director.44
TEST(NewBuild, SendsWhatShallBePresentAgainOnce) {
  const auto higher = upgraded("25A354", "25B78");
  EXPECT_EQ(sent(higher), (Types{"InstallProfile"}));
  EXPECT_EQ(higher.row.build_seen, "25B78");
  EXPECT_EQ(higher.after[1].state, ItemState::verified);
  for (const auto& [seen, build] : {std::pair<std::optional<std::string>, std::string>{std::nullopt, "25B78"},
                                    {"25B78", "25B78"},
                                    {"25B78", "25A354"},
                                    {"25B78", "nonsense"},
                                    {"25B78", ""}}) {
    const auto plan = upgraded(seen, build);
    EXPECT_TRUE(plan.commands.empty()) << build;
    EXPECT_EQ(plan.row.build_seen, "25B78") << "the highest: " << build;
  }
  const auto off = upgraded("25A354", "25B78", false);
  EXPECT_TRUE(off.commands.empty());
  EXPECT_EQ(off.row.build_seen, "25B78") << "switched on later, it is no news";
}

TEST(NewBuild, GivesWhatWasGivenUpAnotherChance) {
  Story story;
  story.wants(1, "a", 7);
  story.record(1, "a", 7, ItemState::failed).reason = Reason::impossible;
  story.snapshot.row.build_seen = "25A354";
  story.snapshot.observations.push_back({.event = 101,
                                         .at = kNow,
                                         .status = CommandStatus::acknowledged,
                                         .request_type = "DeviceInformation",
                                         .body = "{}",
                                         .build = "25B78"});
  EXPECT_EQ(sent(story.run()), (Types{"InstallProfile"}));
}

// covers: state.R18
TEST(Reinstall, SendsAgainWhatWasProvenLongAgo) {
  for (const auto& [age, every, again] :
       {std::tuple{hours(24 * 40), hours(24 * 30), true}, std::tuple{hours(24 * 20), hours(24 * 30), false},
        std::tuple{hours(24 * 4000), hours(0), false}}) {
    Story story;
    story.context.policy.reinstall_interval = every;
    story.wants(1, "a", 7).holds("a", 7);
    auto& record = story.record(1, "a", 7, ItemState::verified);
    record.installed = true;
    record.verified_at = kNow - age;
    EXPECT_EQ(sent(story.run()), again ? Types{"InstallProfile"} : Types{}) << age;
  }
}

}  // namespace
}  // namespace mooring::reconciler

// SPDX-License-Identifier: Apache-2.0
// Which lists a plan asks for, and when it looks again.
#include "tests/unit/reconciler/story.hpp"

namespace mooring::reconciler {
namespace {

// covers: director.38
TEST(InventoryPlan, ListsOfOneIntervalAreAskedForTogether) {
  Story story;
  auto& row = story.snapshot.row;
  story.snapshot.own.list.at = kNow - hours(7);
  row.information_at = row.security_at = row.certificates_at = kNow - hours(7) + minutes(2);
  EXPECT_EQ(sent(story.run()),
            (Types{"ProfileList", "DeviceInformation", "SecurityInfo", "CertificateList"}));
}

TEST(InventoryPlan, AListWithARhythmOfItsOwnComesAlone) {
  Story story;
  story.context.policy.security_interval = minutes(30);
  auto& row = story.snapshot.row;
  story.snapshot.own.list.at = kNow - hours(1);
  row.information_at = row.security_at = row.certificates_at = kNow - hours(1);
  const auto plan = story.run();
  EXPECT_EQ(sent(plan), (Types{"SecurityInfo"}));
  EXPECT_EQ(plan.row.requested_at, kNow);

  Story idle;
  idle.context.policy.security_interval = minutes(30);
  const auto quiet = idle.run();
  EXPECT_TRUE(quiet.commands.empty());
  EXPECT_FALSE(quiet.row.requested_at);
  EXPECT_LE(quiet.row.due_at, kNow + minutes(33));
}

TEST(InventoryPlan, WhoeverAsksForAllGetsAllWhateverTheIntervalSays) {
  Story story;
  story.snapshot.row.refresh_mark = 5;
  story.snapshot.row.security_retry_at = kNow + hours(24);
  EXPECT_EQ(sent(story.run()),
            (Types{"ProfileList", "DeviceInformation", "SecurityInfo", "CertificateList"}));
}

TEST(InventoryPlan, AnErrorWaitsForTheIntervalAndAnUnknownCommandForAWeek) {
  for (const bool unknown : {false, true}) {
    Story story;
    story.snapshot.row.security_at.reset();
    story.snapshot.observations.push_back({.event = 101,
                                           .at = kNow,
                                           .status = CommandStatus::error,
                                           .request_type = "SecurityInfo",
                                           .item = core::kInventoryItem});
    if (unknown) story.snapshot.observations[0].error_chain = {{.code = 12021, .domain = "MCMDMErrorDomain"}};
    const auto plan = story.run();
    EXPECT_TRUE(plan.commands.empty());
    EXPECT_FALSE(plan.row.security_at);
    EXPECT_EQ(plan.row.security_retry_at, kNow + (unknown ? hours(24 * 7) : hours(6)));
  }
}

}  // namespace
}  // namespace mooring::reconciler

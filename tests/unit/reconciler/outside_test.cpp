// SPDX-License-Identifier: Apache-2.0
#include "reconciler/outside.hpp"

#include <gtest/gtest.h>

namespace mooring::reconciler {
namespace {

constexpr const char* kPlace = "com.example.wifi";

std::string made(int version) { return crypto::Uuid::derived("outside", std::to_string(version)).text(); }

struct Outside : ::testing::Test {
  Outside() { snapshot.row.enabled = true; }
  void declare(director::Intent intent = director::Intent::present) {
    desired.push_back(
        {.facts = {.item = 1, .slot = kPlace, .version = 1, .identity = made(1)}, .intent = intent});
  }
  void believe(ItemState state) {
    KnownItem known{.record = {.item = 1, .version = 1},
                    .facts = std::make_shared<const ItemFacts>(
                        ItemFacts{.item = 1, .slot = kPlace, .identity = made(1)})};
    known.record.state = state;
    known.record.installed = true;
    known.identities = std::make_shared<const std::vector<std::string>>(std::vector{made(0), made(1)});
    snapshot.own.items.push_back(std::move(known));
  }
  OutsideJudgement judged(const std::vector<ReportedProfile>& reported, bool complete = true) {
    snapshot.desired = std::make_shared<const std::vector<Desired>>(desired);
    return judge(snapshot, reported, complete);
  }
  DeviceSnapshot snapshot;
  std::vector<Desired> desired;
};

// covers: seed.14
TEST_F(Outside, WhatIsAsDeclaredIsNoFinding) {
  declare();
  believe(ItemState::verified);
  const auto said = judged({{.identifier = "", .uuid = made(1)}, {.identifier = "com.other", .uuid = "X"}});
  EXPECT_TRUE(said.findings.empty());
  EXPECT_FALSE(said.contradicts);
}

// covers: seed.14
TEST_F(Outside, WhatACompleteReportDoesNotNameIsMissing) {
  declare();
  believe(ItemState::verified);
  const auto said = judged({});
  ASSERT_EQ(said.findings.size(), 1U);
  EXPECT_EQ(said.findings[0].problem, OutsideProblem::missing);
  EXPECT_TRUE(said.contradicts) << "the device's own list shows it";
  EXPECT_TRUE(judged({}, false).findings.empty());
}

TEST_F(Outside, WhatMooringKnowsToDifferIsNoContradiction) {
  declare();
  believe(ItemState::commanded);
  const auto said = judged({});
  EXPECT_EQ(said.findings.size(), 1U);
  EXPECT_FALSE(said.contradicts);
}

TEST_F(Outside, SomethingElseInItsPlaceIsAnotherVersion) {
  declare();
  believe(ItemState::verified);
  const auto said = judged({{.identifier = kPlace, .uuid = made(7)}}, false);
  ASSERT_EQ(said.findings.size(), 1U);
  EXPECT_EQ(said.findings[0].problem, OutsideProblem::other_version);
  EXPECT_EQ(said.findings[0].reported_uuid, made(7));
  EXPECT_TRUE(said.contradicts);
}

TEST_F(Outside, WhatShouldNotBeThereIsUnexpectedInAnyOfItsVersionsAndAStrangersIsNot) {
  declare(director::Intent::absent);
  believe(ItemState::verified);
  EXPECT_EQ(judged({{.identifier = kPlace, .uuid = made(0)}}).findings.size(), 1U);
  EXPECT_TRUE(judged({{.identifier = kPlace, .uuid = made(0)}}).contradicts);
  EXPECT_TRUE(judged({{.identifier = kPlace, .uuid = made(7)}}).findings.empty());
}

TEST_F(Outside, WhatNothingDeclaresAnyMoreIsUnexpected) {
  believe(ItemState::pending);
  const auto said = judged({{.identifier = "", .uuid = made(1)}});
  ASSERT_EQ(said.findings.size(), 1U);
  EXPECT_EQ(said.findings[0].problem, OutsideProblem::unexpected);
}

TEST_F(Outside, WhatWasGivenUpAndIsSeenIsWorthALook) {
  declare();
  believe(ItemState::failed);
  const auto said = judged({{.identifier = "", .uuid = made(1)}});
  EXPECT_TRUE(said.findings.empty());
  EXPECT_TRUE(said.contradicts);
}

}  // namespace
}  // namespace mooring::reconciler

// SPDX-License-Identifier: Apache-2.0
#include "reconciler/error_table.hpp"

#include "tests/unit/reconciler/story.hpp"

namespace mooring::reconciler {
namespace {

struct ErrorCase {
  const char* name;
  CommandStatus status;
  std::vector<core::ErrorChainItem> chain;
  ErrorClass expected;
};

const std::vector<ErrorCase> kErrorCases{
    {"no chain", CommandStatus::error, {}, ErrorClass::refused},
    {"malformed command", CommandStatus::command_format_error, {}, ErrorClass::malformed},
    {"malformed profile",
     CommandStatus::error,
     {{1000, "MCProfileErrorDomain", "", ""}},
     ErrorClass::malformed},
    {"installation failed",
     CommandStatus::error,
     {{4001, "MCInstallationErrorDomain", "", ""}},
     ErrorClass::refused},
    {"an inner missing field decides",
     CommandStatus::error,
     {{4001, "MCInstallationErrorDomain", "", ""}, {2002, "MCPayloadErrorDomain", "", ""}},
     ErrorClass::malformed},
    {"the innermost that is known decides",
     CommandStatus::error,
     {{12021, "MCMDMErrorDomain", "", ""},
      {2002, "MCPayloadErrorDomain", "", ""},
      {-1, "NSCocoaErrorDomain", "", ""}},
     ErrorClass::malformed},
    {"unknown command", CommandStatus::error, {{12021, "MCMDMErrorDomain", "", ""}}, ErrorClass::impossible},
    {"same code, other domain",
     CommandStatus::error,
     {{1000, "NSOSStatusErrorDomain", "", ""}},
     ErrorClass::refused},
};

TEST(ErrorTable, TheInnermostKnownLinkDecidesAndTheUnknownMayPass) {
  for (const auto& each : kErrorCases)
    EXPECT_EQ(classify(each.status, each.chain), each.expected) << each.name;
}

TEST(ErrorTable, WhatNoRepetitionHelpsHasOneAttempt) {
  const Policy policy{.retry_base = minutes(2), .retry_max = hours(3), .attempts = 7};
  for (const auto error_class : {ErrorClass::malformed, ErrorClass::impossible})
    EXPECT_EQ(allowance_of(error_class, policy).attempts, 1);
  for (const auto error_class : {ErrorClass::refused, ErrorClass::no_effect}) {
    const auto allowed = allowance_of(error_class, policy);
    EXPECT_EQ(allowed.attempts, 7);
    EXPECT_EQ(allowed.first_wait, Duration(minutes(2)));
    EXPECT_EQ(allowed.longest_wait, Duration(hours(3)));
  }
}

Story refused_by(const ErrorCase& by, int attempts) {
  Story story;
  story.wants(1, "a", 7).reports(101, 1, 7, by.status);
  story.snapshot.observations.back().error_chain = by.chain;
  story.record(1, "a", 7, ItemState::commanded).attempts = static_cast<std::int16_t>(attempts);
  return story;
}

// covers: state.R5, state.N11
TEST(ErrorTable, EachClassSpendsItsBudgetAndANewVersionBeginsAnother) {
  for (const auto& each : kErrorCases) {
    const auto first = refused_by(each, 1).run();
    const bool hopeless = each.expected != ErrorClass::refused;
    EXPECT_EQ(first.after[0].state, hopeless ? ItemState::failed : ItemState::backing_off) << each.name;
    EXPECT_EQ(first.after[0].reason, reason_of(each.expected)) << each.name;
    EXPECT_EQ(first.after[0].next_try_at.has_value(), !hopeless) << each.name;
    EXPECT_TRUE(first.commands.empty()) << each.name;
    const auto last = refused_by(each, 5).run();
    EXPECT_EQ(last.after[0].state, ItemState::failed) << each.name;

    Story renewed;
    renewed.snapshot.own.items.push_back(
        {last.after[0], std::make_shared<const ItemFacts>(Story::facts(1, "a", 7))});
    const auto again = renewed.wants(1, "a", 8).run();
    EXPECT_EQ(sent(again), (Types{"InstallProfile"})) << each.name;
    EXPECT_EQ(again.after[0].attempts, 1) << each.name;
  }
}

}  // namespace
}  // namespace mooring::reconciler

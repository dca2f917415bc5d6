// SPDX-License-Identifier: Apache-2.0
#include "reconciler/policy.hpp"

#include <gtest/gtest.h>

namespace mooring::reconciler {
namespace {

using std::chrono::hours;
using std::chrono::minutes;

TEST(Backoff, GrowsFourfoldUpToTheLimitAndNeverBeyondItsJitter) {
  for (std::uint64_t key = 0; key < 50; ++key) {
    Duration nominal = minutes(1);
    for (int n = 1; n <= 8; ++n) {
      const auto wait = backoff(minutes(1), hours(6), n, key);
      const auto expected = std::min<Duration>(nominal, hours(6));
      EXPECT_GE(wait, expected * 8 / 10);
      EXPECT_LE(wait, expected * 12 / 10);
      nominal *= 4;
    }
  }
}

TEST(Backoff, DiffersBetweenDevicesAndRepeatsForTheSame) {
  EXPECT_EQ(backoff(minutes(1), hours(6), 2, 42), backoff(minutes(1), hours(6), 2, 42));
  EXPECT_NE(backoff(minutes(1), hours(6), 2, 42), backoff(minutes(1), hours(6), 2, 43));
}

struct ErrorCase {
  const char* name;
  core::CommandStatus status;
  std::vector<core::ErrorChainItem> chain;
  ErrorClass expected;
};

TEST(Classify, WrongBytesAreTerminalAndRefusalsAreNot) {
  const std::vector<ErrorCase> cases{
      {"no chain", core::CommandStatus::error, {}, ErrorClass::retryable},
      {"malformed command", core::CommandStatus::command_format_error, {}, ErrorClass::terminal},
      {"malformed profile",
       core::CommandStatus::error,
       {{1000, "MCProfileErrorDomain", "", ""}},
       ErrorClass::terminal},
      {"installation failed",
       core::CommandStatus::error,
       {{4001, "MCInstallationErrorDomain", "", ""}},
       ErrorClass::retryable},
      {"an inner missing field decides",
       core::CommandStatus::error,
       {{4001, "MCInstallationErrorDomain", "", ""}, {2002, "MCPayloadErrorDomain", "", ""}},
       ErrorClass::terminal},
      {"same code, other domain",
       core::CommandStatus::error,
       {{1000, "NSOSStatusErrorDomain", "", ""}},
       ErrorClass::retryable},
  };
  for (const auto& each : cases) EXPECT_EQ(classify(each.status, each.chain), each.expected) << each.name;
}

}  // namespace
}  // namespace mooring::reconciler

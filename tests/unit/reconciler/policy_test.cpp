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

}  // namespace
}  // namespace mooring::reconciler

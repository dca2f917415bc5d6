// SPDX-License-Identifier: Apache-2.0
#include "base/clock.hpp"

#include <gtest/gtest.h>

namespace mooring {
namespace {

std::string read_and_written(std::string_view text) {
  const auto time = from_rfc3339(text);
  return time ? to_rfc3339(*time) : "none";
}

TEST(FromRfc3339, ReadsWholeDateTimesWithAnyOffset) {
  EXPECT_EQ(read_and_written("2026-11-22T04:51:30.125Z"), "2026-11-22T04:51:30.125Z");
  EXPECT_EQ(read_and_written("2026-11-22t04:51:30z"), "2026-11-22T04:51:30.000Z");
  EXPECT_EQ(read_and_written("2026-11-22T04:51:30+02:30"), "2026-11-22T02:21:30.000Z");
  EXPECT_EQ(read_and_written("2026-12-31T23:30:00-01:00"), "2027-01-01T00:30:00.000Z");
  EXPECT_EQ(read_and_written("2016-12-31T23:59:60Z"), "2017-01-01T00:00:00.000Z");
  EXPECT_EQ(from_rfc3339("1970-01-01T00:00:00.1234567Z"), Time(Duration(123456)));
}

TEST(FromRfc3339, RefusesEverythingElse) {
  for (const char* text :
       {"", "2026-11-22", "2026-11-22T04:51:30", "2026-02-30T00:00:00Z", "2026-11-22T24:00:00Z",
        "2026-11-22T04:60:00Z", "2026-11-22T04:51:30.Z", "2026-11-22T04:51:30Z ", "2026-11-22T04:51:30+2:00",
        "26-11-22T04:51:30Z", "2026-1-22T04:51:30Z", "+026-11-22T04:51:30Z"}) {
    EXPECT_EQ(read_and_written(text), "none") << text;
  }
}

}  // namespace
}  // namespace mooring

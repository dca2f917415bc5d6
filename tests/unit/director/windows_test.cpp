// SPDX-License-Identifier: Apache-2.0
#include "director/windows.hpp"

#include <gtest/gtest.h>

namespace mooring::director {
namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::sys_days;
using std::chrono::year;

constexpr Time kMonday{sys_days{year{2026} / 11 / 23}};

Windows windows(const std::string& json, Duration east = {}) {
  auto read = read_windows(json);
  EXPECT_TRUE(read.has_value()) << json;
  if (!read) return {};
  for (auto& window : *read) window.east = east;
  return *read;
}

TEST(Windows, AreWrittenAsTheyAreRead) {
  const std::string text = R"([{"days":["mon","sat"],"from":"22:00","to":"06:30","zone":"Europe/Berlin"}])";
  EXPECT_EQ(write_windows(*read_windows(text)), text);
  EXPECT_EQ(write_windows({}), "[]");
  EXPECT_EQ(
      write_windows(*read_windows(R"([{"from":"00:00","to":"00:00","zone":"UTC"}])")),
      R"([{"days":["mon","tue","wed","thu","fri","sat","sun"],"from":"00:00","to":"00:00","zone":"UTC"}])");
}

TEST(Windows, WhatIsNoWindowIsRefusedWithItsNumber) {
  for (const char* text : {
           "{}",
           "[7]",
           R"([{"from":"1:00","to":"02:00","zone":"UTC"}])",
           R"([{"from":"24:00","to":"02:00","zone":"UTC"}])",
           R"([{"from":"01:60","to":"02:00","zone":"UTC"}])",
           R"([{"from":"01:00","zone":"UTC"}])",
           R"([{"from":"01:00","to":"02:00"}])",
           R"([{"from":"01:00","to":"02:00","zone":7}])",
           R"([{"days":[],"from":"01:00","to":"02:00","zone":"UTC"}])",
           R"([{"days":["monday"],"from":"01:00","to":"02:00","zone":"UTC"}])",
           R"([{"from":"01:00","to":"02:00","zone":"UTC","every":2}])",
           "not JSON",
       }) {
    const auto read = read_windows(text);
    ASSERT_FALSE(read.has_value()) << text;
    EXPECT_EQ(read.error().code, "windows.malformed") << text;
  }
}

struct Moment {
  const char* name;
  Time now;
  std::optional<Time> closes;
  std::optional<Time> opens;
};

TEST(Windows, OpenOnTheirDaysAndOverMidnight) {
  // Monday and Saturday evening, to the next morning.
  const auto nights = windows(R"([{"days":["mon","sat"],"from":"22:00","to":"06:00","zone":"UTC"}])");
  const Time monday_night = kMonday + hours(22);
  const Time saturday_night = kMonday + days(5) + hours(22);
  for (const auto& at : {
           Moment{"noon", kMonday + hours(12), std::nullopt, monday_night},
           Moment{"its first minute", monday_night, monday_night + hours(8), saturday_night},
           Moment{"after midnight", kMonday + hours(25), monday_night + hours(8), saturday_night},
           Moment{"its end", monday_night + hours(8), std::nullopt, saturday_night},
           Moment{"Sunday morning", kMonday + days(6) + hours(5), kMonday + days(6) + hours(6),
                  monday_night + days(7)},
       }) {
    EXPECT_EQ(closes_at(nights, at.now), at.closes) << at.name;
    EXPECT_EQ(opens_at(nights, at.now), at.opens) << at.name;
  }
}

TEST(Windows, AreOfTheirZoneAndAnUnknownZoneNeverOpens) {
  const std::string text = R"([{"from":"22:00","to":"23:00","zone":"Somewhere"}])";
  const auto east = windows(text, hours(9));
  EXPECT_EQ(closes_at(east, kMonday + hours(13) + minutes(30)), kMonday + hours(14));
  EXPECT_FALSE(closes_at(east, kMonday + hours(22)));
  const auto unknown = *read_windows(text);
  EXPECT_FALSE(closes_at(unknown, kMonday + hours(22)));
  EXPECT_FALSE(opens_at(unknown, kMonday));
}

TEST(Windows, OfSeveralTheNextOneOpensAndTheLastOneCloses) {
  const auto both =
      windows(R"([{"from":"10:00","to":"12:00","zone":"UTC"},{"from":"11:00","to":"13:00","zone":"UTC"}])");
  EXPECT_EQ(opens_at(both, kMonday), kMonday + hours(10));
  EXPECT_EQ(closes_at(both, kMonday + hours(11)), kMonday + hours(13));
  const auto always = windows(R"([{"from":"00:00","to":"00:00","zone":"UTC"}])");
  for (int hour = 0; hour < 200; ++hour) EXPECT_TRUE(closes_at(always, kMonday + hours(hour))) << hour;
}

}  // namespace
}  // namespace mooring::director

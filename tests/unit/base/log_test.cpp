// SPDX-License-Identifier: Apache-2.0
#include "base/log.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <limits>
#include <regex>
#include <thread>
#include <vector>

#include "base/clock.hpp"

namespace mooring {
namespace {

/// The line without its time, which is checked to be RFC 3339 with milliseconds in UTC.
std::string without_time(const std::string& line, const std::string& pattern) {
  const std::regex time(pattern);
  EXPECT_TRUE(std::regex_search(line, time)) << line;
  return std::regex_replace(line, time, "");
}
std::string logfmt_of(std::string_view message, LogFields fields) {
  std::string sink;
  Logger(LogLevel::debug, LogFormat::logfmt, &sink).info(message, fields);
  return without_time(sink, R"(^time=\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z level=info )");
}
std::string json_of(std::string_view message, LogFields fields) {
  std::string sink;
  Logger(LogLevel::debug, LogFormat::json, &sink).info(message, fields);
  return without_time(sink, R"(^\{"time":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z","level":"info",)");
}

struct TextCase {
  const char* name;
  std::string_view text;
  const char* logfmt;
  const char* json;
};
class LogText : public testing::TestWithParam<TextCase> {};
TEST_P(LogText, IsEscaped) {
  EXPECT_EQ(logfmt_of("m", {{"k", GetParam().text}}), std::string("msg=m k=") + GetParam().logfmt + "\n");
  EXPECT_EQ(json_of("m", {{"k", GetParam().text}}),
            std::string(R"("msg":"m","k":)") + GetParam().json + "}\n");
}
INSTANTIATE_TEST_SUITE_P(
    Kinds, LogText,
    testing::Values(TextCase{"Plain", "a-b/c:1", "a-b/c:1", R"("a-b/c:1")"},
                    TextCase{"Empty", "", R"("")", R"("")"}, TextCase{"Space", "a b", R"("a b")", R"("a b")"},
                    TextCase{"Equals", "a=b", R"("a=b")", R"("a=b")"},
                    TextCase{"Quote", "a\"b", R"("a\"b")", R"("a\"b")"},
                    TextCase{"Backslash", "a\\b", R"("a\\b")", R"("a\\b")"},
                    TextCase{"ForgedLine", "a\nlevel=error\r", R"("a\nlevel=error\r")",
                             R"("a\nlevel=error\r")"},
                    TextCase{"Tab", "\t", R"("\t")", R"("\t")"},
                    TextCase{"Escape", "\x1b[31m", R"("\u001b[31m")", R"("\u001b[31m")"},
                    TextCase{"Nul", std::string_view("a\0b", 3), R"("a\u0000b")", R"("a\u0000b")"},
                    TextCase{"Delete", "\x7f", R"("\u007f")", R"("\u007f")"},
                    TextCase{"C1", "\xC2\x9b", R"("\u009b")", R"("\u009b")"},
                    TextCase{"Utf8", "M\xC3\xBCller", "\"M\xC3\xBCller\"", "\"M\xC3\xBCller\""},
                    TextCase{"BrokenUtf8", "a\xff\xC3", "\"a\xEF\xBF\xBD\xEF\xBF\xBD\"",
                             "\"a\xEF\xBF\xBD\xEF\xBF\xBD\""}),
    [](const auto& info) { return info.param.name; });

TEST(Log, WritesNumbersAndBooleansAsSuch) {
  const auto least = std::numeric_limits<std::int64_t>::min();
  const auto most = std::numeric_limits<std::uint64_t>::max();
  EXPECT_EQ(
      logfmt_of("all kinds", {{"i", least}, {"u", most}, {"d", 0.5}, {"b", true}, {"s", std::string("x")}}),
      "msg=\"all kinds\" i=-9223372036854775808 u=18446744073709551615 d=0.5 b=true s=x\n");
  EXPECT_EQ(
      json_of(
          "m",
          {{"i", -1}, {"u", 1U}, {"d", 1.25}, {"b", false}, {"n", std::numeric_limits<double>::infinity()}}),
      "\"msg\":\"m\",\"i\":-1,\"u\":1,\"d\":1.25,\"b\":false,\"n\":\"inf\"}\n");
}

TEST(Log, WritesOnlyFromItsLevelOn) {
  std::string sink;
  const Logger log(LogLevel::warning, LogFormat::logfmt, &sink);
  log.debug("d");
  log.info("i");
  log.warning("w");
  log.error("e");
  EXPECT_THAT(sink, testing::AllOf(testing::HasSubstr("level=warning msg=w\n"),
                                   testing::HasSubstr("level=error msg=e\n"),
                                   testing::Not(testing::HasSubstr("msg=i"))));
  EXPECT_FALSE(log.enabled(LogLevel::info));
  EXPECT_TRUE(log.enabled(LogLevel::error));
  EXPECT_FALSE(Logger(LogLevel::off, LogFormat::json).enabled(LogLevel::error));
}

TEST(Log, NeverMixesTheLinesOfTwoThreads) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const int saved = ::dup(STDERR_FILENO);
  ::dup2(ends[1], STDERR_FILENO);
  const Logger log(LogLevel::info, LogFormat::logfmt);
  const std::string value(5000, 'x');  // More than a pipe writes in one piece.
  std::string all;
  std::thread reader([&] {
    char bytes[4096];
    for (auto count = ::read(ends[0], bytes, sizeof bytes); count > 0;
         count = ::read(ends[0], bytes, sizeof bytes)) {
      all.append(bytes, static_cast<std::size_t>(count));
    }
  });
  std::vector<std::thread> writers;
  for (int i = 0; i < 4; ++i) {
    writers.emplace_back([&] {
      for (int k = 0; k < 50; ++k) log.info("m", {{"k", value}});
    });
  }
  for (auto& writer : writers) writer.join();
  ::dup2(saved, STDERR_FILENO);
  ::close(saved);
  ::close(ends[1]);
  reader.join();
  ::close(ends[0]);
  std::size_t lines = 0;
  for (std::size_t at = 0; at < all.size(); ++lines) {
    const auto end = all.find('\n', at);
    EXPECT_EQ(all.substr(at, end - at).substr(24 + 5), " level=info msg=m k=" + value);
    at = end + 1;
  }
  EXPECT_EQ(lines, 200U);
}

TEST(Clock, ShowsTimeAsRfc3339WithMilliseconds) {
  EXPECT_EQ(to_rfc3339(Time{}), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(to_rfc3339(Time{std::chrono::microseconds(1'795'323'090'125'999)}), "2026-11-22T04:51:30.125Z");
}

TEST(Clock, ManualMovesOnlyWhenTold) {
  ManualClock clock{Time{}};
  EXPECT_EQ(clock.now(), clock.now());
  clock.advance(std::chrono::seconds(5));
  EXPECT_EQ(clock.now(), Time{std::chrono::seconds(5)});
}

}  // namespace
}  // namespace mooring

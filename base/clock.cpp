// SPDX-License-Identifier: Apache-2.0
#include "base/clock.hpp"

#include <fmt/format.h>

namespace mooring {
namespace {

/// Takes parts off the front of a text; once something does not fit, it stays failed.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : rest_(text) {}

  /// Exactly `count` digits that make a number from 0 to `most`.
  int digits(std::size_t count, int most = 9999) {
    int number = 0;
    for (std::size_t i = 0; i < count; ++i) {
      const char c = take();
      good_ = good_ && c >= '0' && c <= '9';
      number = number * 10 + (c - '0');
    }
    good_ = good_ && number <= most;
    return good_ ? number : 0;
  }
  char one_of(std::string_view choices) {
    const char c = take();
    good_ = good_ && choices.find(c) != std::string_view::npos;
    return c;
  }
  /// ".5" and longer; microseconds.
  int fraction() {
    if (!rest_.starts_with('.')) return 0;
    rest_.remove_prefix(1);
    int number = 0;
    int count = 0;
    for (; !rest_.empty() && rest_.front() >= '0' && rest_.front() <= '9'; rest_.remove_prefix(1)) {
      if (count++ < 6) number = number * 10 + (rest_.front() - '0');
    }
    good_ = good_ && count > 0;
    for (; count < 6; ++count) number *= 10;
    return number;
  }
  bool good_at_end() const { return good_ && rest_.empty(); }

 private:
  char take() {
    good_ = good_ && !rest_.empty();
    if (!good_) return '\0';
    const char c = rest_.front();
    rest_.remove_prefix(1);
    return c;
  }

  std::string_view rest_;
  bool good_ = true;
};

}  // namespace

std::string to_rfc3339(Time time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date{day};
  const std::chrono::hh_mm_ss clock{std::chrono::floor<std::chrono::milliseconds>(time - day)};
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", int{date.year()}, unsigned{date.month()},
                     unsigned{date.day()}, clock.hours().count(), clock.minutes().count(),
                     clock.seconds().count(), clock.subseconds().count());
}

std::optional<Time> from_rfc3339(std::string_view text) {
  Scanner scan(text);
  const std::chrono::year year(scan.digits(4));
  scan.one_of("-");
  const std::chrono::month month(static_cast<unsigned>(scan.digits(2)));
  scan.one_of("-");
  const std::chrono::year_month_day date(year, month,
                                         std::chrono::day(static_cast<unsigned>(scan.digits(2))));
  scan.one_of("Tt ");
  Duration of_day = std::chrono::hours(scan.digits(2, 23));
  scan.one_of(":");
  of_day += std::chrono::minutes(scan.digits(2, 59));
  scan.one_of(":");
  of_day += std::chrono::seconds(scan.digits(2, 60));
  of_day += Duration(scan.fraction());
  const char zone = scan.one_of("Zz+-");
  if (zone == '+' || zone == '-') {
    Duration offset = std::chrono::hours(scan.digits(2, 23));
    scan.one_of(":");
    offset += std::chrono::minutes(scan.digits(2, 59));
    of_day += zone == '+' ? -offset : offset;
  }
  if (!scan.good_at_end() || !date.ok()) return std::nullopt;
  return Time(std::chrono::sys_days(date)) + of_day;
}

}  // namespace mooring

// SPDX-License-Identifier: Apache-2.0
// Time is passed in, so that a simulated day runs in seconds (design invariant 14).
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace mooring {

using Duration = std::chrono::microseconds;
/// UTC with the resolution of PostgreSQL's timestamptz.
using Time = std::chrono::sys_time<Duration>;

class Clock {
 public:
  virtual ~Clock() = default;
  virtual Time now() const = 0;
};

class SystemClock final : public Clock {
 public:
  Time now() const override {
    return std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now());
  }
};

/// Moves only when told to; safe to read from any thread.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(Time start) : now_(start.time_since_epoch().count()) {}
  Time now() const override { return Time{Duration{now_.load()}}; }
  void advance(Duration by) { now_.fetch_add(by.count()); }

 private:
  std::atomic<std::int64_t> now_;
};

/// RFC 3339 in UTC with milliseconds, e.g. "2026-11-22T04:51:30.125Z".
std::string to_rfc3339(Time time);
/// A whole date-time of RFC 3339 section 5.6, with any offset; nullopt for anything else. Beyond microseconds
/// digits are cut off; a leap second is the second after it.
std::optional<Time> from_rfc3339(std::string_view text);

}  // namespace mooring

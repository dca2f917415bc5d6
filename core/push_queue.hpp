// SPDX-License-Identifier: Apache-2.0
// Who is pushed next, and how fast. Pure: time is passed in. An offline herd stands behind whoever was seen
// lately, and behind what a person asked for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <unordered_map>
#include <vector>

#include "base/clock.hpp"

namespace mooring::core {

enum class PushLane : std::uint8_t {
  urgent,      ///< A person asked, or the device enrolled just now: first come, first served.
  background,  ///< Re-pushes and changes for many: who was seen last goes first.
};

struct QueuedPush {
  std::int64_t enrollment = 0;
  PushLane lane = PushLane::background;
  Time last_seen{};   ///< Of the device.
  Time not_before{};  ///< It is held back until then.
  int attempts = 0;   ///< Pushes that failed so far.
};

/// One entry for each enrollment at most: what is asked for again while it waits is one push.
class PushQueue {
 public:
  /// Joined with what waits for that enrollment: the more urgent lane, the later not_before, the most
  /// attempts.
  void add(QueuedPush push);
  void remove(std::int64_t enrollment);
  /// Up to `most` that are due, in the order in which they are to go.
  std::vector<QueuedPush> take(std::size_t most, Time now);
  /// When there is something to take; nullopt where nothing waits.
  std::optional<Time> next_due(Time now);
  std::size_t size() const { return entries_.size(); }

 private:
  struct Rank {
    PushLane lane;
    std::int64_t order;  ///< Arrival in the urgent lane, time since the device was seen in the other.
    std::int64_t enrollment;
    auto operator<=>(const Rank&) const = default;
  };
  struct Held {
    Time until;
    std::int64_t enrollment;
    auto operator<=>(const Held&) const = default;
  };
  struct Entry {
    QueuedPush push;
    std::int64_t arrival = 0;
    bool held = false;
  };
  static Rank rank_of(const Entry& entry);
  void place(Entry& entry);
  void displace(const Entry& entry);
  void release(Time now);

  std::unordered_map<std::int64_t, Entry> entries_;
  std::set<Rank> ready_;
  std::set<Held> held_;
  std::int64_t arrivals_ = 0;
};

/// At most so many in a second, evenly: a token bucket that holds a tenth of a second's worth.
class RateLimit {
 public:
  explicit RateLimit(std::int64_t per_second) : per_second_(per_second) {}  ///< 0: no limit.
  /// How many may go now.
  std::size_t available(Time now);
  /// They went; may be more than were available, which the next ones wait for.
  void spend(std::size_t count);

 private:
  double burst() const;
  std::int64_t per_second_;
  double tokens_ = 0;
  std::optional<Time> filled_;
};

/// When to leave a service alone that fails, and when to try it again.
class CircuitBreaker {
 public:
  enum class State : std::uint8_t { closed, open, half_open };

  State state(Time now) const;
  Time retry_at() const { return retry_at_; }
  /// One failure of the service. Failures with the same `incident` (other than 0) count once: a connection
  /// that is lost takes many requests with it. `jitter` in [0, 1).
  void failed(Time now, std::uint64_t incident, double jitter,
              std::optional<std::chrono::seconds> retry_after = std::nullopt);
  /// It refuses us altogether: open at once, for a longer time.
  void refused(Time now, double jitter);
  void succeeded();
  void probing() { probing_ = true; }  ///< The one request of the half-open state is on its way.

 private:
  void open(Time now, Duration base, double jitter, Duration at_least);
  int failures_ = 0;  ///< In a row.
  int openings_ = 0;  ///< In a row.
  std::uint64_t last_incident_ = 0;
  bool open_ = false;
  bool probing_ = false;
  Time retry_at_{};
};

/// Before attempt n + 1 at one device: a minute, growing fourfold to an hour, plus up to a quarter.
Duration push_backoff(int attempts, double jitter, std::optional<std::chrono::seconds> retry_after);

}  // namespace mooring::core

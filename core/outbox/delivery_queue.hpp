// SPDX-License-Identifier: Apache-2.0
// Which event goes to a webhook next, and what becomes of it: in order for each enrollment, different ones
// side by side. Pure: no database, no network, time is passed in.
//
// New events pass through a window in the order of their positions; the cursor follows the oldest that is not
// settled. An event that the receiver does not take leaves the window for the backlog, and the later ones of
// its enrollment follow it there, so that nothing else waits. A receiver that takes nothing at all is left
// alone (the circuit is open) and tried with one event at a time.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/random.hpp"
#include "core/outbox/event_reader.hpp"

namespace mooring::core {

struct DeliveryPolicy {
  Duration retry_base = std::chrono::seconds(2);  ///< Before the second attempt; doubles, +-25 %.
  Duration retry_max = std::chrono::minutes(30);
  int attempts = 20;                                  ///< Refusals before an event is given up.
  int parallel = 8;                                   ///< Deliveries under way, each of another enrollment.
  int window = 256;                                   ///< Events in memory.
  std::size_t window_bytes = std::size_t{32} << 20U;  ///< Of their messages; one event may exceed it.
  int silent_after = 3;  ///< Enrollments that failed without a success between: the receiver is down.
  Duration circuit_base = std::chrono::seconds(1);  ///< Doubles, +-25 %.
  Duration circuit_max = std::chrono::minutes(1);
};

enum class DeliveryOutcome : std::uint8_t {
  taken,
  refused,  ///< The receiver answered that it does not want this event, or failed over it.
  /// No answer, or one that speaks of the receiver (429, 502, 503, 504): counts as an attempt only if the
  /// receiver took something else since, so that an outage gives nothing up.
  unreachable,
};

struct Delivery {
  std::uint64_t ticket = 0;
  std::shared_ptr<const StoredEvent> event;
};

/// What the database has to learn, all of it in one transaction.
struct BacklogChange {
  Position position;
  std::int64_t enrollment = 0;
  int attempts = 0;
  Time next_try{};
  bool dead = false;
  std::string failure;
};
struct DeliveryChanges {
  std::optional<Position> cursor;
  std::vector<BacklogChange> waiting;  ///< In the backlog, new or changed.
  std::vector<BacklogChange> settled;  ///< No longer in the backlog.
  bool empty() const { return !cursor && waiting.empty() && settled.empty(); }
};

class DeliveryQueue {
 public:
  DeliveryQueue(DeliveryPolicy policy, Position cursor, std::uint64_t seed);

  // ---- new events
  /// Room for more, and somebody who takes them.
  bool wants_events(Time now) const;
  int room() const;
  Position read_to() const { return read_to_; }  ///< Read on from here.
  void add(std::vector<StoredEvent> events, Position read_to);

  // ---- the backlog, which is in the database: here only which enrollments have one
  void has_backlog(std::int64_t enrollment, Time next_try);
  /// Enrollments whose oldest waiting event should be loaded; store changes() first.
  std::vector<std::int64_t> due(Time now);
  void add_waiting(StoredEvent event, int attempts);
  void has_no_backlog(std::int64_t enrollment);  ///< After due(): nothing waits any more.

  // ---- deliveries
  std::optional<Delivery> next(Time now);
  void finish(std::uint64_t ticket, DeliveryOutcome outcome, std::string failure, Time now);
  DeliveryChanges changes();  ///< Since the last call.
  bool has_changes() const { return !changes_.empty(); }

  bool circuit_open() const { return circuit_level_ > 0; }
  std::size_t under_way() const { return under_way_.size(); }
  std::size_t enrollments_waiting() const { return backlog_.size(); }

 private:
  struct Entry {
    Position position;
    std::shared_ptr<const StoredEvent> event;  ///< Null once it is settled.
  };
  struct Backlog {
    Time next_try{};
    bool asked = false;                       ///< due() named it; its oldest event comes.
    std::shared_ptr<const StoredEvent> head;  ///< To be delivered, or under way.
    int attempts = 0;
    int tries = 0;                ///< Also those that do not count; since this process took over.
    std::uint64_t successes = 0;  ///< Of the receiver, when it last failed.
  };
  struct UnderWay {
    std::int64_t enrollment = 0;
    std::uint64_t entry = 0;  ///< Of the window; 0 for the backlog's.
  };

  bool may_send(Time now) const;
  std::optional<Delivery> next_new();
  std::optional<Delivery> next_waiting();
  Entry& entry(std::uint64_t number) { return window_[static_cast<std::size_t>(number - first_)]; }
  void finish_new(const UnderWay& done, DeliveryOutcome outcome, std::string failure, Time now);
  void finish_waiting(const UnderWay& done, DeliveryOutcome outcome, std::string failure, Time now);
  void put_off(std::int64_t enrollment, int attempts, std::string failure, Time now);
  void settle(Entry& entry);
  void advance();
  void note_success();
  void note_failure(std::int64_t enrollment, Time now);
  Time retry_at(int tries, Time now);
  Duration backoff(Duration base, Duration max, int n);

  DeliveryPolicy policy_;
  Random random_;
  Position read_to_;
  Position cursor_;  ///< As last told.
  std::deque<Entry> window_;
  std::size_t bytes_ = 0;                                    ///< Of the messages in the window.
  std::uint64_t first_ = 1;                                  ///< Number of window_'s first entry.
  std::map<std::int64_t, std::deque<std::uint64_t>> lanes_;  ///< Entries by enrollment, in order.
  std::deque<std::uint64_t> ready_;                          ///< Firsts of lanes that are not under way.
  std::map<std::int64_t, Backlog> backlog_;
  std::deque<std::int64_t> ready_waiting_;
  std::map<std::uint64_t, UnderWay> under_way_;
  std::uint64_t next_ticket_ = 1;
  bool waiting_first_ = false;  ///< New and old take turns.
  std::uint64_t successes_ = 0;
  std::set<std::int64_t> failing_;  ///< Enrollments that failed since the last success.
  int circuit_level_ = 0;
  Time circuit_until_{};
  DeliveryChanges changes_;
};

}  // namespace mooring::core

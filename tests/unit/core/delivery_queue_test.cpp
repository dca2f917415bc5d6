// SPDX-License-Identifier: Apache-2.0
#include "core/outbox/delivery_queue.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace mooring::core {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr Time kNow{std::chrono::hours(24 * 365 * 50)};

StoredEvent event(std::int64_t id, std::int64_t enrollment) {
  StoredEvent made;
  made.position = {1, id};
  made.enrollment = enrollment;
  return made;
}

struct Queue : ::testing::Test {
  explicit Queue(DeliveryPolicy policy = {.attempts = 3, .parallel = 4}) : queue(policy, {}, 1) {}

  void add(std::vector<StoredEvent> events) {
    const Position end = events.back().position;
    queue.add(std::move(events), end);
  }
  /// Ids of what goes out now.
  std::vector<std::int64_t> sent() {
    std::vector<std::int64_t> ids;
    while (auto delivery = queue.next(now)) {
      const auto id = delivery->event->position.id;
      ids.push_back(id);
      tickets[id] = delivery->ticket;
    }
    return ids;
  }
  void finish(std::int64_t id, DeliveryOutcome outcome = DeliveryOutcome::taken) {
    queue.finish(tickets.at(id), outcome, "because", now);
  }
  std::int64_t cursor() {
    const auto changes = queue.changes();
    return changes.cursor ? changes.cursor->id : 0;
  }

  DeliveryQueue queue;
  Time now = kNow;
  std::map<std::int64_t, std::uint64_t> tickets;
};

// covers: mdm.O02
TEST_F(Queue, OneEnrollmentIsServedInOrderAndOthersSideBySide) {
  add({event(1, 10), event(2, 10), event(3, 20), event(4, 10)});
  EXPECT_THAT(sent(), ElementsAre(1, 3));
  finish(3);
  EXPECT_THAT(sent(), IsEmpty());
  finish(1);
  EXPECT_THAT(sent(), ElementsAre(2));
  finish(2);
  EXPECT_THAT(sent(), ElementsAre(4));
}

TEST_F(Queue, TheCursorFollowsTheOldestThatIsNotSettled) {
  add({event(1, 10), event(2, 20), event(3, 30)});
  sent();
  finish(2);
  EXPECT_EQ(cursor(), 0);
  finish(1);
  EXPECT_EQ(cursor(), 2);
  finish(3);
  EXPECT_EQ(cursor(), 3);
  EXPECT_FALSE(queue.has_changes());
  queue.add({}, {1, 9});
  EXPECT_EQ(cursor(), 9) << "and passes what nobody wants";
}

TEST_F(Queue, NoMoreAreUnderWayThanAllowed) {
  std::vector<StoredEvent> events;
  for (int i = 1; i <= 10; ++i) events.push_back(event(i, i));
  add(std::move(events));
  EXPECT_EQ(sent().size(), 4U);
  finish(1);
  EXPECT_EQ(sent().size(), 1U);
}

// covers: mdm.O02
TEST_F(Queue, ARefusedEventMakesOnlyItsOwnEnrollmentWait) {
  add({event(1, 10), event(2, 10), event(3, 20)});
  sent();
  finish(1, DeliveryOutcome::refused);
  finish(3);
  auto changes = queue.changes();
  EXPECT_EQ(changes.cursor->id, 3) << "the rest is not held up";
  ASSERT_EQ(changes.waiting.size(), 2U) << "what follows it waits behind it";
  EXPECT_EQ(changes.waiting[0].attempts, 1);
  EXPECT_EQ(changes.waiting[0].failure, "because");
  EXPECT_GT(changes.waiting[0].next_try, now);
  EXPECT_EQ(changes.waiting[1].position.id, 2);
  EXPECT_EQ(changes.waiting[1].attempts, 0);

  add({event(4, 10), event(5, 20)});
  EXPECT_THAT(sent(), ElementsAre(5));
  EXPECT_EQ(queue.changes().waiting.at(0).position.id, 4) << "a later one joins the backlog";
}

TEST_F(Queue, TheBacklogIsServedInOrderUntilItIsEmpty) {
  queue.has_backlog(10, now + std::chrono::seconds(5));
  EXPECT_THAT(queue.due(now), IsEmpty());
  now += std::chrono::seconds(6);
  EXPECT_THAT(queue.due(now), ElementsAre(10));
  EXPECT_THAT(queue.due(now), IsEmpty()) << "asked once";
  queue.add_waiting(event(1, 10), 1);
  EXPECT_THAT(sent(), ElementsAre(1));
  finish(1);
  EXPECT_EQ(queue.changes().settled.at(0).position.id, 1);
  EXPECT_THAT(queue.due(now), ElementsAre(10)) << "the next one at once";
  queue.has_no_backlog(10);
  add({event(2, 10)});
  EXPECT_THAT(sent(), ElementsAre(2)) << "and then the window again";
}

// covers: mdm.O02
TEST_F(Queue, WhatIsRefusedTooOftenIsGivenUpAndTheNextGoesOn) {
  queue.has_backlog(10, now);
  for (int attempts = 1; attempts <= 2; ++attempts) {
    ASSERT_THAT(queue.due(now), ElementsAre(10));
    queue.add_waiting(event(1, 10), attempts);
    sent();
    finish(1, DeliveryOutcome::refused);
    const auto change = queue.changes().waiting.at(0);
    EXPECT_EQ(change.attempts, attempts + 1);
    EXPECT_EQ(change.dead, attempts == 2);
    if (attempts == 1) {
      EXPECT_THAT(queue.due(now), IsEmpty()) << "waits its time";
      now = change.next_try;
    }
  }
  EXPECT_THAT(queue.due(now), ElementsAre(10)) << "the next event need not wait";
}

TEST_F(Queue, WaitsGrowUpToTheirLimit) {
  DeliveryQueue patient(
      {.retry_base = std::chrono::seconds(2), .retry_max = std::chrono::seconds(60), .attempts = 100}, {}, 7);
  patient.has_backlog(10, now);
  Duration last{0};
  for (int attempt = 1; attempt < 10; ++attempt) {
    patient.due(now);
    patient.add_waiting(event(1, 10), attempt);
    patient.finish(patient.next(now)->ticket, DeliveryOutcome::refused, "", now);
    const auto wait = patient.changes().waiting.at(0).next_try - now;
    const auto plain = std::min<Duration>(std::chrono::seconds(2) * (1 << attempt), std::chrono::seconds(60));
    EXPECT_GE(wait, plain * 3 / 4) << attempt;
    EXPECT_LE(wait, plain * 5 / 4) << attempt;
    EXPECT_NE(wait, last) << "jitter";
    last = wait;
    now += wait;
  }
}

// covers: mdm.O02
TEST_F(Queue, AReceiverThatTakesNothingIsTriedWithOneEventAtATime) {
  std::vector<StoredEvent> events;
  for (int i = 1; i <= 8; ++i) events.push_back(event(i, i));
  add(std::move(events));
  for (const auto id : sent()) finish(id, DeliveryOutcome::unreachable);
  EXPECT_TRUE(queue.circuit_open());
  EXPECT_THAT(sent(), IsEmpty());
  EXPECT_FALSE(queue.wants_events(now)) << "and nothing more is read";
  now += std::chrono::seconds(2);
  const auto probe = sent();
  ASSERT_EQ(probe.size(), 1U);
  finish(probe[0], DeliveryOutcome::unreachable);
  now += std::chrono::seconds(1);
  EXPECT_THAT(sent(), IsEmpty()) << "each time it is left alone for longer";
  now += std::chrono::seconds(2);
  const auto second = sent();
  ASSERT_EQ(second.size(), 1U);
  finish(second[0]);
  EXPECT_FALSE(queue.circuit_open());
  EXPECT_FALSE(sent().empty());
}

TEST_F(Queue, AnOutageGivesNothingUp) {
  queue.has_backlog(10, now);
  for (int i = 0; i < 50; ++i) {
    ASSERT_THAT(queue.due(now), ElementsAre(10));
    queue.add_waiting(event(1, 10), 0);
    ASSERT_EQ(sent().size(), 1U);
    finish(1, DeliveryOutcome::unreachable);
    const auto change = queue.changes().waiting.at(0);
    ASSERT_EQ(change.attempts, 0);
    now = change.next_try;
  }
  EXPECT_GT(now - kNow, std::chrono::minutes(30)) << "and asks less and less";
}

TEST_F(Queue, AnEventThatTheReceiverFallsOverCountsOnceOthersGetThrough) {
  queue.has_backlog(10, now);
  queue.due(now);
  queue.add_waiting(event(1, 10), 0);
  sent();
  finish(1, DeliveryOutcome::unreachable);
  EXPECT_EQ(queue.changes().waiting.at(0).attempts, 0);
  add({event(2, 20)});
  sent();
  finish(2);
  now += std::chrono::hours(1);
  queue.due(now);
  queue.add_waiting(event(1, 10), 0);
  sent();
  finish(1, DeliveryOutcome::unreachable);
  EXPECT_EQ(queue.changes().waiting.at(0).attempts, 1);
}

TEST_F(Queue, ReadsAheadOnlyAsFarAsItsWindow) {
  std::vector<StoredEvent> events;
  for (int i = 1; i <= 200; ++i) events.push_back(event(i, 10));
  add(std::move(events));
  EXPECT_FALSE(queue.wants_events(now));
  EXPECT_EQ(queue.room(), 56);
  auto large = event(201, 20);
  DeliveryQueue other({}, {}, 1);
  large.sealed_body = std::string(std::size_t{20} << 20U, 'x');
  other.add({large}, large.position);
  EXPECT_FALSE(other.wants_events(now)) << "nor more bytes";
  other.finish(other.next(now)->ticket, DeliveryOutcome::taken, "", now);
  EXPECT_TRUE(other.wants_events(now));
}

}  // namespace
}  // namespace mooring::core

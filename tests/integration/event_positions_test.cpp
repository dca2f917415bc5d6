// SPDX-License-Identifier: Apache-2.0
// The order of events, and that nobody who reads in it misses one.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "core/janitor.hpp"
#include "core/outbox/consumer_metrics.hpp"
#include "core/outbox/consumers.hpp"
#include "core/outbox/event_reader.hpp"
#include "core/outbox/restore.hpp"
#include "tests/support/world.hpp"

namespace mooring::test {
namespace {

using core::Position;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr pg::Statement kInsertEvent{
    "test_insert_event",
    "insert into events (created_at, enrollment_id, kind) values ($1, $2, 1) "
    "returning id"};

struct EventPositions : ::testing::Test {
  TestDatabase db;
  Time now{std::chrono::seconds(1'793'000'000)};

  static std::int64_t insert(pg::Connection& connection, Time at, std::int64_t enrollment = 1) {
    return connection.exec(kInsertEvent, at, enrollment)[0].int64(0);
  }
  std::int64_t insert(std::int64_t enrollment = 1) { return insert(db.connection(), now, enrollment); }
  core::EventScan scan(Position after = {}, int limit = 100) {
    return core::scan_events(db.connection(), after,
                             {.kinds = core::numbers_of(core::EventKinds::of_bits(~0U))}, limit);
  }
  static std::vector<std::int64_t> ids(const core::EventScan& scan) {
    std::vector<std::int64_t> all;
    for (const auto& found : scan.found) all.push_back(found.position.id);
    return all;
  }
  core::Consumer make_consumer(const std::string& name, Position cursor = {}) {
    core::create_consumer(db.connection(), {.name = name, .cursor = cursor}, now);
    return *core::find_consumer(db.connection(), name);
  }
  static std::int64_t number(pg::Connection& connection, const std::string& sql) {
    return std::stoll(connection.script("select (" + sql + ")::text")[0].text(0));
  }
  std::int64_t number(const std::string& sql) { return number(db.connection(), sql); }
};

// covers: seed.03, mdm.O02
TEST_F(EventPositions, AnEventThatCommitsLateUnderASmallerIdIsNotSkipped) {
  pg::Connection late(db.connect_options());
  late.script("BEGIN");
  const auto small = insert(late, now);
  const auto large = insert();
  ASSERT_LT(small, large);

  const auto before = scan();
  EXPECT_THAT(before.found, IsEmpty()) << "what an open transaction may still precede is not shown";
  late.script("COMMIT");
  EXPECT_THAT(ids(scan(before.end)), ElementsAre(small, large));
}

// covers: seed.03
TEST_F(EventPositions, ALateTransactionWithTheLargerNumberComesAfterWhatWasReadMeanwhile) {
  insert();  // the sequence draws a transaction number of its own once in a while: now
  const auto start = scan().end;
  pg::Connection late(db.connect_options());
  late.script("BEGIN");
  const auto id = number(late, "select nextval(pg_get_serial_sequence('events', 'id'))");
  const auto first = insert();
  const auto read = scan(start);
  EXPECT_THAT(ids(read), ElementsAre(first)) << "no transaction number was drawn yet: nothing to wait for";
  late.script("insert into events (id, created_at, enrollment_id, kind) overriding system value values (" +
              std::to_string(id) + ", now(), 1, 1)");
  late.script("COMMIT");
  EXPECT_THAT(ids(scan(read.end)), ElementsAre(id)) << "although its id is smaller";
}

// covers: seed.03
TEST_F(EventPositions, AReaderAmongConcurrentWritersGetsEachEventOnce) {
  constexpr int kWriters = 4;
  constexpr int kEach = 200;
  std::vector<std::thread> writers;
  for (int w = 0; w < kWriters; ++w) {
    writers.emplace_back([&, w] {
      pg::Connection own(db.connect_options());
      for (int i = 0; i < kEach; ++i) {
        own.script("BEGIN");
        insert(own, now, w);
        if (i % 3 == 0) std::this_thread::yield();
        own.script(i % 10 == 9 ? "ROLLBACK" : "COMMIT");
      }
    });
  }
  std::set<std::int64_t> seen;
  std::size_t read = 0;
  Position at;
  const auto read_on = [&] {
    const auto page = scan(at, 37);
    at = page.end;
    read += page.found.size();
    for (const auto id : ids(page)) seen.insert(id);
  };
  constexpr std::size_t kCommitted = kWriters * kEach * 9 / 10;
  while (seen.size() < kCommitted / 2) read_on();
  for (auto& writer : writers) writer.join();
  for (auto before = Position{-1ULL, 0}; before != at;) {
    before = at;
    read_on();
  }
  EXPECT_EQ(seen.size(), kCommitted);
  EXPECT_EQ(read, kCommitted) << "and none twice";
}

TEST_F(EventPositions, ATransactionThatStaysOpenDelaysAndTheLagIsShown) {
  core::ConsumerMetrics gauges(db.metrics);
  gauges.update(db.connection(), {}, now);
  EXPECT_THAT(db.metrics.text(), HasSubstr("mooring_events_held_back_seconds 0\n"));
  pg::Connection foreign(db.connect_options());
  foreign.script("BEGIN; select pg_current_xact_id()");
  insert();
  gauges.update(db.connection(), {}, now + std::chrono::seconds(90));
  EXPECT_THAT(scan().found, IsEmpty());
  EXPECT_THAT(db.metrics.text(), HasSubstr("mooring_events_held_back_seconds 90\n"));
  foreign.script("ROLLBACK");
  EXPECT_EQ(scan().found.size(), 1U);
}

TEST_F(EventPositions, AScanThatFindsLittleStillMovesOn) {
  for (int i = 0; i < 1500; ++i) insert();
  const core::EventFilter nothing{.kinds = {static_cast<std::int16_t>(core::EventKind::checked_out)}};
  const auto first = core::scan_events(db.connection(), {}, nothing, 10);
  EXPECT_THAT(first.found, IsEmpty());
  EXPECT_TRUE(first.more);
  const auto second = core::scan_events(db.connection(), first.end, nothing, 10);
  EXPECT_FALSE(second.more);
  EXPECT_EQ(second.end.id, 1500);
  EXPECT_TRUE(scan({}, 10).more);
  EXPECT_EQ(scan({}, 10).end.id, 10);
}

// covers: seed.02
TEST_F(EventPositions, ATimeIsFoundWithoutReadingWhatCameBefore) {
  std::vector<std::int64_t> made;
  for (int day = 0; day < 20; ++day) {
    made.push_back(insert(db.connection(), now + std::chrono::hours(24 * day), 1));
  }
  const auto id_after = [&](Duration from) {
    const auto found = scan(core::position_before(db.connection(), now + from), 1);
    return found.found.empty() ? 0 : found.found[0].position.id;
  };
  EXPECT_EQ(id_after(std::chrono::hours(0)), made[0]);
  EXPECT_EQ(id_after(std::chrono::hours(1)), made[1]);
  EXPECT_EQ(id_after(std::chrono::hours(24 * 12) - std::chrono::minutes(5)), made[12]);
  EXPECT_EQ(id_after(-std::chrono::hours(24 * 400)), made[0]);
  EXPECT_EQ(id_after(std::chrono::hours(24 * 30)), 0) << "nothing yet";
}

/// As pg_dump and a restore into a younger cluster leave it: numbers of transactions that are yet to come.
void restore_from_elsewhere(pg::Connection& connection) {
  for (const char* sql :
       {"update events set xid = (xid::text::bigint + 1000000000)::text::xid8",
        "update event_consumers set cursor_xid = (cursor_xid::text::bigint + 1000000000)::text::xid8",
        "update event_backlog set xid = (xid::text::bigint + 1000000000)::text::xid8"}) {
    connection.script(sql);
  }
}

// covers: seed.03
TEST_F(EventPositions, ARestoreIntoAnotherClusterLosesNothingAndSticksNowhere) {
  pg::Connection late(db.connect_options());
  late.script("BEGIN");
  const auto small = insert(late, now);
  pg::Connection later(db.connect_options());
  later.script("BEGIN; select pg_current_xact_id()");
  late.script("COMMIT");  // visible to readers
  const auto passed = scan().end;
  ASSERT_EQ(passed.id, small);
  later.script("ROLLBACK");
  const auto second = insert();
  make_consumer("behind", passed);
  make_consumer("fresh", core::horizon(db.connection()));
  EXPECT_FALSE(core::renew_positions_after_restore(db.connection(), db.log)) << "nothing was restored";
  const auto log = core::read_event_log(db.connection());
  const core::EventCursor kept{.epoch = log.epoch, .position = scan().end, .at = now};

  restore_from_elsewhere(db.connection());
  EXPECT_THAT(scan().found, IsEmpty()) << "without help everything is out of reach";
  Logger quiet(LogLevel::off, LogFormat::logfmt);
  EXPECT_TRUE(core::renew_positions_after_restore(db.connection(), quiet));
  EXPECT_FALSE(core::renew_positions_after_restore(db.connection(), quiet)) << "once";

  const auto third = insert();
  const auto behind = core::find_consumer(db.connection(), "behind")->cursor;
  EXPECT_THAT(ids(scan(behind)), ElementsAre(second, third));
  const auto fresh = core::find_consumer(db.connection(), "fresh")->cursor;
  EXPECT_THAT(ids(scan(fresh)), ElementsAre(third));
  const auto resumed = core::resolve(db.connection(), core::read_event_log(db.connection()), kept);
  ASSERT_TRUE(resumed) << "a client's cursor from before goes on by time";
  EXPECT_THAT(ids(scan(*resumed)), ElementsAre(small, second, third));
}

TEST_F(EventPositions, ACursorThatNoEventEverHadIsRefused) {
  const auto log = core::read_event_log(db.connection());
  for (const core::EventCursor& cursor :
       {core::EventCursor{.epoch = log.epoch + 1},
        core::EventCursor{.epoch = log.epoch, .position = {1ULL << 50U, 1}}}) {
    const auto resolved = core::resolve(db.connection(), log, cursor);
    ASSERT_FALSE(resolved);
    EXPECT_EQ(resolved.error().code, "event.bad_cursor");
  }
}

struct EventRetention : EventPositions {
  const core::Retention retention{
      .events = std::chrono::hours(24), .events_limit = std::chrono::hours(72), .batch = 100};
  core::Tidied tidy() { return core::tidy(db.connection(), retention, now); }
};

// covers: seed.03
TEST_F(EventRetention, WhatAConsumerHasStillToGetIsKeptUpToTheLimit) {
  const auto first = insert();
  const auto at_first = scan().end;
  insert();
  auto consumer = make_consumer("slow", at_first);
  now += std::chrono::hours(25);
  EXPECT_EQ(tidy().events, 1) << "the one that it has";
  EXPECT_EQ(number("select count(*) from events where id = " + std::to_string(first)), 0);
  EXPECT_EQ(tidy().events, 0);
  core::acknowledge(db.connection(), consumer.id, scan().end, now);
  EXPECT_EQ(tidy().events, 1);
}

TEST_F(EventRetention, BeyondTheLimitTheyGoAndTheConsumerIsNamed) {
  const auto start = core::horizon(db.connection());
  insert();
  insert();
  const auto consumer = make_consumer("dead", start);
  make_consumer("alive", scan().end);
  now += std::chrono::hours(73);
  const auto tidied = tidy();
  EXPECT_EQ(tidied.events, 2);
  EXPECT_EQ(tidied.dropped, (std::map<std::string, std::int64_t>{{"dead", 2}}));
}

TEST_F(EventRetention, WhatWaitsInABacklogIsKeptToo) {
  insert();
  const auto position = scan().end;
  const auto consumer = make_consumer("hook", position);
  db.connection().exec(
      pg::Statement{"test_backlog",
                    "insert into event_backlog (consumer_id, enrollment_id, xid, event_id, attempts, "
                    "next_try_at, dead_at) values ($1, 1, $2, $3, 20, $4, $4)"},
      consumer.id, pg::Xid{position.xid}, position.id, now);
  now += std::chrono::hours(25);
  EXPECT_EQ(tidy().events, 0) << "a dead letter can still be retried";
  now += std::chrono::hours(48);
  EXPECT_EQ(tidy().dropped, (std::map<std::string, std::int64_t>{{"hook", 1}}));
  EXPECT_EQ(number("select count(*) from event_backlog"), 0);
}

}  // namespace
}  // namespace mooring::test

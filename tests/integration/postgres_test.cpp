// SPDX-License-Identifier: Apache-2.0
// The database layer against a real PostgreSQL.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <thread>

#include "base/postgres/batcher.hpp"
#include "base/postgres/lease.hpp"
#include "base/postgres/migrations.hpp"
#include "base/postgres/pool.hpp"
#include "tests/support/test_database.hpp"

namespace mooring::pg {
namespace {

constexpr Statement kEcho{"test_echo", "select $1::bytea, $2::text, $3::timestamptz, $4::uuid, $5::int8[]"};
constexpr Statement kOne{"test_one", "select 1::int8"};
constexpr Statement kSleep{"test_sleep", "select pg_sleep(10)"};

TEST(Connection, BinaryValuesComeBackAsTheyWent) {
  test::TestDatabase db;
  const Time now{Duration{1'795'000'000'123'456}};
  const auto uuid = crypto::Uuid::random();
  const std::string bytes("\0\xFFx", 3);
  const auto rows =
      db.connection().exec(kEcho, Bytes{bytes}, "h\xC3\xA9", now, uuid, std::vector<std::int64_t>{});
  EXPECT_EQ(rows[0].get<Bytes>(0).view, bytes);
  EXPECT_EQ(rows[0].text(1), "h\xC3\xA9");
  EXPECT_EQ(rows[0].get<Time>(2), now);
  EXPECT_EQ(rows[0].get<crypto::Uuid>(3), uuid);
}

TEST(Transaction, AnErrorOfTheBodyRollsBack) {
  test::TestDatabase db;
  db.connection().script("create table t (n int)");
  const auto result = in_transaction(db.connection(), [](Connection& c) -> Result<int> {
    c.script("insert into t values (1)");
    return fail(Failure::conflict, "test.no", "no");
  });
  EXPECT_EQ(result.error().code, "test.no");
  EXPECT_EQ(db.connection().script("select * from t").size(), 0);
}

TEST(Transaction, SerializationFailuresAreTriedAgainButNotForEver) {
  test::TestDatabase db;
  int attempts = 0;
  const auto body = [&](Connection&) -> Result<int> {
    if (++attempts < 3) throw SqlError("40001", "serialization failure");
    return 7;
  };
  EXPECT_EQ(in_transaction(db.connection(), body).value(), 7);
  EXPECT_EQ(attempts, 3);
  attempts = -100;
  EXPECT_THROW(in_transaction(db.connection(), body), SqlError);
  EXPECT_EQ(attempts, -100 + kTransactionAttempts);
}

/// Runs one coroutine to its end.
template <class T>
T run(Task<T> task) {
  boost::asio::io_context io;
  std::optional<T> out;
  boost::asio::co_spawn(io, std::move(task),
                        [&](std::exception_ptr, T value) { out.emplace(std::move(value)); });
  io.run();
  return std::move(*out);
}

TEST(Transaction, WhatIsThrownAroundTheCommitIsThrownThere) {
  test::TestDatabase db;
  db.connection().script("create table t (n int)");
  auto options = db.connect_options();
  const auto crash_at = [&](CommitPoint point) {
    options.on_commit = [point](CommitPoint reached) {
      if (reached == point) throw SqlError("", "the connection is lost");
    };
    Connection connection(options);
    EXPECT_THROW(in_transaction(connection,
                                [](Connection& c) -> Result<> {
                                  c.script("insert into t values (1)");
                                  return {};
                                }),
                 SqlError);
    return db.connection().script("select count(*)::text from t")[0].text(0);
  };
  EXPECT_EQ(crash_at(CommitPoint::before), "0");
  EXPECT_EQ(crash_at(CommitPoint::after), "1");
}

TEST(Lease, OneAtATimeDoesTheJobAndAnotherMayFollow) {
  test::TestDatabase db;
  Connection other(db.connect_options());
  const auto nothing = [](Connection&) -> Result<> { return {}; };
  bool ran_meanwhile = true;
  bool other_job_ran = false;
  const auto ran = with_lease(db.connection(), "stages", [&](Connection&) -> Result<> {
    ran_meanwhile = with_lease(other, "stages", nothing).value();
    other_job_ran = with_lease(other, "cursors", nothing).value();
    return {};
  });
  EXPECT_TRUE(ran.value());
  EXPECT_FALSE(ran_meanwhile);
  EXPECT_TRUE(other_job_ran);
  EXPECT_TRUE(with_lease(other, "stages", nothing).value());
}

TEST(Pool, AFullQueueAnswersBusyAtOnce) {
  test::TestDatabase db;
  Pool pool({.connect = db.connect_options(), .connections = 1, .max_waiting = 1}, db.log, db.metrics);
  boost::asio::io_context io;
  std::atomic<int> busy{0};
  std::atomic<int> done{0};
  for (int i = 0; i < 20; ++i) {
    Pool::Body<int> body = [](Connection& c) {
      c.script("select pg_sleep(0.02)");
      return Result<int>(1);
    };
    boost::asio::co_spawn(io, pool.run<int>(std::move(body)), [&](std::exception_ptr, Result<int> r) {
      ++done;
      if (!r && r.error().failure == Failure::busy) ++busy;
    });
  }
  io.run();
  EXPECT_EQ(done, 20);
  EXPECT_GE(busy, 10);
}

TEST(Pool, ALostConnectionIsMadeAgainForTheNextJob) {
  test::TestDatabase db;
  Pool pool({.connect = db.connect_options(), .connections = 1}, db.log, db.metrics);
  Pool::Body<int> end = [](Connection& c) {
    c.script("select pg_terminate_backend(pg_backend_pid())");
    return Result<int>(1);
  };
  EXPECT_EQ(run(pool.run<int>(end)).error().failure, Failure::unavailable);
  Pool::Body<std::int64_t> one = [](Connection& c) { return Result<std::int64_t>(c.exec(kOne)[0].int64(0)); };
  EXPECT_EQ(run(pool.run<std::int64_t>(one)).value(), 1);
}

struct AddOp {
  std::string key;
  int number;
};

TEST(Batcher, ConcurrentOperationsShareATransactionAndKeepTheOrderOfTheirKey) {
  test::TestDatabase db;
  std::mutex mutex;
  std::vector<std::size_t> sizes;
  std::map<std::string, std::vector<int>> seen;
  Batcher<AddOp, int> batcher(
      {.name = "test", .connect = db.connect_options()},
      [](const AddOp& op) -> std::string_view { return op.key; },
      [&](Connection& c, std::span<const AddOp> ops) {
        c.script("select pg_sleep(0.005)");
        const std::scoped_lock lock(mutex);
        sizes.push_back(ops.size());
        std::vector<int> out;
        for (const auto& op : ops) {
          seen[op.key].push_back(op.number);
          out.push_back(op.number * 2);
        }
        return out;
      },
      db.log, db.metrics);
  boost::asio::io_context io;
  int right = 0;
  for (int i = 0; i < 90; ++i) {
    boost::asio::co_spawn(
        io, batcher.submit({std::to_string(i % 3), i}),
        [&right, i](std::exception_ptr, Result<int> r) { right += r && *r == i * 2 ? 1 : 0; });
  }
  io.run();
  EXPECT_EQ(right, 90);
  EXPECT_LT(sizes.size(), 60U) << "nothing was shared";
  for (const auto& [key, numbers] : seen) EXPECT_TRUE(std::ranges::is_sorted(numbers)) << key;
}

TEST(Batcher, OneBadOperationDoesNotTakeOthersWithIt) {
  test::TestDatabase db;
  db.connection().script("create table t (n int check (n < 1000))");
  Batcher<AddOp, int> batcher(
      {.name = "test", .connect = db.connect_options()},
      [](const AddOp& op) -> std::string_view { return op.key; },
      [&](Connection& c, std::span<const AddOp> ops) {
        std::vector<std::int32_t> numbers;
        for (const auto& op : ops) numbers.push_back(op.number);
        constexpr Statement kInsert{"test_insert", "insert into t select unnest($1::int4[])"};
        c.exec(kInsert, numbers);
        return std::vector<int>(ops.size(), 1);
      },
      db.log, db.metrics);
  boost::asio::io_context io;
  int good = 0;
  int bad = 0;
  for (int i = 0; i < 40; ++i) {
    boost::asio::co_spawn(io, batcher.submit({std::to_string(i), i == 20 ? 5000 : i}),
                          [&](std::exception_ptr, Result<int> r) { ++(r ? good : bad); });
  }
  io.run();
  EXPECT_EQ(good, 39);
  EXPECT_EQ(bad, 1);
  EXPECT_EQ(db.connection().script("select * from t").size(), 39);
}

TEST(Migrations, AppliedFilesThatChangedAndNewerSchemasAreRefused) {
  test::TestDatabase db;
  db.connection().script("drop table schema_migrations");
  const std::array<EmbeddedFile, 2> files{EmbeddedFile{"0001_a.sql", "create table a (n int)"},
                                          EmbeddedFile{"0002_b.sql", "create table b (n int)"}};
  const std::array<EmbeddedFile, 2> changed{EmbeddedFile{"0001_a.sql", "create table a (n bigint)"},
                                            files[1]};
  ASSERT_TRUE(migrate(db.connection(), files, db.log));
  ASSERT_TRUE(migrate(db.connection(), files, db.log)) << "a second start has nothing to do";
  EXPECT_EQ(migrate(db.connection(), changed, db.log).error().code, "migration.changed");
  EXPECT_EQ(migrate(db.connection(), std::span(files).first(1), db.log).error().code, "migration.newer");
}

TEST(Migrations, AFailingFileLeavesNothingHalfDone) {
  test::TestDatabase db;
  db.connection().script("drop table schema_migrations");
  const std::array<EmbeddedFile, 1> files{
      EmbeddedFile{"0001_a.sql", "create table half (n int); select nonsense"}};
  EXPECT_EQ(migrate(db.connection(), files, db.log).error().code, "migration.failed");
  EXPECT_EQ(db.connection().script("select 1 from pg_tables where tablename = 'half'").size(), 0);
}

}  // namespace
}  // namespace mooring::pg

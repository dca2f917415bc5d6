// SPDX-License-Identifier: Apache-2.0
#include "core/activity.hpp"

#include <vector>

#include "base/postgres/pool.hpp"

namespace mooring::core {
namespace {

constexpr pg::Statement kTouch{"activity_touch", R"(
insert into enrollment_activity (enrollment_id, last_seen_at)
select * from unnest($1::int8[], $2::timestamptz[]) order by 1
on conflict (enrollment_id) do update set last_seen_at = greatest(enrollment_activity.last_seen_at,
                                                                  excluded.last_seen_at))"};
constexpr auto kFlushEvery = std::chrono::seconds(2);

}  // namespace

Activity::Activity(pg::ConnectOptions connect, const Clock& clock, Logger& log, Duration granularity)
    : connect_(std::move(connect)), clock_(clock), log_(log), granularity_(granularity) {
  thread_ = std::thread([this] { run(); });
}

Activity::~Activity() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

void Activity::touch(std::int64_t enrollment) {
  if (enrollment == 0) return;
  const Time now = clock_.now();
  const std::scoped_lock lock(mutex_);
  entries_[enrollment].seen = now;
}

void Activity::run() {
  pg::ConnectionKeeper keeper(connect_, log_);
  bool last = false;
  while (!last) {
    {
      std::unique_lock lock(mutex_);
      wake_.wait_for(lock, kFlushEvery, [this] { return stopping_; });
      last = stopping_;
    }
    pg::Connection* connection = keeper.get();
    if (connection == nullptr) continue;
    try {
      flush(*connection, last ? Duration{1} : granularity_);
    } catch (const pg::SqlError& error) {
      log_.warning("last-seen times were not written", {{"error", error.what()}});
    }
  }
}

void Activity::flush(pg::Connection& connection, Duration granularity) {
  std::vector<std::int64_t> ids;
  std::vector<Time> times;
  {
    const std::scoped_lock lock(mutex_);
    for (auto& [id, entry] : entries_) {
      if (entry.seen - entry.stored < granularity) continue;
      ids.push_back(id);
      times.push_back(entry.seen);
      entry.stored = entry.seen;
    }
  }
  if (ids.empty()) return;
  connection.script("BEGIN; SET LOCAL synchronous_commit = off");
  connection.exec(kTouch, ids, times);
  connection.script("COMMIT");
}

}  // namespace mooring::core

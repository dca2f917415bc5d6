// SPDX-License-Identifier: Apache-2.0
#include "reconciler/chores.hpp"

#include "base/postgres/lease.hpp"
#include "director/history.hpp"
#include "director/repush_jobs.hpp"

namespace mooring::reconciler {

std::int64_t do_chores(pg::Connection& connection, const ChoreOptions& options, Time now) {
  std::int64_t devices = 0;
  const auto done = pg::with_lease(connection, "chores", [&](pg::Connection& held) -> Result<> {
    devices = director::move_repush_jobs(held, now);
    director::prune_history(held, now - options.history, options.batch);
    director::prune_repush_jobs(held, now - options.history);
    return {};
  });
  return done && *done ? devices : 0;
}

Chores::Chores(pg::ConnectOptions connect, ChoreOptions options, const Clock& clock, Logger& log,
               std::chrono::milliseconds every)
    : connect_(std::move(connect)), options_(std::move(options)), clock_(clock), log_(log), every_(every) {
  thread_ = std::thread([this] { run(); });
}

Chores::~Chores() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

void Chores::run() {
  pg::ConnectionKeeper keeper(connect_, log_);
  while (true) {
    {
      std::unique_lock lock(mutex_);
      if (wake_.wait_for(lock, every_, [this] { return stopping_; })) return;
    }
    auto* connection = keeper.get();
    if (connection == nullptr) continue;
    try {
      if (do_chores(*connection, options_, clock_.now()) > 0 && options_.ring) options_.ring();
    } catch (const pg::SqlError& error) {
      log_.warning("chores were not done", {{"error", error.what()}});
    }
  }
}

}  // namespace mooring::reconciler

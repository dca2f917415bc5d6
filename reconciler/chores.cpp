// SPDX-License-Identifier: Apache-2.0
#include "reconciler/chores.hpp"

#include "base/postgres/lease.hpp"
#include "director/history.hpp"

namespace mooring::reconciler {

void do_chores(pg::Connection& connection, const ChoreOptions& options, Time now) {
  const auto done = pg::with_lease(connection, "chores", [&](pg::Connection& held) -> Result<> {
    director::prune_history(held, now - options.history, options.batch);
    return {};
  });
  static_cast<void>(done);  // an error comes from `body` alone, which has none
}

Chores::Chores(pg::ConnectOptions connect, ChoreOptions options, const Clock& clock, Logger& log,
               std::chrono::milliseconds every)
    : connect_(std::move(connect)), options_(options), clock_(clock), log_(log), every_(every) {
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
      do_chores(*connection, options_, clock_.now());
    } catch (const pg::SqlError& error) {
      log_.warning("chores were not done", {{"error", error.what()}});
    }
  }
}

}  // namespace mooring::reconciler

// SPDX-License-Identifier: Apache-2.0
#include "base/postgres/pool.hpp"

namespace mooring::pg {

Connection* ConnectionKeeper::get() {
  if (connection_ && !connection_->is_broken()) return &*connection_;
  connection_.reset();
  const auto now = std::chrono::steady_clock::now();
  if (now < not_before_) return nullptr;
  try {
    connection_.emplace(options_);
    return &*connection_;
  } catch (const SqlError& failure) {
    error_ = to_error(failure);
    not_before_ = now + std::chrono::seconds(1);
    log_.error("cannot connect to PostgreSQL", {{"error", failure.what()}});
    return nullptr;
  }
}

Pool::Pool(PoolOptions options, Logger& log, Metrics& metrics)
    : options_(std::move(options)),
      log_(log),
      waiting_(metrics.gauge("mooring_postgres_pool_waiting", "Jobs that wait for a database connection.")) {
  for (std::size_t i = 0; i < options_.connections; ++i) {
    threads_.emplace_back([this] { work(); });
  }
}

Pool::~Pool() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  for (auto& thread : threads_) thread.join();
}

std::optional<Pool::Job> Pool::enqueue(Job job) {
  {
    const std::scoped_lock lock(mutex_);
    if (jobs_.size() >= options_.max_waiting || stopping_) return job;
    jobs_.push_back(std::move(job));
    waiting_.Set(static_cast<double>(jobs_.size()));
  }
  wake_.notify_one();
  return std::nullopt;
}

void Pool::work() {
  ConnectionKeeper keeper(options_.connect, log_);
  while (true) {
    Job job;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return stopping_ || !jobs_.empty(); });
      if (jobs_.empty()) return;
      job = std::move(jobs_.front());
      jobs_.pop_front();
      waiting_.Set(static_cast<double>(jobs_.size()));
    }
    Connection* connection = keeper.get();
    job(connection, keeper.error());
  }
}

}  // namespace mooring::pg

// SPDX-License-Identifier: Apache-2.0
// What one server of all does from time to time: re-push jobs move on, old history goes.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/postgres/pool.hpp"

namespace mooring::reconciler {

struct ChoreOptions {
  Duration history = std::chrono::hours(24 * 30);  ///< How long the history of items is kept.
  std::int64_t batch = 5000;                       ///< Rows of one statement.
  std::function<void()> ring = {};                 ///< The reconciler's doorbell, after devices were marked.
};

/// One round; nothing where another server is at it. Returns how many devices were marked.
std::int64_t do_chores(pg::Connection& connection, const ChoreOptions& options, Time now);

class Chores {
 public:
  Chores(pg::ConnectOptions connect, ChoreOptions options, const Clock& clock, Logger& log,
         std::chrono::milliseconds every = std::chrono::seconds(1));
  ~Chores();
  Chores(const Chores&) = delete;
  Chores& operator=(const Chores&) = delete;

 private:
  void run();

  pg::ConnectOptions connect_;
  ChoreOptions options_;
  const Clock& clock_;
  Logger& log_;
  std::chrono::milliseconds every_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace mooring::reconciler

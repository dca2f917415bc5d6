// SPDX-License-Identifier: Apache-2.0
// When each enrollment was last heard of. Kept in memory and written coarsely, so that an idle poll costs no
// durable write: a kill -9 loses at most ten minutes of "last seen", which nothing depends on.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>
#include <unordered_map>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/postgres/connection.hpp"

namespace mooring::core {

class Activity {
 public:
  /// An enrollment is written again only when its stored time is older than `granularity`.
  Activity(pg::ConnectOptions connect, const Clock& clock, Logger& log,
           Duration granularity = std::chrono::minutes(10));
  ~Activity();  ///< Writes what is left.
  Activity(const Activity&) = delete;
  Activity& operator=(const Activity&) = delete;

  void touch(std::int64_t enrollment);

 private:
  struct Entry {
    Time seen;
    Time stored;
  };
  void run();
  void flush(pg::Connection& connection, Duration granularity);

  pg::ConnectOptions connect_;
  const Clock& clock_;
  Logger& log_;
  Duration granularity_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  std::unordered_map<std::int64_t, Entry> entries_;
  std::thread thread_;
};

}  // namespace mooring::core

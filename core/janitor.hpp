// SPDX-License-Identifier: Apache-2.0
// Keeps tables bounded: expires commands, prunes answered ones and old events, in small batches that block
// nobody.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <thread>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/metrics.hpp"
#include "base/postgres/pool.hpp"

namespace mooring::core {

struct Retention {
  Duration results = std::chrono::hours(24 * 30);
  Duration facts = std::chrono::hours(24 * 365);         ///< Changes of them.
  Duration events = std::chrono::hours(24 * 90);         ///< Those that no consumer has still to get.
  Duration events_limit = std::chrono::hours(24 * 180);  ///< All others; never less than `events`.
  std::int64_t batch = 5000;                             ///< Rows of one statement.
};

struct Tidied {
  std::int64_t expired = 0;
  std::map<std::string, std::int64_t> expired_by_type;  ///< RequestType.
  std::int64_t results = 0;
  std::int64_t requests = 0;
  std::int64_t facts = 0;
  std::int64_t events = 0;
  std::int64_t challenges = 0;
  std::map<std::string, std::int64_t> dropped;  ///< Events that a consumer never got, by its name.
};

/// One round: at most one batch of each. Safe in any number of processes.
Tidied tidy(pg::Connection& connection, const Retention& retention, Time now);

class Janitor {
 public:
  Janitor(pg::ConnectOptions connect, Retention retention, const Clock& clock, Logger& log, Metrics& metrics,
          std::chrono::milliseconds every = std::chrono::seconds(10));
  ~Janitor();
  Janitor(const Janitor&) = delete;
  Janitor& operator=(const Janitor&) = delete;

 private:
  void run();
  void round(pg::Connection& connection);
  prometheus::Counter& dropped_of(const std::string& consumer);

  pg::ConnectOptions connect_;
  Retention retention_;
  const Clock& clock_;
  Logger& log_;
  Metrics& metrics_;
  std::chrono::milliseconds every_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace mooring::core

// SPDX-License-Identifier: Apache-2.0
// Gauges of the fleet. They are read from counters that moved with the state: nothing is scanned.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/metrics.hpp"
#include "base/postgres/pool.hpp"

namespace mooring::reconciler {

/// Reads the counters once and sets the gauges.
void refresh_gauges(pg::Connection& connection, Metrics& metrics, Time now);

/// Does so at an interval, apart from scrapes: a slow database never makes /metrics slow.
class Gauges {
 public:
  Gauges(pg::ConnectOptions connect, const Clock& clock, Logger& log, Metrics& metrics,
         std::chrono::milliseconds every);
  ~Gauges();
  Gauges(const Gauges&) = delete;
  Gauges& operator=(const Gauges&) = delete;

 private:
  void run();

  pg::ConnectOptions connect_;
  const Clock& clock_;
  Logger& log_;
  Metrics& metrics_;
  std::chrono::milliseconds every_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace mooring::reconciler

// SPDX-License-Identifier: Apache-2.0
// Runs passes: claim a batch, load, plan, commit, all in one transaction.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <span>
#include <thread>
#include <vector>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/metrics.hpp"
#include "base/postgres/connection.hpp"
#include "core/push_queue.hpp"
#include "reconciler/declarations.hpp"
#include "reconciler/plan.hpp"

namespace mooring::reconciler {

/// How far a pass has come, inside its transaction.
enum class Stage : std::uint8_t { claimed, loaded, planned, committing };

struct ReconcilerOptions {
  pg::ConnectOptions connect;
  Policy policy;
  int batch = 500;                       ///< Devices of one pass.
  std::chrono::milliseconds poll{1000};  ///< Between looks for due devices when no bell rings.
  /// From the bell to the pass: what is marked meanwhile shares it. A pass over one device costs nearly as
  /// much as one over fifty.
  std::chrono::milliseconds gather{50};
  std::function<void(Stage)> probe;  ///< For tests: lets others act, or throws, in the middle of a pass.
  void (*on_move)(ItemState from, ItemState to) = nullptr;  ///< For tests: each step of each item.
};

using PushRequest = std::function<void(std::span<const std::int64_t> enrollments, core::PushLane lane)>;

class Reconciler {
 public:
  /// `push` is told, after commit, which enrollments have something waiting.
  Reconciler(ReconcilerOptions options, PushRequest push, const Clock& clock, Logger& log, Metrics& metrics);
  ~Reconciler();
  Reconciler(const Reconciler&) = delete;
  Reconciler& operator=(const Reconciler&) = delete;

  /// Stores the payloads of the inventory commands; needed once before the first pass.
  Result<> prepare(pg::Connection& connection);
  void start();
  void stop();
  /// Something was marked: look now. Cheap, from any thread; losing it costs one poll interval.
  void ring();

  /// One pass over what is due, or over the next stretch of a sweep; returns how many devices it took. For
  /// tests and simulated time; start() runs the same in a thread.
  Result<std::size_t> run_once(pg::Connection& connection);

  PassContext context() const;

 private:
  struct Outcome {
    std::size_t devices = 0;
    bool more = false;  ///< The batch was full, or a sweep goes on.
  };
  struct Pass {
    std::vector<std::int64_t> claimed;
    std::vector<Plan> plans;
    bool swept = false;
  };
  void reached(Stage stage) const;
  void work();
  Result<Outcome> run_pass(pg::Connection& connection);
  Pass pass(pg::Connection& connection, std::span<const std::int64_t> only);
  void plan_batch(pg::Connection& connection, Pass& pass);
  void after(const Pass& pass);
  bool leave_stretch(pg::Connection& connection);
  std::size_t isolate(pg::Connection& connection, std::span<const std::int64_t> devices);
  void postpone(pg::Connection& connection, std::int64_t device);

  ReconcilerOptions options_;
  PushRequest push_;
  const Clock& clock_;
  Logger& log_;
  Metrics& metrics_;
  Declarations declarations_;  ///< Used by one pass at a time.
  struct ListPayloads {
    std::int32_t profile_list = 0;
    std::int32_t device_information = 0;
    std::int32_t security_info = 0;
    std::int32_t certificate_list = 0;
  };
  ListPayloads lists_;

  prometheus::Counter& succeeded_;
  prometheus::Counter& failed_;
  prometheus::Counter& errors_;
  prometheus::Counter& devices_;
  prometheus::Histogram& duration_;
  prometheus::Histogram& converge_;

  std::mutex mutex_;
  std::condition_variable wake_;
  bool rung_ = false;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace mooring::reconciler

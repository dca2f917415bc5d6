// SPDX-License-Identifier: Apache-2.0
// Many small concurrent operations become one statement and one commit: what waited during the last round
// trip goes together in the next. That is how thousands of answers a second wait for a disk that syncs a few
// hundred times.
#pragma once

#include <algorithm>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <unordered_set>
#include <vector>

#include "base/async.hpp"
#include "base/log.hpp"
#include "base/metrics.hpp"
#include "base/postgres/pool.hpp"

namespace mooring::pg {

struct BatcherOptions {
  std::string name;  ///< Label of mooring_batch_operations.
  ConnectOptions connect;
  std::size_t lanes = 1;  ///< Threads; operations of one key always take the same lane, in order.
  std::size_t max_batch = 256;
  std::size_t max_waiting = 4096;  ///< Per lane; beyond, Failure::busy.
};

/// `Out` is what one operation returns. `Work` gets operations with distinct keys and returns one Out for
/// each, in the same order; it runs in one transaction of its own making (one statement, or in_transaction).
///
/// Where a batch fails for a reason that lies in its data, each operation runs alone, so that one bad
/// operation never takes others with it. Where the connection is lost the batch runs once more: operations
/// must be idempotent.
template <class Op, class Out>
class Batcher {
 public:
  using Work = std::function<std::vector<Out>(Connection&, std::span<const Op>)>;
  using Key = std::function<std::string_view(const Op&)>;

  Batcher(BatcherOptions options, Key key, Work work, Logger& log, Metrics& metrics)
      : options_(std::move(options)),
        key_(std::move(key)),
        work_(std::move(work)),
        log_(log),
        sizes_(metrics.histogram("mooring_batch_operations", "Operations that shared one transaction.",
                                 {1, 2, 4, 8, 16, 32, 64, 128, 256}, {{"batch", options_.name}})) {
    for (std::size_t i = 0; i < options_.lanes; ++i) lanes_.push_back(std::make_unique<Lane>());
    for (auto& lane : lanes_) {
      lane->thread = std::thread([this, &lane = *lane] { run(lane); });
    }
  }

  ~Batcher() {
    for (auto& lane : lanes_) {
      {
        const std::scoped_lock lock(lane->mutex);
        lane->stopping = true;
      }
      lane->wake.notify_all();
    }
    for (auto& lane : lanes_) lane->thread.join();
  }
  Batcher(const Batcher&) = delete;
  Batcher& operator=(const Batcher&) = delete;

  Task<Result<Out>> submit(Op op) {
    return suspend<Result<Out>>([this, op = std::move(op)](Completion<Result<Out>> done) mutable {
      Lane& lane = *lanes_[std::hash<std::string_view>{}(key_(op)) % lanes_.size()];
      {
        const std::scoped_lock lock(lane.mutex);
        if (lane.waiting.size() < options_.max_waiting) {
          lane.waiting.push_back({std::move(op), std::move(done)});
          done = nullptr;
        }
      }
      if (done) {
        done(fail(Failure::busy, "postgres.busy", "Too many requests wait for the database; try again."));
      } else {
        lane.wake.notify_one();
      }
    });
  }

 private:
  struct Waiting {
    Op op;
    Completion<Result<Out>> done;
  };
  struct Lane {
    std::mutex mutex;
    std::condition_variable wake;
    std::deque<Waiting> waiting;
    bool stopping = false;
    std::thread thread;
  };

  void run(Lane& lane) {
    ConnectionKeeper keeper(options_.connect, log_);
    std::vector<Op> ops;
    std::vector<Completion<Result<Out>>> done;
    while (take(lane, ops, done)) {
      sizes_.Observe(static_cast<double>(ops.size()));
      auto results = execute(keeper, ops);
      for (std::size_t i = 0; i < done.size(); ++i) done[i](std::move(results[i]));
      ops.clear();
      done.clear();
    }
  }

  /// Up to max_batch waiting operations with distinct keys; false when stopping and nothing waits.
  bool take(Lane& lane, std::vector<Op>& ops, std::vector<Completion<Result<Out>>>& done) {
    std::unique_lock lock(lane.mutex);
    lane.wake.wait(lock, [&] { return lane.stopping || !lane.waiting.empty(); });
    if (lane.waiting.empty()) return false;
    std::unordered_set<std::string> keys;
    std::deque<Waiting> later;
    while (!lane.waiting.empty() && ops.size() < options_.max_batch) {
      Waiting next = std::move(lane.waiting.front());
      lane.waiting.pop_front();
      if (keys.emplace(key_(next.op)).second) {
        ops.push_back(std::move(next.op));
        done.push_back(std::move(next.done));
      } else {
        later.push_back(std::move(next));
      }
    }
    for (auto it = later.rbegin(); it != later.rend(); ++it) lane.waiting.push_front(std::move(*it));
    return true;
  }

  std::vector<Result<Out>> execute(ConnectionKeeper& keeper, const std::vector<Op>& ops) {
    for (int attempt = 0; attempt < 2; ++attempt) {
      Connection* connection = keeper.get();
      if (connection == nullptr) return all(ops, keeper.error());
      try {
        auto outs = work_(*connection, ops);
        return {std::make_move_iterator(outs.begin()), std::make_move_iterator(outs.end())};
      } catch (const SqlError& error) {
        if (error.is_connection_lost()) {
          keeper.drop();
          continue;
        }
        if (ops.size() > 1) return one_by_one(keeper, ops);
        return all(ops, to_error(error));
      } catch (const std::exception& error) {
        if (ops.size() > 1) return one_by_one(keeper, ops);
        return all(ops, Error{Failure::internal, "postgres.internal", error.what()});
      }
    }
    return all(ops,
               Error{Failure::unavailable, "postgres.unavailable", "The connection to PostgreSQL was lost."});
  }

  std::vector<Result<Out>> one_by_one(ConnectionKeeper& keeper, const std::vector<Op>& ops) {
    log_.warning("a batch failed; its operations run one by one",
                 {{"batch", options_.name}, {"size", ops.size()}});
    std::vector<Result<Out>> results;
    for (const Op& op : ops) {
      auto one = execute(keeper, {op});
      results.push_back(std::move(one.front()));
    }
    return results;
  }

  static std::vector<Result<Out>> all(const std::vector<Op>& ops, const Error& error) {
    return std::vector<Result<Out>>(ops.size(), Result<Out>(std::unexpected(error)));
  }

  BatcherOptions options_;
  Key key_;
  Work work_;
  Logger& log_;
  prometheus::Histogram& sizes_;
  std::vector<std::unique_ptr<Lane>> lanes_;
};

}  // namespace mooring::pg

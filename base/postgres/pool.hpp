// SPDX-License-Identifier: Apache-2.0
// Database threads: each owns one connection and runs plain functions on it.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/async.hpp"
#include "base/log.hpp"
#include "base/metrics.hpp"
#include "base/postgres/connection.hpp"

namespace mooring::pg {

struct PoolOptions {
  ConnectOptions connect;
  std::size_t connections = 4;
  /// Jobs that may wait; beyond, callers get Failure::busy at once instead of a place in an endless line.
  std::size_t max_waiting = 1000;
};

/// Runs `body` on `connection` and turns what it throws into an Error.
template <class T, class Body>
Result<T> guarded(Connection& connection, Body& body) {
  try {
    return body(connection);
  } catch (const SqlError& error) {
    return std::unexpected(to_error(error));
  } catch (const std::exception& error) {
    return fail(Failure::internal, "postgres.internal", error.what());
  }
}

class Pool {
 public:
  Pool(PoolOptions options, Logger& log, Metrics& metrics);
  ~Pool();
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  template <class T>
  using Body = std::function<Result<T>(Connection&)>;

  /// Autocommit: for one statement, or for reads.
  template <class T>
  Task<Result<T>> run(Body<T> body) {
    return suspend<Result<T>>([this, body = std::move(body)](Completion<Result<T>> done) mutable {
      post<T>(std::move(body), std::move(done));
    });
  }
  template <class T>
  Task<Result<T>> transaction(Body<T> body) {
    return run<T>(
        [body = std::move(body)](Connection& connection) { return in_transaction(connection, body); });
  }

 private:
  /// A Job gets nullptr where no connection could be made; `error` says why.
  using Job = std::move_only_function<void(Connection*, const Error&)>;

  template <class T>
  void post(Body<T> body, Completion<Result<T>> done) {
    Job job = [body = std::move(body), done = std::move(done)](Connection* connection,
                                                               const Error& error) mutable {
      done(connection == nullptr ? Result<T>(std::unexpected(error)) : guarded<T>(*connection, body));
    };
    if (auto rejected = enqueue(std::move(job))) {
      (*rejected)(nullptr,
                  {Failure::busy, "postgres.busy", "Too many requests wait for the database; try again."});
    }
  }

  std::optional<Job> enqueue(Job job);  ///< Gives the job back where the queue is full.
  void work();

  PoolOptions options_;
  Logger& log_;
  prometheus::Gauge& waiting_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Job> jobs_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

/// Keeps one connection alive for a thread: connects when needed, at most every second while it fails.
class ConnectionKeeper {
 public:
  ConnectionKeeper(const ConnectOptions& options, Logger& log) : options_(options), log_(log) {}
  /// nullptr where there is none now; then `error()` says why.
  Connection* get();
  const Error& error() const { return error_; }
  void drop() { connection_.reset(); }

 private:
  const ConnectOptions& options_;
  Logger& log_;
  std::optional<Connection> connection_;
  Error error_;
  std::chrono::steady_clock::time_point not_before_{};
};

}  // namespace mooring::pg

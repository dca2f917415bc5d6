// SPDX-License-Identifier: Apache-2.0
// Wakes devices: APNs' request for MDM, coalesced for each enrollment. Only a doorbell: what is lost here is
// made up for by the reconciler's schedule and by the device's own poll.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <unordered_set>
#include <vector>

#include <boost/asio/any_io_executor.hpp>

#include "base/async.hpp"
#include "base/clock.hpp"
#include "base/http/client.hpp"
#include "base/log.hpp"
#include "base/metrics.hpp"
#include "base/postgres/pool.hpp"

namespace mooring::core {

struct PushOptions {
  std::string url;  ///< Of the push service, http://host:port; empty: nothing is sent.
  std::size_t in_flight = 16;
  std::size_t max_waiting = 200000;
  Duration expiration = std::chrono::hours(24 * 7);
};

/// What became of one push.
struct PushResult {
  std::int64_t enrollment = 0;
  Result<std::string> apns_id;  ///< As the push service named it.
};

class Pusher {
 public:
  Pusher(boost::asio::any_io_executor executor, PushOptions options, pg::Pool& pool, const Clock& clock,
         Logger& log, Metrics& metrics);

  /// From any thread, at once; enrollments that cannot be pushed (disabled, without token) are passed over.
  void request(std::span<const std::int64_t> enrollments);
  /// For people: pushes now and says what became of it. Failure::conflict where it cannot be pushed,
  /// Failure::unavailable where no push service is set or it does not answer.
  Task<Result<std::string>> push_now(std::int64_t enrollment);
  /// The same for many at once; one result for each, in their order. Codes: push.not_configured,
  /// push.no_certificate (none for the enrollment's topic), push.not_pushable, push.unregistered,
  /// push.refused.
  Task<std::vector<PushResult>> push_many(std::vector<std::int64_t> enrollments);

 private:
  struct Target {
    std::int64_t enrollment = 0;
    std::string topic;
    std::string magic;
    std::string token;
  };
  Task<> run();
  Task<> send_batch(std::vector<std::int64_t> enrollments);
  Task<> send_some(std::shared_ptr<std::vector<Target>> targets, std::shared_ptr<std::size_t> next,
                   std::size_t lane);
  Task<Result<std::string>> send(http::Client& client, Target target);
  Task<Result<std::vector<Target>>> load(std::vector<std::int64_t> enrollments);
  Task<> forget_token(std::int64_t enrollment);

  boost::asio::any_io_executor executor_;
  PushOptions options_;
  pg::Pool& pool_;
  const Clock& clock_;
  Logger& log_;
  Metrics& metrics_;
  std::vector<std::unique_ptr<http::Client>> clients_;
  std::mutex mutex_;
  std::unordered_set<std::int64_t> waiting_;
  bool running_ = false;
};

}  // namespace mooring::core

// SPDX-License-Identifier: Apache-2.0
// The pushes of one topic: their queue, the certificate, the connection, and the breaker before it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/steady_timer.hpp>

#include "base/http2/client.hpp"
#include "base/random.hpp"
#include "core/push.hpp"
#include "core/push_certificates.hpp"
#include "core/push_metrics.hpp"

namespace mooring::core {

/// What all topics of a process share.
struct PushShared {
  boost::asio::any_io_executor executor;
  PushOptions options;
  pg::Pool& pool;
  const crypto::SecretBox& secrets;
  const Clock& clock;
  Logger& log;
  PushMetrics metrics;
  RateLimit rate;
  Random random;
};

/// What is pushed to, as read right before.
struct PushTarget {
  std::int64_t enrollment = 0;
  std::string topic;
  std::string magic;
  std::string token;
  std::optional<Time> token_updated_at;
  std::int64_t revision = 0;  ///< Of the topic's certificate; 0: there is none.
};
/// Those of `enrollments` that can be pushed.
Task<Result<std::vector<PushTarget>>> load_push_targets(pg::Pool& pool,
                                                        std::vector<std::int64_t> enrollments);

class PushTopic : public std::enable_shared_from_this<PushTopic> {
 public:
  using Done = std::move_only_function<void(Result<std::string>)>;

  PushTopic(std::string name, std::shared_ptr<PushShared> shared);

  void add(const QueuedPush& push);
  std::size_t waiting() const { return queue_.size(); }
  /// At once, whatever waits; older requests for the same enrollments are thereby served. The rate is
  /// charged, and not waited for. `done` is called once for each target, the last time perhaps long after
  /// this ends.
  using NowDone = std::function<void(std::int64_t enrollment, Result<std::string> apns_id)>;
  static Task<> push_now(std::shared_ptr<PushTopic> self, std::vector<PushTarget> targets, NowDone done);
  void stop();

 private:
  static Task<> run(std::shared_ptr<PushTopic> self);
  std::optional<Duration> hindrance(Time now);
  Task<> send_batch();
  Task<bool> load_batch(std::vector<QueuedPush> batch, std::vector<std::pair<QueuedPush, PushTarget>>& out);
  Task<Result<>> prepare(std::int64_t revision);
  Task<> sleep(Duration most);
  void wake() { timer_.cancel(); }
  void start();
  void put_back(const std::vector<QueuedPush>& batch);
  std::size_t room() const;
  void report_waiting();
  std::unexpected<Error> broken() const;

  void send(PushTarget target, QueuedPush push, Done done);
  http::Request request_for(const PushTarget& target) const;
  void answered(const PushTarget& target, QueuedPush push, Done done, Result<http::Response> response,
                std::uint64_t incident);
  void unreachable(QueuedPush push, Done done, const Error& error, std::uint64_t incident);
  void judged(const PushTarget& target, QueuedPush push, Done done, const PushJudgement& judgement,
              int status);
  void again(QueuedPush push, Duration wait);
  void raise_alarm(const std::string& why);
  void clear_alarm();
  static Task<> store_alarm(std::shared_ptr<PushTopic> self, std::string why);
  void bury(const PushTarget& target);
  static Task<> bury_tokens(std::shared_ptr<PushTopic> self);

  std::string name_;
  std::shared_ptr<PushShared> shared_;
  boost::asio::steady_timer timer_;
  PushQueue queue_;
  CircuitBreaker breaker_;
  std::shared_ptr<http2::Client> client_;
  std::uint64_t client_number_ = 0;
  std::uint64_t connections_seen_ = 0;
  std::int64_t revision_ = 0;
  std::optional<Time> no_certificate_until_;
  std::string alarm_;
  std::vector<PushTarget> dead_;
  std::size_t in_flight_ = 0;
  std::size_t reported_waiting_ = 0;
  bool told_no_certificate_ = false;
  bool running_ = false;
  bool burying_ = false;
  bool stopped_ = false;
};

}  // namespace mooring::core

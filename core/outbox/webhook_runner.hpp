// SPDX-License-Identifier: Apache-2.0
// Delivers the events of one webhook. Everything runs on the outbox' own thread, database calls too.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <vector>

#include <boost/asio/any_io_executor.hpp>

#include "base/async.hpp"
#include "base/clock.hpp"
#include "base/http/client.hpp"
#include "base/log.hpp"
#include "base/metrics.hpp"
#include "core/event_interest.hpp"
#include "core/outbox/consumers.hpp"
#include "core/outbox/delivery_queue.hpp"
#include "core/outbox/webhook_url.hpp"

namespace mooring::core {

struct WebhookTools {
  const EventInterest& interest;
  const crypto::SecretBox& secrets;
  const Clock& clock;
  Logger& log;
  Metrics& metrics;
  std::function<void()> wake;  ///< Somebody should call step() soon.
};

class WebhookRunner : public std::enable_shared_from_this<WebhookRunner> {
 public:
  /// The caller holds the lock of the consumer. Fails where its secrets or URL cannot be read.
  static Result<std::shared_ptr<WebhookRunner>> make(boost::asio::any_io_executor executor,
                                                     const Consumer& webhook, const EventLog& events,
                                                     const DeliveryPolicy& policy,
                                                     std::chrono::milliseconds timeout, WebhookTools tools);
  ~WebhookRunner();

  /// Loads what waits from an earlier life; before the first step.
  void take_over(pg::Connection& connection);
  /// Stores what became of deliveries, reads what comes next, sends. Throws pg::SqlError: the runner is then
  /// of no use any more, and another one takes over from what is stored.
  void step(pg::Connection& connection);
  /// Stores what became of deliveries so far.
  void store(pg::Connection& connection);
  /// Starts no further delivery, and forgets those under way.
  void stop();

  std::int64_t revision() const { return webhook_.revision; }
  const std::string& name() const { return webhook_.name; }

 private:
  WebhookRunner(boost::asio::any_io_executor executor, Consumer webhook, EventLog events,
                const DeliveryPolicy& policy, std::chrono::milliseconds timeout, WebhookTools tools);
  void load_waiting(pg::Connection& connection);
  void read_new(pg::Connection& connection);
  void send();
  static Task<void> deliver(std::shared_ptr<WebhookRunner> self, Delivery delivery);
  http::Request request_for(const StoredEvent& event) const;
  void finish(const Delivery& delivery, const Result<http::Response>& answer);
  std::unique_ptr<http::Client> take_client();

  boost::asio::any_io_executor executor_;
  Consumer webhook_;
  EventLog events_;
  std::chrono::milliseconds timeout_;
  WebhookTools tools_;
  WebhookUrl url_;
  std::string hmac_key_;
  HeaderFields headers_;
  std::vector<std::int16_t> kinds_;
  DeliveryQueue queue_;
  std::vector<std::unique_ptr<http::Client>> clients_;  ///< Idle ones, with their connections.
  std::chrono::steady_clock::time_point stored_at_{};
  bool was_open_ = false;
  bool stopped_ = false;
  std::optional<Time> taken_at_;  ///< Not stored yet ...
  std::optional<Time> failed_at_;
  std::string failure_;
};

/// What an answer says of a delivery.
DeliveryOutcome outcome_of(const Result<http::Response>& answer);
void make_webhook_counters(Metrics& metrics);

}  // namespace mooring::core

// SPDX-License-Identifier: Apache-2.0
#include "core/outbox/outbox.hpp"

#include <algorithm>
#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <map>
#include <thread>

#include "base/postgres/pool.hpp"
#include "core/outbox/consumer_metrics.hpp"
#include "core/outbox/consumers.hpp"
#include "core/outbox/webhook_runner.hpp"

namespace mooring::core {
namespace {

// The first number only has to be ours alone among the two-number locks of this database.
constexpr pg::Statement kLockConsumer{"outbox_lock", "select pg_try_advisory_lock(1701209458, $1)"};
constexpr pg::Statement kUnlockConsumer{"outbox_unlock", "select pg_advisory_unlock(1701209458, $1)"};

/// Rings that come meanwhile share one look at the database.
constexpr auto kLeastBetweenSteps = std::chrono::milliseconds(10);

}  // namespace

struct Outbox::Impl {
  Impl(OutboxOptions given, EventInterest& wanted, const crypto::SecretBox& box, const Clock& time,
       Logger& out, Metrics& counters);
  ~Impl();

  void run();
  void serve_until(std::chrono::steady_clock::time_point end, bool or_awake);
  void wake();
  void step();
  void step_on(pg::Connection& connection);
  void look_at_consumers(pg::Connection& connection);
  void tell_interest(const std::vector<Consumer>& consumers);
  void retire(pg::Connection& connection, const std::vector<Consumer>& consumers);
  void take_on(pg::Connection& connection, const std::vector<Consumer>& consumers);
  void run_webhook(pg::Connection& connection, const Consumer& webhook);
  void forget_all();
  void store_all();

  OutboxOptions options;
  EventInterest& interest;
  const crypto::SecretBox& secrets;
  const Clock& clock;
  Logger& log;
  Metrics& metrics;
  ConsumerMetrics consumer_metrics;
  boost::asio::io_context io{1};
  pg::ConnectionKeeper keeper;
  std::map<std::int32_t, std::shared_ptr<WebhookRunner>> runners;
  std::atomic<bool> awake{false};  ///< A step is on its way.
  std::atomic<bool> refresh_now{true};
  std::atomic<bool> stopping{false};
  std::chrono::steady_clock::time_point looked_at{};
  bool listening = false;
  std::thread thread;
};

Outbox::Impl::Impl(OutboxOptions given, EventInterest& wanted, const crypto::SecretBox& box,
                   const Clock& time, Logger& out, Metrics& counters)
    : options(std::move(given)),
      interest(wanted),
      secrets(box),
      clock(time),
      log(out),
      metrics(counters),
      consumer_metrics(counters),
      keeper(options.connect, out) {
  make_webhook_counters(metrics);
  thread = std::thread([this] { run(); });
}

Outbox::Impl::~Impl() {
  stopping = true;
  boost::asio::post(io, [this] { io.stop(); });
  thread.join();
  interest.on_ring({});
}

void Outbox::Impl::run() {
  const auto guard = boost::asio::make_work_guard(io);
  while (!stopping) {
    awake = false;
    const auto began = std::chrono::steady_clock::now();
    step();
    serve_until(began + kLeastBetweenSteps, false);
    serve_until(began + options.poll, true);
  }
  store_all();
  forget_all();
}

/// Lets deliveries go on; with `or_awake` until somebody wakes.
void Outbox::Impl::serve_until(std::chrono::steady_clock::time_point end, bool or_awake) {
  while (!stopping && !(or_awake && awake) && std::chrono::steady_clock::now() < end) {
    io.restart();
    io.run_until(end);
  }
}

void Outbox::Impl::wake() {
  if (awake.exchange(true)) return;
  boost::asio::post(io, [this] { io.stop(); });
}

void Outbox::Impl::step() {
  auto* connection = keeper.get();
  if (connection == nullptr) return forget_all();
  try {
    step_on(*connection);
  } catch (const pg::SqlError& error) {
    log.warning("the outbox could not work", {{"error", error.what()}});
    forget_all();
    // The locks go with the session: whoever takes a webhook next finds what is stored.
    keeper.drop();
    refresh_now = true;
  }
}

void Outbox::Impl::step_on(pg::Connection& connection) {
  const auto now = std::chrono::steady_clock::now();
  if (refresh_now.exchange(false) || now - looked_at >= options.refresh) {
    looked_at = now;
    look_at_consumers(connection);
  }
  for (const auto& [id, runner] : runners) runner->step(connection);
}

void Outbox::Impl::look_at_consumers(pg::Connection& connection) {
  const auto consumers = list_consumers(connection);
  tell_interest(consumers);
  retire(connection, consumers);
  take_on(connection, consumers);
  consumer_metrics.update(connection, consumers, clock.now());
}

void Outbox::Impl::tell_interest(const std::vector<Consumer>& consumers) {
  EventKinds bodies;
  bool idle = false;
  bool anybody = false;
  for (const auto& consumer : consumers) {
    if (!consumer.enabled) continue;
    if (consumer.bodies) bodies.add(kinds_of(consumer));
    idle = idle || kinds_of(consumer).has(EventKind::idle);
    anybody = anybody || consumer.kind == ConsumerKind::webhook;
  }
  interest.want(bodies, idle);
  if (anybody == listening) return;
  listening = anybody;
  interest.on_ring(anybody ? std::function<void()>([this] { wake(); }) : nullptr);
}

/// Webhooks that are gone, disabled or changed.
void Outbox::Impl::retire(pg::Connection& connection, const std::vector<Consumer>& consumers) {
  std::erase_if(runners, [&](const auto& entry) {
    const auto& [id, runner] = entry;
    const auto found = std::ranges::find(consumers, id, &Consumer::id);
    if (found != consumers.end() && found->enabled && found->revision == runner->revision()) return false;
    if (found != consumers.end()) runner->store(connection);
    runner->stop();
    connection.exec(kUnlockConsumer, id);
    return true;
  });
}

void Outbox::Impl::take_on(pg::Connection& connection, const std::vector<Consumer>& consumers) {
  for (const auto& consumer : consumers) {
    if (consumer.kind != ConsumerKind::webhook || !consumer.enabled || runners.contains(consumer.id))
      continue;
    if (!connection.exec(kLockConsumer, consumer.id)[0].get<bool>(0)) continue;
    // As it is stored now that it is ours: another process may just have moved it.
    if (const auto webhook = find_consumer(connection, consumer.name);
        webhook && webhook->id == consumer.id) {
      run_webhook(connection, *webhook);
    }
    if (!runners.contains(consumer.id)) {
      connection.exec(kUnlockConsumer, consumer.id);
      continue;
    }
    // One at a time, so that processes that start together share them.
    looked_at -= options.refresh - options.poll;
    return;
  }
}

void Outbox::Impl::run_webhook(pg::Connection& connection, const Consumer& webhook) {
  auto runner = WebhookRunner::make(io.get_executor(), webhook, read_event_log(connection), options.delivery,
                                    options.timeout,
                                    {.interest = interest,
                                     .secrets = secrets,
                                     .clock = clock,
                                     .log = log,
                                     .metrics = metrics,
                                     .wake = [this] { wake(); }});
  if (!runner) {
    log.error("a webhook cannot run", {{"webhook", webhook.name}, {"error", runner.error().message}});
    return;
  }
  (*runner)->take_over(connection);
  runners[webhook.id] = std::move(*runner);
}

void Outbox::Impl::forget_all() {
  for (const auto& [id, runner] : runners) runner->stop();
  runners.clear();
}

void Outbox::Impl::store_all() {
  auto* connection = keeper.get();
  if (connection == nullptr) return;
  try {
    for (const auto& [id, runner] : runners) runner->store(*connection);
  } catch (const pg::SqlError& error) {
    log.warning("the last deliveries could not be noted: they will be made again", {{"error", error.what()}});
  }
}

Outbox::Outbox(OutboxOptions options, EventInterest& interest, const crypto::SecretBox& secrets,
               const Clock& clock, Logger& log, Metrics& metrics)
    : impl_(std::make_unique<Impl>(std::move(options), interest, secrets, clock, log, metrics)) {}

Outbox::~Outbox() = default;

void Outbox::refresh() {
  impl_->refresh_now = true;
  impl_->wake();
}

}  // namespace mooring::core

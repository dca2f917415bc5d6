// SPDX-License-Identifier: Apache-2.0
#include "core/push_topic.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <unordered_map>

#include "base/encoding.hpp"

namespace mooring::core {
namespace {

namespace asio = boost::asio;
using std::chrono::milliseconds;

constexpr std::size_t kPushBatch = 500;
constexpr std::size_t kPushWorthwhile = 64;            // free streams: a batch costs a statement
constexpr Duration kLongestSleep = milliseconds(250);  // a clock may be moved by hand
constexpr Duration kDatabasePause = std::chrono::seconds(1);
constexpr Duration kServiceFirst = std::chrono::seconds(1);
constexpr Duration kServiceMost = std::chrono::minutes(5);
constexpr int kDeviceAttempts = 4;  // then it is the schedule's turn

// Only the token that was pushed to: another may have come meanwhile.
constexpr pg::Statement kBuryTokens{"push_bury_tokens", R"(
update enrollments e set push_token = null from unnest($1::int8[], $2::bytea[]) as t(id, token)
where e.id = t.id and e.push_token = t.token)"};

Duration service_backoff(int attempts, double jitter) {
  Duration wait = kServiceFirst;
  for (int i = 1; i < attempts && wait < kServiceMost; ++i) wait *= 4;
  wait = std::min(wait, kServiceMost);
  return wait + Duration{static_cast<std::int64_t>(static_cast<double>(wait.count()) * 0.25 * jitter)};
}

std::unexpected<Error> failed_push(PushVerdict verdict, int status, const std::string& reason) {
  if (verdict == PushVerdict::token_dead) {
    return fail(
        Failure::conflict, "push.unregistered",
        fmt::format("the push service no longer knows the device's token ({} {}): it is not pushed until its "
                    "next TokenUpdate",
                    status, reason));
  }
  if (verdict == PushVerdict::refused) {
    return fail(Failure::unavailable, "push.certificate_refused",
                fmt::format("the push service refuses the push certificate: {} {}", status, reason));
  }
  return fail(Failure::unavailable, "push.refused",
              fmt::format("the push service answered {} {}", status, reason));
}

}  // namespace

PushTopic::PushTopic(std::string name, std::shared_ptr<PushShared> shared)
    : name_(std::move(name)), shared_(std::move(shared)), timer_(shared_->executor) {}

void PushTopic::add(const QueuedPush& push) {
  queue_.add(push);
  report_waiting();
  start();
}

void PushTopic::start() {
  if (stopped_) return;
  if (std::exchange(running_, true)) return wake();
  asio::co_spawn(shared_->executor, run(shared_from_this()), asio::detached);
}

void PushTopic::stop() {
  stopped_ = true;
  wake();
  if (const auto client = std::exchange(client_, nullptr)) client->close();
}

Task<> PushTopic::run(std::shared_ptr<PushTopic> self) {
  while (!self->stopped_ && self->queue_.size() > 0) {
    if (const auto wait = self->hindrance(self->shared_->clock.now())) {
      co_await self->sleep(*wait);
    } else {
      co_await self->send_batch();
    }
  }
  self->running_ = false;
}

std::size_t PushTopic::room() const {
  const auto& options = shared_->options;
  const std::size_t own = options.in_flight > in_flight_ ? options.in_flight - in_flight_ : 0;
  return client_ ? std::min(own, client_->room()) : own;
}

/// What keeps the next batch back, as a time to wait; whatever changes meanwhile wakes.
std::optional<Duration> PushTopic::hindrance(Time now) {
  const auto due = queue_.next_due(now);
  if (due && *due > now) return *due - now;
  if (no_certificate_until_ && *no_certificate_until_ > now) return *no_certificate_until_ - now;
  const auto state = breaker_.state(now);
  if (state == CircuitBreaker::State::open) return kLongestSleep;
  if (state == CircuitBreaker::State::half_open && in_flight_ > 0) return kLongestSleep;
  const auto free = room();
  if (free < std::min(kPushWorthwhile, queue_.size()) && in_flight_ > 0) return kLongestSleep;
  if (shared_->rate.available(now) == 0) return milliseconds(10);
  return std::nullopt;
}

Task<> PushTopic::sleep(Duration most) {
  timer_.expires_after(std::min(most, kLongestSleep));
  boost::system::error_code woken;
  co_await timer_.async_wait(asio::redirect_error(asio::use_awaitable, woken));
}

void PushTopic::put_back(const std::vector<QueuedPush>& batch) {
  for (const auto& push : batch) queue_.add(push);
}

Task<> PushTopic::send_batch() {
  const auto self = shared_from_this();
  const auto now = shared_->clock.now();
  std::size_t most = std::min({kPushBatch, std::max<std::size_t>(room(), 1), shared_->rate.available(now)});
  if (breaker_.state(now) == CircuitBreaker::State::half_open) most = 1;
  auto batch = queue_.take(most, now);
  shared_->rate.spend(batch.size());
  std::vector<std::pair<QueuedPush, PushTarget>> ready;
  const bool loaded = co_await load_batch(std::move(batch), ready);
  report_waiting();
  if (!loaded || stopped_ || ready.empty()) co_return;
  if (breaker_.state(shared_->clock.now()) == CircuitBreaker::State::half_open) breaker_.probing();
  for (auto& [push, target] : ready) send(std::move(target), push, nullptr);
}

/// False where nothing can be sent now; the batch is back in the queue then.
Task<bool> PushTopic::load_batch(std::vector<QueuedPush> batch,
                                 std::vector<std::pair<QueuedPush, PushTarget>>& out) {
  std::vector<std::int64_t> ids;
  ids.reserve(batch.size());
  for (const auto& push : batch) ids.push_back(push.enrollment);
  auto targets = co_await load_push_targets(shared_->pool, std::move(ids));
  if (!targets) {
    shared_->log.warning("push tokens could not be read", {{"error", targets.error().message}});
    put_back(batch);
    co_await sleep(kDatabasePause);
    co_return false;
  }
  if (!targets->empty()) {
    const bool told = told_no_certificate_;
    if (const auto prepared = co_await prepare(targets->front().revision); !prepared) {
      if (!told) shared_->metrics.no_certificate(batch.size());
      put_back(batch);
      co_return false;
    }
  }
  std::unordered_map<std::int64_t, QueuedPush> asked;
  for (const auto& push : batch) asked.emplace(push.enrollment, push);
  for (auto& target : *targets) {
    const auto found = asked.find(target.enrollment);
    // A device that moved to another topic meanwhile is the other topic's, when it is next asked for.
    if (found == asked.end() || target.topic != name_) continue;
    out.emplace_back(found->second, std::move(target));
    asked.erase(found);
  }
  shared_->metrics.unpushable(asked.size());
  co_return true;
}

/// Makes sure that the client shows the certificate of `revision`.
Task<Result<>> PushTopic::prepare(std::int64_t revision) {
  const bool needs_none = shared_->options.url.starts_with("http://");
  if (client_ && (needs_none || revision == revision_)) co_return Result<>();
  http2::ClientOptions options{.tls = {.trust = shared_->options.trust, .identity = {}},
                               .request_timeout = shared_->options.timeout,
                               .ping_after = shared_->options.ping_after};
  if (!needs_none) {
    pg::Pool::Body<PushCredential> body = [this, self = shared_from_this()](pg::Connection& connection) {
      return load_push_credential(connection, shared_->secrets, name_);
    };
    auto credential = co_await shared_->pool.run<PushCredential>(std::move(body));
    if (!credential) {
      no_certificate_until_ = shared_->clock.now() + shared_->options.certificate_poll;
      if (!std::exchange(told_no_certificate_, true)) {
        shared_->log.warning("devices cannot be pushed",
                             {{"topic", name_}, {"error", credential.error().message}});
      }
      client_.reset();
      revision_ = 0;
      co_return std::unexpected(credential.error());
    }
    // Another coroutine may have been here meanwhile: one connection is enough.
    if (client_ && credential->revision == revision_) co_return Result<>();
    options.tls.identity = credential->identity;
    revision_ = credential->revision;
    alarm_ = credential->failed ? "unknown" : "";
  }
  // Requests that are under way hold the client that they use.
  client_ = std::make_shared<http2::Client>(shared_->executor, shared_->options.url, std::move(options));
  ++client_number_;
  connections_seen_ = 0;
  no_certificate_until_.reset();
  told_no_certificate_ = false;
  breaker_.succeeded();
  if (!needs_none) shared_->log.info("push certificate in use", {{"topic", name_}, {"revision", revision_}});
  co_return Result<>();
}

Task<> PushTopic::push_now(std::shared_ptr<PushTopic> self, std::vector<PushTarget> targets, NowDone done) {
  const auto prepared = co_await self->prepare(targets.front().revision);
  if (!prepared) self->shared_->metrics.no_certificate(targets.size());
  for (auto& target : targets) {
    const auto enrollment = target.enrollment;
    const auto state = self->breaker_.state(self->shared_->clock.now());
    if (!prepared || self->stopped_) {
      done(enrollment, prepared ? fail(Failure::unavailable, "push.unavailable", "the server is stopping")
                                : std::unexpected(prepared.error()));
    } else if (state == CircuitBreaker::State::open) {
      done(enrollment, self->broken());
    } else {
      if (state == CircuitBreaker::State::half_open) self->breaker_.probing();
      self->queue_.remove(enrollment);
      self->shared_->rate.spend(1);
      self->send(std::move(target), {.enrollment = enrollment, .lane = PushLane::urgent},
                 [done, enrollment](Result<std::string> apns_id) { done(enrollment, std::move(apns_id)); });
    }
  }
  self->report_waiting();
}

std::unexpected<Error> PushTopic::broken() const {
  return fail(Failure::unavailable, "push.unavailable",
              fmt::format("the push service has been failing: it is tried again at {}{}",
                          to_rfc3339(breaker_.retry_at()), alarm_.empty() ? "" : " (" + alarm_ + ")"));
}

void PushTopic::report_waiting() {
  shared_->metrics.waiting(static_cast<double>(queue_.size()) - static_cast<double>(reported_waiting_));
  reported_waiting_ = queue_.size();
}

http::Request PushTopic::request_for(const PushTarget& target) const {
  http::Request request;
  request.method = "POST";
  request.target = "/3/device/" + to_hex(target.token);
  request.headers.add("apns-topic", name_);
  request.headers.add("apns-push-type", "mdm");
  request.headers.add("apns-priority", "10");
  const auto expires =
      std::chrono::floor<std::chrono::seconds>(shared_->clock.now() + shared_->options.expiration);
  request.headers.add("apns-expiration", std::to_string(expires.time_since_epoch().count()));
  request.headers.add("content-type", "application/json");
  request.body = push_body(target.magic);
  return request;
}

void PushTopic::send(PushTarget target, QueuedPush push, Done done) {
  ++in_flight_;
  auto request = request_for(target);
  client_->send(std::move(request), [self = shared_from_this(), client = client_, number = client_number_,
                                     push, target = std::move(target),
                                     done = std::move(done)](Result<http::Response> response) mutable {
    --self->in_flight_;
    const auto connections = client->stats().connections;
    if (number == self->client_number_ && connections > self->connections_seen_) {
      self->connections_seen_ = connections;
      self->shared_->metrics.connected();
    }
    self->answered(target, push, std::move(done), std::move(response), number << 32U | connections);
    self->wake();
  });
}

void PushTopic::answered(const PushTarget& target, QueuedPush push, Done done,
                         Result<http::Response> response, std::uint64_t incident) {
  if (!response) return unreachable(push, std::move(done), response.error(), incident);
  const auto judgement = judge_push({.status = response->status,
                                     .body = response->body,
                                     .retry_after = response->headers.get("retry-after")},
                                    target.token_updated_at, shared_->clock.now());
  shared_->metrics.judged(judgement);
  if (judgement.verdict == PushVerdict::accepted) {
    breaker_.succeeded();
    clear_alarm();
    if (done) done(std::string(response->headers.get("apns-id")));
    return;
  }
  judged(target, push, std::move(done), judgement, response->status);
}

void PushTopic::unreachable(QueuedPush push, Done done, const Error& error, std::uint64_t incident) {
  shared_->metrics.unreachable(error.code);
  const auto now = shared_->clock.now();
  if (error.code == "http2.certificate_refused") {
    raise_alarm(error.message);
    breaker_.refused(now, shared_->random.unit());
  } else if (error.code != "http2.closed") {
    shared_->log.debug("a push did not go out", {{"topic", name_}, {"error", error.message}});
    breaker_.failed(now, error.code == "http2.connection_lost" ? incident : 0, shared_->random.unit());
  }
  if (done) {
    const bool refused = error.code == "http2.certificate_refused";
    return done(
        fail(Failure::unavailable, refused ? "push.certificate_refused" : "push.unavailable", error.message));
  }
  again(push, service_backoff(push.attempts + 1, shared_->random.unit()));
}

void PushTopic::judged(const PushTarget& target, QueuedPush push, Done done, const PushJudgement& judgement,
                       int status) {
  const auto now = shared_->clock.now();
  const double jitter = shared_->random.unit();
  const std::string said = fmt::format("{} {}", status, judgement.reason);
  std::optional<Duration> wait;
  switch (judgement.verdict) {
    case PushVerdict::accepted:
      break;
    case PushVerdict::token_dead:
      bury(target);
      breaker_.succeeded();  // The service itself is well.
      break;
    case PushVerdict::device_waits:
      breaker_.succeeded();
      if (push.attempts + 1 < kDeviceAttempts)
        wait = push_backoff(push.attempts + 1, jitter, judgement.retry_after);
      break;
    case PushVerdict::service_waits:
      breaker_.failed(now, 0, jitter, judgement.retry_after);
      wait = service_backoff(push.attempts + 1, jitter);
      break;
    case PushVerdict::refused:
      raise_alarm(said);
      breaker_.refused(now, jitter);
      wait = service_backoff(push.attempts + 1, jitter);
      break;
    case PushVerdict::mistake:
      breaker_.succeeded();
      shared_->log.error("the push service calls our request wrong", {{"topic", name_}, {"answer", said}});
      break;
  }
  if (done) return done(failed_push(judgement.verdict, status, judgement.reason));
  if (wait) again(push, *wait);
}

void PushTopic::again(QueuedPush push, Duration wait) {
  ++push.attempts;
  push.not_before = shared_->clock.now() + wait;
  add(push);
}

void PushTopic::raise_alarm(const std::string& why) {
  if (alarm_ == why) return;
  alarm_ = why;
  shared_->log.error("THE PUSH SERVICE REFUSES THE PUSH CERTIFICATE: devices of its topic are not woken",
                     {{"topic", name_}, {"answer", why}});
  asio::co_spawn(shared_->executor, store_alarm(shared_from_this(), why), asio::detached);
}

void PushTopic::clear_alarm() {
  if (alarm_.empty()) return;
  alarm_.clear();
  shared_->log.info("the push service takes the push certificate again", {{"topic", name_}});
  asio::co_spawn(shared_->executor, store_alarm(shared_from_this(), ""), asio::detached);
}

Task<> PushTopic::store_alarm(std::shared_ptr<PushTopic> self, std::string why) {
  pg::Pool::Body<bool> body = [self, why = std::move(why)](pg::Connection& connection) {
    note_push_failure(connection, self->name_, self->revision_, why, self->shared_->clock.now());
    return Result<bool>(true);
  };
  co_await self->shared_->pool.run<bool>(std::move(body));
}

void PushTopic::bury(const PushTarget& target) {
  dead_.push_back(target);
  if (std::exchange(burying_, true)) return;
  asio::co_spawn(shared_->executor, bury_tokens(shared_from_this()), asio::detached);
}

/// Tokens that turn out dead while a statement runs share the next one.
Task<> PushTopic::bury_tokens(std::shared_ptr<PushTopic> self) {
  while (!self->dead_.empty()) {
    const auto dead = std::make_shared<std::vector<PushTarget>>(std::exchange(self->dead_, {}));
    pg::Pool::Body<bool> body = [dead](pg::Connection& connection) {
      std::vector<std::int64_t> ids;
      std::vector<pg::Bytes> tokens;
      for (const auto& target : *dead) {
        ids.push_back(target.enrollment);
        tokens.push_back({target.token});
      }
      connection.exec(kBuryTokens, ids, tokens);
      return Result<bool>(true);
    };
    const auto buried = co_await self->shared_->pool.run<bool>(std::move(body));
    if (!buried)
      self->shared_->log.warning("dead tokens could not be noted", {{"error", buried.error().message}});
  }
  self->burying_ = false;
}

}  // namespace mooring::core

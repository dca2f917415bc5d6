// SPDX-License-Identifier: Apache-2.0
#include "simulator/push_gateway.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <vector>

#include "base/crypto/crypto.hpp"
#include "base/http2/server.hpp"
#include "simulator/push_authority.hpp"
#include "simulator/push_rules.hpp"

namespace mooring::simulator {

namespace asio = boost::asio;

namespace {

http::Response rejected(const PushFailure& failure) {
  nlohmann::json body{{"reason", failure.reason}};
  if (failure.timestamp) {
    body["timestamp"] =
        std::chrono::duration_cast<std::chrono::milliseconds>(failure.timestamp->time_since_epoch()).count();
  }
  auto response = http::Response::text(failure.status, body.dump(), "application/json");
  response.headers.set("apns-id", crypto::Uuid::random().text());
  if (!failure.retry_after.empty()) response.headers.set("retry-after", failure.retry_after);
  return response;
}

}  // namespace

struct PushGateway::Impl {
  Impl(const asio::any_io_executor& on, PushGatewayOptions chosen, PushReceiver& to, const Clock& time)
      : executor(on),
        options(std::move(chosen)),
        receiver(to),
        clock(time),
        authority(time),
        timer(executor) {}

  static Task<http::Response> gone() { co_return rejected({503, "Shutdown"}); }
  static Task<http::Response> handle(std::shared_ptr<Impl> self, http::Request request);
  static Task<void> redeliver(std::shared_ptr<Impl> self);
  static Task<void> pause(asio::any_io_executor executor, std::chrono::milliseconds time);
  http2::Fate fate();
  std::optional<PushFailure> planned_failure(const std::string& token);
  http::Response answer(const Push& push, PushOutcome outcome, std::string id);
  std::vector<Push> waiting();
  void forget(const Push& push, PushOutcome outcome);
  const std::string& topic_of(const std::string& certificate);

  asio::any_io_executor executor;
  PushGatewayOptions options;
  PushReceiver& receiver;
  const Clock& clock;
  PushAuthority authority;
  asio::steady_timer timer;
  std::unique_ptr<http2::Server> server;
  std::map<std::string, std::string> topics;  ///< By certificate.

  mutable std::mutex mutex;
  bool stopping = false;
  PushGatewaySnapshot counts;
  std::map<std::string, Push> stored;  ///< The latest by token, as APNs keeps one.
  std::optional<Push> latest;
  std::size_t failures_left = 0;
  PushFailure failure;
  std::map<std::string, PushFailure> failing_tokens;
  std::chrono::milliseconds answer_pause{0};
  std::size_t until_go_away = 0;
  std::size_t until_cut = 0;
};

/// Before anything else happens to a request.
http2::Fate PushGateway::Impl::fate() {
  const std::lock_guard lock(mutex);
  if (until_go_away > 0 && --until_go_away == 0) return http2::Fate::go_away;
  if (until_cut > 0 && --until_cut == 0) return http2::Fate::cut;
  ++counts.requests;
  return http2::Fate::answer;
}

std::optional<PushFailure> PushGateway::Impl::planned_failure(const std::string& token) {
  const std::lock_guard lock(mutex);
  const auto found = failing_tokens.find(token);
  if (found == failing_tokens.end() && failures_left == 0) return std::nullopt;
  ++counts.failed;
  if (found != failing_tokens.end()) return found->second;
  --failures_left;
  return failure;
}

const std::string& PushGateway::Impl::topic_of(const std::string& certificate) {
  const auto [found, is_new] = topics.try_emplace(certificate);
  if (is_new) {
    const auto read = crypto::Certificate::from_der(certificate);
    if (read) found->second = read->attribute("UID").value_or("");
  }
  return found->second;
}

Task<void> PushGateway::Impl::pause(asio::any_io_executor executor, std::chrono::milliseconds time) {
  asio::steady_timer wait(executor, time);
  boost::system::error_code ignored;
  co_await wait.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
}

Task<http::Response> PushGateway::Impl::handle(std::shared_ptr<Impl> self, http::Request request) {
  std::chrono::milliseconds wait{0};
  {
    const std::lock_guard lock(self->mutex);
    wait = self->answer_pause;
  }
  if (wait.count() > 0) co_await pause(self->executor, wait);
  const auto read = read_push(request, self->topic_of(request.peer_certificate));
  const auto* push = std::get_if<Push>(&read);
  if (const auto planned = self->planned_failure(push == nullptr ? "" : push->token))
    co_return rejected(*planned);
  if (push == nullptr) {
    const std::lock_guard lock(self->mutex);
    ++self->counts.rejected;
    const auto& wrong = std::get<PushRejection>(read);
    co_return rejected({wrong.status, wrong.reason});
  }
  const auto outcome = co_await self->receiver.push(push->token, push->magic);
  co_return self->answer(*push, outcome, std::string(request.headers.get("apns-id")));
}

http::Response PushGateway::Impl::answer(const Push& push, PushOutcome outcome, std::string id) {
  const std::lock_guard lock(mutex);
  if (outcome == PushOutcome::unknown || outcome == PushOutcome::unregistered) {
    ++counts.rejected;
    stored.erase(push.token);
    if (outcome == PushOutcome::unknown) return rejected({400, "BadDeviceToken"});
    return rejected({410, "Unregistered", "", clock.now()});
  }
  ++counts.accepted;
  latest = push;
  if (outcome == PushOutcome::delivered) {
    ++counts.delivered;
    stored.erase(push.token);
  } else if (push.expiration != 0) {
    stored[push.token] = push;
  }
  http::Response response;
  response.headers.set("apns-id", id.empty() ? crypto::Uuid::random().text() : std::move(id));
  return response;
}

/// Stored pushes that have not expired.
std::vector<Push> PushGateway::Impl::waiting() {
  const std::lock_guard lock(mutex);
  const auto now = std::chrono::duration_cast<std::chrono::seconds>(clock.now().time_since_epoch()).count();
  std::erase_if(stored, [&](const auto& entry) { return entry.second.expiration < now; });
  std::vector<Push> pushes;
  for (const auto& [token, push] : stored) pushes.push_back(push);
  return pushes;
}

void PushGateway::Impl::forget(const Push& push, PushOutcome outcome) {
  const std::lock_guard lock(mutex);
  stored.erase(push.token);
  if (outcome == PushOutcome::delivered) ++counts.delivered;
}

Task<void> PushGateway::Impl::redeliver(std::shared_ptr<Impl> self) {
  while (true) {
    self->timer.expires_after(self->options.redelivery);
    boost::system::error_code woken;
    co_await self->timer.async_wait(asio::redirect_error(asio::use_awaitable, woken));
    {
      const std::lock_guard lock(self->mutex);
      if (self->stopping) co_return;
    }
    for (const auto& push : self->waiting()) {
      const auto outcome = co_await self->receiver.push(push.token, push.magic);
      if (outcome != PushOutcome::offline) self->forget(push, outcome);
    }
  }
}

PushGateway::PushGateway(asio::any_io_executor executor, PushGatewayOptions options, PushReceiver& receiver,
                         const Clock& clock)
    : impl_(std::make_shared<Impl>(executor, std::move(options), receiver, clock)) {
  // The handler lives inside the server, which the state owns: a strong reference would be a circle.
  const std::weak_ptr weak(impl_);
  auto handler = [weak](http::Request request) -> Task<http::Response> {
    if (auto self = weak.lock()) return Impl::handle(std::move(self), std::move(request));
    return Impl::gone();
  };
  http2::ServerOptions server{
      .listen = impl_->options.listen,
      .identity = impl_->authority.server(impl_->options.listen.substr(0, impl_->options.listen.rfind(':'))),
      .client_trust = impl_->authority.root(),
      .max_streams = impl_->options.max_streams,
      .fate = [weak](const http::Request&) {
        const auto self = weak.lock();
        return self ? self->fate() : http2::Fate::cut;
      }};
  impl_->server = std::make_unique<http2::Server>(std::move(executor), std::move(server), std::move(handler));
}

PushGateway::~PushGateway() {
  impl_->server.reset();
  const std::lock_guard lock(impl_->mutex);
  impl_->stopping = true;
  asio::post(impl_->executor, [impl = impl_] { impl->timer.cancel(); });
}

Result<> PushGateway::start() {
  auto started = impl_->server->start();
  if (started) asio::co_spawn(impl_->executor, Impl::redeliver(impl_), asio::detached);
  return started;
}

std::string PushGateway::url() const { return impl_->server->url(); }
const std::string& PushGateway::trust() const { return impl_->authority.root(); }

std::string PushGateway::issue_certificate(const std::string& topic) const {
  return impl_->authority.push_certificate(topic, impl_->authority.in_a_year());
}

std::string PushGateway::issue_certificate(const std::string& topic, Time not_after) const {
  return impl_->authority.push_certificate(topic, not_after);
}

Task<void> PushGateway::drain(std::chrono::milliseconds grace) {
  const auto impl = impl_;
  {
    const std::lock_guard lock(impl->mutex);
    impl->stopping = true;
  }
  impl->timer.cancel();
  co_await impl->server->drain(grace);
}

void PushGateway::fail_next(std::size_t count, PushFailure failure) {
  const std::lock_guard lock(impl_->mutex);
  impl_->failures_left = count;
  impl_->failure = std::move(failure);
}

void PushGateway::fail_token(const std::string& token, std::optional<PushFailure> failure) {
  const std::lock_guard lock(impl_->mutex);
  if (failure) {
    impl_->failing_tokens[token] = std::move(*failure);
  } else {
    impl_->failing_tokens.erase(token);
  }
}

void PushGateway::answer_after(std::chrono::milliseconds pause) {
  const std::lock_guard lock(impl_->mutex);
  impl_->answer_pause = pause;
}

void PushGateway::go_away() {
  asio::post(impl_->executor, [impl = impl_] {
    if (impl->server) impl->server->go_away();
  });
}

void PushGateway::go_away_before(std::size_t nth) {
  const std::lock_guard lock(impl_->mutex);
  impl_->until_go_away = nth;
}

void PushGateway::cut() {
  asio::post(impl_->executor, [impl = impl_] {
    if (impl->server) impl->server->cut();
  });
}

void PushGateway::cut_before(std::size_t nth) {
  const std::lock_guard lock(impl_->mutex);
  impl_->until_cut = nth;
}

void PushGateway::set_max_streams(std::uint32_t count) {
  asio::post(impl_->executor, [impl = impl_, count] {
    if (impl->server) impl->server->set_max_streams(count);
  });
}

PushGatewaySnapshot PushGateway::snapshot() const {
  const std::lock_guard lock(impl_->mutex);
  auto copy = impl_->counts;
  copy.stored = impl_->stored.size();
  copy.connections = impl_->server->connections();
  return copy;
}

std::optional<Push> PushGateway::last() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->latest;
}

}  // namespace mooring::simulator

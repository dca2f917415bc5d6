// SPDX-License-Identifier: Apache-2.0
#include "simulator/push_gateway.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <charconv>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <variant>
#include <vector>

#include "base/crypto/crypto.hpp"
#include "base/encoding.hpp"

namespace mooring::simulator {

namespace asio = boost::asio;

namespace {

constexpr std::size_t kPayloadLimit = 4096;

struct Rejection {
  int status;
  const char* reason;
};

http::Response rejected(int status, const std::string& reason, std::optional<Time> since = std::nullopt) {
  nlohmann::json body{{"reason", reason}};
  if (since) {
    body["timestamp"] =
        std::chrono::duration_cast<std::chrono::milliseconds>(since->time_since_epoch()).count();
  }
  auto response = http::Response::text(status, body.dump(), "application/json");
  response.headers.set("apns-id", crypto::Uuid::random().text());
  return response;
}

std::int64_t to_number(std::string_view text) {
  std::int64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

/// The rules of APNs in the order in which it applies them.
std::variant<Push, Rejection> read_push(const http::Request& request) {
  const auto token = from_hex(request.param("token"));
  if (!token || token->size() != 32) return Rejection{400, "BadDeviceToken"};
  const auto topic = request.headers.get("apns-topic");
  if (topic.empty()) return Rejection{400, "MissingTopic"};
  const auto type = request.headers.get("apns-push-type");
  if (!type.empty() && type != "mdm") return Rejection{400, "InvalidPushType"};
  if (request.body.empty()) return Rejection{400, "PayloadEmpty"};
  if (request.body.size() > kPayloadLimit) return Rejection{413, "PayloadTooLarge"};
  const auto body = nlohmann::json::parse(request.body, nullptr, false);
  // APNs itself does not look for the magic, but a push without it would never reach anybody.
  if (!body.is_object() || !body.contains("mdm") || !body["mdm"].is_string())
    return Rejection{400, "PayloadEmpty"};
  return Push{.token = *token,
              .magic = body["mdm"].get<std::string>(),
              .topic = std::string(topic),
              .push_type = std::string(type),
              .priority = std::string(request.headers.get("apns-priority")),
              .expiration = to_number(request.headers.get("apns-expiration"))};
}

}  // namespace

struct PushGateway::Impl {
  Impl(const asio::any_io_executor& executor, PushGatewayOptions chosen, PushReceiver& to, const Clock& time)
      : strand(asio::make_strand(executor)),
        options(std::move(chosen)),
        receiver(to),
        clock(time),
        timer(strand) {}

  static Task<http::Response> gone() { co_return rejected(503, "Shutdown"); }
  static Task<http::Response> handle(std::shared_ptr<Impl> self, http::Request request);
  static Task<void> redeliver(std::shared_ptr<Impl> self);
  std::optional<http::Response> planned_failure();
  http::Response answer(const Push& push, PushOutcome outcome, std::string id);
  std::vector<Push> waiting();
  void forget(const Push& push, PushOutcome outcome);

  asio::strand<asio::any_io_executor> strand;
  PushGatewayOptions options;
  PushReceiver& receiver;
  const Clock& clock;
  asio::steady_timer timer;
  std::unique_ptr<http::Server> server;

  mutable std::mutex mutex;
  bool stopping = false;
  PushGatewaySnapshot counts;
  std::map<std::string, Push> stored;  ///< The latest by token, as APNs keeps one.
  std::optional<Push> latest;
  std::size_t failures_left = 0;
  int failure_status = 503;
  std::string failure_reason;
};

std::optional<http::Response> PushGateway::Impl::planned_failure() {
  const std::lock_guard lock(mutex);
  ++counts.requests;
  if (failures_left == 0) return std::nullopt;
  --failures_left;
  ++counts.failed;
  return rejected(failure_status, failure_reason);
}

Task<http::Response> PushGateway::Impl::handle(std::shared_ptr<Impl> self, http::Request request) {
  if (auto failure = self->planned_failure()) co_return std::move(*failure);
  const auto read = read_push(request);
  if (const auto* wrong = std::get_if<Rejection>(&read)) {
    const std::lock_guard lock(self->mutex);
    ++self->counts.rejected;
    co_return rejected(wrong->status, wrong->reason);
  }
  const auto& push = std::get<Push>(read);
  const auto outcome = co_await self->receiver.push(push.token, push.magic);
  co_return self->answer(push, outcome, std::string(request.headers.get("apns-id")));
}

http::Response PushGateway::Impl::answer(const Push& push, PushOutcome outcome, std::string id) {
  const std::lock_guard lock(mutex);
  if (outcome == PushOutcome::unknown || outcome == PushOutcome::unregistered) {
    ++counts.rejected;
    stored.erase(push.token);
    if (outcome == PushOutcome::unknown) return rejected(400, "BadDeviceToken");
    return rejected(410, "Unregistered", clock.now());
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
                         const Clock& clock, Logger& log, Metrics& metrics)
    : impl_(std::make_shared<Impl>(executor, std::move(options), receiver, clock)) {
  http::ServerOptions server{.name = "push_gateway", .listen = impl_->options.listen};
  // The handler lives inside the server, which the state owns: a strong reference would be a circle.
  auto handler = [weak = std::weak_ptr(impl_)](http::Request request) -> Task<http::Response> {
    if (auto self = weak.lock()) return Impl::handle(std::move(self), std::move(request));
    return Impl::gone();
  };
  std::vector<http::Route> routes;
  routes.push_back({.method = "POST", .pattern = "/3/device/{token}", .handler = std::move(handler)});
  impl_->server =
      std::make_unique<http::Server>(std::move(executor), std::move(server), std::move(routes), log, metrics);
}

PushGateway::~PushGateway() {
  impl_->server.reset();
  const std::lock_guard lock(impl_->mutex);
  impl_->stopping = true;
  asio::post(impl_->strand, [impl = impl_] { impl->timer.cancel(); });
}

Result<> PushGateway::start() {
  auto started = impl_->server->start();
  if (started) asio::co_spawn(impl_->strand, Impl::redeliver(impl_), asio::detached);
  return started;
}

std::string PushGateway::url() const { return impl_->server->url(); }

Task<void> PushGateway::drain(std::chrono::milliseconds grace) {
  const auto impl = impl_;
  {
    const std::lock_guard lock(impl->mutex);
    impl->stopping = true;
  }
  asio::post(impl->strand, [impl] { impl->timer.cancel(); });
  co_await impl->server->drain(grace);
}

void PushGateway::fail_next(std::size_t count, int status, std::string reason) {
  const std::lock_guard lock(impl_->mutex);
  impl_->failures_left = count;
  impl_->failure_status = status;
  impl_->failure_reason = std::move(reason);
}

PushGatewaySnapshot PushGateway::snapshot() const {
  const std::lock_guard lock(impl_->mutex);
  auto copy = impl_->counts;
  copy.stored = impl_->stored.size();
  return copy;
}

std::optional<Push> PushGateway::last() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->latest;
}

}  // namespace mooring::simulator

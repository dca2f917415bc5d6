// SPDX-License-Identifier: Apache-2.0
#include "base/http2/client.hpp"

#include <fmt/format.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <map>
#include <optional>

#include "base/http2/detail/client_session.hpp"
#include "base/http2/detail/tls.hpp"

namespace mooring::http2 {

namespace asio = boost::asio;
using boost::system::error_code;
using detail::ClientSession;
using detail::Exchange;
using detail::ExchangePtr;
using std::chrono::steady_clock;

namespace {

constexpr int kRefusals = 5;               // of one request
constexpr int kFruitless = 3;              // connections in a row that ended without an answer
constexpr std::size_t kAssumedRoom = 100;  // before the peer has said

struct Target {
  detail::Address address;
  std::string authority;
};

std::optional<Target> parse_target(std::string_view url) {
  Target target;
  target.address.tls = url.starts_with("https://");
  if (!target.address.tls && !url.starts_with("http://")) return std::nullopt;
  url.remove_prefix(target.address.tls ? 8 : 7);
  if (url.ends_with('/')) url.remove_suffix(1);
  if (url.empty() || url.find_first_of("/?#@ ") != std::string_view::npos) return std::nullopt;
  target.authority = url;
  const auto colon = url.rfind(':');
  const auto bracket = url.rfind(']');
  const bool has_port =
      colon != std::string_view::npos && (bracket == std::string_view::npos || colon > bracket);
  target.address.port = has_port ? url.substr(colon + 1) : target.address.tls ? "443" : "80";
  auto host = has_port ? url.substr(0, colon) : url;
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  target.address.host = host;
  const bool digits = target.address.port.find_first_not_of("0123456789") == std::string::npos;
  if (host.empty() || target.address.port.empty() || !digits) return std::nullopt;
  return target;
}

}  // namespace

struct Client::Impl : detail::SessionOwner, std::enable_shared_from_this<Client::Impl> {
  Impl(asio::any_io_executor on, std::string base_url, ClientOptions given)
      : executor(std::move(on)),
        url(std::move(base_url)),
        options(std::move(given)),
        target(parse_target(url)),
        timer(executor) {}

  void send(http::Request request, Done done);
  void dispatch();
  void connect();
  static Task<> connect(std::shared_ptr<Impl> self);
  void settle_timer(const std::shared_ptr<ClientSession>& fresh);
  void fail_pending(const Error& why);
  void set_timer();
  void expire();
  void close();
  Result<detail::SslContext> context();

  void finished(ExchangePtr exchange, Result<http::Response> result) override;
  void refused(ExchangePtr exchange) override;
  void changed(ClientSession& session) override;
  void ended(ClientSession& session, Error why) override;

  asio::any_io_executor executor;
  std::string url;
  ClientOptions options;
  std::optional<Target> target;
  std::optional<Result<detail::SslContext>> tls;
  asio::steady_timer timer;
  std::deque<ExchangePtr> pending;
  std::multimap<steady_clock::time_point, ExchangePtr> deadlines;
  std::shared_ptr<ClientSession> current;               ///< Takes requests, or will when it is ready.
  std::vector<std::shared_ptr<ClientSession>> leaving;  ///< Finish what they have.
  std::uint64_t connections = 0;
  int fruitless = 0;
  bool connecting = false;
  bool dispatch_posted = false;
  bool timer_set = false;
  bool closed = false;
};

void Client::Impl::send(http::Request request, Done done) {
  auto exchange = std::make_shared<Exchange>();
  exchange->request = std::move(request);
  exchange->done = std::move(done);
  exchange->deadline = steady_clock::now() + options.request_timeout;
  deadlines.emplace_hint(deadlines.end(), exchange->deadline, exchange);
  pending.push_back(std::move(exchange));
  set_timer();
  if (dispatch_posted) return;
  dispatch_posted = true;
  asio::post(executor, [self = shared_from_this()] {
    self->dispatch_posted = false;
    self->dispatch();
  });
}

void Client::Impl::dispatch() {
  const auto self = shared_from_this();
  while (!pending.empty() && !closed) {
    if (pending.front()->over) {
      pending.pop_front();
      continue;
    }
    if (!current) return connect();
    if (current->room() == 0) return;
    auto next = std::move(pending.front());
    pending.pop_front();
    current->submit(std::move(next));
  }
  if (closed) fail_pending({Failure::unavailable, "http2.closed", "the connection was given up here"});
}

Result<detail::SslContext> Client::Impl::context() {
  if (!target) {
    return fail(Failure::invalid, "http2.url",
                fmt::format("\"{}\" is not of the form https://host:port", url));
  }
  if (!target->address.tls) return detail::SslContext{};
  if (!tls) tls = detail::client_context(options.tls);
  return *tls;
}

void Client::Impl::connect() {
  if (connecting) return;
  connecting = true;
  asio::co_spawn(executor, connect(shared_from_this()), asio::detached);
}

Task<> Client::Impl::connect(std::shared_ptr<Impl> self) {
  const auto context = self->context();
  Result<std::shared_ptr<detail::Transport>> transport = std::unexpected(Error{});
  if (context) {
    transport = co_await detail::dial(self->target->address, *context, self->options.connect_timeout);
  } else {
    transport = std::unexpected(context.error());
  }
  self->connecting = false;
  if (!transport) {
    self->fail_pending(transport.error());
    co_return;
  }
  if (self->closed) {
    (*transport)->close();
    co_return;
  }
  ++self->connections;
  self->current = std::make_shared<ClientSession>(
      std::move(*transport), self->executor, self->options, self->target->authority,
      self->target->address.tls ? "https" : "http", std::weak_ptr<detail::SessionOwner>(self));
  self->settle_timer(self->current);
  self->current->start();
}

/// A peer that accepts a connection and then says nothing is no better than one that does not accept.
void Client::Impl::settle_timer(const std::shared_ptr<ClientSession>& fresh) {
  const auto limit = std::make_shared<asio::steady_timer>(executor, options.connect_timeout);
  limit->async_wait([limit, weak = std::weak_ptr(fresh), name = url](const error_code& ec) {
    const auto session = weak.lock();
    if (ec || !session || session->ready() || session->leaving()) return;
    session->end({Failure::unavailable, "http2.connect", name + " accepts connections and says nothing"});
  });
}

void Client::Impl::finished(ExchangePtr exchange, Result<http::Response> result) {
  if (exchange->over) return;
  exchange->over = true;
  if (result) fruitless = 0;
  auto [first, last] = deadlines.equal_range(exchange->deadline);
  for (; first != last; ++first) {
    if (first->second == exchange) {
      deadlines.erase(first);
      break;
    }
  }
  auto done = std::move(exchange->done);
  done(std::move(result));
}

void Client::Impl::refused(ExchangePtr exchange) {
  if (exchange->over) return;
  if (++exchange->refusals > kRefusals) {
    return finished(std::move(exchange),
                    fail(Failure::unavailable, "http2.stream", fmt::format("{} takes no request", url)));
  }
  pending.push_front(std::move(exchange));
}

void Client::Impl::changed(ClientSession& session) {
  if (session.leaving() && current.get() == &session) leaving.push_back(std::exchange(current, nullptr));
  dispatch();
}

void Client::Impl::ended(ClientSession& session, Error why) {
  std::erase_if(leaving, [&](const auto& other) { return other.get() == &session; });
  if (session.answers() == 0) ++fruitless;
  if (current.get() == &session) {
    const bool settled = session.settled();
    current.reset();
    if (!settled || fruitless >= kFruitless) {
      fruitless = 0;
      return fail_pending(why);
    }
  }
  dispatch();
}

void Client::Impl::fail_pending(const Error& why) {
  const auto self = shared_from_this();
  for (auto& exchange : std::exchange(pending, {})) finished(std::move(exchange), std::unexpected(why));
}

void Client::Impl::set_timer() {
  if (timer_set || deadlines.empty()) return;
  timer_set = true;
  timer.expires_at(deadlines.begin()->first);
  timer.async_wait([weak = weak_from_this()](const error_code& ec) {
    const auto self = weak.lock();
    if (!self) return;
    self->timer_set = false;
    if (ec) return;
    self->expire();
    self->set_timer();
  });
}

void Client::Impl::expire() {
  const auto now = steady_clock::now();
  while (!deadlines.empty() && deadlines.begin()->first <= now) {
    const auto late = deadlines.begin()->second;
    if (late->stream != 0) {
      if (current) current->cancel(late);
      for (const auto& session : leaving) session->cancel(late);
    }
    finished(late, fail(Failure::timeout, "http2.timeout",
                        fmt::format("no answer from {} within {} ms", url, options.request_timeout.count())));
  }
}

void Client::Impl::close() {
  const auto self = shared_from_this();
  const Error why{Failure::unavailable, "http2.closed", "the connection was given up here"};
  closed = true;
  timer.cancel();
  if (const auto session = std::exchange(current, nullptr)) session->end(why);
  for (const auto& session : std::exchange(leaving, {})) session->end(why);
  fail_pending(why);
}

Client::Client(asio::any_io_executor executor, std::string base_url, ClientOptions options)
    : impl_(std::make_shared<Impl>(std::move(executor), std::move(base_url), std::move(options))) {}

Client::~Client() { impl_->close(); }

void Client::send(http::Request request, Done done) { impl_->send(std::move(request), std::move(done)); }

Task<Result<http::Response>> Client::send(http::Request request) {
  return suspend<Result<http::Response>>(
      [impl = impl_, request = std::move(request)](Completion<Result<http::Response>> done) mutable {
        impl->send(std::move(request), std::move(done));
      });
}

std::size_t Client::room() const {
  const std::size_t open = impl_->current ? impl_->current->room() : 0;
  const bool settled = impl_->current && impl_->current->settled();
  const std::size_t allowed = settled ? open : std::min(kAssumedRoom, impl_->options.max_streams);
  return allowed > impl_->pending.size() ? allowed - impl_->pending.size() : 0;
}

ClientStats Client::stats() const {
  std::size_t active = impl_->current ? impl_->current->active() : 0;
  for (const auto& session : impl_->leaving) active += session->active();
  return {.connections = impl_->connections, .active = active, .pending = impl_->pending.size()};
}

void Client::close() { impl_->close(); }

}  // namespace mooring::http2

// SPDX-License-Identifier: Apache-2.0
#include "base/http/server.hpp"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/http/detail/session.hpp"

namespace mooring::http {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

namespace {

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
constexpr milliseconds kNoticeEvery{10000};

struct HostPort {
  std::string host;
  std::string port;
};

std::optional<HostPort> split_host_port(const std::string& text) {
  const auto colon = text.rfind(':');
  if (colon == std::string::npos || colon + 1 == text.size()) return std::nullopt;
  std::string host = text.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string::npos) {
    return std::nullopt;  // An IPv6 address without brackets: where does the port begin?
  }
  const std::string port = text.substr(colon + 1);
  const bool digits = std::ranges::all_of(port, [](char c) { return c >= '0' && c <= '9'; });
  if (!digits || port.size() > 5 || std::stoul(port) > 65535) return std::nullopt;
  return HostPort{host.empty() ? "0.0.0.0" : host, port};
}

bool is_shortage(const error_code& ec) {
  return ec == asio::error::no_descriptors || ec == asio::error::no_buffer_space ||
         ec == asio::error::no_memory || ec == boost::system::errc::too_many_files_open_in_system;
}

Task<void> serve_connection(std::shared_ptr<detail::Listener> listener, tcp::socket socket) {
  detail::Session session(std::move(listener), std::move(socket));
  co_await session.serve();
}

}  // namespace

struct Server::Impl : std::enable_shared_from_this<Server::Impl> {
  Impl(asio::any_io_executor on, ServerOptions given, std::vector<Route> routes, Logger& log,
       Metrics& metrics)
      : executor(std::move(on)),
        acceptor(executor),
        sweep(executor),
        listener(std::make_shared<detail::Listener>(executor, std::move(given), std::move(routes), log,
                                                    metrics)) {}

  Result<> bind();
  Result<> refused(const std::string& why) const;
  void stop_accepting();
  void accepted(tcp::socket socket);
  void notice_rarely(std::string_view message, std::string_view detail);
  static Task<void> accept_loop(std::shared_ptr<Impl> self);
  static Task<void> sweep_loop(std::shared_ptr<Impl> self);
  static Task<void> drain(std::shared_ptr<Impl> self, milliseconds grace);
  milliseconds sweep_interval() const;
  void close_all();

  asio::any_io_executor executor;
  tcp::acceptor acceptor;
  asio::steady_timer sweep;
  std::shared_ptr<detail::Listener> listener;
  tcp::endpoint bound;
  bool running = false;
  steady_clock::time_point next_notice;
};

Result<> Server::Impl::refused(const std::string& why) const {
  const auto& options = listener->options;
  return fail(Failure::unavailable, "http.listen",
              "Cannot listen on \"" + options.listen + "\": " + why + ". Choose another address with --" +
                  options.name + "-listen, or stop what uses this one.");
}

Result<> Server::Impl::bind() {
  const auto where = split_host_port(listener->options.listen);
  if (!where) return refused("it is not host:port or [IPv6]:port");
  error_code ec;
  tcp::endpoint endpoint;
  const auto address = asio::ip::make_address(where->host, ec);
  if (!ec) {
    endpoint = {address, static_cast<std::uint16_t>(std::stoul(where->port))};
  } else {
    tcp::resolver resolver(executor);
    const auto found = resolver.resolve(where->host, where->port, tcp::resolver::passive, ec);
    if (ec || found.empty()) return refused("its host name has no address (" + ec.message() + ")");
    endpoint = found.begin()->endpoint();
  }
  acceptor.open(endpoint.protocol(), ec);
  if (!ec) acceptor.set_option(tcp::acceptor::reuse_address(true), ec);
  if (!ec && address.is_v6()) acceptor.set_option(asio::ip::v6_only(false), ec);
  if (!ec) acceptor.bind(endpoint, ec);
  if (!ec) acceptor.listen(tcp::acceptor::max_listen_connections, ec);
  if (!ec) bound = acceptor.local_endpoint(ec);
  if (!ec) return {};
  stop_accepting();
  return refused(ec.message());
}

void Server::Impl::stop_accepting() {
  error_code ignored;
  acceptor.close(ignored);
}

void Server::Impl::notice_rarely(std::string_view message, std::string_view detail) {
  const auto now = steady_clock::now();
  if (now < next_notice) return;
  next_notice = now + kNoticeEvery;
  listener->log.warning(
      message,
      {{"listener", listener->options.name}, {"connections", listener->sessions.size()}, {"detail", detail}});
}

void Server::Impl::accepted(tcp::socket socket) {
  if (listener->sessions.size() >= listener->options.max_connections) {
    notice_rarely("connection refused: limit of open connections reached", "");
    return;  // Closes it.
  }
  asio::co_spawn(executor, serve_connection(listener, std::move(socket)), asio::detached);
}

Task<void> Server::Impl::accept_loop(std::shared_ptr<Impl> self) {
  while (self->acceptor.is_open()) {
    auto [ec, socket] = co_await self->acceptor.async_accept(kAwait);
    if (!self->acceptor.is_open()) co_return;
    if (!ec) {
      self->accepted(std::move(socket));
    } else if (is_shortage(ec)) {
      // The connection stays in the kernel's queue: without a pause this would spin.
      self->notice_rarely("cannot accept connections", ec.message());
      asio::steady_timer pause(self->executor, milliseconds(100));
      co_await pause.async_wait(kAwait);
    }
  }
}

milliseconds Server::Impl::sweep_interval() const {
  const auto& o = listener->options;
  const auto shortest =
      std::min({o.header_timeout, o.body_timeout, o.write_timeout, o.idle_timeout, o.handler_timeout});
  return std::clamp(shortest / 8, milliseconds(5), milliseconds(500));
}

Task<void> Server::Impl::sweep_loop(std::shared_ptr<Impl> self) {
  const auto interval = self->sweep_interval();
  while (self->running) {
    self->sweep.expires_after(interval);
    co_await self->sweep.async_wait(kAwait);
    const auto now = steady_clock::now();
    for (auto* session : self->listener->sessions) session->check_deadline(now);
  }
}

void Server::Impl::close_all() {
  // Closing only starts things: sessions leave the set later, from the event loop.
  for (auto* session : listener->sessions) session->close();
  running = false;
  sweep.cancel();
}

Task<void> Server::Impl::drain(std::shared_ptr<Impl> self, milliseconds grace) {
  auto& listener = *self->listener;
  listener.draining = true;
  self->stop_accepting();
  for (auto* session : listener.sessions) session->begin_drain();
  const auto end = steady_clock::now() + grace;
  while (!listener.sessions.empty() && steady_clock::now() < end) {
    listener.all_closed.expires_at(end);
    co_await listener.all_closed.async_wait(kAwait);
  }
  self->close_all();
}

Server::Server(asio::any_io_executor executor, ServerOptions options, std::vector<Route> routes, Logger& log,
               Metrics& metrics)
    : impl_(
          std::make_shared<Impl>(std::move(executor), std::move(options), std::move(routes), log, metrics)) {}

Server::~Server() {
  impl_->stop_accepting();
  impl_->close_all();
  impl_->listener->draining = true;
  impl_->listener->abandoned = true;
}

Result<> Server::start() {
  if (const auto& mistake = impl_->listener->router.mistake(); !mistake.empty()) {
    return fail(Failure::internal, "http.routes", "The " + mistake + ".");
  }
  if (auto bound = impl_->bind(); !bound) return bound;
  impl_->running = true;
  asio::co_spawn(impl_->executor, Impl::accept_loop(impl_), asio::detached);
  asio::co_spawn(impl_->executor, Impl::sweep_loop(impl_), asio::detached);
  return {};
}

std::uint16_t Server::port() const { return impl_->bound.port(); }

std::string Server::url() const {
  const auto address = impl_->bound.address();
  std::string host = address.to_string();
  if (address.is_unspecified()) host = address.is_v6() ? "::1" : "127.0.0.1";
  if (address.is_v6()) host = "[" + host + "]";
  return (impl_->listener->options.tls ? "https://" : "http://") + host + ":" + std::to_string(port());
}

Task<void> Server::drain(milliseconds grace) { return Impl::drain(impl_, grace); }

}  // namespace mooring::http

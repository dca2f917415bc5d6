// SPDX-License-Identifier: Apache-2.0
#include "base/http2/server.hpp"

#include <fmt/format.h>

#include <atomic>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/http2/detail/server_session.hpp"
#include "base/http2/detail/tls.hpp"

namespace mooring::http2 {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using detail::ServerSession;

namespace {

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
constexpr std::chrono::milliseconds kDrainStep{10};

}  // namespace

struct Server::Impl : std::enable_shared_from_this<Server::Impl> {
  Impl(asio::any_io_executor on, ServerOptions given, http::Handler handle)
      : executor(std::move(on)),
        options(std::make_shared<ServerOptions>(std::move(given))),
        handler(std::make_shared<http::Handler>(std::move(handle))),
        acceptor(executor) {}

  Result<> listen();
  static Task<> accept(std::shared_ptr<Impl> self);
  static Task<> welcome(std::shared_ptr<Impl> self, tcp::socket socket);
  static Task<> drain(std::shared_ptr<Impl> self, std::chrono::milliseconds grace);
  std::vector<std::shared_ptr<ServerSession>> open();
  void close();

  asio::any_io_executor executor;
  std::shared_ptr<ServerOptions> options;
  std::shared_ptr<const http::Handler> handler;
  tcp::acceptor acceptor;
  detail::SslContext tls;
  std::vector<std::weak_ptr<ServerSession>> sessions;
  std::atomic<std::uint64_t> accepted{0};  // read from anywhere
  bool stopping = false;
};

Result<> Server::Impl::listen() {
  const auto colon = options->listen.rfind(':');
  error_code ec;
  const auto address = asio::ip::make_address(options->listen.substr(0, colon), ec);
  if (ec || colon == std::string::npos) {
    return fail(Failure::invalid, "http2.listen", fmt::format("\"{}\" is not address:port", options->listen));
  }
  const tcp::endpoint endpoint(address,
                               static_cast<std::uint16_t>(std::atoi(options->listen.c_str() + colon + 1)));
  acceptor.open(endpoint.protocol(), ec);
  if (!ec) acceptor.set_option(tcp::acceptor::reuse_address(true), ec);
  if (!ec) acceptor.bind(endpoint, ec);
  if (!ec) acceptor.listen(asio::socket_base::max_listen_connections, ec);
  if (!ec) return {};
  return fail(Failure::unavailable, "http2.listen",
              fmt::format("cannot listen on {}: {}", options->listen, ec.message()));
}

Task<> Server::Impl::accept(std::shared_ptr<Impl> self) {
  while (!self->stopping) {
    auto [ec, socket] = co_await self->acceptor.async_accept(kAwait);
    if (ec) {
      if (self->stopping || ec == asio::error::operation_aborted) co_return;
      continue;
    }
    asio::co_spawn(self->executor, welcome(self, std::move(socket)), asio::detached);
  }
}

Task<> Server::Impl::welcome(std::shared_ptr<Impl> self, tcp::socket socket) {
  auto transport = co_await detail::welcome(std::move(socket), self->tls, self->options->handshake_timeout);
  if (!transport || self->stopping) co_return;
  ++self->accepted;
  auto session =
      std::make_shared<ServerSession>(std::move(*transport), self->executor, self->options, self->handler);
  std::erase_if(self->sessions, [](const auto& old) { return old.expired(); });
  self->sessions.push_back(session);
  session->start();
}

std::vector<std::shared_ptr<ServerSession>> Server::Impl::open() {
  std::vector<std::shared_ptr<ServerSession>> alive;
  for (const auto& weak : sessions) {
    if (auto session = weak.lock(); session && !session->closed()) alive.push_back(std::move(session));
  }
  return alive;
}

void Server::Impl::close() {
  stopping = true;
  error_code ignored;
  acceptor.close(ignored);
  for (const auto& session : open()) session->close();
}

Task<> Server::Impl::drain(std::shared_ptr<Impl> self, std::chrono::milliseconds grace) {
  self->stopping = true;
  error_code ignored;
  self->acceptor.close(ignored);
  for (const auto& session : self->open()) session->go_away();
  const auto end = std::chrono::steady_clock::now() + grace;
  asio::steady_timer timer(self->executor);
  while (!self->open().empty() && std::chrono::steady_clock::now() < end) {
    timer.expires_after(kDrainStep);
    co_await timer.async_wait(kAwait);
  }
  self->close();
}

Server::Server(asio::any_io_executor executor, ServerOptions options, http::Handler handler)
    : impl_(std::make_shared<Impl>(std::move(executor), std::move(options), std::move(handler))) {}

Server::~Server() { impl_->close(); }

Result<> Server::start() {
  if (!impl_->options->identity.certificate_chain.empty()) {
    auto tls = detail::server_context(impl_->options->identity, impl_->options->client_trust);
    if (!tls) return std::unexpected(tls.error());
    impl_->tls = std::move(*tls);
  }
  if (auto listening = impl_->listen(); !listening) return listening;
  asio::co_spawn(impl_->executor, Impl::accept(impl_), asio::detached);
  return {};
}

std::uint16_t Server::port() const {
  error_code ignored;
  return impl_->acceptor.local_endpoint(ignored).port();
}

std::string Server::url() const {
  error_code ignored;
  const auto endpoint = impl_->acceptor.local_endpoint(ignored);
  return fmt::format("{}://{}:{}", impl_->tls ? "https" : "http", endpoint.address().to_string(),
                     endpoint.port());
}

void Server::go_away() {
  for (const auto& session : impl_->open()) session->go_away();
}

void Server::cut() {
  for (const auto& session : impl_->open()) session->close();
}

void Server::set_max_streams(std::uint32_t count) {
  impl_->options->max_streams = count;
  for (const auto& session : impl_->open()) session->set_max_streams(count);
}

std::uint64_t Server::connections() const { return impl_->accepted; }
std::size_t Server::open_connections() const { return impl_->open().size(); }

Task<> Server::drain(std::chrono::milliseconds grace) { return Impl::drain(impl_, grace); }

}  // namespace mooring::http2

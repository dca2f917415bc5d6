// SPDX-License-Identifier: Apache-2.0
#include "base/http/client.hpp"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <optional>
#include <span>
#include <tuple>
#include <utility>

#include "base/http/detail/parser.hpp"
#include "base/http/detail/tls_context.hpp"
#include "base/http/detail/transport.hpp"
#include "base/http/detail/wire.hpp"

namespace mooring::http {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using detail::Step;

namespace {

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
/// Room for body bytes beside a header of full size.
constexpr std::size_t kBufferSlack = std::size_t{64} * 1024;

struct BaseUrl {
  bool tls = false;
  std::string host;
  std::string port = "80";
  std::string authority;
};

std::optional<BaseUrl> parse_base_url(std::string_view text) {
  BaseUrl url;
  url.tls = text.starts_with("https://");
  if (!url.tls && !text.starts_with("http://")) return std::nullopt;
  text.remove_prefix(url.tls ? 8 : 7);
  if (url.tls) url.port = "443";
  if (text.ends_with('/')) text.remove_suffix(1);
  if (text.empty() || text.find_first_of("/?#@ ") != std::string_view::npos) return std::nullopt;
  url.authority = text;
  const auto bracket = text.rfind(']');
  const auto colon = text.rfind(':');
  if (colon != std::string_view::npos && (bracket == std::string_view::npos || colon > bracket)) {
    url.port = text.substr(colon + 1);
    text = text.substr(0, colon);
  }
  if (text.starts_with('[') && text.ends_with(']')) text = text.substr(1, text.size() - 2);
  url.host = text;
  const bool digits = std::ranges::all_of(url.port, [](char c) { return c >= '0' && c <= '9'; });
  if (url.host.empty() || url.port.empty() || !digits) return std::nullopt;
  return url;
}

}  // namespace

struct Client::Impl : std::enable_shared_from_this<Client::Impl> {
  Impl(asio::any_io_executor on, std::string base_url, ClientOptions given)
      : executor(std::move(on)),
        base(std::move(base_url)),
        url(parse_base_url(base)),
        options(std::move(given)),
        resolver(executor),
        transport(tcp::socket(executor)),
        timer(executor) {}

  static Task<Result<Response>> send(std::shared_ptr<Impl> self, Request request, ClientLimits limits,
                                     OnBody on_body);
  Task<Result<Response>> exchange();
  Task<Result<>> connect();
  Task<error_code> connect_tcp();
  Task<Result<>> start_tls();
  Task<error_code> write();
  Task<Result<Response>> read();
  Task<Step> read_response();
  Task<std::size_t> receive(std::span<char> room, error_code& ec);
  /// False where the reader of the body has had enough.
  bool hand_over_body();
  Result<> check(const Request& candidate) const;
  void start_timer();
  void close();
  Error broken(const error_code& ec, std::string_view during) const;

  asio::any_io_executor executor;
  std::string base;
  std::optional<BaseUrl> url;
  ClientOptions options;
  SslContext tls;  ///< Made for the first connection.
  tcp::resolver resolver;
  detail::Transport transport;
  asio::steady_timer timer;
  Request request;      ///< Under way.
  ClientLimits limits;  ///< Of the request.
  OnBody on_body;       ///< Empty: the whole body into the response.
  Response response;    ///< As far as it has come.
  detail::ResponseReader reader;
  detail::ReadBuffer buffer{kBufferSlack};
  std::string out;
  std::uint64_t sent = 0;  ///< Requests so far: a late timer of an earlier one is known by it.
  error_code last_error;   ///< Of the connection, for the message.
  bool got_bytes = false;  ///< Of the answer that is awaited.
  bool timed_out = false;
  bool busy = false;
  bool cancelled = false;  ///< close() came during a request: not a reason to connect again.
};

void Client::Impl::close() {
  resolver.cancel();
  transport.say_goodbye();
  transport.close();
  buffer.consume_to({});
}

void Client::Impl::start_timer() {
  timed_out = false;
  timer.expires_after(options.timeout);
  timer.async_wait([weak = weak_from_this(), mine = ++sent](const error_code& ec) {
    const auto self = weak.lock();
    if (ec || !self || self->sent != mine || !self->busy) return;
    self->timed_out = true;
    self->close();
  });
}

Result<> Client::Impl::check(const Request& candidate) const {
  if (!url) {
    return fail(Failure::invalid, "http.base_url",
                "\"" + base + "\" is not of the form http://host:port or https://host:port.");
  }
  if (!detail::is_sane_request_line(candidate)) {
    return fail(Failure::invalid, "http.request_line",
                "The request method or target is empty or holds white space or control characters.");
  }
  if (busy)
    return fail(Failure::internal, "http.client_busy", "This client has a request under way already.");
  return {};
}

Error Client::Impl::broken(const error_code& ec, std::string_view during) const {
  if (timed_out) {
    return {Failure::timeout, "http.timeout",
            "No answer from " + base + " within " + std::to_string(options.timeout.count()) + " ms."};
  }
  std::string why = ec ? ec.message() : "connection closed";
  if (const auto& reason = transport.tls_reason(); !reason.empty()) why += " (TLS: " + reason + ")";
  return {Failure::unavailable, "http.unavailable",
          "Could not " + std::string(during) + " " + base + ": " + why + "."};
}

Task<Result<Response>> Client::Impl::send(std::shared_ptr<Impl> self, Request request, ClientLimits limits,
                                          OnBody on_body) {
  if (auto checked = self->check(request); !checked) co_return std::unexpected(checked.error());
  self->busy = true;
  self->cancelled = false;
  self->request = std::move(request);
  self->limits = limits;
  self->buffer.allow(limits.header + kBufferSlack);
  self->on_body = std::move(on_body);
  self->start_timer();
  auto result = co_await self->exchange();
  if (!result) self->close();
  self->timer.cancel();
  self->request = {};  // A large body is not kept for as long as the connection.
  self->on_body = nullptr;
  self->busy = false;
  co_return result;
}

Task<Result<Response>> Client::Impl::exchange() {
  for (bool kept = transport.is_open();; kept = false) {
    if (!kept) {
      if (auto connected = co_await connect(); !connected) co_return std::unexpected(connected.error());
    }
    got_bytes = false;
    // A server may answer and close before it has read everything (413): what it said counts, so a failed
    // write is no reason not to read.
    const auto write_error = co_await write();
    auto result = co_await read();
    if (result) co_return result;
    if (!kept || got_bytes || timed_out || cancelled) {
      if (timed_out || got_bytes || !write_error) co_return result;
      co_return std::unexpected(broken(write_error, "send to"));
    }
    close();  // Kept, and closed by the server meanwhile: once more on a new connection.
  }
}

Task<Result<>> Client::Impl::connect() {
  close();
  const auto ec = co_await connect_tcp();
  if (ec || timed_out) co_return std::unexpected(broken(ec, "connect to"));
  error_code ignored;
  transport.socket().set_option(tcp::no_delay(true), ignored);
  transport.socket().non_blocking(true, ignored);
  if (url->tls) co_return co_await start_tls();
  co_return Result<>{};
}

Task<error_code> Client::Impl::connect_tcp() {
  error_code literal;
  const auto address = asio::ip::make_address(url->host, literal);
  error_code ec;
  if (!literal) {
    const auto port = static_cast<std::uint16_t>(std::min(std::stoul(url->port.substr(0, 6)), 65535UL));
    std::tie(ec) = co_await transport.socket().async_connect({address, port}, kAwait);
    co_return ec;
  }
  auto [resolve_error, found] = co_await resolver.async_resolve(url->host, url->port, kAwait);
  if (resolve_error) co_return resolve_error;
  if (timed_out) co_return error_code(asio::error::timed_out);
  tcp::endpoint used;
  std::tie(ec, used) = co_await asio::async_connect(transport.socket(), found, kAwait);
  co_return ec;
}

Task<Result<>> Client::Impl::start_tls() {
  if (!tls) {
    auto made = detail::make_client_context(options.tls);
    if (!made) co_return std::unexpected(made.error());
    tls = std::move(*made);
  }
  transport.start_client(tls.get(), url->host);
  for (;;) {
    auto ec = transport.handshake();
    if (!ec) co_return Result<>{};
    if (ec != asio::error::would_block) co_return std::unexpected(transport.tls_problem(base));
    std::tie(ec) = co_await transport.socket().async_wait(transport.wanted(), kAwait);
    if (ec || timed_out) co_return std::unexpected(broken(ec, "connect to"));
  }
}

Task<error_code> Client::Impl::write() {
  out.clear();
  detail::append_request_head(out, request, url->authority);
  std::string_view body = request.body;
  transport.coalesce(out, body);
  std::string_view head = out;
  for (;;) {
    auto ec = transport.write(head, body);
    if (ec != asio::error::would_block) co_return ec;
    std::tie(ec) = co_await transport.socket().async_wait(transport.wanted(), kAwait);
    if (ec) co_return ec;
  }
}

Task<Result<Response>> Client::Impl::read() {
  for (;;) {
    response = {};
    last_error = {};
    const Step step = co_await read_response();
    if (step == Step::complete) {
      if (response.status < 200) continue;  // 100 Continue and the like announce the answer.
      if (!reader.keep_alive()) close();
      buffer.shrink();
      co_return std::move(response);
    }
    if (step == Step::closed || timed_out)
      co_return std::unexpected(broken(last_error, "read the answer of"));
    if (step == Step::header_too_large || step == Step::body_too_large) {
      co_return fail(Failure::too_large, "http.response_too_large",
                     "The answer of " + base + " exceeds the limit of " +
                         (step == Step::body_too_large
                              ? std::to_string(limits.body) + " bytes for its body."
                              : std::to_string(limits.header) + " bytes for its header fields."));
    }
    co_return fail(Failure::unavailable, "http.bad_response",
                   "The answer of " + base + " is not well-formed HTTP/1.1.");
  }
}

Task<Step> Client::Impl::read_response() {
  const auto body_limit = on_body ? std::nullopt : std::optional(limits.body);
  reader.start(response, request.method == "HEAD", limits.header, body_limit);
  for (;;) {
    if (!buffer.empty()) {
      auto bytes = buffer.data();
      const Step step = reader.feed(bytes);
      buffer.consume_to(bytes);
      if (!hand_over_body()) {
        close();
        co_return Step::complete;
      }
      if (step != Step::need_more) co_return step;
    }
    const auto room = buffer.prepare();
    if (room.empty()) co_return Step::malformed;
    error_code ec;
    const auto count = co_await receive(room, ec);
    if (ec == asio::error::eof && reader.finish() == Step::complete) co_return Step::complete;
    if (ec) {
      last_error = ec;
      co_return Step::closed;
    }
    got_bytes = true;
    buffer.commit(count);
  }
}

bool Client::Impl::hand_over_body() {
  if (!on_body || response.body.empty()) return true;
  start_timer();
  const std::string piece = std::exchange(response.body, {});
  return on_body(piece);
}

Task<std::size_t> Client::Impl::receive(std::span<char> room, error_code& ec) {
  std::size_t count = 0;
  if (!transport.is_tls()) {
    std::tie(ec, count) =
        co_await transport.socket().async_read_some(asio::buffer(room.data(), room.size()), kAwait);
    co_return count;
  }
  for (;;) {
    count = transport.read_some(room, ec);
    if (ec != asio::error::would_block) co_return count;
    std::tie(ec) = co_await transport.socket().async_wait(transport.wanted(), kAwait);
    if (ec) co_return 0;
  }
}

Client::Client(asio::any_io_executor executor, std::string base_url, ClientOptions options)
    : impl_(std::make_shared<Impl>(std::move(executor), std::move(base_url), std::move(options))) {}

Client::Client(asio::any_io_executor executor, std::string base_url, std::chrono::milliseconds timeout)
    : Client(std::move(executor), std::move(base_url), ClientOptions{.timeout = timeout}) {}

Client::~Client() { close(); }

Task<Result<Response>> Client::send(Request request) {
  return Impl::send(impl_, std::move(request), impl_->options.limits, nullptr);
}

Task<Result<Response>> Client::send(Request request, ClientLimits limits) {
  return Impl::send(impl_, std::move(request), limits, nullptr);
}

Task<Result<Response>> Client::stream(Request request, OnBody on_body) {
  return Impl::send(impl_, std::move(request), impl_->options.limits, std::move(on_body));
}

void Client::close() {
  impl_->cancelled = true;
  impl_->close();
  impl_->timer.cancel();
}

namespace {

Task<void> send_once(Client* client, Request request, Result<Response>* result) {
  *result = co_await client->send(std::move(request));
}

}  // namespace

Result<Response> fetch(const std::string& base_url, Request request, ClientOptions options) {
  asio::io_context context(1);
  Client client(context.get_executor(), base_url, std::move(options));
  Result<Response> result = fail(Failure::internal, "http.fetch", "The request did not run.");
  asio::co_spawn(context, send_once(&client, std::move(request), &result), asio::detached);
  context.run();
  return result;
}

Result<Response> fetch(const std::string& base_url, Request request, std::chrono::milliseconds timeout) {
  return fetch(base_url, std::move(request), ClientOptions{.timeout = timeout});
}

}  // namespace mooring::http

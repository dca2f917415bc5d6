// SPDX-License-Identifier: Apache-2.0
#include "base/http/client.hpp"

#include <algorithm>
#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/http/detail/parser.hpp"
#include "base/http/detail/wire.hpp"

namespace mooring::http {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using detail::Step;

namespace {

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t kBufferLimit = std::size_t{128} * 1024;

struct BaseUrl {
  std::string host;
  std::string port = "80";
  std::string authority;
};

std::optional<BaseUrl> parse_base_url(std::string_view text) {
  constexpr std::string_view kScheme = "http://";
  if (!text.starts_with(kScheme)) return std::nullopt;
  text.remove_prefix(kScheme.size());
  if (text.ends_with('/')) text.remove_suffix(1);
  if (text.empty() || text.find_first_of("/?#@ ") != std::string_view::npos) return std::nullopt;
  BaseUrl url;
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
  Impl(asio::any_io_executor on, std::string base_url, std::chrono::milliseconds limit)
      : executor(std::move(on)),
        base(std::move(base_url)),
        url(parse_base_url(base)),
        timeout(limit),
        resolver(executor),
        socket(executor),
        timer(executor) {}

  static Task<Result<Response>> send(std::shared_ptr<Impl> self, Request request);
  Task<Result<Response>> exchange();
  Task<error_code> connect();
  Task<error_code> write();
  Task<Result<Response>> read();
  Task<Step> read_response();
  Result<> check(const Request& candidate) const;
  void start_timer();
  void close();
  Result<Response> broken(const error_code& ec, std::string_view during) const;

  asio::any_io_executor executor;
  std::string base;
  std::optional<BaseUrl> url;
  std::chrono::milliseconds timeout;
  tcp::resolver resolver;
  tcp::socket socket;
  asio::steady_timer timer;
  Request request;    ///< Under way.
  Response response;  ///< As far as it has come.
  detail::ResponseReader reader;
  detail::ReadBuffer buffer{kBufferLimit};
  std::string out;
  std::uint64_t sent = 0;  ///< Requests so far: a late timer of an earlier one is known by it.
  error_code last_error;   ///< Of the connection, for the message.
  bool got_bytes = false;  ///< Of the answer that is awaited.
  bool timed_out = false;
  bool busy = false;
  bool cancelled = false;  ///< close() came during a request: not a reason to connect again.
};

void Client::Impl::close() {
  error_code ignored;
  resolver.cancel();
  socket.close(ignored);
  buffer.consume_to({});
}

void Client::Impl::start_timer() {
  timed_out = false;
  timer.expires_after(timeout);
  timer.async_wait([weak = weak_from_this(), mine = ++sent](const error_code& ec) {
    const auto self = weak.lock();
    if (ec || !self || self->sent != mine || !self->busy) return;
    self->timed_out = true;
    self->close();
  });
}

Result<> Client::Impl::check(const Request& candidate) const {
  if (!url) {
    return fail(Failure::invalid, "http.base_url", "\"" + base + "\" is not of the form http://host:port.");
  }
  if (!detail::is_sane_request_line(candidate)) {
    return fail(Failure::invalid, "http.request_line",
                "The request method or target is empty or holds white space or control characters.");
  }
  if (busy)
    return fail(Failure::internal, "http.client_busy", "This client has a request under way already.");
  return {};
}

Result<Response> Client::Impl::broken(const error_code& ec, std::string_view during) const {
  if (timed_out) {
    return fail(Failure::timeout, "http.timeout",
                "No answer from " + base + " within " + std::to_string(timeout.count()) + " ms.");
  }
  return fail(Failure::unavailable, "http.unavailable",
              "Could not " + std::string(during) + " " + base + ": " +
                  (ec ? ec.message() : "connection closed") + ".");
}

Task<Result<Response>> Client::Impl::send(std::shared_ptr<Impl> self, Request request) {
  if (auto checked = self->check(request); !checked) co_return std::unexpected(checked.error());
  self->busy = true;
  self->cancelled = false;
  self->request = std::move(request);
  self->start_timer();
  auto result = co_await self->exchange();
  if (!result) self->close();
  self->timer.cancel();
  self->request = {};  // A large body is not kept for as long as the connection.
  self->busy = false;
  co_return result;
}

Task<Result<Response>> Client::Impl::exchange() {
  for (bool kept = socket.is_open();; kept = false) {
    if (!kept) {
      const auto ec = co_await connect();
      if (ec || timed_out) co_return broken(ec, "connect to");
    }
    got_bytes = false;
    // A server may answer and close before it has read everything (413): what it said counts, so a failed
    // write is no reason not to read.
    const auto write_error = co_await write();
    auto result = co_await read();
    if (result) co_return result;
    if (!kept || got_bytes || timed_out || cancelled) {
      co_return timed_out || got_bytes || !write_error ? std::move(result) : broken(write_error, "send to");
    }
    close();  // Kept, and closed by the server meanwhile: once more on a new connection.
  }
}

Task<error_code> Client::Impl::connect() {
  close();
  error_code literal;
  const auto address = asio::ip::make_address(url->host, literal);
  error_code ec;
  if (!literal) {
    const auto port = static_cast<std::uint16_t>(std::min(std::stoul(url->port.substr(0, 6)), 65535UL));
    std::tie(ec) = co_await socket.async_connect({address, port}, kAwait);
  } else {
    auto [resolve_error, found] = co_await resolver.async_resolve(url->host, url->port, kAwait);
    if (resolve_error) co_return resolve_error;
    if (timed_out) co_return error_code(asio::error::timed_out);
    tcp::endpoint used;
    std::tie(ec, used) = co_await asio::async_connect(socket, found, kAwait);
  }
  if (ec) co_return ec;
  error_code ignored;
  socket.set_option(tcp::no_delay(true), ignored);
  socket.non_blocking(true, ignored);
  co_return ec;
}

Task<error_code> Client::Impl::write() {
  out.clear();
  detail::append_request_head(out, request, url->authority);
  std::string_view head = out;
  std::string_view body = request.body;
  while (!head.empty() || !body.empty()) {
    const std::array<asio::const_buffer, 2> pieces{asio::buffer(head.data(), head.size()),
                                                   asio::buffer(body.data(), body.size())};
    error_code ec;
    const std::size_t count = socket.write_some(pieces, ec);
    if (ec == asio::error::would_block) {
      std::tie(ec) = co_await socket.async_wait(tcp::socket::wait_write, kAwait);
      if (!ec) continue;
    }
    if (ec) co_return ec;
    const std::size_t of_head = std::min(count, head.size());
    head.remove_prefix(of_head);
    body.remove_prefix(count - of_head);
  }
  co_return error_code{};
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
    if (step == Step::closed || timed_out) co_return broken(last_error, "read the answer of");
    co_return fail(Failure::unavailable, "http.bad_response",
                   "The answer of " + base + " is not well-formed HTTP/1.1.");
  }
}

Task<Step> Client::Impl::read_response() {
  reader.start(response, request.method == "HEAD");
  for (;;) {
    if (!buffer.empty()) {
      auto bytes = buffer.data();
      const Step step = reader.feed(bytes);
      buffer.consume_to(bytes);
      if (step != Step::need_more) co_return step;
    }
    const auto room = buffer.prepare();
    if (room.empty()) co_return Step::malformed;
    const auto [ec, count] = co_await socket.async_read_some(asio::buffer(room.data(), room.size()), kAwait);
    if (ec == asio::error::eof && reader.finish() == Step::complete) co_return Step::complete;
    if (ec) {
      last_error = ec;
      co_return Step::closed;
    }
    got_bytes = true;
    buffer.commit(count);
  }
}

Client::Client(asio::any_io_executor executor, std::string base_url, std::chrono::milliseconds timeout)
    : impl_(std::make_shared<Impl>(std::move(executor), std::move(base_url), timeout)) {}

Client::~Client() { close(); }

Task<Result<Response>> Client::send(Request request) { return Impl::send(impl_, std::move(request)); }

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

Result<Response> fetch(const std::string& base_url, Request request, std::chrono::milliseconds timeout) {
  asio::io_context context(1);
  Client client(context.get_executor(), base_url, timeout);
  Result<Response> result = fail(Failure::internal, "http.fetch", "The request did not run.");
  asio::co_spawn(context, send_once(&client, std::move(request), &result), asio::detached);
  context.run();
  return result;
}

}  // namespace mooring::http

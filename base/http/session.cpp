// SPDX-License-Identifier: Apache-2.0
#include "base/http/detail/session.hpp"

#include <netinet/tcp.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <tuple>

#include "base/http/detail/tls_context.hpp"

namespace mooring::http::detail {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);

/// Room for body bytes beside a header of full size.
constexpr std::size_t kBufferSlack = std::size_t{16} * 1024;
/// TLS records are taken from the socket as long as there are any: after so many, others get their turn.
constexpr unsigned kReadsInARow = 16;

std::string address_of(const asio::ip::tcp::socket& socket) {
  error_code ec;
  const auto endpoint = socket.remote_endpoint(ec);
  if (ec) return {};
  const auto address = endpoint.address();
  if (address.is_v6() && address.to_v6().is_v4_mapped()) {
    return asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6()).to_string();
  }
  return address.to_string();
}

Error error_of(Step step, const ServerOptions& options) {
  switch (step) {
    case Step::bad_version:
      return {Failure::unsupported, "http.version", "Only HTTP/1.1 and HTTP/1.0 are spoken here."};
    case Step::bad_coding:
      return {Failure::unsupported, "http.transfer_coding", "The only transfer coding taken is chunked."};
    case Step::header_too_large:
      return {
          Failure::too_large, "http.header_too_large",
          "The request line and header fields exceed " + std::to_string(options.header_limit) + " bytes."};
    case Step::timed_out:
      return {Failure::timeout, "http.request_timeout", "The request did not arrive in time; send it again."};
    default:
      return {Failure::invalid, "http.malformed", "The request is not well-formed HTTP/1.1."};
  }
}

int status_of_step(Step step) {
  switch (step) {
    case Step::bad_version:
      return 505;
    case Step::bad_coding:
      return 501;
    case Step::header_too_large:
      return 431;
    case Step::timed_out:
      return 408;
    default:
      return 400;
  }
}

Response too_large(std::uint64_t limit, std::string_view request_id) {
  return problem({Failure::too_large, "http.body_too_large",
                  "The request body exceeds the limit of " + std::to_string(limit) + " bytes for this path."},
                 request_id);
}

}  // namespace

Listener::Listener(asio::any_io_executor on, ServerOptions given, std::vector<Route> given_routes,
                   Logger& logger, Metrics& registry)
    : options(std::move(given)),
      router(std::move(given_routes)),
      metrics(registry, options.name,
              [this] {
                std::vector<std::pair<std::string, std::string>> labels;
                for (const auto& route : router.routes()) labels.emplace_back(route.method, route.pattern);
                return labels;
              }()),
      log(logger),
      all_closed(on) {
  if (options.tls) metrics.add_tls();
}

Session::Session(std::shared_ptr<Listener> listener, asio::ip::tcp::socket socket)
    : listener_(std::move(listener)),
      transport_(std::move(socket)),
      remote_address_(address_of(transport_.socket())),
      reader_(listener_->options.header_limit),
      buffer_(listener_->options.header_limit + kBufferSlack) {
  error_code ignored;  // A socket that refuses these is broken and fails at the first read.
  transport_.socket().set_option(asio::ip::tcp::no_delay(true), ignored);
  transport_.socket().non_blocking(true, ignored);
  // A client that vanished acknowledges nothing: what was written to it then counts as not written.
  const asio::detail::socket_option::integer<IPPROTO_TCP, TCP_USER_TIMEOUT> patience(
      static_cast<int>(listener_->options.write_timeout.count()));
  transport_.socket().set_option(patience, ignored);
  listener_->sessions.insert(this);
  listener_->metrics.connections().Increment();
}

void Session::check_deadline(SteadyTime now) {
  if (now < deadline_) return;
  disarm();
  timed_out_ = true;
  if (gave_up_) return close();
  if (handling_ != kNoHandler) return give_up_on_handler();
  error_code ignored;
  transport_.socket().cancel(ignored);
}

void Session::close() {
  keep_alive_ = false;
  transport_.close();
}

Task<void> Session::serve() {
  if (listener_->options.tls && !co_await handshake()) co_return;
  while (keep_alive_) {
    const Step step = co_await read_header();
    if (step == Step::closed) co_return transport_.say_goodbye();
    if (step == Step::header) {
      co_await serve_request();
    } else {
      started_ = std::chrono::steady_clock::now();
      co_await refuse(step, listener_->metrics.no_route());
    }
    first_ = false;
    buffer_.shrink();
  }
  co_await linger();
}

Task<bool> Session::handshake() {
  transport_.start_server(listener_->options.tls->impl().current().get());
  arm(listener_->options.header_timeout);
  for (;;) {
    auto ec = transport_.handshake();
    if (!ec) break;
    if (ec == asio::error::would_block) {
      std::tie(ec) = co_await transport_.socket().async_wait(transport_.wanted(), kAwait);
      if (!ec && !timed_out_) continue;
    }
    if (!listener_->abandoned) refuse_handshake();
    if (transport_.peer_spoke_http()) co_await linger();
    co_return false;
  }
  listener_->metrics.handshake(transport_.resumed() ? TlsHandshake::resumed : TlsHandshake::full);
  peer_certificate_ = transport_.peer_certificate();
  co_return true;
}

void Session::refuse_handshake() {
  listener_->metrics.handshake(TlsHandshake::failed);
  const auto why = timed_out_ ? "it took too long" : transport_.tls_problem(remote_address_).message;
  listener_->log.debug(
      "TLS handshake failed",
      {{"listener", listener_->options.name}, {"remote_address", remote_address_}, {"error", why}});
  if (!transport_.peer_spoke_http()) return;
  // To people with a browser or a wrong URL, in the protocol that they speak.
  static constexpr std::string_view kAnswer =
      "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n"
      "This address speaks HTTPS: begin the URL with https://.\n";
  error_code ignored;
  transport_.socket().write_some(asio::buffer(kAnswer), ignored);
  unread_body_ = true;  // Its request was not taken.
}

Task<Step> Session::read_header() {
  request_ = Request{};
  reader_.start(request_);
  idle_ = buffer_.empty();
  arm(idle_ && !first_ ? listener_->options.idle_timeout : listener_->options.header_timeout);
  Step step = Step::need_more;
  while (step == Step::need_more) {
    if (buffer_.empty()) {
      const Step read = co_await read_more();
      if (read == Step::timed_out && idle_) co_return Step::closed;
      if (read != Step::need_more) co_return read;
      if (idle_) arm(listener_->options.header_timeout);
      idle_ = false;
    }
    auto bytes = buffer_.data();
    step = reader_.feed(bytes);
    buffer_.consume_to(bytes);
    if (step == Step::need_more && !buffer_.empty()) {
      const Step read = co_await read_more();
      if (read != Step::need_more) co_return read;
    }
  }
  started_ = std::chrono::steady_clock::now();
  co_return step;
}

/// Answers need_more where bytes came.
Task<Step> Session::read_more() {
  const auto room = buffer_.prepare();
  if (room.empty()) co_return Step::malformed;
  timed_out_ = false;
  error_code ec;
  std::size_t count = 0;
  if (transport_.is_tls()) {
    count = co_await receive_tls(room, ec);
  } else {
    std::tie(ec, count) =
        co_await transport_.socket().async_read_some(asio::buffer(room.data(), room.size()), kAwait);
  }
  // Data and the end of the time can come together: the deadline is gone then, so it has to count.
  if (timed_out_) co_return transport_.is_open() ? Step::timed_out : Step::closed;
  if (ec) co_return Step::closed;
  buffer_.commit(count);
  co_return Step::need_more;
}

Task<std::size_t> Session::receive_tls(std::span<char> room, error_code& ec) {
  for (;;) {
    const std::size_t count = transport_.read_some(room, ec);
    if (ec != asio::error::would_block) {
      if (++reads_in_a_row_ >= kReadsInARow) {
        reads_in_a_row_ = 0;
        co_await asio::post(asio::use_awaitable);
      }
      co_return count;
    }
    reads_in_a_row_ = 0;
    std::tie(ec) = co_await transport_.socket().async_wait(transport_.wanted(), kAwait);
    if (ec || timed_out_) co_return 0;
  }
}

void Session::begin_answer() {
  method_ = request_.method;
  head_only_ = method_ == "HEAD";
  const auto given = request_.headers.get("X-Request-Id");
  request_id_ = is_sane_request_id(given) ? std::string(given) : make_request_id();
}

std::optional<Response> Session::refusal(const RouteMatch& match) const {
  switch (match.kind) {
    case RouteMatch::Kind::found:
      break;
    case RouteMatch::Kind::bad_path:
      return problem(
          {Failure::invalid, "http.bad_path", "The path holds a broken escape, NUL or broken UTF-8."},
          request_id_);
    case RouteMatch::Kind::unknown_path:
      return problem({Failure::not_found, "http.not_found", "There is nothing at this path."}, request_id_);
    case RouteMatch::Kind::other_method: {
      auto response = problem(405,
                              {Failure::unsupported, "http.method_not_allowed",
                               "This path does not take that method; it takes " + match.allow + "."},
                              request_id_);
      response.headers.set("Allow", match.allow);
      return response;
    }
  }
  if (reader_.expects_something_else()) {
    return problem(417,
                   {Failure::unsupported, "http.expectation", "The only expectation met is 100-continue."},
                   request_id_);
  }
  const auto own_limit = listener_->router.routes()[match.route].body_limit;
  const auto limit = own_limit > 0 ? own_limit : listener_->options.body_limit;
  if (reader_.content_length().value_or(0) > limit) return too_large(limit, request_id_);
  return std::nullopt;
}

Task<void> Session::serve_request() {
  begin_answer();
  keep_alive_ = reader_.keep_alive();
  unread_body_ = !reader_.complete();
  auto match = listener_->router.find(request_.method, request_.path());
  const bool found = match.kind == RouteMatch::Kind::found;
  const std::size_t label = found ? match.route : listener_->metrics.no_route();
  if (auto response = refusal(match)) {
    if (unread_body_) keep_alive_ = false;
    co_await answer(label, std::move(*response));
    co_return;
  }
  if (unread_body_) {
    const auto own_limit = listener_->router.routes()[match.route].body_limit;
    const auto limit = own_limit > 0 ? own_limit : listener_->options.body_limit;
    reader_.limit_body(limit);
    const Step step = co_await read_body();
    if (step == Step::body_too_large) {
      keep_alive_ = false;
      co_await answer(label, too_large(limit, request_id_));
      co_return;
    }
    if (step != Step::complete) {
      co_await refuse(step, label);
      co_return;
    }
    unread_body_ = false;
  }
  request_.params = std::move(match.params);
  auto response = co_await handle(match.route);
  co_await answer(label, std::move(response));
}

Task<Step> Session::read_body() {
  if (reader_.expects_continue() && buffer_.empty()) {
    out_ = "HTTP/1.1 100 Continue\r\n\r\n";
    if (!co_await write_all({})) co_return Step::closed;
  }
  arm(listener_->options.body_timeout);
  std::size_t progress = 0;
  for (;;) {
    if (!buffer_.empty()) {
      auto bytes = buffer_.data();
      progress += bytes.size();
      const Step step = reader_.feed(bytes);
      progress -= bytes.size();
      buffer_.consume_to(bytes);
      if (step != Step::need_more) co_return step;
      if (progress >= kProgress) {
        progress = 0;
        arm(listener_->options.body_timeout);
      }
    }
    const Step read = co_await read_more();
    if (read != Step::need_more) co_return read;
  }
}

Task<void> Session::refuse(Step step, std::size_t route) {
  keep_alive_ = false;
  unread_body_ = true;
  if (step == Step::closed) {
    close();
    co_return;
  }
  begin_answer();
  const auto error = error_of(step, listener_->options);
  co_await answer(route, problem(status_of_step(step), error, request_id_));
}

}  // namespace mooring::http::detail

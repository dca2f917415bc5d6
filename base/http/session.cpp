// SPDX-License-Identifier: Apache-2.0
#include "base/http/detail/session.hpp"

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <exception>

#include "base/encoding.hpp"

namespace mooring::http::detail {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);

/// A transfer that makes this much progress gets its time anew: a large body over a slow link is not an
/// attack, one byte a minute is.
constexpr std::size_t kProgress = std::size_t{256} * 1024;
/// How long what a client still sends is swallowed, so that a reset does not overtake our answer.
constexpr std::chrono::milliseconds kLinger{2000};
/// Room for body bytes beside a header of full size.
constexpr std::size_t kBufferSlack = std::size_t{16} * 1024;

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
      all_closed(on) {}

Session::Session(std::shared_ptr<Listener> listener, asio::ip::tcp::socket socket)
    : listener_(std::move(listener)),
      socket_(std::move(socket)),
      remote_address_(address_of(socket_)),
      reader_(listener_->options.header_limit),
      buffer_(listener_->options.header_limit + kBufferSlack) {
  error_code ignored;  // A socket that refuses these is broken and fails at the first read.
  socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
  socket_.non_blocking(true, ignored);
  listener_->sessions.insert(this);
  listener_->metrics.connections().Increment();
}

Session::~Session() {
  listener_->sessions.erase(this);
  if (!listener_->abandoned) listener_->metrics.connections().Decrement();
  if (listener_->sessions.empty()) listener_->all_closed.cancel();
}

void Session::check_deadline(SteadyTime now) {
  if (now < deadline_) return;
  disarm();
  timed_out_ = true;
  error_code ignored;
  socket_.cancel(ignored);
}

void Session::close_if_idle() {
  error_code ec;
  if (idle_ && buffer_.empty() && socket_.available(ec) == 0) close();
}

void Session::close() {
  keep_alive_ = false;
  error_code ignored;
  socket_.shutdown(asio::ip::tcp::socket::shutdown_both, ignored);
  socket_.close(ignored);
}

Task<void> Session::serve() {
  while (keep_alive_) {
    const Step step = co_await read_header();
    if (step == Step::closed) co_return;
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
  const auto [ec, count] = co_await socket_.async_read_some(asio::buffer(room.data(), room.size()), kAwait);
  // Data and the end of the time can come together: the deadline is gone then, so it has to count.
  if (timed_out_) co_return socket_.is_open() ? Step::timed_out : Step::closed;
  if (ec) co_return Step::closed;
  buffer_.commit(count);
  co_return Step::need_more;
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
  disarm();
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

Task<Response> Session::handle(std::size_t route) {
  request_.id = request_id_;
  request_.remote_address = remote_address_;
  const Route& to = listener_->router.routes()[route];
  std::string what;
  try {
    Response response = co_await to.handler(std::move(request_));
    if (response.status >= 200 && response.status <= 599) co_return response;
    what = "status " + std::to_string(response.status) + " is not one to answer with";
  } catch (const std::exception& e) {
    what = e.what();
  } catch (...) {
    what = "something that is no std::exception";
  }
  if (!listener_->abandoned) {
    listener_->log.error("request handler failed", {{"listener", listener_->options.name},
                                                    {"route", to.pattern},
                                                    {"method", to.method},
                                                    {"request_id", request_id_},
                                                    {"error", what}});
  }
  co_return problem({Failure::internal, "http.internal",
                     "Something went wrong here; the server's log tells what, under this request id."},
                    request_id_);
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

Task<void> Session::answer(std::size_t route, Response response) {
  if (!socket_.is_open() || listener_->abandoned) {
    keep_alive_ = false;
    co_return;
  }
  if (listener_->draining || equal_ignoring_case(response.headers.get("Connection"), "close"))
    keep_alive_ = false;
  out_.clear();
  append_response_head(out_, response, {request_id_, !keep_alive_, reader_.is_http_1_0()});
  const bool bodyless = head_only_ || has_no_body(response.status);
  const bool wrote = co_await write_all(bodyless ? std::string_view{} : std::string_view(response.body));
  if (!wrote) {
    keep_alive_ = false;
    error_code ignored;
    socket_.close(ignored);
  }
  if (listener_->abandoned) co_return;
  const auto took = std::chrono::steady_clock::now() - started_;
  listener_->metrics.record(route, method_, response.status, took);
}

Session::Wrote Session::write_some(std::string_view& body) {
  while (written_ < out_.size() || !body.empty()) {
    const std::array<asio::const_buffer, 2> pieces{
        asio::buffer(out_.data() + written_, out_.size() - written_), asio::buffer(body.data(), body.size())};
    error_code ec;
    const std::size_t count = socket_.write_some(pieces, ec);
    if (ec == asio::error::would_block) return Wrote::would_block;
    if (ec) return Wrote::failed;
    const std::size_t of_head = std::min(count, out_.size() - written_);
    written_ += of_head;
    body.remove_prefix(count - of_head);
  }
  return Wrote::all;
}

/// Writes out_, then `body`. Nearly always the socket takes all of it at once: then nothing is awaited.
Task<bool> Session::write_all(std::string_view body) {
  written_ = 0;
  timed_out_ = false;
  std::size_t left_at_arm = body.size();
  for (bool first = true;; first = false) {
    const Wrote wrote = write_some(body);
    if (wrote != Wrote::would_block) {
      disarm();
      co_return wrote == Wrote::all;
    }
    if (first || left_at_arm - body.size() >= kProgress) {
      left_at_arm = body.size();
      arm(listener_->options.write_timeout);
    }
    const auto [ec] = co_await socket_.async_wait(asio::ip::tcp::socket::wait_write, kAwait);
    if (ec || timed_out_) co_return false;
  }
}

/// After the last answer: closing with unread bytes would send a reset, which can overtake the answer.
Task<void> Session::linger() {
  error_code ec;
  if (!socket_.is_open()) co_return;
  if (!unread_body_ && buffer_.empty() && socket_.available(ec) == 0) co_return;
  socket_.shutdown(asio::ip::tcp::socket::shutdown_send, ec);
  arm(kLinger);
  timed_out_ = false;
  while (!timed_out_) {
    std::array<char, 4096> nowhere;
    const auto [error, count] = co_await socket_.async_read_some(asio::buffer(nowhere), kAwait);
    if (error) co_return;
  }
}

}  // namespace mooring::http::detail

// SPDX-License-Identifier: Apache-2.0
// The second half of a session: from the handler to the last byte of the answer.
#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <exception>

#include "base/encoding.hpp"
#include "base/http/detail/session.hpp"

namespace mooring::http::detail {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);

/// How long what a client still sends is swallowed, so that a reset does not overtake our answer.
constexpr std::chrono::milliseconds kLinger{2000};

}  // namespace

/// What the writer of a streamed body waits for. Outlives the session where a wait for the socket, which is
/// not awaited by anybody, ends after it.
struct Session::OpenStream : std::enable_shared_from_this<Session::OpenStream> {
  explicit OpenStream(Session& of) : session(&of), timer(of.transport_.socket().get_executor()) {}

  bool must_end() const { return gone || session->listener_->draining; }

  void lose_client() {
    gone = true;
    timer.cancel();
  }

  /// Nothing is to come from the client, so what comes is its end, or its next request: kept for later.
  void watch() {
    if (watching || gone) return;
    watching = true;
    session->transport_.socket().async_wait(asio::ip::tcp::socket::wait_read,
                                            [self = shared_from_this()](const error_code& ec) {
                                              self->watching = false;
                                              if (self->session != nullptr)
                                                ec ? self->lose_client() : self->look();
                                            });
  }

  void look() {
    error_code ec;
    while (!ec) {
      const auto room = session->buffer_.prepare();
      if (room.empty()) return;  // A flood of requests: what ends it is the write timeout.
      session->buffer_.commit(session->transport_.read_some(room, ec));
    }
    if (ec != asio::error::would_block) return lose_client();
    watch();
  }

  Session* session;  ///< Null once the body has ended.
  asio::steady_timer timer;
  bool gone = false;
  bool watching = false;
};

class Session::StreamWriter final : public BodyWriter {
 public:
  StreamWriter(OpenStream& state, bool chunked) : state_(state), chunked_(chunked) {}

  Task<bool> write(std::string piece) override {
    if (state_.gone) co_return false;
    auto& session = *state_.session;
    session.out_.clear();
    if (chunked_) {
      append_chunk(session.out_, piece);
    } else {
      session.out_ = std::move(piece);
    }
    if (!co_await session.write_all({})) state_.lose_client();
    co_return !state_.must_end();
  }

  Task<bool> wait(std::chrono::milliseconds wake_after) override {
    if (state_.must_end()) co_return false;
    state_.watch();
    state_.timer.expires_after(wake_after);
    co_await state_.timer.async_wait(kAwait);
    co_return !state_.must_end();
  }

 private:
  OpenStream& state_;
  bool chunked_;
};

Session::~Session() {
  if (stream_) stream_->session = nullptr;
  listener_->sessions.erase(this);
  if (!listener_->abandoned) listener_->metrics.connections().Decrement();
  if (listener_->sessions.empty()) listener_->all_closed.cancel();
}

void Session::begin_drain() {
  if (stream_) stream_->timer.cancel();
  if (!idle_ || !buffer_.empty() || !transport_.is_quiet()) return;
  transport_.say_goodbye();
  close();
}

Task<Response> Session::handle(std::size_t route) {
  request_.id = request_id_;
  request_.remote_address = remote_address_;
  request_.peer_certificate = peer_certificate_;
  const Route& to = listener_->router.routes()[route];
  std::string what;
  handling_ = route;
  arm(listener_->options.handler_timeout);
  try {
    Response response = co_await to.handler(std::move(request_));
    if (response.status >= 200 && response.status <= 599) co_return response;
    what = "status " + std::to_string(response.status) + " is not one to answer with";
  } catch (const std::exception& e) {
    what = e.what();
  } catch (...) {
    what = "something that is no std::exception";
  }
  log_handler_error(route, what);
  co_return problem({Failure::internal, "http.internal",
                     "Something went wrong here; the server's log tells what, under this request id."},
                    request_id_);
}

void Session::log_handler_error(std::size_t route, std::string_view what) const {
  if (listener_->abandoned) return;
  const Route& to = listener_->router.routes()[route];
  listener_->log.error("request handler failed", {{"listener", listener_->options.name},
                                                  {"route", to.pattern},
                                                  {"method", to.method},
                                                  {"request_id", request_id_},
                                                  {"error", what}});
}

void Session::give_up_on_handler() {
  gave_up_ = true;
  keep_alive_ = false;
  log_handler_error(handling_, "no response in time");
  const auto response =
      problem({Failure::timeout, "http.handler_timeout",
               "The server did not come to an answer in time; its log has this request id."},
              request_id_);
  out_.clear();
  append_response_head(out_, response, {.request_id = request_id_, .close = true});
  if (!head_only_) out_ += response.body;
  // Nobody awaits this: what the socket does not take at once is lost, with a client that does not read.
  std::string_view head = out_;
  std::string_view nothing;
  transport_.write(head, nothing);
  record(handling_, response.status);
  transport_.finish_sending();
  arm(kLinger);
}

void Session::record(std::size_t route, int status) {
  listener_->metrics.record(route, method_, status, std::chrono::steady_clock::now() - started_);
}

Task<void> Session::answer(std::size_t route, Response response) {
  handling_ = kNoHandler;
  disarm();
  if (gave_up_ || !transport_.is_open() || listener_->abandoned) {
    keep_alive_ = false;
    co_return;
  }
  const bool bodyless = head_only_ || has_no_body(response.status);
  ResponseFrame frame{.request_id = request_id_, .http_1_0 = reader_.is_http_1_0()};
  if (response.stream && !has_no_body(response.status)) {
    frame.body = frame.http_1_0 ? ResponseFrame::Body::until_close : ResponseFrame::Body::chunked;
  }
  if (listener_->draining || frame.body == ResponseFrame::Body::until_close ||
      equal_ignoring_case(response.headers.get("Connection"), "close")) {
    keep_alive_ = false;
  }
  frame.close = !keep_alive_;
  out_.clear();
  append_response_head(out_, response, frame);
  const bool sized = frame.body == ResponseFrame::Body::sized;
  const bool wrote =
      co_await write_all(bodyless || !sized ? std::string_view{} : std::string_view(response.body));
  if (!wrote) close();
  if (listener_->abandoned) co_return;
  record(route, response.status);
  if (wrote && !sized && !bodyless) {
    co_await stream_body(route, std::move(response), frame.body == ResponseFrame::Body::chunked);
  }
}

Task<void> Session::stream_body(std::size_t route, Response response, bool chunked) {
  const auto state = stream_ = std::make_shared<OpenStream>(*this);
  StreamWriter writer(*state, chunked);
  std::string what;
  try {
    co_await response.stream(writer);
  } catch (const std::exception& e) {
    what = e.what();
  } catch (...) {
    what = "something that is no std::exception";
  }
  stream_.reset();
  state->session = nullptr;
  error_code ignored;
  if (state->watching) transport_.socket().cancel(ignored);
  if (!what.empty()) log_handler_error(route, what);
  if (listener_->draining) keep_alive_ = false;
  bool whole = what.empty() && !state->gone;
  if (whole && chunked) {
    out_ = "0\r\n\r\n";
    whole = co_await write_all({});
  }
  if (!whole) close();
}

/// Writes out_, then `body`. Nearly always the socket takes all of it at once: then nothing is awaited.
Task<bool> Session::write_all(std::string_view body) {
  transport_.coalesce(out_, body);
  std::string_view head = out_;
  timed_out_ = false;
  std::size_t left_at_arm = head.size() + body.size();
  for (bool first = true;; first = false) {
    const auto written = transport_.write(head, body);
    if (written != asio::error::would_block) {
      disarm();
      co_return !written;
    }
    const std::size_t left = head.size() + body.size();
    if (first || left_at_arm - left >= kProgress) {
      left_at_arm = left;
      arm(listener_->options.write_timeout);
    }
    const auto [ec] = co_await transport_.socket().async_wait(transport_.wanted(), kAwait);
    if (ec || timed_out_) co_return false;
  }
}

/// After the last answer: closing with unread bytes would send a reset, which can overtake the answer.
Task<void> Session::linger() {
  if (!transport_.is_open()) co_return;
  if (!unread_body_ && buffer_.empty() && transport_.is_quiet()) co_return transport_.say_goodbye();
  transport_.finish_sending();
  arm(kLinger);
  timed_out_ = false;
  while (!timed_out_) {
    std::array<char, 4096> nowhere;
    const auto [error, count] = co_await transport_.socket().async_read_some(asio::buffer(nowhere), kAwait);
    if (error) co_return;
  }
}

}  // namespace mooring::http::detail

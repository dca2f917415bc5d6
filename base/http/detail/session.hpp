// SPDX-License-Identifier: Apache-2.0
// One connection of a server: read a request, route it, answer it, again.
//
// Time limits are deadlines in the session, and one timer of the listener looks at all of them a few times
// per shortest limit. That costs a request three stores instead of three timers.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>

#include "base/http/detail/parser.hpp"
#include "base/http/detail/request_metrics.hpp"
#include "base/http/detail/router.hpp"
#include "base/http/detail/transport.hpp"
#include "base/http/detail/wire.hpp"
#include "base/http/server.hpp"

namespace mooring::http::detail {

using SteadyTime = std::chrono::steady_clock::time_point;
class Session;

/// A transfer that makes this much progress gets its time anew: a large body over a slow link is not an
/// attack, one byte a minute is.
constexpr std::size_t kProgress = std::size_t{256} * 1024;

/// What all connections of one listener share. Used on the io thread only.
struct Listener {
  Listener(boost::asio::any_io_executor on, ServerOptions given, std::vector<Route> routes, Logger& logger,
           Metrics& registry);

  ServerOptions options;
  Router router;
  RequestMetrics metrics;
  Logger& log;
  std::unordered_set<Session*> sessions;
  boost::asio::steady_timer all_closed;  ///< Cancelled when the last session ends.
  bool draining = false;
  bool abandoned = false;  ///< The server is gone: touch neither log nor metrics any more.
};

class Session {
 public:
  Session(std::shared_ptr<Listener> listener, boost::asio::ip::tcp::socket socket);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  Task<void> serve();

  /// Ends the running operation if its time is over.
  void check_deadline(SteadyTime now);
  /// For drain: closes a connection that waits for a request and has none on the way, and wakes the writer of
  /// a streamed body.
  void begin_drain();
  void close();

 private:
  struct OpenStream;
  class StreamWriter;

  Task<bool> handshake();
  Task<Step> read_header();
  Task<Step> read_body();
  Task<Step> read_more();
  Task<std::size_t> receive_tls(std::span<char> room, boost::system::error_code& ec);
  Task<void> serve_request();
  Task<Response> handle(std::size_t route);
  Task<void> refuse(Step step, std::size_t route);
  Task<void> answer(std::size_t route, Response response);
  Task<void> stream_body(std::size_t route, Response response, bool chunked);
  Task<bool> write_all(std::string_view body);
  Task<void> linger();

  void refuse_handshake();
  /// The answer of a handler that gave none in time.
  void give_up_on_handler();
  void log_handler_error(std::size_t route, std::string_view what) const;
  /// An answer to what no handler should see; nullopt where the body may be read.
  std::optional<Response> refusal(const RouteMatch& match) const;
  /// Keeps what the answer needs of the request, which the handler takes away.
  void begin_answer();
  void record(std::size_t route, int status);
  void arm(std::chrono::milliseconds limit) { deadline_ = std::chrono::steady_clock::now() + limit; }
  void disarm() { deadline_ = SteadyTime::max(); }

  std::shared_ptr<Listener> listener_;
  Transport transport_;
  std::string remote_address_;
  std::string peer_certificate_;
  RequestReader reader_;
  ReadBuffer buffer_;
  Request request_;
  std::string request_id_;
  std::string method_;
  std::string out_;
  SteadyTime deadline_ = SteadyTime::max();
  SteadyTime started_;
  std::shared_ptr<OpenStream> stream_;  ///< While a body is streamed.
  std::size_t handling_ = kNoHandler;   ///< The route whose handler runs.
  unsigned reads_in_a_row_ = 0;         ///< Without having waited: see receive_tls.
  bool first_ = true;
  bool idle_ = true;
  bool timed_out_ = false;
  bool keep_alive_ = true;
  bool unread_body_ = false;
  bool head_only_ = false;
  bool gave_up_ = false;  ///< On the handler: it was answered for.

  static constexpr std::size_t kNoHandler = static_cast<std::size_t>(-1);
};

}  // namespace mooring::http::detail

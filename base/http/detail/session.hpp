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
#include <string>
#include <unordered_set>

#include "base/http/detail/parser.hpp"
#include "base/http/detail/request_metrics.hpp"
#include "base/http/detail/router.hpp"
#include "base/http/detail/wire.hpp"
#include "base/http/server.hpp"

namespace mooring::http::detail {

using SteadyTime = std::chrono::steady_clock::time_point;
class Session;

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
  /// For drain: closes a connection that waits for a request and has none on the way.
  void close_if_idle();
  void close();

 private:
  enum class Wrote : std::uint8_t { all, would_block, failed };

  Task<Step> read_header();
  Task<Step> read_body();
  Task<Step> read_more();
  Task<void> serve_request();
  Task<Response> handle(std::size_t route);
  Task<void> refuse(Step step, std::size_t route);
  Task<void> answer(std::size_t route, Response response);
  Task<bool> write_all(std::string_view body);
  Task<void> linger();

  Wrote write_some(std::string_view& body);
  /// An answer to what no handler should see; nullopt where the body may be read.
  std::optional<Response> refusal(const RouteMatch& match) const;
  /// Keeps what the answer needs of the request, which the handler takes away.
  void begin_answer();
  void arm(std::chrono::milliseconds limit) { deadline_ = std::chrono::steady_clock::now() + limit; }
  void disarm() { deadline_ = SteadyTime::max(); }

  std::shared_ptr<Listener> listener_;
  boost::asio::ip::tcp::socket socket_;
  std::string remote_address_;
  RequestReader reader_;
  ReadBuffer buffer_;
  Request request_;
  std::string request_id_;
  std::string method_;
  std::string out_;
  std::size_t written_ = 0;  ///< Of out_.
  SteadyTime deadline_ = SteadyTime::max();
  SteadyTime started_;
  bool first_ = true;
  bool idle_ = true;
  bool timed_out_ = false;
  bool keep_alive_ = true;
  bool unread_body_ = false;
  bool head_only_ = false;
};

}  // namespace mooring::http::detail

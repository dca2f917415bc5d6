// SPDX-License-Identifier: Apache-2.0
// One HTTP/2 connection of a client: nghttp2's session over a transport.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include <boost/asio/steady_timer.hpp>

#include "base/http2/client.hpp"
#include "base/http2/detail/transport.hpp"

struct nghttp2_session;

namespace mooring::http2::detail {

/// A request on its way, and what has come of its answer.
struct Exchange {
  http::Request request;
  http::Response response;
  Client::Done done;
  std::chrono::steady_clock::time_point deadline;
  std::size_t body_sent = 0;
  std::int32_t stream = 0;  ///< 0: not sent.
  int refusals = 0;         ///< Streams that the peer did not take on.
  bool over = false;        ///< `done` was called, or is about to be.
};
using ExchangePtr = std::shared_ptr<Exchange>;

class ClientSession;

struct SessionOwner {
  virtual ~SessionOwner() = default;
  virtual void finished(ExchangePtr exchange, Result<http::Response> result) = 0;
  /// The peer has not processed it: it may be sent again, elsewhere.
  virtual void refused(ExchangePtr exchange) = 0;
  /// Ready, a stream became free, or GOAWAY came.
  virtual void changed(ClientSession& session) = 0;
  /// After this nothing more is said. `why` is what the peer said last.
  virtual void ended(ClientSession& session, Error why) = 0;
};

class ClientSession : public std::enable_shared_from_this<ClientSession> {
 public:
  ClientSession(std::shared_ptr<Transport> transport, const boost::asio::any_io_executor& executor,
                const ClientOptions& options, std::string authority, std::string scheme,
                std::weak_ptr<SessionOwner> owner);
  ~ClientSession();
  ClientSession(const ClientSession&) = delete;
  ClientSession& operator=(const ClientSession&) = delete;

  void start();
  bool settled() const { return settled_; }  ///< The peer has said what it allows.
  bool ready() const { return settled_ && !leaving_ && !ended_; }
  bool leaving() const { return leaving_ || ended_; }
  std::size_t room() const;  ///< Streams that may be opened now.
  std::size_t active() const { return exchanges_.size(); }
  std::uint64_t answers() const { return answers_; }
  void submit(ExchangePtr exchange);
  /// Tells the peer that nobody waits any more.
  void cancel(const ExchangePtr& exchange);
  void end(Error why);

 private:
  friend struct ClientCallbacks;
  void read();
  void received(std::size_t count);
  void pump_soon();
  void pump();
  void watch();
  void silence();
  void stream_closed(std::int32_t stream, std::uint32_t code);
  void going_away(std::uint32_t code, std::string_view debug);
  void deliver();
  Error lost_error(const boost::system::error_code& ec) const;

  struct Outcome {
    ExchangePtr exchange;
    bool refused = false;
    std::uint32_t code = 0;
  };

  std::shared_ptr<Transport> transport_;
  boost::asio::any_io_executor executor_;
  boost::asio::steady_timer timer_;
  const ClientOptions options_;
  std::string authority_;
  std::string scheme_;
  std::weak_ptr<SessionOwner> owner_;
  nghttp2_session* session_ = nullptr;
  std::unordered_map<std::int32_t, ExchangePtr> exchanges_;
  std::vector<Outcome> outcomes_;  ///< Collected inside nghttp2's callbacks, delivered outside.
  std::vector<std::uint8_t> in_;
  std::string out_;
  std::chrono::steady_clock::time_point heard_;
  std::string farewell_;  ///< What GOAWAY said.
  std::uint64_t answers_ = 0;
  std::uint64_t watches_ = 0;  ///< A late timer of an earlier wait is known by it.
  bool settled_ = false;
  bool leaving_ = false;
  bool ended_ = false;
  bool writing_ = false;
  bool pump_posted_ = false;
  bool changed_ = false;
  bool pinged_ = false;
};

}  // namespace mooring::http2::detail

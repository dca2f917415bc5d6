// SPDX-License-Identifier: Apache-2.0
// A small HTTP/2 server (RFC 9113): what a simulated push service needs, and no more.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include <boost/asio/any_io_executor.hpp>

#include "base/async.hpp"
#include "base/http/message.hpp"
#include "base/http/server.hpp"
#include "base/http/tls.hpp"
#include "base/result.hpp"

namespace mooring::http2 {

/// What happens to a request that has arrived whole.
enum class Fate : std::uint8_t {
  answer,   ///< The handler answers it.
  go_away,  ///< GOAWAY: neither this request nor a later one of the connection is processed.
  cut,      ///< The connection is closed without a word.
};

struct ServerOptions {
  std::string listen = "127.0.0.1:0";  ///< host:port; port 0 takes a free one.
  http::TlsIdentity identity = {};     ///< Empty: HTTP/2 without TLS, by prior knowledge.
  std::string client_trust = {};       ///< PEM of roots: clients need a certificate from below them.
  std::uint32_t max_streams = 1000;    ///< Of one connection at once.
  std::size_t body_limit = std::size_t{64} * 1024;
  std::chrono::milliseconds handshake_timeout{10000};
  /// Asked for each request before the handler; null: all are answered.
  std::function<Fate(const http::Request&)> fate = nullptr;
};

/// Everything runs on the one thread of `executor`; create, use and destroy it there or while nothing runs.
class Server {
 public:
  Server(boost::asio::any_io_executor executor, ServerOptions options, http::Handler handler);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  Result<> start();  ///< Errors: http2.listen, those of TLS.
  std::uint16_t port() const;
  std::string url() const;

  /// GOAWAY to all: requests that arrived are answered, then the connections end.
  void go_away();
  void cut();  ///< Closes all connections without a word.
  /// For the connections that exist, and later ones.
  void set_max_streams(std::uint32_t count);
  std::uint64_t connections() const;  ///< Accepted so far, their handshakes done. From any thread.
  std::size_t open_connections() const;
  /// Stops accepting and closes; requests under way get `grace`.
  Task<> drain(std::chrono::milliseconds grace);

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace mooring::http2

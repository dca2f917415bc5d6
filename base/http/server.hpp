// SPDX-License-Identifier: Apache-2.0
// HTTP/1.1 listener: keep-alive, limits, timeouts against slow clients, graceful drain.
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
#include "base/http/tls.hpp"
#include "base/log.hpp"
#include "base/metrics.hpp"
#include "base/result.hpp"

namespace mooring::http {

using Handler = std::function<Task<Response>(Request)>;

struct ServerOptions {
  std::string name;                                   ///< "device" or "api": the label of its metrics.
  std::string listen = "127.0.0.1:0";                 ///< host:port, [v6]:port; port 0 takes a free one.
  std::shared_ptr<TlsContext> tls = nullptr;          ///< Null: plain HTTP.
  std::size_t header_limit = std::size_t{64} * 1024;  ///< Bytes of request line and fields: beyond, 431.
  std::size_t body_limit = std::size_t{8} << 20U;     ///< Bytes; beyond, 413. A route may set its own.
  std::size_t max_connections = 20000;                ///< Beyond, new connections are closed at once.
  std::chrono::milliseconds header_timeout{10000};    ///< From connect or first byte to the last header byte;
                                                      ///< once more for the TLS handshake before it.
  std::chrono::milliseconds body_timeout{60000};      ///< For the body, anew after each 256 KiB.
  std::chrono::milliseconds write_timeout{60000};     ///< For the answer, anew after each 256 KiB.
  std::chrono::milliseconds idle_timeout{120000};     ///< Keep-alive connections without a request.
  /// For a handler, until its response begins. Beyond, the client gets 504, an error line names the route and
  /// the connection closes. The handler itself cannot be stopped: its connection stays counted until it ends.
  std::chrono::milliseconds handler_timeout{120000};
};

/// Where a request goes. `pattern` is a path with parameters: "/v1/devices/{id}/items". A parameter matches
/// one segment; a last "{name...}" matches the rest. Literal segments win over parameters.
struct Route {
  std::string method;   ///< "GET" also answers HEAD.
  std::string pattern;  ///< Is the `route` label of mooring_http_requests_total.
  Handler handler;
  std::size_t body_limit = 0;  ///< 0: the server's.
};

/// An exception that leaves a handler becomes a 500 problem and an error line; the connection goes on.
/// Unknown path: 404 problem; known path with another method: 405 problem with Allow. An answer to a request
/// whose body was not read closes the connection.
///
/// Everything runs on the one thread of `executor`, handlers too: a handler that blocks stops all others.
/// Create, drain and destroy it there or while no thread runs the executor. `log` and `metrics` must outlive
/// it.
class Server {
 public:
  Server(boost::asio::any_io_executor executor, ServerOptions options, std::vector<Route> routes, Logger& log,
         Metrics& metrics);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// Binds and accepts. Fails with what the system says (address in use, no permission) and what to do.
  Result<> start();
  std::uint16_t port() const;
  std::string url() const;  ///< http(s)://host:port as bound; 0.0.0.0 is shown as 127.0.0.1.

  /// Stops accepting, lets running requests finish (answers carry Connection: close), tells streamed bodies
  /// to end, closes idle connections at once and all others after `grace`.
  Task<void> drain(std::chrono::milliseconds grace);

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace mooring::http

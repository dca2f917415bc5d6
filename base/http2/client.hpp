// SPDX-License-Identifier: Apache-2.0
// HTTP/2 client (RFC 9113): many requests at once over one kept connection. For APNs and what imitates it.
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
#include "base/result.hpp"

namespace mooring::http2 {

struct ClientOptions {
  http::ClientTls tls = {};                          ///< For https URLs.
  std::chrono::milliseconds connect_timeout{10000};  ///< From the look-up of the name to the peer's SETTINGS.
  std::chrono::milliseconds request_timeout{20000};  ///< Of each request, waiting for its turn included.
  std::chrono::milliseconds ping_after{60000};       ///< Silence of the peer before it is asked by PING ...
  std::chrono::milliseconds ping_timeout{10000};     ///< ... and how long its answer may take.
  std::size_t max_streams = 1000;                    ///< At once, even where the peer allows more.
  std::size_t response_limit = std::size_t{1} << 20U;  ///< Bytes of an answer's body.
};

struct ClientStats {
  std::uint64_t connections = 0;  ///< Made so far.
  std::size_t active = 0;         ///< Requests that were sent and not answered.
  std::size_t pending = 0;        ///< Requests that wait for a connection or for a free stream.
};

/// One connection at a time, made when needed and kept. After GOAWAY the requests that the peer has taken on
/// are finished there, the others go to a new connection; both may exist for a while.
///
/// Every request gets its answer or an error. Errors, Failure::unavailable unless said otherwise:
/// http2.connect, http2.tls, http2.certificate_refused (the peer's alert is about our certificate: expired,
/// revoked, unknown ...), http2.server_untrusted, http2.not_http2, http2.connection_lost (the peer may or may
/// not have seen the request), http2.stream, http2.timeout (Failure::timeout), http2.closed, http2.too_large,
/// http2.url and those of TLS (Failure::invalid).
///
/// Everything runs on the one thread of `executor`; create, use and destroy it there.
class Client {
 public:
  using Done = std::move_only_function<void(Result<http::Response>)>;

  /// `base_url`: https://host[:port] (TLS with ALPN h2), or http://host[:port] for HTTP/2 without TLS by
  /// prior knowledge, which is for measurements.
  Client(boost::asio::any_io_executor executor, std::string base_url, ClientOptions options);
  ~Client();  ///< As close().
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  Task<Result<http::Response>> send(http::Request request);
  /// The same without a coroutine; `done` is never called before this returns.
  void send(http::Request request, Done done);
  /// How many more requests would go out at once.
  std::size_t room() const;
  ClientStats stats() const;
  void close();  ///< Whatever waits gets http2.closed.

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace mooring::http2

// SPDX-License-Identifier: Apache-2.0
// HTTP/1.1 client over one kept connection: for simulated devices, the push gateway, tests and benchmarks.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include <boost/asio/any_io_executor.hpp>

#include "base/async.hpp"
#include "base/http/message.hpp"
#include "base/http/tls.hpp"
#include "base/result.hpp"

namespace mooring::http {

/// What is taken from the other side. Beyond: Failure::too_large, http.response_too_large.
struct ClientLimits {
  std::size_t header = std::size_t{64} * 1024;  ///< Bytes of status line and fields.
  std::uint64_t body = std::uint64_t{1} << 30U;
};

struct ClientOptions {
  std::chrono::milliseconds timeout{30000};
  ClientTls tls = {};  ///< For https URLs.
  ClientLimits limits = {};
};

/// One request at a time. Connects when needed, keeps the connection where the server allows it and
/// reconnects once when a kept connection turns out to be closed before any byte of an answer came.
///
/// Errors: Failure::unavailable where no connection could be made or it broke, Failure::timeout; of TLS also
/// tls.expired, tls.not_yet_valid, tls.wrong_host, tls.untrusted, tls.handshake, and those of a wrong
/// ClientTls: tls.certificate, tls.private_key, tls.mismatch, tls.trust (Failure::invalid).
class Client {
 public:
  /// `base_url`: http://host:port or https://host:port, without path.
  Client(boost::asio::any_io_executor executor, std::string base_url, ClientOptions options);
  Client(boost::asio::any_io_executor executor, std::string base_url,
         std::chrono::milliseconds timeout = std::chrono::seconds(30));
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  Task<Result<Response>> send(Request request);
  /// With limits of this request's own.
  Task<Result<Response>> send(Request request, ClientLimits limits);

  /// Hands the body over piece by piece as it comes, of any length; the Response has none. `on_body` answers
  /// whether to go on: where not, the connection closes and the response counts as whole. The timeout begins
  /// anew with each piece.
  using OnBody = std::function<bool(std::string_view piece)>;
  Task<Result<Response>> stream(Request request, OnBody on_body);
  void close();

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

/// Blocking, one connection per call: for tests, the demo and command line verbs.
Result<Response> fetch(const std::string& base_url, Request request, ClientOptions options);
Result<Response> fetch(const std::string& base_url, Request request,
                       std::chrono::milliseconds timeout = std::chrono::seconds(30));

}  // namespace mooring::http

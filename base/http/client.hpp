// SPDX-License-Identifier: Apache-2.0
// HTTP/1.1 client over one kept connection: for simulated devices, the push gateway, tests and benchmarks.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include <boost/asio/any_io_executor.hpp>

#include "base/async.hpp"
#include "base/http/message.hpp"
#include "base/http/tls.hpp"
#include "base/result.hpp"

namespace mooring::http {

struct ClientOptions {
  std::chrono::milliseconds timeout{30000};
  ClientTls tls = {};  ///< For https URLs.
};

/// One request at a time. Connects when needed, keeps the connection where the server allows it and
/// reconnects once when a kept connection turns out to be closed before any byte of an answer came.
class Client {
 public:
  /// `base_url`: http://host:port or https://host:port, without path.
  Client(boost::asio::any_io_executor executor, std::string base_url, ClientOptions options);
  Client(boost::asio::any_io_executor executor, std::string base_url,
         std::chrono::milliseconds timeout = std::chrono::seconds(30));
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  /// Failure::unavailable where no connection could be made or it broke, Failure::timeout.
  Task<Result<Response>> send(Request request);
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

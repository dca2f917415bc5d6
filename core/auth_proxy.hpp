// SPDX-License-Identifier: Apache-2.0
// For servers of the administrator that devices speak to with their MDM identity: requests under /authproxy/
// are passed on once their sender is proven.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio/any_io_executor.hpp>

#include "base/http/client.hpp"
#include "base/http/server.hpp"
#include "base/log.hpp"
#include "core/identity/identity.hpp"

namespace mooring::core {

struct AuthProxyTarget {
  std::string base;    ///< http://host:port
  std::string prefix;  ///< Path before that of the request; no slash at its end.
  /// "http://host:port/path" or https. Errors: auth_proxy.url.
  static Result<AuthProxyTarget> parse(std::string_view url);
};

/// The upstream gets the request as it came, with X-Enrollment-ID (the device channel that the certificate
/// speaks for) and X-Trace-ID (our request ID), and without what only identity reads. A sender who is not
/// proven gets 400, and the upstream hears nothing; an upstream that does not answer is 502.
class AuthProxy {
 public:
  AuthProxy(boost::asio::any_io_executor executor, AuthProxyTarget target, Identity& identity, Logger& log,
            std::chrono::milliseconds timeout = std::chrono::seconds(30));

  std::vector<http::Route> routes();

 private:
  Task<http::Response> serve(http::Request request);
  http::Request forwarded(const http::Request& request, const std::string& enrollment) const;
  std::unique_ptr<http::Client> take_client();

  boost::asio::any_io_executor executor_;
  AuthProxyTarget target_;
  Identity& identity_;
  Logger& log_;
  std::chrono::milliseconds timeout_;
  std::vector<std::unique_ptr<http::Client>> idle_;  ///< Each with a connection that may still stand.
};

}  // namespace mooring::core

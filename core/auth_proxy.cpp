// SPDX-License-Identifier: Apache-2.0
#include "core/auth_proxy.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/encoding.hpp"

namespace mooring::core {
namespace {

constexpr std::string_view kPath = "/authproxy";
constexpr std::size_t kProxiedBodyLimit = std::size_t{16} << 20U;
constexpr std::size_t kIdleClients = 16;

/// RFC 9110 section 7.6.1, and what our client writes itself.
bool is_hop_by_hop(std::string_view name) {
  constexpr std::array kNames{"connection", "keep-alive",       "proxy-authenticate", "proxy-authorization",
                              "te",         "trailer",          "transfer-encoding",  "upgrade",
                              "host",       "proxy-connection", "content-length",     "expect"};
  return std::ranges::any_of(kNames, [&](const char* known) { return equal_ignoring_case(name, known); });
}

/// Only this server says who somebody is.
bool is_claim(std::string_view name) {
  return equal_ignoring_case(name, "X-Enrollment-ID") || equal_ignoring_case(name, "X-Trace-ID");
}

}  // namespace

Result<AuthProxyTarget> AuthProxyTarget::parse(std::string_view url) {
  const auto scheme = url.find("://");
  const bool known = url.starts_with("http://") || url.starts_with("https://");
  const auto bad = url.find_first_of("?# \t\r\n@");
  if (!known || bad != std::string_view::npos || url.size() == scheme + 3) {
    return fail(Failure::invalid, "auth_proxy.url",
                fmt::format("auth-proxy-url is \"{}\": it must be like http://host:port/path", url));
  }
  const auto slash = url.find('/', scheme + 3);
  AuthProxyTarget target{.base = std::string(url.substr(0, slash)), .prefix = {}};
  if (slash != std::string_view::npos) target.prefix = url.substr(slash);
  while (target.prefix.ends_with('/')) target.prefix.pop_back();
  return target;
}

AuthProxy::AuthProxy(boost::asio::any_io_executor executor, AuthProxyTarget target, Identity& identity,
                     Logger& log, std::chrono::milliseconds timeout)
    : executor_(std::move(executor)),
      target_(std::move(target)),
      identity_(identity),
      log_(log),
      timeout_(timeout) {}

std::vector<http::Route> AuthProxy::routes() {
  std::vector<http::Route> routes;
  for (const char* method : {"GET", "POST", "PUT", "PATCH", "DELETE"}) {
    routes.push_back({method, "/authproxy/{path...}",
                      [this](http::Request request) { return serve(std::move(request)); },
                      kProxiedBodyLimit});
  }
  return routes;
}

http::Request AuthProxy::forwarded(const http::Request& request, const std::string& enrollment) const {
  http::Request out;
  out.method = request.method;
  out.target = target_.prefix + std::string(request.path().substr(kPath.size()));
  if (!request.query().empty()) out.target += "?" + std::string(request.query());
  for (const auto& [name, value] : request.headers.all()) {
    if (!is_hop_by_hop(name) && !is_claim(name) && !identity_.is_own_header(name))
      out.headers.add(name, value);
  }
  out.headers.set("X-Enrollment-ID", enrollment);
  out.headers.set("X-Trace-ID", request.id);
  out.body = request.body;
  return out;
}

std::unique_ptr<http::Client> AuthProxy::take_client() {
  if (idle_.empty()) return std::make_unique<http::Client>(executor_, target_.base, timeout_);
  auto client = std::move(idle_.back());
  idle_.pop_back();
  return client;
}

Task<http::Response> AuthProxy::serve(http::Request request) {
  const auto enrollment = co_await identity_.enrollment_of(&request);
  if (!enrollment) co_return http::problem(enrollment.error(), request.id);
  auto client = take_client();
  auto answer = co_await client->send(forwarded(request, *enrollment));
  if (!answer) {
    log_.warning(
        "the server behind the authenticating proxy does not answer",
        {{"request_id", request.id}, {"enrollment_id", *enrollment}, {"error", answer.error().message}});
    co_return http::problem(
        502, {Failure::unavailable, "auth_proxy.upstream", "the server behind this one does not answer"},
        request.id);
  }
  if (idle_.size() < kIdleClients) idle_.push_back(std::move(client));
  http::Response response;
  response.status = answer->status;
  response.body = std::move(answer->body);
  for (const auto& [name, value] : answer->headers.all()) {
    if (!is_hop_by_hop(name)) response.headers.add(name, value);
  }
  co_return response;
}

}  // namespace mooring::core

// SPDX-License-Identifier: Apache-2.0
#include "api/compat/nanomdm/nanomdm.hpp"

#include "api/auth.hpp"
#include "api/compat/nanomdm/handlers.hpp"
#include "api/compat/nanomdm/reply.hpp"
#include "api/detail/json.hpp"

namespace mooring::api::nanomdm {
namespace {

/// A message of a device, as the device listener takes it.
constexpr std::size_t kMigrationLimit = std::size_t{16} << 20U;

using NanoHandler = Task<http::Response> (*)(NanoMdmDependencies&, SharedRequest);

struct NanoRoute {
  const char* method;
  const char* pattern;
  NanoHandler handler;
  std::size_t body_limit = 0;
};

// NanoMDM looks at no method where this has several: clients differ.
constexpr NanoRoute kRoutes[]{
    {"PUT", "/nanomdm/v1/pushcert", put_push_certificate},
    {"GET", "/nanomdm/v1/pushcert", get_push_certificate},
    {"GET", "/nanomdm/v1/push/{ids...}", push},
    {"PUT", "/nanomdm/v1/push/{ids...}", push},
    {"POST", "/nanomdm/v1/push/{ids...}", push},
    {"PUT", "/nanomdm/v1/enqueue/{ids...}", enqueue},
    {"POST", "/nanomdm/v1/enqueue/{ids...}", enqueue},
    {"POST", "/nanomdm/v1/escrowkeyunlock", unlock_escrow_key},
    {"PUT", "/nanomdm/migration", migrate, kMigrationLimit},
    {"POST", "/nanomdm/migration", migrate, kMigrationLimit},
};

http::Response unauthorized(const Error& error) {
  auto response = error_response(http::status_of(error.failure), error.message);
  if (error.failure == Failure::unauthorized) {
    response.headers.set("WWW-Authenticate", R"(Basic realm="nanomdm", charset="UTF-8")");
  }
  return response;
}

}  // namespace

struct NanoMdm::Impl {
  explicit Impl(NanoMdmDependencies dependencies)
      : d(std::move(dependencies)), authenticator(d.pool, d.clock) {}

  Task<http::Response> serve(NanoHandler handler, http::Request request) {
    auto shared = std::make_shared<const http::Request>(std::move(request));
    const auto token = token_of(shared->headers.get("Authorization"));
    if (!token) co_return unauthorized(token.error());
    const auto known = co_await authenticator.check("Bearer " + *token);
    if (!known) co_return unauthorized(known.error());
    auto response = co_await handler(d, shared);
    d.log.info("nanomdm api request", {{"method", shared->method},
                                       {"path", shared->path()},
                                       {"status", response.status},
                                       {"request_id", shared->id}});
    co_return response;
  }
  Task<http::Response> version() { co_return detail::json_response(200, {{"version", d.version}}); }

  NanoMdmDependencies d;
  Authenticator authenticator;
};

NanoMdm::NanoMdm(NanoMdmDependencies dependencies) : impl_(std::make_unique<Impl>(std::move(dependencies))) {}

NanoMdm::~NanoMdm() = default;

std::vector<http::Route> NanoMdm::routes() {
  Impl* impl = impl_.get();
  std::vector<http::Route> routes;
  routes.push_back({"GET", "/nanomdm/version", [impl](const http::Request&) { return impl->version(); }});
  for (const auto& route : kRoutes) {
    routes.push_back({route.method, route.pattern,
                      [impl, handler = route.handler](http::Request request) {
                        return impl->serve(handler, std::move(request));
                      },
                      route.body_limit});
  }
  return routes;
}

}  // namespace mooring::api::nanomdm

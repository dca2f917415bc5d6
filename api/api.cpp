// SPDX-License-Identifier: Apache-2.0
#include "api/api.hpp"

#include <optional>

#include "api/auth.hpp"
#include "api/detail/endpoint.hpp"
#include "api/detail/json.hpp"
#include "api/event_stream.hpp"
#include "api/openapi.hpp"
#include "core/command_metrics.hpp"
#include "director/devices.hpp"

namespace mooring::api {

using detail::Access;
using detail::Answer;
using detail::Endpoint;
using detail::Json;
using detail::json_response;
using http::Request;
using http::Response;

namespace {

constexpr pg::Statement kApiReady{"api_ready", "select true"};

using SharedRequest = std::shared_ptr<const Request>;

Result<Answer> call_endpoint(const Endpoint& endpoint, const detail::Call& call) {
  if (endpoint.access != Access::write) return endpoint.handle(call);
  std::optional<Answer> undone;
  auto done = pg::in_transaction(call.db, [&](pg::Connection&) -> Result<Answer> {
    auto answer = endpoint.handle(call);
    if (!answer || !answer->rolls_back) return answer;
    undone = std::move(*answer);
    return fail(Failure::conflict, "request.rolled_back", "nothing was changed");
  });
  if (undone) return std::move(*undone);
  return done;
}

Response refusal(const Error& error, std::string_view request_id) {
  Response response = http::problem(error, request_id);
  if (error.failure == Failure::unauthorized) {
    const bool missing = error.code == "auth.missing";
    response.headers.set("WWW-Authenticate", missing ? "Bearer" : "Bearer error=\"invalid_token\"");
  }
  return response;
}

}  // namespace

struct Api::Impl {
  explicit Impl(ApiDependencies dependencies)
      : d(std::move(dependencies)),
        authenticator(d.pool, d.clock),
        streams(d.pool, d.secrets, d.interest, d.metrics) {}

  Task<Response> serve(Endpoint endpoint, SharedRequest request);
  Task<Response> push(SharedRequest request);
  Task<Response> version(SharedRequest request);
  Task<Response> events(SharedRequest request);
  Task<Response> healthz();
  Task<Response> readyz(SharedRequest request);
  Task<Response> metrics();
  Task<Response> openapi();

  /// Lets `next` answer once the token is known.
  Task<Response> guard(std::shared_ptr<Request> request, std::function<Task<Response>(SharedRequest)> next);
  http::Handler guarded(std::function<Task<Response>(SharedRequest)> next);
  Response failed(const Request& request, const Error& error) const;
  void after_commit(const Answer& answer);
  void add(std::vector<http::Route>& routes, std::span<const Endpoint> endpoints);

  ApiDependencies d;
  Authenticator authenticator;
  EventStreams streams;
};

Response Api::Impl::failed(const Request& request, const Error& error) const {
  if (http::status_of(error.failure) >= 500) {
    d.log.warning("api request failed", {{"method", request.method},
                                         {"path", request.path()},
                                         {"code", error.code},
                                         {"error", error.message},
                                         {"request_id", request.id}});
  }
  return refusal(error, request.id);
}

Task<Response> Api::Impl::guard(std::shared_ptr<Request> request,
                                std::function<Task<Response>(SharedRequest)> next) {
  const auto known = co_await authenticator.check(std::string(request->headers.get("Authorization")));
  if (!known) co_return failed(*request, known.error());
  request->actor = "token:" + *known;
  co_return co_await next(request);
}

http::Handler Api::Impl::guarded(std::function<Task<Response>(SharedRequest)> next) {
  return [this, next = std::move(next)](Request request) {
    return guard(std::make_shared<Request>(std::move(request)), next);
  };
}

Task<Response> Api::Impl::serve(Endpoint endpoint, SharedRequest request) {
  pg::Pool::Body<Answer> body = [this, endpoint, request, now = d.clock.now()](pg::Connection& connection) {
    return call_endpoint(endpoint, {connection, *request, now, d.secrets, d.enrollment, &d.profile_signer,
                                    d.first_repush, request->actor, &d.pass_context, &d.removal_guard});
  };
  auto answer = co_await d.pool.run<Answer>(std::move(body));
  if (!answer) co_return failed(*request, answer.error());
  after_commit(*answer);
  if (endpoint.access != Access::read) {
    d.log.info("api change", {{"method", request->method},
                              {"path", request->path()},
                              {"status", answer->response.status},
                              {"actor", request->actor},
                              {"request_id", request->id}});
  }
  co_return std::move(answer->response);
}

void Api::Impl::after_commit(const Answer& answer) {
  if (answer.ring) d.ring();
  if (answer.consumers) d.consumers_changed();
  if (!answer.revoked.empty() && d.revoked) d.revoked(answer.revoked);
  if (!answer.push.empty()) d.pusher.request(answer.push);
  for (const auto& warning : answer.warnings) d.log.warning("api warning", {{"warning", warning}});
  for (const auto& [type, status, count] : answer.counts) {
    core::commands_counter(d.metrics, type, status).Increment(static_cast<double>(count));
  }
}

Task<Response> Api::Impl::push(SharedRequest request) {
  pg::Pool::Body<std::int64_t> find = [request](pg::Connection& connection) -> Result<std::int64_t> {
    const auto device = director::find_device(connection, request->param("id"));
    if (!device) return std::unexpected(device.error());
    return director::device_channel(connection, device->id);
  };
  const auto enrollment = co_await d.pool.run<std::int64_t>(std::move(find));
  if (!enrollment) co_return failed(*request, enrollment.error());
  const auto pushed = co_await d.pusher.push_now(*enrollment);
  if (!pushed) co_return failed(*request, pushed.error());
  co_return json_response(200, {{"status", "pushed"}, {"apns_id", *pushed}});
}

Task<Response> Api::Impl::version(SharedRequest /*request*/) {
  co_return json_response(200, {{"name", "mooring"}, {"version", d.version}});
}

Task<Response> Api::Impl::events(SharedRequest request) {
  if (!EventStreams::wanted(*request)) co_return co_await serve(detail::event_list_endpoint(), request);
  auto stream = co_await streams.open(request);
  if (!stream) co_return failed(*request, stream.error());
  co_return std::move(*stream);
}

Task<Response> Api::Impl::healthz() { co_return json_response(200, {{"status", "ok"}}); }

Task<Response> Api::Impl::readyz(SharedRequest request) {
  if (!d.ready()) {
    co_return http::problem({Failure::unavailable, "server.not_ready", "The server is starting or draining."},
                            request->id);
  }
  pg::Pool::Body<bool> ask = [](pg::Connection& connection) -> Result<bool> {
    return !connection.exec(kApiReady).empty();
  };
  const auto answered = co_await d.pool.run<bool>(std::move(ask));
  if (!answered) co_return failed(*request, answered.error());
  co_return json_response(200, {{"status", "ready"}});
}

Task<Response> Api::Impl::metrics() {
  co_return Response::text(200, d.metrics.text(), "text/plain; version=0.0.4; charset=utf-8");
}

Task<Response> Api::Impl::openapi() { co_return Response::text(200, openapi_json(), "application/json"); }

void Api::Impl::add(std::vector<http::Route>& routes, std::span<const Endpoint> endpoints) {
  for (const auto& endpoint : endpoints) {
    const auto next = [this, endpoint](SharedRequest request) { return serve(endpoint, std::move(request)); };
    routes.push_back({endpoint.method, endpoint.pattern, guarded(next)});
  }
}

Api::Api(ApiDependencies dependencies) : impl_(std::make_unique<Impl>(std::move(dependencies))) {}

Api::~Api() = default;

std::vector<http::Route> Api::routes() {
  Impl* impl = impl_.get();
  std::vector<http::Route> routes;
  routes.push_back({"GET", "/healthz", [impl](const Request&) { return impl->healthz(); }});
  routes.push_back({"GET", "/readyz", [impl](Request request) {
                      return impl->readyz(std::make_shared<const Request>(std::move(request)));
                    }});
  routes.push_back({"GET", "/metrics", [impl](const Request&) { return impl->metrics(); }});
  routes.push_back({"GET", "/v1/openapi.json", [impl](const Request&) { return impl->openapi(); }});
  routes.push_back({"GET", "/v1/version", impl->guarded([impl](SharedRequest request) {
                      return impl->version(std::move(request));
                    })});
  routes.push_back({"POST", "/v1/devices/{id}/push",
                    impl->guarded([impl](SharedRequest request) { return impl->push(std::move(request)); })});
  routes.push_back({"GET", "/v1/events", impl->guarded([impl](SharedRequest request) {
                      return impl->events(std::move(request));
                    })});
  for (const auto endpoints : {detail::profile_endpoints(),        detail::assignment_endpoints(),
                               detail::condition_endpoints(),      detail::fact_endpoints(),
                               detail::group_endpoints(),          detail::device_endpoints(),
                               detail::device_state_endpoints(),   detail::device_enrollment_endpoints(),
                               detail::command_endpoints(),        detail::push_certificate_endpoints(),
                               detail::certificate_endpoints(),    detail::declaration_endpoints(),
                               detail::checkin_answer_endpoints(), detail::enrollment_profile_endpoints(),
                               detail::drift_endpoints(),          detail::operation_endpoints(),
                               detail::pause_endpoints(),          detail::secret_endpoints(),
                               detail::evidence_endpoints(),       detail::foreign_endpoints(),
                               detail::history_endpoints(),        detail::plan_endpoints(),
                               detail::change_plan_endpoints(),    detail::repush_endpoints(),
                               detail::requirement_endpoints(),    detail::why_endpoints(),
                               detail::consumer_endpoints(),       detail::webhook_endpoints()}) {
    impl->add(routes, endpoints);
  }
  return routes;
}

}  // namespace mooring::api

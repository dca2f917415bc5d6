// SPDX-License-Identifier: Apache-2.0
#include "core/device_endpoint.hpp"

#include "base/encoding.hpp"
#include "base/plist/plist.hpp"
#include "core/url_params.hpp"

namespace mooring::core {
namespace {

constexpr std::string_view kCheckinType = "application/x-apple-aspen-mdm-checkin";
/// Lists of apps and certificates reach several MiB; Apple names no limit.
constexpr std::size_t kBodyLimit = std::size_t{16} << 20U;
constexpr std::string_view kXml = "text/xml; charset=utf-8";

bool says_checkin(const http::Request& request) {
  const std::string_view type = request.headers.get("Content-Type");
  return type.size() >= kCheckinType.size() &&
         equal_ignoring_case(type.substr(0, kCheckinType.size()), kCheckinType);
}

http::Response empty() { return http::Response::text(200, "", kXml); }

}  // namespace

std::vector<http::Route> DeviceEndpoint::routes() {
  std::vector<http::Route> routes;
  const auto add = [&](const char* pattern, Expected expected) {
    for (const char* method : {"PUT", "POST"}) {
      routes.push_back(
          {method, pattern,
           [this, expected](http::Request request) { return serve(std::move(request), expected); },
           kBodyLimit});
    }
  };
  add("/mdm", Expected::either);
  add("/mdm/checkin", Expected::checkin);
  add("/mdm/connect", Expected::report);
  return routes;
}

Task<http::Response> DeviceEndpoint::serve(http::Request request, Expected expected) {
  auto message = plist::parse_dict(request.body, {.bytes = kBodyLimit});
  if (!message) {
    log_.warning(
        "refused a message that is not a property list",
        {{"request_id", request.id}, {"code", message.error().code}, {"bytes", request.body.size()}});
    co_return http::problem(message.error(), request.id);
  }
  const bool checkin = expected == Expected::checkin ||
                       (expected == Expected::either && (says_checkin(request) || is_checkin(*message)));
  MessageContext context;
  context.url_params = url_params_json(request.query());
  context.request_id = std::move(request.id);
  context.body = std::move(request.body);
  if (checkin) co_return co_await serve_checkin(std::move(*message), std::move(context));
  co_return co_await serve_report(std::move(*message), std::move(context));
}

Task<http::Response> DeviceEndpoint::serve_checkin(plist::Dict message, MessageContext context) {
  const std::string request_id = context.request_id;
  auto checkin = parse_checkin(message);
  if (!checkin) {
    log_.warning("refused a check-in", {{"request_id", request_id}, {"error", checkin.error().message}});
    co_return http::problem(checkin.error(), request_id);
  }
  const bool is_authenticate = std::holds_alternative<Authenticate>(*checkin);
  auto outcome = co_await checkins_.handle(std::move(*checkin), std::move(message), std::move(context));
  if (!outcome) {
    log_.warning("check-in failed", {{"request_id", request_id}, {"error", outcome.error().message}});
    Error error = outcome.error();
    if (error.failure == Failure::unsupported) error.failure = Failure::invalid;
    co_return http::problem(error, request_id);
  }
  activity_.touch(outcome->enrollment);
  // After Authenticate alone there is nobody to send anything to: TokenUpdate follows and rings.
  if (observed_ && !is_authenticate) observed_();
  co_return http::Response::text(outcome->status, std::move(outcome->reply), outcome->content_type);
}

Task<http::Response> DeviceEndpoint::serve_report(plist::Dict message, MessageContext context) {
  const std::string request_id = context.request_id;
  auto report = parse_report(message);
  if (!report) {
    log_.warning("refused a report", {{"request_id", request_id}, {"error", report.error().message}});
    co_return http::problem(report.error(), request_id);
  }
  const std::string enrollment = report->enrollment.id;
  auto outcome = co_await reports_.handle(std::move(*report), std::move(context));
  if (!outcome) {
    log_.error(
        "a report could not be stored",
        {{"request_id", request_id}, {"enrollment_id", enrollment}, {"error", outcome.error().message}});
    co_return http::problem(outcome.error(), request_id);
  }
  if (!outcome->known) {
    log_.warning("report of an unknown enrollment",
                 {{"request_id", request_id}, {"enrollment_id", enrollment}});
    co_return empty();
  }
  activity_.touch(outcome->enrollment);
  if (outcome->observed && observed_) observed_();
  if (!outcome->next) co_return empty();
  auto payload = co_await payloads_.get(outcome->next->payload);
  if (!payload) co_return http::problem(payload.error(), request_id);
  if ((*payload)->relayed) co_return http::Response::text(200, (*payload)->body, kXml);
  co_return http::Response::text(
      200, command_envelope((*payload)->body, decode_command_uuid(outcome->next->uuid)), kXml);
}

}  // namespace mooring::core

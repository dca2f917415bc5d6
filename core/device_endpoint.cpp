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

Claim claim_of(const Checkin& checkin) {
  Claim claim{.enrollment = std::visit([](const auto& held) { return held.enrollment.device(); }, checkin)};
  if (const auto* authenticate = std::get_if<Authenticate>(&checkin)) {
    claim.authenticate = true;
    claim.serial_number = authenticate->serial_number;
  }
  return claim;
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
  if (checkin) co_return co_await serve_checkin(std::move(request), std::move(*message));
  co_return co_await serve_report(std::move(request), std::move(*message));
}

Task<Result<MessageContext>> DeviceEndpoint::admit(http::Request request, Claim claim) {
  MessageContext context;
  if (identity_ != nullptr) {
    auto sender = co_await identity_->check(&request, std::move(claim));
    if (!sender) co_return std::unexpected(sender.error());
    context.certificate_hash = std::move(sender->certificate_hash);
    context.user_name = std::move(sender->admission.user_name);
    context.enrollment_profile = std::move(sender->admission.enrollment_profile);
    context.renewal = sender->admission.renewal;
  }
  context.url_params = url_params_json(request.query());
  context.request_id = std::move(request.id);
  context.body = std::move(request.body);
  co_return context;
}

Task<http::Response> DeviceEndpoint::refuse(Error error, std::string udid, std::string request_id) {
  if (is_unknown_device(error)) {
    co_return co_await unknown_devices_.answer(std::move(udid), std::move(error), std::move(request_id));
  }
  co_return http::problem(error, request_id);
}

Task<http::Response> DeviceEndpoint::serve_checkin(http::Request request, plist::Dict message) {
  const std::string request_id = request.id;
  auto checkin = parse_checkin(message);
  if (!checkin) {
    log_.warning("refused a check-in", {{"request_id", request_id}, {"error", checkin.error().message}});
    co_return http::problem(checkin.error(), request_id);
  }
  const auto claim = claim_of(*checkin);
  auto context = co_await admit(std::move(request), claim);
  if (!context) co_return co_await refuse(context.error(), claim.enrollment, request_id);
  const std::string certificate_hash = context->certificate_hash;
  const bool is_check_out = std::holds_alternative<CheckOut>(*checkin);
  auto outcome = co_await checkins_.handle(std::move(*checkin), std::move(message), std::move(*context));
  if (!outcome) {
    log_.warning("check-in failed", {{"request_id", request_id}, {"error", outcome.error().message}});
    Error error = outcome.error();
    if (error.failure == Failure::unsupported) error.failure = Failure::invalid;
    co_return http::problem(error, request_id);
  }
  if (is_check_out && identity_ != nullptr) identity_->forget(certificate_hash);
  activity_.touch(outcome->enrollment);
  // After Authenticate alone there is nobody to send anything to: TokenUpdate follows and rings.
  if (observed_ && !claim.authenticate) observed_();
  co_return http::Response::text(outcome->status, std::move(outcome->reply), outcome->content_type);
}

Task<http::Response> DeviceEndpoint::serve_report(http::Request request, plist::Dict message) {
  const std::string request_id = request.id;
  auto report = parse_report(message);
  if (!report) {
    log_.warning("refused a report", {{"request_id", request_id}, {"error", report.error().message}});
    co_return http::problem(report.error(), request_id);
  }
  const auto channel = report->enrollment;
  const std::string enrollment = channel.id;
  const std::string device = channel.device();
  auto context = co_await admit(std::move(request), {.enrollment = device});
  if (!context) co_return co_await refuse(context.error(), device, request_id);
  auto outcome = co_await reports_.handle(std::move(*report), std::move(*context));
  if (!outcome) {
    log_.error(
        "a report could not be stored",
        {{"request_id", request_id}, {"enrollment_id", enrollment}, {"error", outcome.error().message}});
    co_return http::problem(outcome.error(), request_id);
  }
  if (!outcome->known) {
    log_.warning("report of an unknown enrollment",
                 {{"request_id", request_id}, {"enrollment_id", enrollment}});
    if (unknown_devices_.policy() == UnknownDevicePolicy::ignore) co_return empty();
    co_return co_await unknown_devices_.answer(device, {}, request_id);
  }
  activity_.touch(outcome->enrollment);
  if (outcome->observed && observed_) observed_();
  co_return co_await hand_out(std::move(*outcome), channel, request_id);
}

Task<http::Response> DeviceEndpoint::hand_out(ReportOutcome outcome, EnrollmentId enrollment,
                                              std::string request_id) {
  while (outcome.next) {
    const auto uuid = decode_command_uuid(outcome.next->uuid);
    const auto payload = co_await rendered(outcome.enrollment, outcome.next->payload);
    if (payload && (*payload)->relayed) co_return http::Response::text(200, (*payload)->body, kXml);
    if (payload) co_return http::Response::text(200, command_envelope((*payload)->body, uuid), kXml);
    if (payload.error().failure != Failure::invalid) co_return http::problem(payload.error(), request_id);
    log_.warning(
        "a command cannot be made for its device",
        {{"enrollment_id", enrollment.id}, {"command_uuid", uuid}, {"error", payload.error().message}});
    auto after = co_await give_up(enrollment, uuid, payload.error().message, request_id);
    if (!after) co_return http::problem(after.error(), request_id);
    if (after->observed && observed_) observed_();
    outcome = std::move(*after);
  }
  co_return empty();
}

Task<Result<SharedPayload>> DeviceEndpoint::rendered(std::int64_t enrollment, std::int32_t payload) {
  auto stored = co_await payloads_.get(payload);
  if (!stored || (*stored)->rendering == Rendering::none) co_return stored;
  if (renderer_ != nullptr) co_return co_await renderer_->render(enrollment, payload, *stored);
  if ((*stored)->rendering == Rendering::profile) co_return stored;
  co_return fail(Failure::invalid, "render.nobody", "nobody here makes commands for one device");
}

Task<Result<ReportOutcome>> DeviceEndpoint::give_up(EnrollmentId enrollment, std::string uuid,
                                                    std::string why, std::string request_id) {
  const plist::Dict link{{"ErrorCode", kRenderingFailed},
                         {"ErrorDomain", kRenderingDomain},
                         {"LocalizedDescription", why},
                         {"USEnglishDescription", why}};
  const plist::Dict message{
      {"Status", "Error"}, {"CommandUUID", uuid}, {"ErrorChain", plist::Array(1, plist::Value(link))}};
  Report report{.enrollment = std::move(enrollment),
                .status = ReportStatus::error,
                .status_text = "Error",
                .command_uuid = std::move(uuid),
                .request_type = {},
                .error_chain = {ErrorChainItem{kRenderingFailed, kRenderingDomain, why, why}}};
  MessageContext context;
  context.request_id = std::move(request_id);
  context.body = plist::to_xml(message);
  co_return co_await reports_.handle(std::move(report), std::move(context));
}

}  // namespace mooring::core

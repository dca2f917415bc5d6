// SPDX-License-Identifier: Apache-2.0
// /v1/push-certificates: what makes this server known to Apple's push service.
#include <array>

#include "api/detail/endpoint.hpp"
#include "api/detail/json.hpp"
#include "core/push_certificates.hpp"

namespace mooring::api::detail {
namespace {

Json push_certificate_json(const core::PushCertificate& certificate, Time now) {
  const auto days = std::chrono::floor<std::chrono::days>(certificate.not_after - now).count();
  return {{"topic", certificate.topic},
          {"subject", certificate.subject},
          {"not_before", to_rfc3339(certificate.not_before)},
          {"not_after", to_rfc3339(certificate.not_after)},
          {"days_left", days},
          {"uploaded_at", to_rfc3339(certificate.uploaded_at)},
          {"failure", certificate.failure.empty() ? Json(nullptr) : Json(certificate.failure)},
          {"failed_at", json_of(certificate.failed_at)},
          {"certificate", certificate.certificate}};
}

std::unexpected<Error> unknown_push_certificate(std::string_view topic) {
  return fail(Failure::not_found, "push_certificate.unknown",
              "there is no push certificate for the topic " + std::string(topic));
}

Result<Answer> put_certificate(Call call) {
  const auto bundle = core::read_push_bundle(call.request.body, "", call.now);
  if (!bundle) return std::unexpected(bundle.error());
  return pg::in_transaction(call.db, [&](pg::Connection& connection) -> Result<Answer> {
    const auto stored = core::put_push_certificate(connection, call.secrets, *bundle, call.now);
    auto body = push_certificate_json(stored.certificate, call.now);
    body["replaced"] = stored.replaced;
    body["warnings"] = stored.warnings;
    Answer answer = json_response(stored.replaced ? 200 : 201, body);
    answer.response.headers.set("Location", "/v1/push-certificates/" + stored.certificate.topic);
    answer.warnings = stored.warnings;
    return answer;
  });
}

Result<Answer> get_certificates(Call call) {
  auto items = Json::array();
  for (const auto& certificate : core::list_push_certificates(call.db)) {
    items.push_back(push_certificate_json(certificate, call.now));
  }
  return json_response(200, page_json(std::move(items)));
}

Result<Answer> get_certificate(Call call) {
  const auto topic = call.request.param("topic");
  const auto certificate = core::find_push_certificate(call.db, topic);
  if (!certificate) return unknown_push_certificate(topic);
  return json_response(200, push_certificate_json(*certificate, call.now));
}

Result<Answer> delete_certificate(Call call) {
  const auto topic = call.request.param("topic");
  if (!core::delete_push_certificate(call.db, topic)) return unknown_push_certificate(topic);
  Answer answer;
  answer.response.status = 204;
  return answer;
}

}  // namespace

std::span<const Endpoint> push_certificate_endpoints() {
  static constexpr std::array kEndpoints{
      Endpoint{"GET", "/v1/push-certificates", Access::read, get_certificates},
      Endpoint{"PUT", "/v1/push-certificates", Access::slow, put_certificate},
      Endpoint{"GET", "/v1/push-certificates/{topic}", Access::read, get_certificate},
      Endpoint{"DELETE", "/v1/push-certificates/{topic}", Access::write, delete_certificate},
  };
  return kEndpoints;
}

}  // namespace mooring::api::detail

// SPDX-License-Identifier: Apache-2.0
// /v1/certificates and /v1/scep/challenges: the certificates of devices, and what lets them ask for one.
#include <array>

#include "api/detail/endpoint.hpp"
#include "api/detail/json.hpp"
#include "base/encoding.hpp"
#include "core/scep/certificates.hpp"
#include "core/scep/challenges.hpp"

namespace mooring::api::detail {
namespace {

Json certificate_json(const core::IssuedCertificate& certificate) {
  return {{"serial", to_hex(certificate.serial)},
          {"sha256", to_hex(certificate.hash)},
          {"subject", certificate.subject},
          {"not_before", to_rfc3339(certificate.not_before)},
          {"not_after", to_rfc3339(certificate.not_after)},
          {"issued_at", to_rfc3339(certificate.issued_at)},
          {"renews", certificate.renews ? Json(to_hex(*certificate.renews)) : Json()},
          {"udid", json_of(certificate.udid)},
          {"serial_number", json_of(certificate.serial_number)},
          {"user_name", json_of(certificate.user_name)},
          {"enrollment_profile", json_of(certificate.enrollment_profile)},
          {"revoked_at", json_of(certificate.revoked_at)},
          {"revocation_reason",
           certificate.revocation_reason ? Json(core::name_of(*certificate.revocation_reason)) : Json()},
          {"certificate", to_base64(certificate.der)}};
}

Result<Answer> get_issued(Call call) {
  const auto page = page_of(call.request, "certificates");
  if (!page) return std::unexpected(page.error());
  auto certificates = core::list_certificates(call.db, from_hex(page->after).value_or(""), page->limit + 1);
  std::optional<std::string> next;
  if (certificates.size() > static_cast<std::size_t>(page->limit)) {
    certificates.pop_back();
    next = make_cursor("certificates", to_hex(certificates.back().serial));
  }
  auto items = Json::array();
  for (const auto& certificate : certificates) items.push_back(certificate_json(certificate));
  return json_response(200, page_json(std::move(items), std::move(next)));
}

Result<core::RevocationReason> read_reason(const http::Request& request) {
  if (request.body.empty()) return core::RevocationReason::unspecified;
  const auto body = parse_object(request, {"reason"});
  if (!body) return std::unexpected(body.error());
  const auto name = optional_text(*body, "reason");
  if (!name) return std::unexpected(name.error());
  const auto reason = core::parse_revocation_reason(name->value_or("unspecified"));
  if (!reason) {
    return fail(
        Failure::invalid, "certificate.reason",
        "reason must be unspecified, keyCompromise, affiliationChanged, superseded or cessationOfOperation");
  }
  return *reason;
}

Result<Answer> post_revoke(Call call) {
  const auto reason = read_reason(call.request);
  if (!reason) return std::unexpected(reason.error());
  const auto serial = from_hex(call.request.param("serial"));
  auto found = serial ? core::find_certificate(call.db, *serial) : std::nullopt;
  if (!found) {
    return fail(Failure::not_found, "certificate.unknown",
                "this server issued no certificate with that serial number");
  }
  const std::array hashes{found->hash};
  core::revoke_certificates(call.db, hashes, *reason, call.now);
  found = core::find_certificate(call.db, *serial);
  Answer answer = json_response(200, certificate_json(*found));
  answer.revoked = {found->hash};
  return answer;
}

Result<core::NewChallenge> read_challenge_order(const http::Request& request) {
  const auto body = request.body.empty()
                        ? Result<Json>(Json::object())
                        : parse_object(request, {"lifetime", "one_time", "udid", "serial_number", "user_name",
                                                 "enrollment_profile"});
  if (!body) return std::unexpected(body.error());
  core::NewChallenge order;
  struct Field {
    const char* key;
    std::string* value;
  };
  std::string lifetime = "1h";
  for (const auto& [key, value] :
       {Field{"lifetime", &lifetime}, Field{"udid", &order.udid},
        Field{"serial_number", &order.serial_number}, Field{"user_name", &order.user_name},
        Field{"enrollment_profile", &order.enrollment_profile}}) {
    const auto text = optional_text(*body, key);
    if (!text) return std::unexpected(text.error());
    if (*text) *value = **text;
  }
  const auto span = parse_span("lifetime", lifetime);
  if (!span) return std::unexpected(span.error());
  order.lifetime = std::chrono::duration_cast<std::chrono::seconds>(*span);
  const auto one_time = body->find("one_time");
  if (one_time != body->end() && !one_time->is_boolean()) {
    return fail(Failure::invalid, "request.wrong_type", "one_time must be true or false");
  }
  if (one_time != body->end()) order.one_time = one_time->get<bool>();
  return order;
}

Result<Answer> post_challenge(Call call) {
  const auto order = read_challenge_order(call.request);
  if (!order) return std::unexpected(order.error());
  const auto challenge = core::create_challenge(call.db, *order, call.now);
  Answer answer = json_response(201, {{"challenge", challenge},
                                      {"one_time", order->one_time},
                                      {"expires_at", to_rfc3339(call.now + order->lifetime)}});
  answer.response.headers.set("Cache-Control", "no-store");
  return answer;
}

}  // namespace

std::span<const Endpoint> certificate_endpoints() {
  static constexpr std::array kEndpoints{
      Endpoint{"GET", "/v1/certificates", Access::read, get_issued},
      Endpoint{"POST", "/v1/certificates/{serial}/revoke", Access::write, post_revoke},
      Endpoint{"POST", "/v1/scep/challenges", Access::write, post_challenge},
  };
  return kEndpoints;
}

}  // namespace mooring::api::detail

// SPDX-License-Identifier: Apache-2.0
// Push certificates, and the one request to Apple that they are shown with besides pushes.
#include <array>

#include "api/compat/nanomdm/handlers.hpp"
#include "api/compat/nanomdm/reply.hpp"
#include "api/detail/json.hpp"
#include "base/http/client.hpp"
#include "core/push_certificates.hpp"

namespace mooring::api::nanomdm {
namespace {

constexpr auto kUnlockTimeout = std::chrono::seconds(30);

/// NanoMDM knows two statuses for errors; a busy server says so all the same.
http::Response refused(const Error& error) {
  const int status = http::status_of(error.failure);
  return error_response(status >= 500 && status != 503 ? 500 : status, error.message);
}

http::Response certificate_response(const core::PushCertificate& certificate) {
  return detail::json_response(
      200, {{"topic", certificate.topic}, {"not_after", to_rfc3339(certificate.not_after)}});
}

/// As a form in the body or the query says it.
std::string form_value(const http::Request& request, std::string_view name) {
  const http::Request form{.target = "/?" + request.body};
  if (auto value = form.query_param(name)) return *value;
  return request.query_param(name).value_or("");
}

struct UnlockForm {
  std::string query;
  std::string body;
  std::string missing;  ///< Names of what has to be there and is not.
};

UnlockForm unlock_form(const http::Request& request) {
  struct Field {
    const char* name;
    bool required;
    bool in_query;
  };
  static constexpr std::array kFields{
      Field{"serial", true, true}, Field{"productType", true, true}, Field{"imei", false, true},
      Field{"imei2", false, true}, Field{"meid", false, true},       Field{"orgName", true, false},
      Field{"guid", true, false},  Field{"escrowKey", true, false},
  };
  UnlockForm form;
  for (const auto& field : kFields) {
    const std::string value = form_value(request, field.name);
    if (value.empty()) {
      if (field.required) form.missing += (form.missing.empty() ? "" : ", ") + std::string(field.name);
      continue;
    }
    auto& text = field.in_query ? form.query : form.body;
    text += (text.empty() ? "" : "&") + std::string(field.name) + "=" + percent_encode(value);
  }
  if (form_value(request, "topic").empty())
    form.missing = "topic" + (form.missing.empty() ? "" : ", " + form.missing);
  return form;
}

/// "https://host/path" into base and path.
std::pair<std::string, std::string> split_url(const std::string& url) {
  const auto scheme = url.find("://");
  const auto path = url.find('/', scheme == std::string::npos ? 0 : scheme + 3);
  if (path == std::string::npos) return {url, "/"};
  return {url.substr(0, path), url.substr(path)};
}

Task<Result<http::Response>> ask_apple(NanoMdmDependencies& d, const UnlockForm& form,
                                       const http::TlsIdentity& identity) {
  const auto [base, path] = split_url(d.escrow_key_unlock_url);
  http::Request request{.method = "POST", .target = path + "?" + form.query};
  request.headers.set("Content-Type", "application/x-www-form-urlencoded");
  request.body = form.body;
  http::Client client(d.executor, base,
                      {.timeout = kUnlockTimeout, .tls = {.trust = d.escrow_trust, .identity = identity}});
  co_return co_await client.send(std::move(request));
}

}  // namespace

Task<http::Response> put_push_certificate(NanoMdmDependencies& d, SharedRequest request) {
  pg::Pool::Body<core::PushCertificate> body = [request, &secrets = d.secrets, now = d.clock.now()](
                                                   pg::Connection& c) -> Result<core::PushCertificate> {
    const auto bundle = core::read_push_bundle(request->body, "", now);
    if (!bundle) return std::unexpected(bundle.error());
    return pg::in_transaction(c, [&](pg::Connection& tx) -> Result<core::PushCertificate> {
      return core::put_push_certificate(tx, secrets, *bundle, now).certificate;
    });
  };
  const auto stored = co_await d.pool.run<core::PushCertificate>(std::move(body));
  co_return stored ? certificate_response(*stored) : refused(stored.error());
}

Task<http::Response> get_push_certificate(NanoMdmDependencies& d, SharedRequest request) {
  const std::string topic = request->query_param("topic").value_or("");
  if (topic.empty()) co_return error_response(400, "the query parameter topic is missing");
  pg::Pool::Body<core::PushCertificate> body = [topic](pg::Connection& c) -> Result<core::PushCertificate> {
    auto found = core::find_push_certificate(c, topic);
    if (found) return std::move(*found);
    return fail(Failure::not_found, "push_certificate.unknown", "no push certificate for the topic " + topic);
  };
  const auto found = co_await d.pool.run<core::PushCertificate>(std::move(body));
  co_return found ? certificate_response(*found) : refused(found.error());
}

Task<http::Response> unlock_escrow_key(NanoMdmDependencies& d, SharedRequest request) {
  const auto form = unlock_form(*request);
  if (!form.missing.empty()) co_return error_response(400, "missing in the form: " + form.missing);
  pg::Pool::Body<core::PushCredential> body = [topic = form_value(*request, "topic"),
                                               &secrets = d.secrets](pg::Connection& c) {
    return core::load_push_credential(c, secrets, topic);
  };
  const auto credential = co_await d.pool.run<core::PushCredential>(std::move(body));
  if (!credential) co_return refused(credential.error());
  auto answer = co_await ask_apple(d, form, credential->identity);
  if (!answer) co_return refused(answer.error());
  const std::string_view type = answer->headers.get("Content-Type");
  co_return http::Response::text(answer->status, std::move(answer->body),
                                 type.empty() ? "application/octet-stream" : std::string(type));
}

}  // namespace mooring::api::nanomdm

// SPDX-License-Identifier: Apache-2.0
// Account-driven enrollment: the device asks the domain of a Managed Apple Account where to enroll, is sent
// to a page where the person signs in, and comes back with a token for one profile.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/encoding.hpp"
#include "base/plist/plist.hpp"
#include "core/enroll/detail/form.hpp"
#include "core/enroll/detail/tokens.hpp"
#include "core/enroll/endpoint.hpp"

namespace mooring::core::enroll {
namespace {

using OrderedJson = nlohmann::ordered_json;

constexpr std::chrono::minutes kAccountLifetime{10};
constexpr int kMostProfiles = 1000;
constexpr const char* kLoginScheme =
    "apple-remotemanagement-user-login://authentication-results?access-token=";

http::Response json_answer(int status, const OrderedJson& json) {
  auto response = http::Response::text(
      status, json.dump(-1, ' ', false, OrderedJson::error_handler_t::replace), "application/json");
  response.headers.set("Cache-Control", "no-store");
  return response;
}

bool is_offered(const StoredProfile& profile, std::string_view identifier, std::string_view family) {
  const auto& account = profile.settings.account_driven;
  if (!account) return false;
  const auto& families = account->model_families;
  if (!families.empty() && std::ranges::find(families, family) == families.end()) return false;
  if (account->domains.empty()) return true;
  const auto at = identifier.rfind('@');
  if (at == std::string_view::npos) return false;
  return std::ranges::find(account->domains, to_lower_ascii(identifier.substr(at + 1))) !=
         account->domains.end();
}

/// One server for each version; of several profiles the first by name.
OrderedJson servers_of(const std::vector<StoredProfile>& profiles, std::string_view identifier,
                       std::string_view family, const std::string& device_url) {
  auto servers = OrderedJson::array();
  std::vector<std::string> versions;
  for (const auto& profile : profiles) {
    if (!is_offered(profile, identifier, family)) continue;
    const auto& version = profile.settings.account_driven->version;
    if (std::ranges::find(versions, version) != versions.end()) continue;
    versions.push_back(version);
    servers.push_back(
        {{"Version", version}, {"BaseURL", device_url + "/enroll/" + profile.name + "/account"}});
  }
  return servers;
}

std::string bearer_token(const http::Request& request) {
  const auto field = request.headers.get("Authorization");
  if (field.size() < 8 || !equal_ignoring_case(field.substr(0, 7), "Bearer ")) return {};
  return std::string(trim(field.substr(7)));
}

http::Response page(int status, std::string html) {
  auto response = http::Response::text(status, std::move(html), "text/html; charset=utf-8");
  response.headers.set("Cache-Control", "no-store");
  response.headers.set("Content-Security-Policy",
                       "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; "
                       "form-action 'self' apple-remotemanagement-user-login:");
  response.headers.set("X-Content-Type-Options", "nosniff");
  response.headers.set("X-Frame-Options", "DENY");
  response.headers.set("Referrer-Policy", "no-referrer");
  return response;
}

}  // namespace

Task<http::Response> EnrollEndpoint::discover(http::Request request) {
  pg::Pool::Body<std::vector<StoredProfile>> body = [this](pg::Connection& db) {
    return d_.profiles.list(db, "", kMostProfiles);
  };
  const auto profiles = co_await d_.pool.run<std::vector<StoredProfile>>(std::move(body));
  if (!profiles) co_return refuse(request, Way::account, profiles.error());
  const bool any =
      std::ranges::any_of(*profiles, [](const auto& p) { return p.settings.account_driven.has_value(); });
  if (!any) {
    co_return http::problem({Failure::not_found, "enrollment.not_account_driven",
                             "Account-driven enrollment is not offered here."},
                            request.id);
  }
  const auto servers = servers_of(*profiles, request.query_param("user-identifier").value_or(""),
                                  request.query_param("model-family").value_or(""), d_.device_url());
  if (!servers.empty()) co_return json_answer(200, {{"Servers", servers}});
  count(Way::account, "refused");
  co_return json_answer(403,
                        {{"code", "com.apple.well-known.failed"},
                         {"description", "no enrollment profile is for this account and kind of device"}});
}

Task<Result<StoredProfile>> EnrollEndpoint::find_account_driven(std::string name) {
  auto profile = co_await find(std::move(name));
  if (profile && !profile->settings.account_driven) {
    co_return fail(Failure::not_found, "enrollment.not_account_driven",
                   "Account-driven enrollment is not offered here.");
  }
  co_return profile;
}

http::Response EnrollEndpoint::bearer_challenge(const http::Request& request, const std::string& name,
                                                const Error& error) {
  auto response = http::problem(401, error, request.id);
  response.headers.set("WWW-Authenticate", "Bearer method=\"apple-as-web\", url=\"" + d_.device_url() +
                                               "/enroll/" + name + "/sign-in\"");
  response.headers.set("Cache-Control", "no-store");
  return response;
}

Task<http::Response> EnrollEndpoint::account(http::Request request) {
  const std::string name(request.param("name"));
  const auto profile = co_await find_account_driven(name);
  if (!profile) co_return refuse(request, Way::account, profile.error());
  auto token = bearer_token(request);
  if (token.empty()) {
    const Error error{Failure::unauthorized, "auth.missing", "Sign in to enroll this device."};
    co_return bearer_challenge(request, name, error);
  }
  Applicant applicant{.account_driven = true};
  if (!request.body.empty()) {
    const auto machine = co_await open_signed(request.body);
    if (!machine) co_return refuse(request, Way::account, machine.error());
    const auto info = plist::parse_dict(machine->content);
    if (!info) co_return refuse(request, Way::account, info.error());
    // A User Enrollment (mdm-byod) goes by a name of its own, whatever is said here: a certificate for this
    // UDID would not speak for it.
    const bool named = profile->settings.account_driven->version != "mdm-byod";
    const auto* udid = info->string("UDID");
    const auto* serial = info->string("SERIAL");
    if (named && udid != nullptr && detail::is_device_name(*udid)) applicant.udid = *udid;
    if (named && serial != nullptr && detail::is_device_name(*serial)) applicant.serial_number = *serial;
  }
  auto taken = co_await take_token(detail::kAccountToken, name, std::move(token));
  if (!taken) {
    if (taken.error().failure != Failure::forbidden) co_return refuse(request, Way::account, taken.error());
    count(Way::account, "refused");
    co_return bearer_challenge(request, name, taken.error());
  }
  applicant.user_name = taken->user_name;
  pg::Pool::Body<MadeProfile> body = [this, name, applicant, now = d_.clock.now()](pg::Connection& db) {
    return d_.profiles.offer(db, name, applicant, now);
  };
  auto made = co_await d_.pool.transaction<MadeProfile>(std::move(body));
  co_return co_await deliver(request, Way::account, std::move(made), name);
}

Task<http::Response> EnrollEndpoint::sign_in_page(http::Request request) {
  const auto profile = co_await find_account_driven(std::string(request.param("name")));
  if (!profile) co_return refuse(request, Way::account, profile.error());
  co_return page(
      200, detail::sign_in_html(profile->settings, request.query_param("user-identifier").value_or(""), ""));
}

/// There is no session that a foreign page could abuse: who posts the form must know the password.
Task<http::Response> EnrollEndpoint::sign_in(http::Request request) {
  const std::string name(request.param("name"));
  const auto profile = co_await find_account_driven(name);
  if (!profile) co_return refuse(request, Way::account, profile.error());
  const auto user = detail::form_field(request.body, "username").value_or("");
  const auto password = detail::form_field(request.body, "password").value_or("");
  const auto checked = co_await d_.credentials.check(request.remote_address, user, password);
  if (!checked) {
    const auto& error = checked.error();
    const int status = error.code == "auth.too_many" ? 429 : http::status_of(error.failure);
    count(Way::account, status >= 500 ? "error" : "refused");
    // Not 401: that asks for a header which a form cannot send.
    co_return page(status == 401 ? 403 : status,
                   detail::sign_in_html(profile->settings, user, error.message));
  }
  const auto token = co_await make_token(detail::kAccountToken, name, user, kAccountLifetime);
  if (!token) co_return refuse(request, Way::account, token.error());
  http::Response response;
  response.status = 308;
  response.headers.set("Location", kLoginScheme + *token);
  response.headers.set("Cache-Control", "no-store");
  co_return response;
}

}  // namespace mooring::core::enroll

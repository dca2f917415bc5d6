// SPDX-License-Identifier: Apache-2.0
#include "core/enroll/endpoint.hpp"

#include "core/enroll/detail/tokens.hpp"

namespace mooring::core::enroll {
namespace {

constexpr std::size_t kSmallBody = std::size_t{64} * 1024;

const char* way_name(Way way) {
  return way == Way::download ? "download" : way == Way::ota ? "ota" : "account";
}

std::unexpected<Error> no_such_enrollment() {
  return fail(Failure::not_found, "enrollment_profile.unknown", "There is no enrollment here.");
}

std::string profile_name(const http::Request& request) {
  const auto name = request.param("name");
  return std::string(name.empty() ? kDefaultProfile : name);
}

}  // namespace

EnrollEndpoint::EnrollEndpoint(EndpointDependencies dependencies) : d_(std::move(dependencies)) {
  for (const auto way : {Way::download, Way::ota, Way::account}) {
    for (const auto* result : {"success", "refused", "error"}) {
      d_.metrics
          .counter("mooring_enrollment_profiles_served_total",
                   "Enrollment profiles asked for, by way and result.",
                   {{"way", way_name(way)}, {"result", result}})
          .Increment(0);
    }
  }
}

std::vector<http::Route> EnrollEndpoint::routes() {
  using Member = Task<http::Response> (EnrollEndpoint::*)(http::Request);
  const auto route = [this](const char* method, const char* pattern, Member member) {
    return http::Route{method, pattern,
                       [this, member](http::Request r) { return (this->*member)(std::move(r)); }, kSmallBody};
  };
  return {route("GET", "/enroll", &EnrollEndpoint::download),
          route("GET", "/mdm/enroll", &EnrollEndpoint::download),
          route("GET", "/enroll/{name}", &EnrollEndpoint::download),
          route("GET", "/ota/enroll", &EnrollEndpoint::ota_begin),
          route("GET", "/ota/enroll/{name}", &EnrollEndpoint::ota_begin),
          route("POST", "/ota/phase23", &EnrollEndpoint::ota_phases),
          route("GET", "/.well-known/com.apple.remotemanagement", &EnrollEndpoint::discover),
          route("GET", "/enroll/{name}/account", &EnrollEndpoint::account),
          route("POST", "/enroll/{name}/account", &EnrollEndpoint::account),
          route("GET", "/enroll/{name}/sign-in", &EnrollEndpoint::sign_in_page),
          route("POST", "/enroll/{name}/sign-in", &EnrollEndpoint::sign_in)};
}

void EnrollEndpoint::count(Way way, const char* result) {
  d_.metrics
      .counter("mooring_enrollment_profiles_served_total",
               "Enrollment profiles asked for, by way and result.",
               {{"way", way_name(way)}, {"result", result}})
      .Increment();
}

http::Response EnrollEndpoint::refuse(const http::Request& request, Way way, const Error& error) {
  const bool ours = http::status_of(error.failure) >= 500;
  count(way, ours ? "error" : "refused");
  const LogFields fields{
      {"way", way_name(way)}, {"path", request.path()}, {"address", request.remote_address},
      {"code", error.code},   {"error", error.message}, {"request_id", request.id}};
  if (ours) {
    d_.log.warning("enrollment failed", fields);
  } else {
    d_.log.info("enrollment refused", fields);
  }
  return http::problem(error, request.id);
}

Task<Result<StoredProfile>> EnrollEndpoint::find(std::string name) {
  pg::Pool::Body<StoredProfile> body = [this, name](pg::Connection& db) {
    return d_.profiles.find(db, name);
  };
  co_return co_await d_.pool.run<StoredProfile>(std::move(body));
}

/// A closed profile is answered like one that does not exist, so that nobody learns which there are.
Task<std::expected<EnrollEndpoint::Visitor, http::Response>> EnrollEndpoint::admit(
    const http::Request& request, Way way) {
  auto profile = co_await find(profile_name(request));
  if (profile && profile->settings.access == Access::closed) {
    d_.log.info("enrollment profile is closed", {{"name", profile->name}});
    profile = no_such_enrollment();
  }
  if (!profile) co_return std::unexpected(refuse(request, way, profile.error()));
  auto user = co_await d_.credentials.admit(request, profile->settings.access);
  if (!user) {
    // The first request of everybody comes without credentials: that is no refusal.
    if (request.headers.has("Authorization") || user.error().status != 401) {
      count(way, user.error().status >= 500 ? "error" : "refused");
    }
    co_return std::unexpected(std::move(user.error()));
  }
  co_return Visitor{std::move(*profile), std::move(*user)};
}

Task<http::Response> EnrollEndpoint::download(http::Request request) {
  auto visitor = co_await admit(request, Way::download);
  if (!visitor) co_return std::move(visitor.error());
  const auto name = visitor->profile.name;
  // Whoever asks may tie the profile to one device: its challenge is then good for no other. That proves
  // nothing.
  Applicant applicant{.udid = request.query_param("udid").value_or(""),
                      .serial_number = request.query_param("serial").value_or(""),
                      .user_name = visitor->user_name,
                      .query = std::string(request.query())};
  if (!detail::is_device_name(applicant.udid) || !detail::is_device_name(applicant.serial_number)) {
    const Error error{Failure::invalid, "enrollment.bad_device", "udid and serial must be those of a device"};
    co_return refuse(request, Way::download, error);
  }
  pg::Pool::Body<MadeProfile> body = [this, name, applicant, now = d_.clock.now()](pg::Connection& db) {
    return d_.profiles.offer(db, name, applicant, now);
  };
  auto made = co_await d_.pool.transaction<MadeProfile>(std::move(body));
  co_return co_await deliver(request, Way::download, std::move(made), name);
}

Task<http::Response> EnrollEndpoint::deliver(const http::Request& request, Way way, Result<MadeProfile> made,
                                             std::string name) {
  if (!made) co_return refuse(request, way, made.error());
  std::string bytes = std::move(made->xml);
  const auto signer = made->sign && d_.signer ? d_.signer() : nullptr;
  if (signer) {
    std::function<Result<std::string>()> job = [signer, bytes] {
      return crypto::sign_attached(bytes, *signer);
    };
    auto signed_bytes = co_await d_.crypto.run<std::string>(std::move(job));
    if (!signed_bytes) co_return refuse(request, way, signed_bytes.error());
    bytes = std::move(*signed_bytes);
  }
  count(way, "success");
  d_.log.info("enrollment profile served", {{"way", way_name(way)},
                                            {"name", name},
                                            {"address", request.remote_address},
                                            {"request_id", request.id}});
  auto response = http::Response::text(200, std::move(bytes), "application/x-apple-aspen-config");
  response.headers.set("Content-Disposition", "attachment; filename=\"" + name + ".mobileconfig\"");
  response.headers.set("Cache-Control", "no-store");
  co_return response;
}

Task<Result<crypto::Signed>> EnrollEndpoint::open_signed(std::string body) {
  std::function<Result<crypto::Signed>()> job = [body = std::move(body)] {
    return crypto::verify_attached(body);
  };
  co_return co_await d_.crypto.run<crypto::Signed>(std::move(job));
}

Task<Result<std::string>> EnrollEndpoint::make_token(std::int16_t kind, std::string profile,
                                                     std::string user_name, std::chrono::seconds lifetime) {
  pg::Pool::Body<std::string> body = [kind, profile, user_name, lifetime,
                                      now = d_.clock.now()](pg::Connection& db) -> Result<std::string> {
    return detail::make_token(db, kind, profile, user_name, now, lifetime);
  };
  co_return co_await d_.pool.run<std::string>(std::move(body));
}

Task<Result<EnrollEndpoint::Token>> EnrollEndpoint::take_token(std::int16_t kind, std::string profile,
                                                               std::string token) {
  pg::Pool::Body<Token> body = [kind, profile, token,
                                now = d_.clock.now()](pg::Connection& db) -> Result<Token> {
    auto taken = detail::take_token(db, kind, profile, token, now);
    if (!taken) {
      return fail(Failure::forbidden, "enrollment.bad_token",
                  "The challenge or token is not one of ours, was used before, or is too old: begin again.");
    }
    return Token{std::move(taken->profile), std::move(taken->user_name)};
  };
  co_return co_await d_.pool.run<Token>(std::move(body));
}

}  // namespace mooring::core::enroll

// SPDX-License-Identifier: Apache-2.0
// /v1/profiles: what is declared, and how far the fleet has come with it.
#include <fmt/format.h>

#include <array>

#include "api/detail/endpoint.hpp"
#include "api/detail/guard.hpp"
#include "api/detail/json.hpp"
#include "director/conflicts.hpp"
#include "director/history.hpp"
#include "director/profiles.hpp"

namespace mooring::api::detail {
namespace {

// Conditions are judged and changes made under this lock.
constexpr pg::Statement kProfileLock{"api_profile_lock", R"(
select id from items where kind = 1 and name = $1 and deleted_at is null for update)"};

std::string profile_etag(const std::optional<director::Profile>& profile) {
  return profile ? "\"" + profile->hash + "\"" : std::string();
}

Json profile_json(const director::Profile& profile) {
  const auto attributes = stored_json(profile.attributes);
  Json json{{"name", profile.name},
            {"identifier", profile.identifier},
            {"payload_uuid", profile.payload_uuid},
            {"hash", profile.hash},
            {"display_name", attributes.value("display_name", "")},
            {"organization", attributes.value("organization", "")},
            {"description", attributes.value("description", "")},
            {"payload_scope", attributes.value("scope", "")},
            {"payload_types", attributes.value("payload_types", Json::array())},
            {"was_signed", attributes.value("was_signed", false)},
            {"variables", stored_json(profile.variables)},
            {"created_at", to_rfc3339(profile.created_at)},
            {"updated_at", to_rfc3339(profile.updated_at)}};
  json["desired"] = profile.desired;
  json["verified"] = profile.verified;
  json["drifted"] = profile.drifted;
  json["failed"] = profile.failed;
  json["oldest_drift_at"] = json_of(profile.oldest_drift);
  return json;
}

std::unexpected<Error> unknown_profile(std::string_view name) {
  return fail(Failure::not_found, "profile.unknown", "there is no profile named " + std::string(name));
}

Answer profile_precondition_failed(const http::Request& request) {
  return http::problem(412,
                       {Failure::conflict, "profile.precondition_failed",
                        "the profile is not the one that If-Match names: read it again, then decide"},
                       request.id);
}

/// Profiles that set the same to something else. What this one sets is remembered with its first upload.
Json warnings_of(const Call& call, const director::PutProfile& put,
                 const director::ProfileDocument& document) {
  if (put.changed) director::store_settings(call.db, put.version, director::settings_of(document.content));
  auto warnings = Json::array();
  for (const auto& conflict : director::conflicts_of(call.db, put.version)) {
    warnings.push_back(
        {{"code", "profile.conflict"},
         {"profile", conflict.profile},
         {"payload_type", conflict.payload_type},
         {"key", conflict.key},
         {"message", fmt::format("profile {} sets {} of {} to something else: a device that holds both "
                                 "follows one of them, or the stricter one",
                                 conflict.profile, conflict.key, conflict.payload_type)}});
  }
  return warnings;
}

Result<Answer> store_profile(Call call, const std::string& name, const director::ProfileDocument& document) {
  call.db.exec(kProfileLock, name);
  if (!if_match_holds(call.request, profile_etag(director::find_profile(call.db, name)))) {
    return profile_precondition_failed(call.request);
  }
  const auto put = director::put_profile(call.db, name, document, call.now);
  if (!put) return std::unexpected(put.error());
  if (put->changed) {
    director::log_change(call.db, call.actor,
                         {.action = "profile.declared", .item = put->profile.item, .version = put->version},
                         call.now);
  }
  Json body{{"changed", put->changed}};
  body.update(profile_json(put->profile));
  body["warnings"] = warnings_of(call, *put, document);
  Answer answer = json_response(put->created ? 201 : 200, body);
  answer.response.headers.set("ETag", profile_etag(put->profile));
  answer.response.headers.set("Location", "/v1/profiles/" + name);
  answer.ring = put->changed;
  return answer;
}

/// ?variables=off takes the text as it is.
Result<director::Variables> variables_of(const http::Request& request) {
  const auto text = query_text(request, "variables");
  if (!text) return std::unexpected(text.error());
  if (!*text || **text == "on") return director::Variables::on;
  if (**text == "off") return director::Variables::off;
  return fail(Failure::invalid, "request.bad_parameter", "variables has to be on or off");
}

/// Reading 4 MiB takes its time: done before the transaction begins.
Result<Answer> upload_profile(Call call, std::string name) {
  const auto variables = variables_of(call.request);
  if (!variables) return std::unexpected(variables.error());
  const auto document = director::read_profile(call.request.body, *variables);
  if (!document) return std::unexpected(document.error());
  if (name.empty()) name = document->identifier;
  const auto store = [&](pg::Connection&) { return store_profile(call, name, *document); };
  return call.db.in_transaction() ? store(call.db) : pg::in_transaction(call.db, store);
}

Result<Answer> put_named_profile(Call call) {
  return upload_profile(call, std::string(call.request.param("name")));
}

Result<Answer> post_profile(Call call) {
  const auto name = query_text(call.request, "name");
  if (!name) return std::unexpected(name.error());
  return upload_profile(call, name->value_or(""));
}

Result<Answer> get_profiles(Call call) {
  const auto page = page_of(call.request, "profiles");
  if (!page) return std::unexpected(page.error());
  auto profiles = director::list_profiles(call.db, page->after, page->limit + 1);
  std::optional<std::string> next;
  if (profiles.size() > static_cast<std::size_t>(page->limit)) {
    profiles.pop_back();
    next = make_cursor("profiles", profiles.back().name);
  }
  auto items = Json::array();
  for (const auto& profile : profiles) items.push_back(profile_json(profile));
  return json_response(200, page_json(std::move(items), next));
}

Result<Answer> get_profile(Call call) {
  const auto name = call.request.param("name");
  const auto profile = director::find_profile(call.db, name);
  if (!profile) return unknown_profile(name);
  Answer answer = json_response(200, profile_json(*profile));
  answer.response.headers.set("ETag", profile_etag(profile));
  return answer;
}

Result<Answer> get_profile_content(Call call) {
  const auto name = call.request.param("name");
  auto content = director::profile_content(call.db, name);
  if (!content) return unknown_profile(name);
  return http::Response::text(200, std::move(*content), "application/x-apple-aspen-config");
}

Result<Answer> delete_profile_now(const Call& call) {
  const auto name = call.request.param("name");
  call.db.exec(kProfileLock, name);
  if (!if_match_holds(call.request, profile_etag(director::find_profile(call.db, name)))) {
    return profile_precondition_failed(call.request);
  }
  const auto profile = director::find_profile(call.db, name);
  if (!profile || !director::delete_profile(call.db, name, call.now)) return unknown_profile(name);
  director::log_change(call.db, call.actor, {.action = "profile.deleted", .item = profile->item}, call.now);
  Answer answer;
  answer.response.status = 204;
  answer.ring = true;
  return answer;
}

Result<Answer> delete_named_profile(Call call) {
  return guarded(call, devices_with(call.db, call.request.param("name")),
                 [&] { return delete_profile_now(call); });
}

}  // namespace

std::span<const Endpoint> profile_endpoints() {
  static constexpr std::array kEndpoints{
      Endpoint{"GET", "/v1/profiles", Access::read, get_profiles},
      Endpoint{"POST", "/v1/profiles", Access::slow, post_profile},
      Endpoint{"GET", "/v1/profiles/{name}", Access::read, get_profile},
      Endpoint{"PUT", "/v1/profiles/{name}", Access::slow, put_named_profile},
      Endpoint{"DELETE", "/v1/profiles/{name}", Access::write, delete_named_profile},
      Endpoint{"GET", "/v1/profiles/{name}/content", Access::read, get_profile_content},
  };
  return kEndpoints;
}

}  // namespace mooring::api::detail

// SPDX-License-Identifier: Apache-2.0
// /v1/enrollment-profiles: how devices come under management (docs/enrollment.md).
#include <array>

#include "api/detail/endpoint.hpp"
#include "api/detail/json.hpp"
#include "core/enroll/profiles.hpp"

namespace mooring::api::detail {
namespace {

using core::enroll::StoredProfile;

const char* access_name(core::enroll::Access access) {
  static constexpr std::array kNames{"closed", "open", "basic", "digest"};
  return kNames[static_cast<std::size_t>(access)];
}

Json urls_of(const StoredProfile& profile, const std::string& device_url) {
  Json urls{{"enroll", device_url + "/enroll/" + profile.name},
            {"ota", device_url + "/ota/enroll/" + profile.name}};
  urls["account"] = profile.settings.account_driven
                        ? Json(device_url + "/enroll/" + profile.name + "/account")
                        : Json(nullptr);
  return urls;
}

/// What was put, with what says whether anybody gets it.
Json enrollment_profile_json(const StoredProfile& profile, const std::string& device_url) {
  Json json{{"name", profile.name}};
  json.update(Json::parse(profile.json));
  json["access"] = access_name(profile.settings.access);
  json["signed"] = profile.settings.sign;
  json["urls"] = urls_of(profile, device_url);
  json["created_at"] = json_of(profile.created_at);
  json["updated_at"] = json_of(profile.updated_at);
  return json;
}

Result<std::string> device_url(Call call) {
  auto around = call.enrollment->surroundings(call.db);
  if (!around) return std::unexpected(around.error());
  return std::move(around->device_url);
}

Result<Answer> get_enrollment_profiles(Call call) {
  const auto page = page_of(call.request, "enrollment-profiles");
  if (!page) return std::unexpected(page.error());
  auto profiles = call.enrollment->list(call.db, page->after, page->limit + 1);
  if (!profiles) return std::unexpected(profiles.error());
  const auto url = device_url(call);
  if (!url) return std::unexpected(url.error());
  std::optional<std::string> next;
  if (profiles->size() > static_cast<std::size_t>(page->limit)) {
    profiles->pop_back();
    next = make_cursor("enrollment-profiles", profiles->back().name);
  }
  auto items = Json::array();
  for (const auto& profile : *profiles) items.push_back(enrollment_profile_json(profile, *url));
  return json_response(200, page_json(std::move(items), next));
}

Result<Answer> get_enrollment_profile(Call call) {
  const auto profile = call.enrollment->find(call.db, call.request.param("name"));
  if (!profile) return std::unexpected(profile.error());
  const auto url = device_url(call);
  if (!url) return std::unexpected(url.error());
  return json_response(200, enrollment_profile_json(*profile, *url));
}

Result<Answer> put_enrollment_profile(Call call) {
  const auto force = query_flag(call.request, "force");
  if (!force) return std::unexpected(force.error());
  const auto put = call.enrollment->put(call.db, call.request.param("name"), call.request.body,
                                        force->value_or(false), call.now);
  if (!put) return std::unexpected(put.error());
  const auto url = device_url(call);
  if (!url) return std::unexpected(url.error());
  Answer answer = json_response(put->created ? 201 : 200, enrollment_profile_json(put->profile, *url));
  answer.response.headers.set("Location", "/v1/enrollment-profiles/" + put->profile.name);
  return answer;
}

Result<Answer> delete_enrollment_profile(Call call) {
  if (!call.enrollment->remove(call.db, call.request.param("name"))) {
    return fail(Failure::not_found, "enrollment_profile.unknown",
                "there is no enrollment profile of that name");
  }
  Answer answer;
  answer.response.status = 204;
  return answer;
}

}  // namespace

std::span<const Endpoint> enrollment_profile_endpoints() {
  static constexpr std::array kEndpoints{
      Endpoint{"GET", "/v1/enrollment-profiles", Access::read, get_enrollment_profiles},
      Endpoint{"GET", "/v1/enrollment-profiles/{name}", Access::read, get_enrollment_profile},
      Endpoint{"PUT", "/v1/enrollment-profiles/{name}", Access::write, put_enrollment_profile},
      Endpoint{"DELETE", "/v1/enrollment-profiles/{name}", Access::write, delete_enrollment_profile},
  };
  return kEndpoints;
}

}  // namespace mooring::api::detail

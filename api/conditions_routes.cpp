// SPDX-License-Identifier: Apache-2.0
// /v1/profiles/{name}/conditions: on which devices a profile makes sense.
#include <array>

#include "api/detail/endpoint.hpp"
#include "api/detail/event_view.hpp"
#include "api/detail/guard.hpp"
#include "api/detail/json.hpp"
#include "director/conditions.hpp"
#include "director/history.hpp"
#include "director/profiles.hpp"

namespace mooring::api::detail {
namespace {

Json conditions_json(const director::Conditions& conditions) {
  return {{"platforms", conditions.platforms},
          {"min_os", json_of(conditions.min_os)},
          {"max_os", json_of(conditions.max_os)}};
}

Result<Answer> get_conditions(Call call) {
  const auto conditions = director::find_conditions(call.db, call.request.param("name"));
  if (!conditions) return std::unexpected(conditions.error());
  return json_response(200, conditions_json(*conditions));
}

Result<Answer> put_conditions_now(const Call& call) {
  const auto body = parse_object(call.request, {"platforms", "min_os", "max_os"});
  if (!body) return std::unexpected(body.error());
  auto platforms = optional_texts(*body, "platforms");
  if (!platforms) return std::unexpected(platforms.error());
  auto min_os = optional_text(*body, "min_os");
  if (!min_os) return std::unexpected(min_os.error());
  auto max_os = optional_text(*body, "max_os");
  if (!max_os) return std::unexpected(max_os.error());
  const auto name = call.request.param("name");
  director::Conditions wanted{.platforms = {}, .min_os = *min_os, .max_os = *max_os};
  if (*platforms) wanted.platforms = **platforms;
  const auto changed = director::put_conditions(call.db, name, std::move(wanted), call.now);
  if (!changed) return std::unexpected(changed.error());
  const auto conditions = director::find_conditions(call.db, name);
  if (!conditions) return std::unexpected(conditions.error());
  if (*changed) {
    const auto profile = director::find_profile(call.db, name);
    director::log_change(call.db, call.actor,
                         {.action = "conditions.declared",
                          .item = profile ? std::optional(profile->item) : std::nullopt,
                          .detail = conditions_json(*conditions).dump()},
                         call.now);
  }
  Json json{{"changed", *changed}};
  json.update(conditions_json(*conditions));
  Answer answer = json_response(200, json);
  answer.ring = *changed;
  return answer;
}

Result<Answer> put_profile_conditions(Call call) {
  return guarded(call, devices_with(call.db, call.request.param("name")),
                 [&] { return put_conditions_now(call); });
}

}  // namespace

std::span<const Endpoint> condition_endpoints() {
  static constexpr std::array kEndpoints{
      Endpoint{"GET", "/v1/profiles/{name}/conditions", Access::read, get_conditions},
      Endpoint{"PUT", "/v1/profiles/{name}/conditions", Access::write, put_profile_conditions},
  };
  return kEndpoints;
}

}  // namespace mooring::api::detail

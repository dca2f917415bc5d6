// SPDX-License-Identifier: Apache-2.0
// /v1/profiles/{name}/requirements: which profiles come before one.
#include <array>

#include "api/detail/endpoint.hpp"
#include "api/detail/event_view.hpp"
#include "api/detail/json.hpp"
#include "director/history.hpp"
#include "director/profiles.hpp"
#include "director/requirements.hpp"

namespace mooring::api::detail {
namespace {

Result<Answer> get_requirements(Call call) {
  const auto names = director::find_requirements(call.db, call.request.param("name"));
  if (!names) return std::unexpected(names.error());
  return json_response(200, {{"requires", *names}});
}

Result<Answer> put_profile_requirements(Call call) {
  const auto body = parse_object(call.request, {"requires"});
  if (!body) return std::unexpected(body.error());
  auto names = optional_texts(*body, "requires");
  if (!names) return std::unexpected(names.error());
  if (!*names) return fail(Failure::invalid, "request.missing_key", "\"requires\" is missing");
  const auto name = call.request.param("name");
  const auto changed = director::put_requirements(call.db, name, std::move(**names), call.now);
  if (!changed) return std::unexpected(changed.error());
  const auto stored = director::find_requirements(call.db, name);
  if (!stored) return std::unexpected(stored.error());
  if (*changed) {
    director::log_change(call.db, call.actor,
                         {.action = "requirements.declared",
                          .item = director::find_profile(call.db, name)->item,
                          .detail = Json{{"requires", *stored}}.dump()},
                         call.now);
  }
  Answer answer = json_response(200, {{"changed", *changed}, {"requires", *stored}});
  answer.ring = *changed;
  return answer;
}

}  // namespace

std::span<const Endpoint> requirement_endpoints() {
  static constexpr std::array kEndpoints{
      Endpoint{"GET", "/v1/profiles/{name}/requirements", Access::read, get_requirements},
      Endpoint{"PUT", "/v1/profiles/{name}/requirements", Access::write, put_profile_requirements},
  };
  return kEndpoints;
}

}  // namespace mooring::api::detail

// SPDX-License-Identifier: Apache-2.0
// /v1/repush and lifts: asking for something again.
#include <array>

#include "api/detail/endpoint.hpp"
#include "api/detail/event_view.hpp"
#include "api/detail/json.hpp"
#include "director/assignments.hpp"
#include "director/devices.hpp"
#include "director/history.hpp"
#include "director/item_requests.hpp"
#include "director/profiles.hpp"
#include "director/repush_jobs.hpp"

namespace mooring::api::detail {
namespace {

Result<Answer> repush_device(Call call, const std::string& id) {
  const auto device = director::find_device(call.db, id);
  if (!device) return std::unexpected(device.error());
  if (!director::request_repush(call.db, device->id, call.now)) {
    return fail(Failure::conflict, "device.no_channel",
                "the device never enrolled: there is nothing to send again");
  }
  const std::array devices{device->id};
  director::note_asked(call.db, devices, director::kAllItems, "repush", call.actor, call.now);
  return json_response(202, {{"devices", 1}});
}

/// Only what failed or was quarantined.
Result<Answer> repush_given_up_on(Call call, const std::string& id) {
  const auto device = director::find_device(call.db, id);
  if (!device) return std::unexpected(device.error());
  const std::array devices{device->id};
  const auto items = director::items_given_up(call.db, device->id);
  for (const auto item : items)
    director::ask_of_item(call.db, devices, item, director::RequestKind::repush, call.actor, call.now);
  return json_response(202, {{"devices", items.empty() ? 0 : 1}});
}

Result<Answer> repush_given_up_of(Call call, const std::string& name) {
  const auto profile = director::find_profile(call.db, name);
  if (!profile) return fail(Failure::not_found, "profile.unknown", "there is no profile named " + name);
  const auto devices = director::devices_that_gave_up(call.db, profile->item);
  director::ask_of_item(call.db, devices, profile->item, director::RequestKind::repush, call.actor, call.now);
  return json_response(202, {{"devices", devices.size()}});
}

Result<Answer> repush_profile(Call call, const std::string& name) {
  if (!director::repush_item(call.db, name, call.now)) {
    return fail(Failure::not_found, "profile.unknown", "there is no profile named " + name);
  }
  const auto profile = director::find_profile(call.db, name);
  if (profile)
    director::log_change(call.db, call.actor, {.action = "profile.repush", .item = profile->item}, call.now);
  return json_response(202, {{"devices", profile ? profile->desired : 0}});
}

Result<Answer> post_repush(Call call) {
  const auto body = parse_object(call.request, {"device", "profile", "failed_only"});
  if (!body) return std::unexpected(body.error());
  const auto device = optional_text(*body, "device");
  if (!device) return std::unexpected(device.error());
  const auto profile = optional_text(*body, "profile");
  if (!profile) return std::unexpected(profile.error());
  if (device->has_value() == profile->has_value()) {
    return fail(Failure::invalid, "repush.one_target",
                "name either a \"device\" or a \"profile\", one of the two");
  }
  const auto failed_only = optional_flag(*body, "failed_only");
  if (!failed_only) return std::unexpected(failed_only.error());
  auto answer = failed_only->value_or(false)
                    ? (*device ? repush_given_up_on(call, **device) : repush_given_up_of(call, **profile))
                    : (*device ? repush_device(call, **device) : repush_profile(call, **profile));
  if (answer) answer->ring = true;
  return answer;
}

Result<Answer> lift_item(Call call) {
  const auto device = director::find_device(call.db, call.request.param("id"));
  if (!device) return std::unexpected(device.error());
  const auto name = call.request.param("name");
  const auto profile = director::find_profile(call.db, name);
  if (!profile) {
    return fail(Failure::not_found, "profile.unknown", "there is no profile named " + std::string(name));
  }
  const std::array devices{device->id};
  director::ask_of_item(call.db, devices, profile->item, director::RequestKind::lift, call.actor, call.now);
  Answer answer = json_response(202, {{"devices", 1}});
  answer.ring = true;
  return answer;
}

}  // namespace

std::span<const Endpoint> operation_endpoints() {
  static constexpr std::array kEndpoints{
      Endpoint{"POST", "/v1/devices/{id}/items/{name}/lift", Access::write, lift_item},
      Endpoint{"POST", "/v1/repush", Access::write, post_repush},
  };
  return kEndpoints;
}

}  // namespace mooring::api::detail

// SPDX-License-Identifier: Apache-2.0
// /v1/devices: who they are, their channels, and the bells that wake them.
#include <array>

#include "api/detail/command_json.hpp"
#include "api/detail/endpoint.hpp"
#include "api/detail/json.hpp"
#include "director/devices.hpp"

namespace mooring::api::detail {
namespace {

Json device_json(const director::Device& device) {
  return {{"udid", device.udid},
          {"serial_number", json_of(device.serial_number)},
          {"device_name", json_of(device.device_name)},
          {"model", json_of(device.model)},
          {"model_name", json_of(device.model_name)},
          {"product_name", json_of(device.product_name)},
          {"os_version", json_of(device.os_version)},
          {"build_version", json_of(device.build_version)},
          {"user_name", json_of(device.user_name)},
          {"enrollment_profile", json_of(device.enrollment_profile)},
          {"enrolled", device.enrolled},
          {"last_seen_at", json_of(device.last_seen_at)},
          {"drifted", device.drifted},
          {"created_at", to_rfc3339(device.created_at)}};
}

Json enrollment_json(const director::Enrollment& enrollment) {
  return {{"enrollment", enrollment.enrollment_id},
          {"kind", director::name_of(enrollment.kind)},
          {"enabled", enrollment.enabled},
          {"token_update_tally", enrollment.token_update_tally},
          {"awaiting_configuration", enrollment.awaiting_configuration},
          {"pushable", enrollment.enabled && enrollment.has_push_token},
          {"has_unlock_token", enrollment.has_unlock_token},
          {"has_bootstrap_token", enrollment.has_bootstrap_token},
          {"topic", json_of(enrollment.topic)},
          {"user_short_name", json_of(enrollment.user_short_name)},
          {"user_long_name", json_of(enrollment.user_long_name)},
          {"authenticated_at", json_of(enrollment.authenticated_at)},
          {"token_updated_at", json_of(enrollment.token_updated_at)},
          {"checked_out_at", json_of(enrollment.checked_out_at)},
          {"last_seen_at", json_of(enrollment.last_seen_at)}};
}

Json convergence_json(const std::optional<director::Convergence>& state) {
  if (!state) return {};
  return {{"generation", state->generation},
          {"converged_generation", state->converged_generation},
          {"converged", state->generation > 0 && state->generation == state->converged_generation},
          {"waits_for_pass", state->waits_for_pass},
          {"changed_at", json_of(state->changed_at)},
          {"converged_at", json_of(state->converged_at)},
          {"profile_list_at", json_of(state->profile_list_at)},
          {"information_at", json_of(state->information_at)},
          {"next_pass_at", to_rfc3339(state->next_pass_at)}};
}

Result<Answer> get_devices(Call call) {
  const auto page = numbered_page_of(call.request, "devices");
  if (!page) return std::unexpected(page.error());
  const auto serial = query_text(call.request, "serial_number");
  if (!serial) return std::unexpected(serial.error());
  const auto enrolled = query_flag(call.request, "enrolled");
  if (!enrolled) return std::unexpected(enrolled.error());
  auto devices = director::list_devices(call.db, {.serial_number = *serial, .enrolled = *enrolled},
                                        page->after, page->limit + 1);
  std::optional<std::string> next;
  if (devices.size() > static_cast<std::size_t>(page->limit)) {
    devices.pop_back();
    next = make_cursor("devices", std::to_string(devices.back().id));
  }
  auto items = Json::array();
  for (const auto& device : devices) items.push_back(device_json(device));
  return json_response(200, page_json(std::move(items), next));
}

Result<Answer> get_device(Call call) {
  const auto device = director::find_device(call.db, call.request.param("id"));
  if (!device) return std::unexpected(device.error());
  Json json = device_json(*device);
  auto enrollments = Json::array();
  for (const auto& enrollment : director::enrollments_of_device(call.db, device->id)) {
    enrollments.push_back(enrollment_json(enrollment));
  }
  json["enrollments"] = std::move(enrollments);
  json["convergence"] = convergence_json(director::convergence_of(call.db, device->id));
  const auto facts = director::facts_of_device(call.db, device->id);
  json["facts"] = stored_json(facts.facts);
  json["facts_at"] = json_of(facts.facts_at);
  return json_response(200, json);
}

Result<Answer> get_device_commands(Call call) {
  const auto device = director::find_device(call.db, call.request.param("id"));
  if (!device) return std::unexpected(device.error());
  const auto page = page_of(call.request, "commands");
  if (!page) return std::unexpected(page.error());
  auto items = Json::array();
  for (const auto& command : core::commands_of_device(call.db, device->id, page->limit)) {
    items.push_back(command_json(command));
  }
  return json_response(200, page_json(std::move(items)));
}

Result<Answer> delete_device_commands(Call call) {
  const auto device = director::find_device(call.db, call.request.param("id"));
  if (!device) return std::unexpected(device.error());
  std::int64_t cancelled = 0;
  for (const auto& enrollment : director::enrollments_of_device(call.db, device->id)) {
    cancelled += core::clear(call.db, enrollment.id, call.now);
  }
  return json_response(200, {{"cancelled", cancelled}});
}

Result<Answer> post_refresh(Call call) {
  const auto device = director::find_device(call.db, call.request.param("id"));
  if (!device) return std::unexpected(device.error());
  if (!director::request_refresh(call.db, device->id, call.now)) {
    return fail(Failure::conflict, "device.no_channel", "the device never enrolled: there is nobody to ask");
  }
  Answer answer = json_response(202, {{"status", "requested"}});
  answer.ring = true;
  return answer;
}

}  // namespace

std::span<const Endpoint> device_endpoints() {
  static constexpr std::array kEndpoints{
      Endpoint{"GET", "/v1/devices", Access::read, get_devices},
      Endpoint{"GET", "/v1/devices/{id}", Access::read, get_device},
      Endpoint{"GET", "/v1/devices/{id}/commands", Access::read, get_device_commands},
      Endpoint{"DELETE", "/v1/devices/{id}/commands", Access::write, delete_device_commands},
      Endpoint{"POST", "/v1/devices/{id}/refresh", Access::write, post_refresh},
  };
  return kEndpoints;
}

}  // namespace mooring::api::detail

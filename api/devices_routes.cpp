// SPDX-License-Identifier: Apache-2.0
// /v1/devices: who they are, their channels, and the bells that wake them.
#include <fmt/format.h>

#include <array>
#include <ranges>

#include "api/detail/command_json.hpp"
#include "api/detail/endpoint.hpp"
#include "api/detail/json.hpp"
#include "base/encoding.hpp"
#include "director/devices.hpp"
#include "director/facts.hpp"
#include "director/inventory_store.hpp"

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
          {"security_at", json_of(state->security_at)},
          {"certificates_at", json_of(state->certificates_at)},
          {"requested_at", json_of(state->requested_at)},
          {"next_pass_at", to_rfc3339(state->next_pass_at)}};
}

/// What an administrator looks for first. null: the device did not say.
Json security_json(pg::Connection& connection, const director::Device& device) {
  const std::array devices{device.id};
  const auto known = director::facts_of_devices(connection, devices, true);
  Json json;
  for (const auto* name :
       {"user_approved", "dep", "supervised", "sip", "gatekeeper", "filevault", "firewall"}) {
    const auto* value = known.at(device.id).find(name);
    json[name] = value == nullptr ? Json() : Json(std::get<bool>(*value));
  }
  json["last_seen_at"] = json_of(device.last_seen_at);
  return json;
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
  json["security_info"] =
      stored_json(director::inventory_of(call.db, device->id, director::FactSource::security));
  json["security"] = security_json(call.db, *device);
  return json_response(200, json);
}

/// Positions as texts: "o:PRIORITY:ID" among open commands, "a:MICROSECONDS:ENROLLMENT:UUID" among answered.
std::string text_of(const core::CommandPosition& at) {
  if (at.open) return fmt::format("o:{}:{}", at.priority, at.id);
  return fmt::format("a:{}:{}:{}", at.answered_at.time_since_epoch().count(), at.enrollment, to_hex(at.uuid));
}

std::optional<core::CommandPosition> position_from(std::string_view text) {
  std::vector<std::string_view> parts;
  for (const auto part : std::views::split(text, ':')) parts.emplace_back(part.begin(), part.end());
  core::CommandPosition at;
  if (parts.size() == 3 && parts[0] == "o") {
    const auto priority = parse_number<std::int16_t>(parts[1]);
    const auto id = parse_number<std::int64_t>(parts[2]);
    if (!priority || !id) return std::nullopt;
    at.priority = *priority;
    at.id = *id;
    return at;
  }
  if (parts.size() != 4 || parts[0] != "a") return std::nullopt;
  const auto answered_at = parse_number<std::int64_t>(parts[1]);
  const auto enrollment = parse_number<std::int64_t>(parts[2]);
  auto uuid = from_hex(parts[3]);
  constexpr std::int64_t kYear9999 = 253'402'300'799'000'000;
  if (!answered_at || *answered_at < 0 || *answered_at > kYear9999 || !enrollment || !uuid)
    return std::nullopt;
  at.open = false;
  at.answered_at = Time{Duration{*answered_at}};
  at.enrollment = *enrollment;
  at.uuid = std::move(*uuid);
  return at;
}

Result<Answer> get_device_commands(Call call) {
  const auto device = director::find_device(call.db, call.request.param("id"));
  if (!device) return std::unexpected(device.error());
  const auto page = page_of(call.request, "commands");
  if (!page) return std::unexpected(page.error());
  const auto after = page->after.empty() ? core::CommandPosition{} : position_from(page->after);
  if (!after) return bad_cursor();
  auto commands = core::commands_of_device(call.db, device->id, *after, page->limit + 1);
  std::optional<std::string> next;
  if (commands.size() > static_cast<std::size_t>(page->limit)) {
    commands.pop_back();
    next = make_cursor("commands", text_of(core::position_of(commands.back())));
  }
  auto items = Json::array();
  for (const auto& command : commands) items.push_back(command_json(command));
  return json_response(200, page_json(std::move(items), next));
}

Result<Answer> delete_device_commands(Call call) {
  const auto device = director::find_device(call.db, call.request.param("id"));
  if (!device) return std::unexpected(device.error());
  core::Cancelled cancelled;
  for (const auto& enrollment : director::enrollments_of_device(call.db, device->id)) {
    cancelled.add(core::clear(call.db, enrollment.id, call.now));
  }
  return cancelled_answer(cancelled);
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

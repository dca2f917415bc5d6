// SPDX-License-Identifier: Apache-2.0
// /v1/devices/{id}/plan: what a pass would do now. Nothing is sent.
#include <array>
#include <map>
#include <set>

#include "api/detail/endpoint.hpp"
#include "api/detail/json.hpp"
#include "director/devices.hpp"
#include "reconciler/preview.hpp"

namespace mooring::api::detail {
namespace {

using ItemNames = std::map<std::int32_t, std::string>;

ItemNames names_in(pg::Connection& connection, const reconciler::Plan& plan) {
  std::set<std::int32_t> items;
  for (const auto& command : plan.commands) items.insert(command.item);
  for (const auto& record : plan.after) items.insert(record.item);
  ItemNames names;
  for (auto& entry : director::names_of_items(connection, std::vector(items.begin(), items.end())))
    names[entry.item] = std::move(entry.name);
  return names;
}

Json name_or_null(const ItemNames& names, std::int32_t item) {
  const auto found = names.find(item);
  return found == names.end() ? Json() : Json(found->second);
}

Json planned_commands(const reconciler::Plan& plan, const ItemNames& names) {
  auto commands = Json::array();
  for (const auto& command : plan.commands) {
    commands.push_back({{"command_uuid", core::decode_command_uuid(command.uuid)},
                        {"request_type", command.request_type},
                        {"purpose", reconciler::name_of(reconciler::purpose_of(plan, command))},
                        {"profile", name_or_null(names, command.item)}});
  }
  return commands;
}

Json planned_cancels(const reconciler::Plan& plan) {
  auto cancels = Json::array();
  for (const auto& cancel : plan.cancels) {
    cancels.push_back(
        {{"command_uuid", core::decode_command_uuid(cancel.uuid)}, {"request_type", cancel.request_type}});
  }
  return cancels;
}

/// What is not as declared, and stays so for now.
Json unsettled_items(const reconciler::Plan& plan, const ItemNames& names) {
  auto items = Json::array();
  for (const auto& record : plan.after) {
    if (record.state == reconciler::ItemState::verified && record.intent != reconciler::RecordIntent::ended)
      continue;
    items.push_back({{"profile", name_or_null(names, record.item)},
                     {"state", reconciler::name_of(record.state)},
                     {"reason", text_or_null(reconciler::sentence_of(record.reason, record.detail))},
                     {"next_try_at", json_of(record.next_try_at)}});
  }
  return items;
}

Result<Answer> get_device_plan(Call call) {
  const auto device = director::find_device(call.db, call.request.param("id"));
  if (!device) return std::unexpected(device.error());
  const auto preview = reconciler::preview(call.db, device->id, (*call.pass_context)());
  const reconciler::Plan nothing;
  const auto& plan = preview ? preview->plan : nothing;
  const auto names = names_in(call.db, plan);
  return json_response(200, {{"udid", device->udid},
                             {"enrolled", device->enrolled},
                             {"empty", plan.commands.empty() && plan.cancels.empty()},
                             {"commands", planned_commands(plan, names)},
                             {"cancels", planned_cancels(plan)},
                             {"unsettled", unsettled_items(plan, names)},
                             {"next_look_at", preview ? Json(to_rfc3339(plan.row.due_at)) : Json()}});
}

}  // namespace

std::span<const Endpoint> plan_endpoints() {
  static constexpr std::array kEndpoints{
      Endpoint{"GET", "/v1/devices/{id}/plan", Access::read, get_device_plan},
  };
  return kEndpoints;
}

}  // namespace mooring::api::detail

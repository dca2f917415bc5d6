// SPDX-License-Identifier: Apache-2.0
// Which lists a plan asks for.
#include <algorithm>

#include "reconciler/detail/planner.hpp"

namespace mooring::reconciler::detail {
namespace {

bool has_open_list(const ItemPlanner& planner, std::int32_t payload) {
  return std::ranges::any_of(planner.open(), [&](const OpenCommand& open) {
    return open.item == core::kInventoryItem && open.payload == payload;
  });
}

}  // namespace

bool Planner::list_is_due(const ItemPlanner& planner) const {
  const auto& list = planner.list();
  if (list.retry_at && context_.now < *list.retry_at) return false;
  if (!list.at || context_.now >= list_due_at(planner)) return true;
  if (plan_.row.refresh_mark > snapshot_.row.handled) return true;
  if (!planner.list_wanted()) return false;
  // One list proves a whole batch: wait for answers that are on their way, but not for NotNow, and not for
  // ever.
  const bool on_its_way = std::ranges::any_of(planner.open(), [](const OpenCommand& open) {
    return open.item != core::kInventoryItem && open.status == core::CommandStatus::queued;
  });
  return !on_its_way || context_.now - *list.at > context_.policy.verify_patience;
}

Time Planner::list_due_at(const ItemPlanner& planner) const {
  return planner.list().at.value_or(context_.now) +
         jittered(context_.policy.inventory_interval, static_cast<std::uint64_t>(plan_.row.device));
}

void Planner::request_inventory(ItemPlanner& planner) {
  const auto ask = [&](std::int32_t payload, std::string_view request_type) {
    if (has_open_list(planner, payload)) return;
    plan_.commands.push_back({.uuid = planner.command_uuid(core::kInventoryItem, std::nullopt),
                              .item = core::kInventoryItem,
                              .version = std::nullopt,
                              .payload = payload,
                              .request_type = request_type});
  };
  if (list_is_due(planner)) ask(context_.profile_list_payload, "ProfileList");
  const bool information_is_due =
      !plan_.row.information_at ||
      context_.now - *plan_.row.information_at >= context_.policy.inventory_interval ||
      plan_.row.refresh_mark > snapshot_.row.handled;
  if (information_is_due) ask(context_.device_information_payload, "DeviceInformation");
}

/// When a list is to be asked for, as far as time alone decides. One that is open already is the device's
/// turn: a device that stays silent is looked at when it is pushed again, not in every pass.
Time Planner::next_list_at(const ItemPlanner& planner) const {
  const auto& list = planner.list();
  const bool asked =
      has_open_list(planner, context_.profile_list_payload) ||
      std::ranges::any_of(plan_.commands, [&](const PlannedCommand& command) {
        return command.item == core::kInventoryItem && command.payload == context_.profile_list_payload;
      });
  if (asked) return context_.now + context_.policy.inventory_interval;
  if (list.retry_at && context_.now < *list.retry_at) return *list.retry_at;
  return list_due_at(planner);
}

}  // namespace mooring::reconciler::detail

// SPDX-License-Identifier: Apache-2.0
// Which lists a plan asks for.
#include <algorithm>
#include <array>

#include "reconciler/detail/inventory_sources.hpp"
#include "reconciler/detail/planner.hpp"

namespace mooring::reconciler::detail {
namespace {

using director::FactSource;

constexpr std::string_view kProfileList = "ProfileList";

constexpr std::array kInventorySources{
    InventorySource{.kind = FactSource::information,
                    .request_type = "DeviceInformation",
                    .payload = &PassContext::device_information_payload,
                    .interval = &Policy::information_interval,
                    .at = &DeviceRow::information_at,
                    .retry_at = &DeviceRow::information_retry_at,
                    .answer = &Plan::new_facts},
    InventorySource{.kind = FactSource::security,
                    .request_type = "SecurityInfo",
                    .payload = &PassContext::security_info_payload,
                    .interval = &Policy::security_interval,
                    .at = &DeviceRow::security_at,
                    .retry_at = &DeviceRow::security_retry_at,
                    .answer = &Plan::new_security},
    InventorySource{.kind = FactSource::certificates,
                    .request_type = "CertificateList",
                    .payload = &PassContext::certificate_list_payload,
                    .interval = &Policy::certificates_interval,
                    .at = &DeviceRow::certificates_at,
                    .retry_at = &DeviceRow::certificates_retry_at,
                    .answer = &Plan::new_certificates},
};

}  // namespace

std::span<const InventorySource> inventory_sources() { return kInventorySources; }

const InventorySource* find_source(std::string_view request_type) {
  const auto found = std::ranges::find(kInventorySources, request_type, &InventorySource::request_type);
  return found == kInventorySources.end() ? nullptr : &*found;
}

bool Planner::is_asked_for(const ChannelWork& work, std::string_view request_type) const {
  const auto asks = [&](const auto& command) {
    return command.channel == work.channel.channel && command.item == core::kInventoryItem &&
           command.request_type == request_type;
  };
  return std::ranges::any_of(work.planner.open(), asks) || std::ranges::any_of(plan_.commands, asks);
}

std::uint64_t Planner::jitter_of(const ChannelWork& work) const {
  return static_cast<std::uint64_t>(work.is_own() ? plan_.row.device : work.channel.channel);
}

bool Planner::list_is_due(const ChannelWork& work) const {
  const auto& list = work.list;
  if (list.retry_at && context_.now < *list.retry_at) return false;
  if (!list.at || context_.now >= list_due_at(work)) return true;
  if (plan_.row.refresh_mark > snapshot_.row.handled) return true;
  if (!work.planner.list_wanted()) return false;
  // One list proves a whole batch: wait for answers that are on their way, but not for NotNow, and not for
  // ever.
  const bool on_its_way = std::ranges::any_of(work.planner.open(), [](const OpenCommand& open) {
    return open.item != core::kInventoryItem && open.status == core::CommandStatus::queued;
  });
  return !on_its_way || context_.now - *list.at > context_.policy.verify_patience;
}

Time Planner::list_due_at(const ChannelWork& work) const {
  return work.list.at.value_or(context_.now) + jittered(context_.policy.inventory_interval, jitter_of(work));
}

/// All lists of a device have one jitter, so that with one interval they are asked for in one session.
Time Planner::source_due_at(const InventorySource& source) const {
  const auto& at = plan_.row.*source.at;
  const auto& retry_at = plan_.row.*source.retry_at;
  const Time due =
      at ? *at + jittered(source.interval_of(context_.policy), static_cast<std::uint64_t>(plan_.row.device))
         : context_.now;
  return retry_at ? std::max(due, *retry_at) : due;
}

bool Planner::source_is_due(const InventorySource& source, Duration early) const {
  if (plan_.row.refresh_mark > snapshot_.row.handled) return true;
  return context_.now + early >= source_due_at(source);
}

void Planner::ask(ChannelWork& work, std::int32_t payload, std::string_view request_type) {
  if (is_asked_for(work, request_type)) return;
  plan_.row.requested_at = context_.now;
  plan_.commands.push_back({.uuid = work.planner.command_uuid(core::kInventoryItem, std::nullopt),
                            .channel = work.channel.channel,
                            .item = core::kInventoryItem,
                            .version = std::nullopt,
                            .payload = payload,
                            .request_type = request_type});
}

void Planner::request_inventory(ChannelWork& own) {
  const bool list_is_old = !own.list.at || context_.now >= list_due_at(own);
  if (list_is_due(own)) ask(own, context_.profile_list_payload, kProfileList);
  // Whoever is asked anyway answers a little before the time, too: one wake-up instead of several.
  const bool any_is_due =
      list_is_old || std::ranges::any_of(kInventorySources, [&](const InventorySource& source) {
        return source_is_due(source, Duration{});
      });
  for (const auto& source : kInventorySources) {
    const Duration early = any_is_due ? source.interval_of(context_.policy) / 10 : Duration{};
    if (source_is_due(source, early)) ask(own, context_.*source.payload, source.request_type);
  }
}

/// Users are asked only where something is kept for them.
void Planner::request_user_list(ChannelWork& work) {
  if (work.is_own() || work.items.empty() || !list_is_due(work)) return;
  ask(work, context_.profile_list_payload, kProfileList);
}

/// When a list is to be asked for, as far as time alone decides. One that is open already is the device's
/// turn: a device that stays silent is looked at when it is pushed again, not in every pass.
Time Planner::next_list_at(const ChannelWork& work) const {
  const auto& list = work.list;
  if (is_asked_for(work, kProfileList)) return context_.now + context_.policy.inventory_interval;
  if (list.retry_at && context_.now < *list.retry_at) return *list.retry_at;
  return list_due_at(work);
}

Time Planner::next_source_at(const ChannelWork& own, const InventorySource& source) const {
  if (is_asked_for(own, source.request_type)) return context_.now + source.interval_of(context_.policy);
  return source_due_at(source);
}

}  // namespace mooring::reconciler::detail

// SPDX-License-Identifier: Apache-2.0
#include "reconciler/preview.hpp"

#include <algorithm>

#include "reconciler/certificate_turns.hpp"
#include "reconciler/load.hpp"

namespace mooring::reconciler {

std::vector<Preview> preview(pg::Connection& connection, Declarations& declarations,
                             std::span<const std::int64_t> devices, PassContext context) {
  auto batch = peek(connection, declarations, devices, context.now);
  context.generation = batch.generation;
  context.facts_decide = batch.facts_decide;
  context.on_move = nullptr;
  const auto rate = context.policy.certificate_rate;
  CertificateTurns turns(connection, std::max<std::int64_t>(rate, 1), context.now, true);
  if (rate > 0) {
    context.certificate_turn = [&turns](std::int32_t item, std::int32_t version) {
      return turns.take(item, version);
    };
  }
  std::vector<Preview> previews;
  previews.reserve(batch.snapshots.size());
  for (auto& snapshot : batch.snapshots) {
    auto planned = plan(snapshot, context);
    previews.push_back({std::move(snapshot), std::move(planned)});
  }
  return previews;
}

std::optional<Preview> preview(pg::Connection& connection, std::int64_t device, PassContext context) {
  const std::vector<std::int64_t> devices{device};
  Declarations declarations;
  auto previews = preview(connection, declarations, devices, std::move(context));
  if (previews.empty()) return std::nullopt;
  return std::move(previews.front());
}

std::string_view name_of(Purpose purpose) {
  switch (purpose) {
    case Purpose::ask:
      return "ask";
    case Purpose::install:
      return "install";
    case Purpose::replace:
      return "replace";
    case Purpose::remove:
      return "remove";
  }
  return "unknown";
}

Purpose purpose_of(const Plan& plan, const PlannedCommand& command) {
  if (command.item == core::kInventoryItem) return Purpose::ask;
  if (!command.version) return Purpose::remove;
  const auto is_its = [&](const ItemRecord& record) {
    return record.item == command.item && record.channel == command.channel;
  };
  const auto before = std::ranges::find_if(plan.before, is_its);
  if (before == plan.before.end() || !before->installed) return Purpose::install;
  const auto after = std::ranges::find_if(plan.after, is_its);
  const bool other_values = after != plan.after.end() && before->rendering != after->rendering;
  const bool other_version = before->installed_version && before->installed_version != command.version;
  return other_version || other_values ? Purpose::replace : Purpose::install;
}

}  // namespace mooring::reconciler

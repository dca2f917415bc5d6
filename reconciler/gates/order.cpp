// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "reconciler/gates/gates.hpp"

namespace mooring::reconciler {
namespace {

using Neighbours = std::map<std::int32_t, std::vector<Neighbour>>;

const ItemRecord* record_among(std::span<const KnownItem> items, std::int32_t item) {
  const auto found = std::ranges::find(items, item, [](const KnownItem& k) { return k.record.item; });
  return found == items.end() ? nullptr : &found->record;
}

/// On the same channel; what a user has may also stand on what the device has.
const ItemRecord* record_of(const GateInput& input, std::int32_t item) {
  const auto* record = record_among(input.records, item);
  const bool of_user = input.channel.channel != kOwnChannel;
  return record == nullptr && of_user ? record_among(input.device.own.items, item) : record;
}

/// In the version that is declared now, which this pass may not have come to yet.
bool is_in_place(const GateInput& input, std::int32_t item) {
  const auto* record = record_of(input, item);
  if (record == nullptr || record->intent != RecordIntent::present || record->state != ItemState::verified)
    return false;
  const auto& desired = *input.device.desired;
  const auto found = std::ranges::find(desired, item, [](const Desired& d) { return d.facts.item; });
  if (found == desired.end()) return false;
  return found->held() ||
         (found->intent == director::Intent::present && found->facts.version == record->version);
}

/// Its removal was declared and is not proven yet. Where it failed for good nobody waits for it.
bool is_on_its_way_out(const GateInput& input, std::int32_t item) {
  const auto* record = record_of(input, item);
  return record != nullptr && record->intent != RecordIntent::present && record->installed &&
         record->state != ItemState::verified && record->state != ItemState::failed &&
         record->state != ItemState::quarantined;
}

}  // namespace

std::optional<Closed> order_gate(const GateInput& input) {
  const auto* restraints = input.device.restraints.get();
  if (restraints == nullptr) return std::nullopt;
  const bool coming = input.record.intent == RecordIntent::present;
  const Neighbours& neighbours = coming ? restraints->requirements : restraints->dependents;
  const auto first = neighbours.find(input.record.item);
  if (first == neighbours.end()) return std::nullopt;
  for (const auto& [item, name] : first->second) {
    const bool waits = coming ? !is_in_place(input, item) : is_on_its_way_out(input, item);
    if (waits) return Closed{.reason = Reason::waits_for_item, .opens_at = std::nullopt, .detail = name};
  }
  return std::nullopt;
}

}  // namespace mooring::reconciler

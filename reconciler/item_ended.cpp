// SPDX-License-Identifier: Apache-2.0
// What becomes of an item that no assignment names any more.
#include "reconciler/item_planner.hpp"

namespace mooring::reconciler {

bool ItemPlanner::drop_unproven(KnownItem& item, Presence presence) {
  auto& record = item.record;
  // An install may have been handed out without its answer reaching us: only a list that was read after it
  // was cancelled shows whether something of ours is there.
  const bool may_have_landed = record.attempts > 0 || record.state == ItemState::commanded;
  if (!may_have_landed) return true;
  if (!list_is_fresh(record) || presence == Presence::unknown) {
    list_wanted_ = true;
    return false;
  }
  if (presence == Presence::absent) return true;
  record.installed = true;
  return false;
}

void ItemPlanner::begin_end(ItemRecord& record, const ItemRecord* heir) {
  cancel_open(record.item, [](const OpenCommand& open) { return open.version.has_value(); });
  record.intent = RecordIntent::ended;
  // What was handed out and not answered may land yet: only a list from after this proves anything.
  if (record.state == ItemState::commanded) record.acknowledged_event = list_.event;
  enter(record, ItemState::pending, Reason::no_longer_declared);
  record.forced = false;
  record.next_try_at.reset();
  record.drift_since = heir == nullptr && record.installed ? std::optional(context_.now) : std::nullopt;
  if (record.installed) record.attempts = 0;
}

bool ItemPlanner::finish_ended(KnownItem& item, const ItemRecord* heir) {
  auto& record = item.record;
  if (record.intent != RecordIntent::ended) begin_end(record, heir);
  const Presence presence = observe_for_removal(item);
  if (heir != nullptr) {
    cancel_open(record.item, [](const OpenCommand&) { return true; });  // a removal would hit the heir
    record.drift_since.reset();
    return heir->state != ItemState::verified;  // the heir replaces it in place: no removal in between
  }
  if (!record.installed && drop_unproven(item, presence)) return false;
  if (!record.installed) return true;
  if (presence == Presence::absent && list_is_fresh(record)) {
    cancel_open(record.item, [](const OpenCommand&) { return true; });
    return false;
  }
  record.drift_since = record.drift_since.value_or(context_.now);
  drive(item, nullptr, presence);
  return true;
}

}  // namespace mooring::reconciler

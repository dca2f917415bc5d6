// SPDX-License-Identifier: Apache-2.0
#include "reconciler/item_planner.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "director/variables.hpp"

namespace mooring::reconciler {

using director::RequestKind;

namespace {

constexpr auto kNewHere = std::chrono::hours(1);  // whoever enrolled needs its certificates now

}  // namespace

ItemPlanner::ItemPlanner(const DeviceSnapshot& snapshot, const ChannelSnapshot& channel,
                         std::vector<KnownItem>& items, ListState& list, const PassContext& context,
                         Plan& plan)
    : snapshot_(snapshot), channel_(channel), items_(items), list_(list), context_(context), plan_(plan) {
  for (const auto& open : snapshot.open) {
    if (open.channel == channel.channel) open_.push_back(open);
  }
  list_wanted_ = std::ranges::any_of(snapshot.requests,
                                     [](const ItemRequest& r) { return r.kind == RequestKind::distrusted; });
}

void ItemPlanner::check_at(Time when) { next_check_ = next_check_ ? std::min(*next_check_, when) : when; }

std::uint64_t ItemPlanner::key(const ItemRecord& record) const {
  return static_cast<std::uint64_t>(snapshot_.row.device) * 1000003U +
         static_cast<std::uint64_t>(record.channel) * 7919U + static_cast<std::uint64_t>(record.item) * 101U +
         static_cast<std::uint64_t>(record.attempts);
}

bool ItemPlanner::list_is_fresh(const ItemRecord& record) const {
  if (!list_.event) return false;
  return !record.acknowledged_event || *list_.event > *record.acknowledged_event;
}

std::string ItemPlanner::command_uuid(std::int32_t item, std::optional<std::int32_t> version) {
  const int number = ++plan_.row.commands_made;
  return core::encode_command_uuid(crypto::Uuid::derived(
      "command", fmt::format("{}/{}/{}/{}", snapshot_.row.device, item, version.value_or(0), number)));
}

const OpenCommand* ItemPlanner::find_open(const ItemRecord& record) const {
  const auto version = wants_presence(record) ? std::optional(record.version) : std::nullopt;
  const auto found = std::ranges::find_if(
      open_, [&](const OpenCommand& open) { return open.item == record.item && open.version == version; });
  return found == open_.end() ? nullptr : &*found;
}

void ItemPlanner::cancel_open(std::int32_t item, const std::function<bool(const OpenCommand&)>& which) {
  std::erase_if(open_, [&](const OpenCommand& open) {
    if (open.item != item || !which(open)) return false;
    plan_.cancels.push_back({open.channel, open.uuid, open.request_type});
    return true;
  });
}

/// The only place where a state changes.
void ItemPlanner::enter(ItemRecord& record, ItemState state, Reason reason, std::string detail) {
  if (state != record.state && context_.on_move) context_.on_move(record.state, state);
  record.state = state;
  record.reason = reason;
  record.detail = std::move(detail);
}

// ---- what is desired ----

bool ItemPlanner::is_asked(std::int32_t item, RequestKind kind) const {
  return std::ranges::any_of(snapshot_.requests, [&](const ItemRequest& request) {
    return request.kind == kind && (request.item == item || request.item == director::kAllItems);
  });
}

bool ItemPlanner::is_asked_again(const ItemRecord& record, const Desired& desired) const {
  return record.repush != desired.repush || plan_.row.repush_mark > snapshot_.row.handled ||
         is_asked(record.item, RequestKind::repush);
}

/// Without anybody's asking: for a new build of the system, or because its last proof is old.
bool ItemPlanner::is_due_again(const ItemRecord& record) const {
  if (!wants_presence(record)) return false;
  if (plan_.new_build) return true;
  const auto every = context_.policy.reinstall_interval;
  return every > Duration{} && record.state == ItemState::verified && record.verified_at &&
         context_.now - *record.verified_at >
             jittered(every, static_cast<std::uint64_t>(snapshot_.row.device));
}

void ItemPlanner::adopt(ItemRecord& record, const Desired& desired, bool is_new) {
  const auto intent =
      desired.intent == director::Intent::present ? RecordIntent::present : RecordIntent::absent;
  const bool anew = is_rendered_anew(record, desired);
  const bool changed = is_new || anew || record.version != desired.facts.version || record.intent != intent;
  const bool asked_again = !is_new && (is_asked_again(record, desired) || is_due_again(record));
  const bool given_up = record.state == ItemState::failed || record.state == ItemState::quarantined;
  const bool lifted = given_up && is_asked(record.item, RequestKind::lift);
  record.version = desired.facts.version;
  record.intent = intent;
  record.repush = desired.repush;
  if (desired.facts.missing.empty()) record.rendering = desired.facts.rendering;
  if (!changed && !asked_again && !lifted) return;
  enter(record, ItemState::pending);
  record.attempts = 0;
  record.repairs = 0;
  record.repairs_since.reset();
  record.next_try_at.reset();
  record.forced = asked_again && !changed && wants_presence(record);
  if (changed) {
    const auto wanted = wants_presence(record) ? std::optional(record.version) : std::nullopt;
    cancel_open(record.item, [&](const OpenCommand& open) { return anew || open.version != wanted; });
  }
}

/// Made of other values now; what is missing meanwhile changes nothing.
bool ItemPlanner::is_rendered_anew(const ItemRecord& record, const Desired& desired) {
  return desired.intent == director::Intent::present && desired.facts.rendering && record.rendering &&
         record.rendering != desired.facts.rendering;
}

void ItemPlanner::verified(ItemRecord& record) {
  cancel_open(record.item, [](const OpenCommand&) { return true; });
  if (record.state != ItemState::verified) record.verified_at = context_.now;
  enter(record, ItemState::verified);
  record.attempts = 0;
  record.next_try_at.reset();
  record.drift_since.reset();
}

bool ItemPlanner::begin_incident(ItemRecord& record) {
  const auto& policy = context_.policy;
  if (!record.repairs_since || context_.now - *record.repairs_since > policy.repair_window) {
    record.repairs_since = context_.now;
    record.repairs = 0;
  }
  record.attempts = 0;
  ++record.repairs;
  if (record.repairs > policy.repairs) {
    enter(record, ItemState::quarantined, Reason::repaired_too_often);
    return false;
  }
  if (record.repairs == 1) {
    enter(record, ItemState::pending);
  } else {
    enter(record, ItemState::backing_off, Reason::lost_again);
    record.next_try_at =
        context_.now + backoff(policy.retry_base, policy.retry_max, record.repairs - 1, key(record));
  }
  return true;
}

Presence ItemPlanner::observe(const KnownItem& item) const {
  return kind_of(item.facts->kind).observe(evidence(), *item.facts);
}

/// Whether what its slot holds now was made by Mooring, be it another version of the item.
bool ItemPlanner::is_ours(const KnownItem& item) const {
  const auto held = kind_of(item.facts->kind).held(evidence(), *item.facts);
  if (held.empty()) return false;
  const auto is_held = [&](std::string_view ours) { return director::is_same_version(held, ours); };
  if (is_held(item.facts->identity)) return true;
  return item.identities && std::ranges::any_of(*item.identities, is_held);
}

/// A stranger in our slot means that ours is gone, and is never removed. A list from before the last command
/// says nothing of what that command left behind.
Presence ItemPlanner::observe_for_removal(const KnownItem& item) const {
  const auto presence = observe(item);
  if (presence == Presence::unknown || is_ours(item)) return presence;
  return list_is_fresh(item.record) ? Presence::absent : Presence::unknown;
}

bool ItemPlanner::touches_foreign(KnownItem& item) {
  auto& record = item.record;
  if (wants_presence(record)) return false;
  const auto presence = observe(item);
  const bool held = presence == Presence::exact || presence == Presence::different;
  const bool may_be_ours = record.installed && (is_ours(item) || !list_is_fresh(record));
  const bool foreign = held && !may_be_ours;
  const bool by_then = record.state == ItemState::backing_off || record.state == ItemState::quarantined;
  const bool was_foreign = record.state == ItemState::failed && record.reason == Reason::foreign;
  if (foreign ? by_then : was_foreign) enter(record, ItemState::pending);
  if (!foreign) return false;
  cancel_open(record.item, [](const OpenCommand&) { return true; });
  enter(record, ItemState::failed, Reason::foreign);
  record.drift_since.reset();
  return true;
}

void ItemPlanner::note_drift(ItemRecord& record, bool is_new) {
  if (record.drift_since || record.forced) return;
  // Of a user who came later nobody knows since when.
  const bool since_declared =
      (is_new || record.attempts == 0) && record.repairs == 0 && record.channel == kOwnChannel;
  record.drift_since = since_declared ? plan_.row.changed_at.value_or(context_.now) : context_.now;
}

void ItemPlanner::reconcile(KnownItem& item, const Desired& desired, bool is_new) {
  auto& record = item.record;
  adopt(record, desired, is_new);
  item.facts = {snapshot_.desired, &desired.facts};
  const bool present = wants_presence(record);
  if (touches_foreign(item)) return;
  const Presence presence = present ? observe(item) : observe_for_removal(item);
  if (present && presence == Presence::exact) {
    record.installed = true;
    record.installed_version = record.version;
  }
  const Presence wanted = present ? Presence::exact : Presence::absent;
  if (presence == wanted && !record.forced && list_is_fresh(record)) {
    verified(record);
    return;
  }
  if (record.state == ItemState::verified && !begin_incident(record)) {
    record.drift_since = record.drift_since.value_or(context_.now);
    return;
  }
  note_drift(record, is_new);
  drive(item, &desired, presence);
}

std::optional<Closed> ItemPlanner::first_closed(const ItemRecord& record, const Desired* desired) const {
  const GateInput input{.device = snapshot_,
                        .channel = channel_,
                        .record = record,
                        .desired = desired,
                        .records = items_,
                        .context = context_};
  for (const auto gate : context_.gates) {
    if (auto closed = gate(input)) return closed;
  }
  return std::nullopt;
}

/// A command for it is open, or its answer is still to be proven. What waits behind a gate that closed is
/// withdrawn; that was no attempt.
bool ItemPlanner::is_at_work(ItemRecord& record, bool closed) {
  if (const auto* open = find_open(record)) {
    if (!closed) {
      const bool queued = open->status == core::CommandStatus::queued;
      enter(record, ItemState::commanded, queued ? Reason::under_way : Reason::not_now);
      look_when_window_closes(record);
      return true;
    }
    cancel_open(record.item, [](const OpenCommand&) { return true; });
    if (record.attempts > 0) --record.attempts;
  }
  if (record.state != ItemState::acknowledged || list_is_fresh(record)) return false;
  list_wanted_ = true;
  return true;
}

bool ItemPlanner::waits_for_its_time(ItemRecord& record) {
  if (record.state != ItemState::backing_off) return false;
  if (record.next_try_at && context_.now < *record.next_try_at) {
    check_at(*record.next_try_at);
    return true;
  }
  enter(record, ItemState::pending);
  return false;
}

void ItemPlanner::drive(KnownItem& item, const Desired* desired, Presence presence) {
  auto& record = item.record;
  auto closed = first_closed(record, desired);
  if (record.state == ItemState::waiting) enter(record, ItemState::pending);
  if (is_at_work(record, closed.has_value())) return;
  // Cleared, expired or withdrawn: send again.
  if (record.state == ItemState::commanded) enter(record, ItemState::pending);
  if (record.state == ItemState::acknowledged) attempt_failed(record, ErrorClass::no_effect);
  const bool its_turn = record.state == ItemState::backing_off;
  if (waits_for_its_time(record) || record.state != ItemState::pending) return;
  if (presence == Presence::unknown) {
    list_wanted_ = true;
    record.reason = Reason::waits_for_list;
    return;
  }
  if (closed) return wait(record, std::move(*closed));
  if (!its_turn && waits_for_turn(item)) return;
  send(item);
  look_when_window_closes(record);
}

/// What is open then has to be withdrawn.
void ItemPlanner::look_when_window_closes(const ItemRecord& record) {
  const auto* windows = windows_of(snapshot_, record.item);
  const auto end = windows == nullptr ? std::nullopt : director::closes_at(*windows, context_.now);
  if (end) check_at(*end);
}

/// It has a place in the queue for certificates then, and is sent when that has come.
bool ItemPlanner::waits_for_turn(KnownItem& item) {
  auto& record = item.record;
  const auto& enrolled_at = plan_.row.enrolled_at;
  if (!context_.certificate_turn || !item.facts->asks_for_certificate || !wants_presence(record))
    return false;
  if (enrolled_at && context_.now - *enrolled_at < kNewHere) return false;
  const Time turn = context_.certificate_turn(record.item, record.version);
  if (turn <= context_.now) return false;
  enter(record, ItemState::backing_off, Reason::waits_for_turn);
  record.next_try_at = turn;
  check_at(turn);
  return true;
}

void ItemPlanner::wait(ItemRecord& record, Closed closed) {
  enter(record, ItemState::waiting, closed.reason, std::move(closed.detail));
  record.next_try_at = closed.opens_at;
  if (closed.opens_at) check_at(*closed.opens_at);
}

void ItemPlanner::send(KnownItem& item) {
  auto& record = item.record;
  const auto& kind = kind_of(item.facts->kind);
  const bool install = wants_presence(record);
  const auto version = install ? std::optional(record.version) : std::nullopt;
  ++record.attempts;
  enter(record, ItemState::commanded, Reason::under_way);
  record.next_try_at.reset();
  PlannedCommand command{.uuid = command_uuid(record.item, version),
                         .channel = channel_.channel,
                         .item = record.item,
                         .version = version,
                         .payload = install ? item.facts->install_payload : item.facts->remove_payload,
                         .request_type = install ? kind.install_request_type : kind.remove_request_type};
  open_.push_back({.uuid = command.uuid,
                   .channel = command.channel,
                   .item = record.item,
                   .version = version,
                   .payload = command.payload,
                   .request_type = std::string(command.request_type)});
  plan_.commands.push_back(std::move(command));
}

}  // namespace mooring::reconciler

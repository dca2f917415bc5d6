// SPDX-License-Identifier: Apache-2.0
#include "reconciler/plan.hpp"

#include <algorithm>
#include <set>

#include "reconciler/detail/planner.hpp"

namespace mooring::reconciler {
namespace detail {
namespace {

constexpr auto kFarAway = std::chrono::hours(24 * 365);

bool by_item(const KnownItem& a, const KnownItem& b) { return a.record.item < b.record.item; }

bool is_settled(const ItemRecord& record) {
  return record.state == ItemState::verified && record.intent != RecordIntent::ended;
}

}  // namespace

Planner::Planner(const DeviceSnapshot& snapshot, const PassContext& context)
    : snapshot_(snapshot), context_(context) {
  plan_.row = snapshot.row;
  plan_.list = snapshot.own.list;
  plan_.row.handled = snapshot.row.marks;
  plan_.row.seen_generation = context.generation;
  plan_.row.counted = snapshot.row.enabled ? 2 : 1;
  plan_.known_delta = snapshot.row.counted == 0 ? 1 : 0;
  plan_.enrolled_delta = (plan_.row.counted == 2 ? 1 : 0) - (snapshot.row.counted == 2 ? 1 : 0);
  for (const auto& item : snapshot.own.items) plan_.before.push_back(item.record);
  for (const auto& user : snapshot.users) {
    for (const auto& item : user.items) plan_.before.push_back(item.record);
  }
}

Plan Planner::run() {
  const bool reset = snapshot_.row.reset_mark > snapshot_.row.handled;
  if (reset) forget();
  if (!snapshot_.row.enabled) return sleep();
  note_generation();
  std::optional<DeviceSnapshot> void_of_state;
  if (reset) {
    void_of_state = without_state();
    withdraw();
  }
  const auto& seen = reset ? *void_of_state : snapshot_;
  Channels channels;
  channels.emplace_back(seen, seen.own, context_, plan_);
  for (const auto& user : seen.users) {
    if (user.enabled) channels.emplace_back(seen, user, context_, plan_);
  }
  withdraw_from_gone(seen);
  for (auto& work : channels) {
    work.planner.read_reports();
    reconcile_desired(work);
    finish_ended(work);
  }
  request_inventory(channels.front());
  for (auto& work : channels) request_user_list(work);
  schedule(channels);
  look_again_for_those_who_wait(channels);
  for (auto& work : channels) take(work);
  note_convergence();
  note_listed();
  return std::move(plan_);
}

/// A new enrollment, or none: whatever was believed of the device is void.
void Planner::forget() {
  plan_.forget_list = true;
  plan_.list = {};
  auto& row = plan_.row;
  row.information_at.reset();
  row.security_at.reset();
  row.certificates_at.reset();
  row.information_retry_at.reset();
  row.security_retry_at.reset();
  row.certificates_retry_at.reset();
  row.build_seen.reset();
  row.groups_seen = 0;
  row.pushes = 0;
  row.next_push_at.reset();
  row.desired_hash.clear();
}

/// Reports that were waiting belong to the enrollment before, except those that came after the reset; the
/// database keeps their order. Authenticate emptied the queue, but a pass that had read the device before it
/// may have queued more after it: what is open now was meant for the enrollment before, too.
DeviceSnapshot Planner::without_state() const {
  DeviceSnapshot seen = snapshot_;
  seen.own.items.clear();
  seen.own.evidence = {};
  seen.own.list = {};
  seen.users.clear();
  seen.observations.clear();
  seen.open.clear();
  seen.requests.clear();
  return seen;
}

/// Gives up whatever is queued.
void Planner::withdraw() {
  for (const auto& open : snapshot_.open)
    plan_.cancels.push_back({open.channel, open.uuid, open.request_type});
}

/// What is queued for users whose channel is gone. Their records go as well: nothing carries them on.
void Planner::withdraw_from_gone(const DeviceSnapshot& seen) {
  for (const auto& open : seen.open) {
    const bool lives =
        open.channel == kOwnChannel || std::ranges::any_of(seen.users, [&](const ChannelSnapshot& user) {
          return user.enabled && user.channel == open.channel;
        });
    if (!lives) plan_.cancels.push_back({open.channel, open.uuid, open.request_type});
  }
}

/// No channel to talk over: give up what is queued and wait for the next check-in.
Plan Planner::sleep() {
  withdraw();
  plan_.forget_list = true;
  plan_.list.event.reset();
  plan_.row.desired_hash.clear();
  plan_.row.next_push_at.reset();
  plan_.row.drifted = 0;
  plan_.row.unsettled = 0;
  plan_.row.due_at = context_.now + kFarAway;
  note_listed();
  return std::move(plan_);
}

void Planner::note_generation() {
  auto& row = plan_.row;
  const auto now_desired = std::string_view(snapshot_.desired_hash).substr(0, kDesiredHashBytes);
  const bool same = now_desired == std::string_view(row.desired_hash).substr(0, kDesiredHashBytes);
  row.desired_hash = snapshot_.desired_hash;
  if (same) return;
  ++row.generation;
  Time changed = row.enrolled_at.value_or(context_.now);
  for (const auto& desired : *snapshot_.desired) changed = std::max(changed, desired.declared_at);
  // What ended, or was asked for again, leaves no time of its own behind.
  const bool leaves_no_time = row.changed_at && changed <= *row.changed_at;
  row.changed_at = leaves_no_time ? context_.now : std::min(changed, context_.now);
}

void Planner::reconcile_desired(ChannelWork& work) {
  auto& items = work.items;
  for (const auto& desired : *snapshot_.desired) {
    if (desired.held() || !work.takes(desired.facts)) continue;  // what nobody knows stays as it is
    auto found =
        std::ranges::find(items, desired.facts.item, [](const KnownItem& i) { return i.record.item; });
    const bool is_new = found == items.end();
    if (is_new) {
      items.push_back({.record = {.item = desired.facts.item, .channel = work.channel.channel}, .facts = {}});
      found = items.end() - 1;
    }
    work.planner.reconcile(*found, desired, is_new);
  }
  std::ranges::sort(items, by_item);
}

bool Planner::is_desired(const ChannelWork& work, std::int32_t item) const {
  return std::ranges::any_of(*snapshot_.desired,
                             [&](const Desired& d) { return d.facts.item == item && work.takes(d.facts); });
}

/// The present item that holds the slot of one that ended.
const ItemRecord* Planner::heir_of(const ChannelWork& work, const KnownItem& ended) const {
  for (const auto& other : work.items) {
    if (other.record.item != ended.record.item && other.facts->slot == ended.facts->slot &&
        other.facts->kind == ended.facts->kind && other.record.intent == RecordIntent::present &&
        is_desired(work, other.record.item)) {
      return &other.record;
    }
  }
  return nullptr;
}

/// Whatever came into its place, or went, in this pass may be what another item waits for.
void Planner::look_again_for_those_who_wait(const Channels& channels) {
  const auto waits = [](const KnownItem& i) {
    return i.record.state == ItemState::waiting && i.record.reason == Reason::waits_for_item;
  };
  const auto is_at_rest = [](ItemState state) {
    return state == ItemState::verified || state == ItemState::failed || state == ItemState::quarantined;
  };
  for (const auto& work : channels) {
    if (std::ranges::none_of(work.items, waits)) continue;
    const bool moved = std::ranges::any_of(plan_.before, [&](const ItemRecord& before) {
      const bool of_device = before.channel == kOwnChannel;
      if (!of_device && before.channel != work.channel.channel) return false;
      const auto& items = of_device ? channels.front().items : work.items;
      const auto now =
          std::ranges::find(items, before.item, [](const KnownItem& i) { return i.record.item; });
      if (now == items.end()) return true;
      const auto& record = now->record;
      return is_at_rest(record.state) && (before.state != record.state || before.version != record.version ||
                                          before.intent != record.intent);
    });
    if (moved) plan_.row.due_at = context_.now;
  }
}

void Planner::finish_ended(ChannelWork& work) {
  std::vector<std::int32_t> gone;
  for (auto& item : work.items) {
    if (is_desired(work, item.record.item)) continue;
    if (!work.planner.finish_ended(item, heir_of(work, item))) gone.push_back(item.record.item);
  }
  std::erase_if(work.items,
                [&](const KnownItem& i) { return std::ranges::find(gone, i.record.item) != gone.end(); });
}

void Planner::take(ChannelWork& work) {
  for (auto& item : work.items) plan_.after.push_back(std::move(item.record));
  if (work.is_own()) {
    plan_.list = work.list;
    plan_.new_list = work.planner.new_list();
  } else if (work.list != work.channel.list || work.planner.new_list()) {
    plan_.user_lists.push_back({work.channel.channel, work.list, work.planner.new_list()});
  }
}

void Planner::note_convergence() {
  auto& row = plan_.row;
  std::set<std::int32_t> drifted;  // by item, on however many channels
  for (const auto& record : plan_.after) {
    if (record.drift_since) drifted.insert(record.item);
  }
  row.drifted = static_cast<std::int32_t>(drifted.size());
  row.unsettled = static_cast<std::int32_t>(
      std::ranges::count_if(plan_.after, [](const ItemRecord& r) { return !is_settled(r); }));
  const bool undecided = std::ranges::any_of(*snapshot_.desired, &Desired::held);
  const bool proven = plan_.list.event && row.unsettled == 0 && !undecided;
  if (!proven || row.converged_generation == row.generation) return;
  row.converged_generation = row.generation;
  row.converged_at = context_.now;
  plan_.converged_after = context_.now - row.changed_at.value_or(context_.now);
}

}  // namespace detail

Plan plan(const DeviceSnapshot& snapshot, const PassContext& context) {
  return detail::Planner(snapshot, context).run();
}

}  // namespace mooring::reconciler

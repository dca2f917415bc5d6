// SPDX-License-Identifier: Apache-2.0
#include "reconciler/plan.hpp"

#include <algorithm>

#include "reconciler/item_planner.hpp"

namespace mooring::reconciler {
namespace {

constexpr auto kJustEnrolled = std::chrono::minutes(10);  // somebody waits before the device
constexpr auto kRounding = std::chrono::milliseconds(1);  // of times in the database
constexpr auto kFarAway = std::chrono::hours(24 * 365);

bool by_item(const KnownItem& a, const KnownItem& b) { return a.record.item < b.record.item; }

class Planner {
 public:
  Planner(const DeviceSnapshot& snapshot, const PassContext& context)
      : snapshot_(snapshot), context_(context), items_(snapshot.items) {
    plan_.row = snapshot.row;
    plan_.row.handled = snapshot.row.marks;
    plan_.row.seen_generation = context.generation;
    plan_.row.counted = snapshot.row.enabled ? 2 : 1;
    plan_.known_delta = snapshot.row.counted == 0 ? 1 : 0;
    plan_.enrolled_delta = (plan_.row.counted == 2 ? 1 : 0) - (snapshot.row.counted == 2 ? 1 : 0);
    for (const auto& item : snapshot.items) plan_.before.push_back(item.record);
  }

  Plan run() {
    const bool reset = snapshot_.row.reset_mark > snapshot_.row.handled;
    if (reset) forget();
    if (!snapshot_.row.enabled) return sleep();
    note_generation();
    std::optional<DeviceSnapshot> void_of_state;
    if (reset) void_of_state = without_state();
    ItemPlanner planner(reset ? *void_of_state : snapshot_, context_, plan_);
    planner.read_reports(items_);
    reconcile_desired(planner);
    finish_ended(planner);
    request_inventory(planner);
    schedule(planner);
    for (auto& item : items_) plan_.after.push_back(std::move(item.record));
    note_convergence();
    return std::move(plan_);
  }

 private:
  /// A new enrollment, or none: whatever was believed of the device is void.
  void forget() {
    items_.clear();
    plan_.forget_list = true;
    auto& row = plan_.row;
    row.list_event.reset();
    row.list_at.reset();
    row.information_at.reset();
    row.inventory_retry_at.reset();
    row.inventory_failures = 0;
    row.pushes = 0;
    row.next_push_at.reset();
    row.desired_hash.clear();
  }

  /// Reports that were waiting belong to the enrollment before, except those that came after the reset; the
  /// database keeps their order, and Authenticate emptied the queue: nothing older can still arrive.
  DeviceSnapshot without_state() const {
    DeviceSnapshot seen = snapshot_;
    seen.items.clear();
    seen.evidence = {};
    seen.observations.clear();
    return seen;
  }

  /// No channel to talk over: give up what is queued and wait for the next check-in.
  Plan sleep() {
    for (const auto& open : snapshot_.open) plan_.cancels.push_back({open.uuid, open.request_type});
    items_.clear();
    plan_.forget_list = true;
    plan_.row.desired_hash.clear();
    plan_.row.list_event.reset();
    plan_.row.next_push_at.reset();
    plan_.row.due_at = context_.now + kFarAway;
    return std::move(plan_);
  }

  void note_generation() {
    auto& row = plan_.row;
    if (snapshot_.desired_hash == row.desired_hash) return;
    row.desired_hash = snapshot_.desired_hash;
    ++row.generation;
    Time changed = row.enrolled_at.value_or(context_.now);
    for (const auto& desired : *snapshot_.desired) changed = std::max(changed, desired.declared_at);
    // What ended, or was asked for again, leaves no time of its own behind.
    const bool leaves_no_time = row.changed_at && changed <= *row.changed_at;
    row.changed_at = leaves_no_time ? context_.now : std::min(changed, context_.now);
  }

  void reconcile_desired(ItemPlanner& planner) {
    for (const auto& desired : *snapshot_.desired) {
      auto found =
          std::ranges::find(items_, desired.facts.item, [](const KnownItem& i) { return i.record.item; });
      const bool is_new = found == items_.end();
      if (is_new) {
        items_.push_back({.record = {.item = desired.facts.item}, .facts = {}});
        found = items_.end() - 1;
      }
      planner.reconcile(*found, desired, is_new);
    }
    std::ranges::sort(items_, by_item);
  }

  bool is_desired(std::int32_t item) const {
    return std::ranges::any_of(*snapshot_.desired, [&](const Desired& d) { return d.facts.item == item; });
  }

  /// The present item that holds the slot of one that ended.
  const ItemRecord* heir_of(const KnownItem& ended) const {
    for (const auto& other : items_) {
      if (other.record.item != ended.record.item && other.facts->slot == ended.facts->slot &&
          other.facts->kind == ended.facts->kind && other.record.intent == RecordIntent::present &&
          is_desired(other.record.item)) {
        return &other.record;
      }
    }
    return nullptr;
  }

  void finish_ended(ItemPlanner& planner) {
    std::vector<std::int32_t> gone;
    for (auto& item : items_) {
      if (is_desired(item.record.item)) continue;
      if (!planner.finish_ended(item, heir_of(item))) gone.push_back(item.record.item);
    }
    std::erase_if(items_,
                  [&](const KnownItem& i) { return std::ranges::find(gone, i.record.item) != gone.end(); });
  }

  bool list_is_due(const ItemPlanner& planner) const {
    const auto& row = plan_.row;
    if (row.inventory_retry_at && context_.now < *row.inventory_retry_at) return false;
    if (!row.list_at || context_.now >= list_due_at()) return true;
    if (row.refresh_mark > snapshot_.row.handled) return true;
    if (!planner.list_wanted()) return false;
    // One list proves a whole batch: wait for answers that are on their way, but not for NotNow, and not for
    // ever.
    const bool on_its_way = std::ranges::any_of(planner.open(), [](const OpenCommand& open) {
      return open.item != core::kInventoryItem && open.status == core::CommandStatus::queued;
    });
    return !on_its_way || context_.now - *row.list_at > context_.policy.verify_patience;
  }

  Time list_due_at() const {
    return plan_.row.list_at.value_or(context_.now) +
           jittered(context_.policy.inventory_interval, static_cast<std::uint64_t>(plan_.row.device));
  }

  static bool has_open(const ItemPlanner& planner, std::int32_t payload) {
    return std::ranges::any_of(planner.open(), [&](const OpenCommand& open) {
      return open.item == core::kInventoryItem && open.payload == payload;
    });
  }

  void request_inventory(ItemPlanner& planner) {
    const auto ask = [&](std::int32_t payload, std::string_view request_type) {
      if (has_open(planner, payload)) return;
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
  Time next_list_at(const ItemPlanner& planner) const {
    const auto& row = plan_.row;
    const bool asked =
        has_open(planner, context_.profile_list_payload) ||
        std::ranges::any_of(plan_.commands, [&](const PlannedCommand& command) {
          return command.item == core::kInventoryItem && command.payload == context_.profile_list_payload;
        });
    if (asked) return context_.now + context_.policy.inventory_interval;
    if (row.inventory_retry_at && context_.now < *row.inventory_retry_at) return *row.inventory_retry_at;
    return list_due_at();
  }

  void schedule(const ItemPlanner& planner) {
    auto& row = plan_.row;
    // Shorter waits may have been configured since.
    if (row.next_push_at)
      row.next_push_at = std::min(*row.next_push_at, context_.now + push_wait(row.pushes + 1));
    const bool own = !planner.open().empty() || !plan_.commands.empty();
    const bool due = row.next_push_at && context_.now >= *row.next_push_at;
    if (!plan_.commands.empty()) {
      row.pushes = 0;
      push_now(own);
    } else if (own && !row.next_push_at) {
      push_now(own);
    } else if (due && (own || !snapshot_.people.empty())) {
      ++row.pushes;
      push_now(own);
    } else if (!snapshot_.people.empty()) {
      await_people();
    } else if (!own) {
      row.pushes = 0;
      row.next_push_at.reset();
    }
    Time next = next_list_at(planner);
    for (const auto& when : {planner.next_check(), row.next_push_at}) {
      if (when) next = std::min(next, *when);
    }
    row.due_at = std::max(next, context_.now + std::chrono::milliseconds(1));
  }

  /// Whoever queued a command has pushed, or did not want to: the schedule begins with its first re-push. A
  /// pass that comes within the jitter before it (core::enqueue asks for one) makes it, instead of another.
  void await_people() {
    auto& row = plan_.row;
    const auto newest = std::ranges::max(snapshot_.people, {}, &WaitingChannel::newest).newest;
    const Time first = newest + push_wait(1);
    const Time early = newest + context_.policy.push_base * 4 / 5;
    if (row.next_push_at && *row.next_push_at <= first) return;
    const bool is_of_newest =
        row.next_push_at && *row.next_push_at - push_wait(row.pushes + 1) >= newest - kRounding;
    if (is_of_newest) return;
    row.pushes = early <= context_.now ? 1 : 0;
    if (row.pushes == 1) return push_now(false);
    row.next_push_at = first;
  }

  Duration push_wait(int n) const {
    return backoff(context_.policy.push_base, context_.policy.push_max, n,
                   static_cast<std::uint64_t>(plan_.row.device));
  }

  /// `own`: commands of the reconciler wait, which go to the device's own channel.
  void push_now(bool own) {
    auto& row = plan_.row;
    if (own) plan_.pushes.push_back(row.enrollment);
    for (const auto& channel : snapshot_.people) {
      if (!own || channel.enrollment != row.enrollment) plan_.pushes.push_back(channel.enrollment);
    }
    plan_.push_urgent = row.enrolled_at && context_.now - *row.enrolled_at < kJustEnrolled;
    row.next_push_at = context_.now + push_wait(row.pushes + 1);
  }

  void note_convergence() {
    auto& row = plan_.row;
    const bool proven = row.list_event && std::ranges::all_of(plan_.after, [](const ItemRecord& record) {
                          return record.state == ItemState::verified && record.intent != RecordIntent::ended;
                        });
    if (!proven || row.converged_generation == row.generation) return;
    row.converged_generation = row.generation;
    row.converged_at = context_.now;
    plan_.converged_after = context_.now - row.changed_at.value_or(context_.now);
  }

  const DeviceSnapshot& snapshot_;
  const PassContext& context_;
  std::vector<KnownItem> items_;
  Plan plan_;
};

}  // namespace

std::string_view name_of(ItemState state) {
  switch (state) {
    case ItemState::pending:
      return "pending";
    case ItemState::commanded:
      return "commanded";
    case ItemState::acknowledged:
      return "acknowledged";
    case ItemState::verified:
      return "verified";
    case ItemState::backing_off:
      return "backing_off";
    case ItemState::failed:
      return "failed";
    case ItemState::quarantined:
      return "quarantined";
  }
  return "unknown";
}

Plan plan(const DeviceSnapshot& snapshot, const PassContext& context) {
  return Planner(snapshot, context).run();
}

}  // namespace mooring::reconciler

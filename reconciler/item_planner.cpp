// SPDX-License-Identifier: Apache-2.0
#include "reconciler/item_planner.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace mooring::reconciler {
namespace {

constexpr std::string_view kWaitsForList = "waiting for the device's first list";
constexpr std::string_view kUnderWay = "a command is queued or being worked on";
constexpr std::string_view kWaitsForProof = "acknowledged; waiting for the device's own list to show it";
constexpr std::string_view kNoEffect = "acknowledged, but the device's own list does not show it";
constexpr std::string_view kWaitsForTurn =
    "waits for its turn: so many devices at a time ask for the certificate in this profile";
constexpr auto kNewHere = std::chrono::hours(1);  // whoever enrolled needs its certificates now
constexpr std::string_view kForeign =
    "a profile with this identifier is on the device, but Mooring did not install it: it is not touched";

bool wants_presence(const ItemRecord& record) { return record.intent == RecordIntent::present; }

}  // namespace

void ItemPlanner::check_at(Time when) { next_check_ = next_check_ ? std::min(*next_check_, when) : when; }

std::uint64_t ItemPlanner::key(const ItemRecord& record) const {
  return static_cast<std::uint64_t>(snapshot_.row.device) * 1000003U +
         static_cast<std::uint64_t>(record.item) * 101U + static_cast<std::uint64_t>(record.attempts);
}

bool ItemPlanner::list_is_fresh(const ItemRecord& record) const {
  if (!plan_.row.list_event) return false;
  return !record.acknowledged_event || *plan_.row.list_event > *record.acknowledged_event;
}

std::string ItemPlanner::command_uuid(std::int32_t item, std::optional<std::int32_t> version) {
  const int number = ++plan_.row.commands_made;
  return core::encode_command_uuid(crypto::Uuid::derived(
      "command", fmt::format("{}/{}/{}/{}", snapshot_.row.device, item, version.value_or(0), number)));
}

const OpenCommand* ItemPlanner::find_open(std::int32_t item, std::optional<std::int32_t> version) const {
  const auto found = std::ranges::find_if(
      open_, [&](const OpenCommand& open) { return open.item == item && open.version == version; });
  return found == open_.end() ? nullptr : &*found;
}

void ItemPlanner::cancel_open(std::int32_t item, const std::function<bool(const OpenCommand&)>& which) {
  std::erase_if(open_, [&](const OpenCommand& open) {
    if (open.item != item || !which(open)) return false;
    plan_.cancels.push_back({open.uuid, open.request_type});
    return true;
  });
}

// ---- reports ----

void ItemPlanner::read_reports(std::vector<KnownItem>& items) {
  for (const auto& report : snapshot_.observations) {
    if (report.item == core::kInventoryItem) {
      read_inventory_report(report);
      continue;
    }
    const auto found =
        std::ranges::find(items, report.item, [](const KnownItem& i) { return i.record.item; });
    if (found != items.end()) read_item_report(*found, report);
  }
}

void ItemPlanner::read_item_report(KnownItem& item, const Observation& report) {
  auto& record = item.record;
  const bool install = report.version.has_value();
  const bool current =
      install ? (wants_presence(record) && *report.version == record.version) : !wants_presence(record);
  if (report.status == core::CommandStatus::not_now) {
    if (current) record.reason = "the device answered NotNow; it will be asked again";
    return;
  }
  const bool accepted = report.status == core::CommandStatus::acknowledged;
  if (accepted && install) {
    record.installed = true;
    record.installed_version = report.version;
  }
  if (!current) return;  // of a version or intent that was given up meanwhile; the next list tells
  // RemoveProfile of something that is not there is refused: the list decides, not the error.
  if (accepted || !install) {
    record.state = ItemState::acknowledged;
    record.acknowledged_event = report.event;
    record.forced = false;
    record.reason = kWaitsForProof;
    return;
  }
  attempt_failed(record, classify(report.status, report.error_chain),
                 describe(report.status, report.error_chain));
}

void ItemPlanner::read_inventory_report(const Observation& report) {
  if (report.status == core::CommandStatus::not_now) return;
  if (report.request_type == "DeviceInformation") {
    plan_.row.information_at = report.at;
    if (report.status != core::CommandStatus::acknowledged) return;
    if (!report.body.empty()) plan_.new_facts = report.body;
    return;
  }
  read_profile_list(report);
}

void ItemPlanner::read_profile_list(const Observation& report) {
  auto& row = plan_.row;
  if (report.status == core::CommandStatus::acknowledged) {
    // Empty text is an empty list: a report that could not be read does not come as acknowledged.
    auto list = director::ObservedProfiles::decode(report.body);
    const std::string encoded = list.encode();
    if (!evidence().profiles || evidence().profiles->encode() != encoded) plan_.new_list = encoded;
    newer_ = Evidence{.profiles = std::move(list)};
    row.list_event = report.event;
    row.list_at = report.at;
    row.inventory_failures = 0;
    row.inventory_retry_at.reset();
    return;
  }
  ++row.inventory_failures;
  row.inventory_retry_at =
      context_.now + backoff(context_.policy.retry_base, context_.policy.retry_max, row.inventory_failures,
                             static_cast<std::uint64_t>(row.device));
}

void ItemPlanner::attempt_failed(ItemRecord& record, ErrorClass error_class, std::string reason) {
  record.reason = std::move(reason);
  record.next_try_at.reset();
  if (error_class == ErrorClass::terminal || record.attempts >= context_.policy.attempts) {
    record.state = ItemState::failed;
    return;
  }
  record.state = ItemState::backing_off;
  record.next_try_at = context_.now + backoff(context_.policy.retry_base, context_.policy.retry_max,
                                              std::max<int>(record.attempts, 1), key(record));
}

// ---- what is desired ----

void ItemPlanner::adopt(ItemRecord& record, const Desired& desired, bool is_new) {
  const auto intent =
      desired.intent == director::Intent::present ? RecordIntent::present : RecordIntent::absent;
  const bool changed = is_new || record.version != desired.facts.version || record.intent != intent;
  const bool asked_again =
      !is_new && (record.repush != desired.repush || plan_.row.repush_mark > snapshot_.row.handled);
  record.version = desired.facts.version;
  record.intent = intent;
  record.repush = desired.repush;
  if (!changed && !asked_again) return;
  record.state = ItemState::pending;
  record.attempts = 0;
  record.repairs = 0;
  record.repairs_since.reset();
  record.next_try_at.reset();
  record.reason.clear();
  record.forced = asked_again && !changed && wants_presence(record);
  if (changed) {
    const auto wanted = wants_presence(record) ? std::optional(record.version) : std::nullopt;
    cancel_open(record.item, [&](const OpenCommand& open) { return open.version != wanted; });
  }
}

void ItemPlanner::verified(ItemRecord& record) {
  cancel_open(record.item, [](const OpenCommand&) { return true; });
  if (record.state != ItemState::verified) record.verified_at = context_.now;
  record.state = ItemState::verified;
  record.attempts = 0;
  record.next_try_at.reset();
  record.drift_since.reset();
  record.reason.clear();
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
    record.state = ItemState::quarantined;
    record.reason = fmt::format(
        "repaired {} times and lost again each time: left alone until a new version or a "
        "re-push",
        policy.repairs);
    return false;
  }
  record.state = ItemState::pending;
  if (record.repairs > 1) {
    record.state = ItemState::backing_off;
    record.next_try_at =
        context_.now + backoff(policy.retry_base, policy.retry_max, record.repairs - 1, key(record));
    record.reason = "lost again after a repair; waiting before the next one";
  }
  return true;
}

void ItemPlanner::reconcile(KnownItem& item, const Desired& desired, bool is_new) {
  auto& record = item.record;
  adopt(record, desired, is_new);
  item.facts = {snapshot_.desired, &desired.facts};
  const Presence presence = kind_of(desired.facts.kind).observe(evidence(), desired.facts);
  const bool present = wants_presence(record);
  if (present && presence == Presence::exact) {
    record.installed = true;
    record.installed_version = record.version;
  }
  const bool holds_foreign =
      !present && !record.installed && (presence == Presence::exact || presence == Presence::different);
  if (holds_foreign) {
    record.state = ItemState::failed;
    record.drift_since.reset();
    record.reason = kForeign;
    return;
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
  if (!record.drift_since && !record.forced) {
    record.drift_since =
        is_new || record.attempts == 0 ? plan_.row.changed_at.value_or(context_.now) : context_.now;
    if (record.repairs > 0) record.drift_since = context_.now;
  }
  drive(item, presence);
}

void ItemPlanner::drive(KnownItem& item, Presence presence) {
  auto& record = item.record;
  const auto version = wants_presence(record) ? std::optional(record.version) : std::nullopt;
  if (const auto* open = find_open(record.item, version)) {
    record.state = ItemState::commanded;
    if (open->status == core::CommandStatus::queued) record.reason = kUnderWay;
    return;
  }
  if (record.state == ItemState::commanded)
    record.state = ItemState::pending;  // cleared or expired: send again
  if (record.state == ItemState::acknowledged) {
    if (!list_is_fresh(record)) {
      list_wanted_ = true;
      return;
    }
    attempt_failed(record, ErrorClass::retryable, std::string(kNoEffect));
  }
  bool its_turn = false;
  if (record.state == ItemState::backing_off) {
    if (record.next_try_at && context_.now < *record.next_try_at) {
      check_at(*record.next_try_at);
      return;
    }
    record.state = ItemState::pending;
    its_turn = true;
  }
  if (record.state != ItemState::pending) return;
  if (presence == Presence::unknown) {
    list_wanted_ = true;
    record.reason = kWaitsForList;
    return;
  }
  if (!its_turn && waits_for_turn(item)) return;
  send(item);
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
  record.state = ItemState::backing_off;
  record.next_try_at = turn;
  record.reason = kWaitsForTurn;
  check_at(turn);
  return true;
}

void ItemPlanner::send(KnownItem& item) {
  auto& record = item.record;
  const auto& kind = kind_of(item.facts->kind);
  const bool install = wants_presence(record);
  const auto version = install ? std::optional(record.version) : std::nullopt;
  ++record.attempts;
  record.state = ItemState::commanded;
  record.next_try_at.reset();
  record.reason = kUnderWay;
  PlannedCommand command{.uuid = command_uuid(record.item, version),
                         .item = record.item,
                         .version = version,
                         .payload = install ? item.facts->install_payload : item.facts->remove_payload,
                         .request_type = install ? kind.install_request_type : kind.remove_request_type};
  open_.push_back({.uuid = command.uuid,
                   .item = record.item,
                   .version = version,
                   .payload = command.payload,
                   .request_type = std::string(command.request_type)});
  plan_.commands.push_back(std::move(command));
}

// ---- what is no longer desired ----

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
  if (presence != Presence::exact) return true;
  record.installed = true;
  return false;
}

bool ItemPlanner::finish_ended(KnownItem& item, const ItemRecord* heir) {
  auto& record = item.record;
  const Presence presence = kind_of(item.facts->kind).observe(evidence(), *item.facts);
  if (record.intent != RecordIntent::ended) {
    cancel_open(record.item, [](const OpenCommand& open) { return open.version.has_value(); });
    record.intent = RecordIntent::ended;
    if (!record.installed && record.state == ItemState::commanded)
      record.acknowledged_event = plan_.row.list_event;
    record.state = ItemState::pending;
    record.forced = false;
    record.next_try_at.reset();
    record.reason = "no longer declared";
    record.drift_since = heir == nullptr && record.installed ? std::optional(context_.now) : std::nullopt;
    if (record.installed) record.attempts = 0;
  }
  if (heir != nullptr) {
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
  drive(item, presence);
  return true;
}

}  // namespace mooring::reconciler

// SPDX-License-Identifier: Apache-2.0
// What the device's reports say of its items and lists.
#include <algorithm>

#include "reconciler/build.hpp"
#include "reconciler/detail/inventory_sources.hpp"
#include "reconciler/item_planner.hpp"

namespace mooring::reconciler {
namespace {

constexpr auto kUnknownThere = std::chrono::hours(24 * 7);  // a newer system may know the command

}  // namespace

void ItemPlanner::read_reports() {
  for (const auto& report : snapshot_.observations) {
    if (report.channel != channel_.channel) continue;
    if (report.item == core::kInventoryItem) {
      read_inventory_report(report);
      continue;
    }
    const auto found =
        std::ranges::find(items_, report.item, [](const KnownItem& i) { return i.record.item; });
    if (found != items_.end()) read_item_report(*found, report);
  }
}

void ItemPlanner::read_item_report(KnownItem& item, const Observation& report) {
  auto& record = item.record;
  const bool install = report.version.has_value();
  const bool current =
      install ? (wants_presence(record) && *report.version == record.version) : !wants_presence(record);
  if (report.status == core::CommandStatus::not_now) {
    if (current) enter(record, record.state, Reason::not_now);
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
    enter(record, ItemState::acknowledged, Reason::waits_for_proof);
    record.acknowledged_event = report.event;
    record.forced = false;
    return;
  }
  attempt_failed(record, classify(report.status, report.error_chain),
                 describe(report.status, report.error_chain));
}

void ItemPlanner::read_inventory_report(const Observation& report) {
  if (report.status == core::CommandStatus::not_now) return;
  const auto* source = detail::find_source(report.request_type);
  if (source == nullptr) return read_profile_list(report);
  if (channel_.channel != kOwnChannel) return;  // users are asked for their profiles alone
  auto& row = plan_.row;
  if (report.status != core::CommandStatus::acknowledged) {
    const bool unknown_there = classify(report.status, report.error_chain) == ErrorClass::impossible;
    row.*source->retry_at =
        context_.now + (unknown_there ? kUnknownThere : source->interval_of(context_.policy));
    return;
  }
  row.*source->at = report.at;
  (row.*source->retry_at).reset();
  plan_.*source->answer = report.body;
  if (!report.build.empty()) note_build(report.build);
}

void ItemPlanner::note_build(const std::string& build) {
  auto& seen = plan_.row.build_seen;
  const bool first = !seen && compare_builds(build, build) == 0;
  const bool higher = seen && compare_builds(build, *seen) > 0;
  if (first || higher) seen = build;
  if (higher && context_.policy.repush_on_new_build) plan_.new_build = true;
}

void ItemPlanner::read_profile_list(const Observation& report) {
  if (report.status == core::CommandStatus::acknowledged) {
    // Empty text is an empty list: a report that could not be read does not come as acknowledged.
    auto list = director::ObservedProfiles::decode(report.body);
    const std::string encoded = list.encode();
    if (!evidence().profiles || evidence().profiles->encode() != encoded) new_list_ = encoded;
    newer_ = Evidence{.profiles = std::move(list)};
    list_ = {.event = report.event, .at = report.at, .retry_at = std::nullopt};
    return;
  }
  ++list_.failures;
  list_.retry_at =
      context_.now + backoff(context_.policy.retry_base, context_.policy.retry_max, list_.failures,
                             static_cast<std::uint64_t>(snapshot_.row.device + channel_.channel));
}

void ItemPlanner::attempt_failed(ItemRecord& record, ErrorClass error_class, std::string detail) {
  const auto allowed = allowance_of(error_class, context_.policy);
  const bool spent = record.attempts >= allowed.attempts;
  record.next_try_at.reset();
  enter(record, spent ? ItemState::failed : ItemState::backing_off, reason_of(error_class),
        std::move(detail));
  if (spent) return;
  record.next_try_at = context_.now + backoff(allowed.first_wait, allowed.longest_wait,
                                              std::max<int>(record.attempts, 1), key(record));
}

}  // namespace mooring::reconciler

// SPDX-License-Identifier: Apache-2.0
// Snapshots of one device in the words of the rules; every step of an item that a plan takes is checked.
#pragma once

#include <gtest/gtest.h>

#include "reconciler/plan.hpp"

namespace mooring::reconciler {

using core::CommandStatus;
using director::Intent;
using std::chrono::hours;
using std::chrono::minutes;

inline constexpr Time kNow{hours(24 * 20000)};
inline constexpr std::int32_t kListPayload = 1;
inline constexpr std::int32_t kInformationPayload = 2;
inline constexpr std::int32_t kSecurityPayload = 3;
inline constexpr std::int32_t kCertificatesPayload = 4;

inline std::string identity(int version) {
  return crypto::Uuid::derived("test", std::to_string(version)).text();
}

inline void expect_step(ItemState from, ItemState to) {
  EXPECT_TRUE(may_follow(from, to)) << name_of(from) << " -> " << name_of(to);
}

/// Builds snapshots in the words of the rules.
struct Story {
  DeviceSnapshot snapshot;
  PassContext context{.now = kNow,
                      .generation = 3,
                      .policy = {},
                      .profile_list_payload = kListPayload,
                      .device_information_payload = kInformationPayload,
                      .security_info_payload = kSecurityPayload,
                      .certificate_list_payload = kCertificatesPayload,
                      .on_move = expect_step};
  std::vector<Desired> desired;
  std::vector<director::ObservedProfile> list;

  Story() {
    auto& row = snapshot.row;
    row.device = 1;
    row.enrollment = 10;
    row.enabled = true;
    row.enrolled_at = kNow - hours(24);
    row.changed_at = kNow - hours(24);
    row.marks = 5;
    row.handled = 4;
    snapshot.own.list = {.event = 100, .at = kNow - minutes(1), .retry_at = std::nullopt};
    row.information_at = row.security_at = row.certificates_at = kNow - minutes(1);
  }

  static ItemFacts facts(std::int32_t item, const std::string& slot, int version) {
    return {.item = item,
            .slot = slot,
            .version = version,
            .identity = identity(version),
            .install_payload = 50 + version,
            .remove_payload = 90 + item};
  }
  Story& wants(std::int32_t item, const std::string& slot, int version, Intent intent = Intent::present) {
    desired.push_back(
        {.facts = facts(item, slot, version), .intent = intent, .declared_at = kNow - minutes(5)});
    return *this;
  }
  Story& holds(const std::string& slot, int version) {
    list.push_back({.identifier = slot, .uuid = identity(version)});
    return *this;
  }
  ItemRecord& record(std::int32_t item, const std::string& slot, int version, ItemState state) {
    ItemRecord r;
    r.item = item;
    r.version = version;
    r.state = state;
    snapshot.own.items.push_back({r, std::make_shared<const ItemFacts>(facts(item, slot, version))});
    return snapshot.own.items.back().record;
  }
  Story& open(std::int32_t item, std::optional<std::int32_t> version,
              CommandStatus status = CommandStatus::queued) {
    snapshot.open.push_back(
        {.uuid = "open-" + std::to_string(item), .item = item, .version = version, .status = status});
    return *this;
  }
  Story& reports(std::int64_t event, std::int32_t item, std::optional<std::int32_t> version,
                 CommandStatus status) {
    snapshot.observations.push_back(
        {.event = event, .at = kNow, .status = status, .item = item, .version = version});
    return *this;
  }
  Plan run() {
    snapshot.desired = std::make_shared<const std::vector<Desired>>(desired);
    snapshot.desired_hash = hash_of(desired);
    if (!snapshot.own.evidence.profiles) snapshot.own.evidence.profiles = director::ObservedProfiles(list);
    return plan(snapshot, context);
  }
  Plan run_without_list() {
    snapshot.own.list = {};
    snapshot.desired = std::make_shared<const std::vector<Desired>>(desired);
    snapshot.desired_hash = hash_of(desired);
    return plan(snapshot, context);
  }
};

inline std::vector<std::string> sent(const Plan& plan) {
  std::vector<std::string> types;
  for (const auto& command : plan.commands) types.emplace_back(command.request_type);
  return types;
}
using Types = std::vector<std::string>;

}  // namespace mooring::reconciler

// SPDX-License-Identifier: Apache-2.0
// The heart: from a snapshot to what is to be done. Pure: no clock, no database, no randomness.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "reconciler/gate.hpp"
#include "reconciler/policy.hpp"
#include "reconciler/snapshot.hpp"

namespace mooring::reconciler {

/// What every plan of one pass shares.
struct PassContext {
  Time now;
  std::int64_t generation = 0;  ///< Of the declarations that the snapshots were made from.
  bool facts_decide = false;    ///< New facts of a device bring another look at what it should hold.
  Policy policy;
  std::int32_t profile_list_payload = 0;
  std::int32_t device_information_payload = 0;  ///< For any device; see information_queries.hpp.
  std::int32_t security_info_payload = 0;
  std::int32_t certificate_list_payload = 0;
  /// When a device may have an item that makes it ask for a certificate; each call takes one turn. Empty: no
  /// limit.
  std::function<Time(std::int32_t item, std::int32_t version)> certificate_turn = {};
  std::span<const Gate> gates = reconciler::gates();
  void (*on_move)(ItemState from, ItemState to) = nullptr;  ///< Told of each step; for tests.
};

struct PlannedCommand {
  std::string uuid;  ///< Encoded; derived from device, item, version and the count of commands made.
  std::int64_t channel = kOwnChannel;
  std::int32_t item = core::kInventoryItem;
  std::optional<std::int32_t> version;
  std::int32_t payload = 0;
  std::string_view request_type;
};

struct CancelledCommand {
  std::int64_t channel = kOwnChannel;
  std::string uuid;  ///< Encoded.
  std::string request_type;
};

/// How far the list of a user's channel was read, and what it says where that changed.
struct UserList {
  std::int64_t channel = 0;
  ListState list;
  std::optional<std::string> content;  ///< Encoded ObservedProfiles.
};

struct Plan {
  DeviceRow row;   ///< As it is to be stored.
  ListState list;  ///< Of the device's own channel, likewise.
  std::vector<PlannedCommand> commands;
  std::vector<CancelledCommand> cancels;
  std::vector<ItemRecord> before;  ///< As loaded; with `after` this tells how the counters move.
  std::vector<ItemRecord> after;
  std::optional<std::string> new_list;  ///< Encoded ObservedProfiles, only where it changed.
  // Answers as JSON, see director/inventory.hpp.
  std::optional<std::string> new_facts;
  std::optional<std::string> new_security;
  std::optional<std::string> new_certificates;
  std::vector<UserList> user_lists;   ///< Of channels where anything changed.
  bool forget_list = false;           ///< Of the device and of all its users.
  bool new_build = false;             ///< A report told of a higher build than any before.
  std::vector<std::string> listed;    ///< Identifiers that a new list shows and the one before did not.
  std::vector<std::string> unlisted;  ///< The other way round; all of them where the list is forgotten.
  std::vector<std::int64_t> pushes;   ///< Enrollments to wake.
  bool push_urgent = false;           ///< Somebody waits before the device: it enrolled just now.
  int known_delta = 0;                ///< How the totals of known and enrolled devices move.
  int enrolled_delta = 0;
  std::optional<Duration> converged_after;  ///< Set once, when a generation is proven.
};

/// enrollments.id of a channel of the device.
inline std::int64_t enrollment_of(const DeviceRow& row, std::int64_t channel) {
  return channel == kOwnChannel ? row.enrollment : channel;
}

Plan plan(const DeviceSnapshot& snapshot, const PassContext& context);

}  // namespace mooring::reconciler

// SPDX-License-Identifier: Apache-2.0
// Everything a pass knows of one device before it decides.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "core/command.hpp"
#include "core/message.hpp"
#include "director/item_requests.hpp"
#include "reconciler/item_state.hpp"
#include "reconciler/kinds/kind.hpp"
#include "reconciler/restraints.hpp"

namespace mooring::reconciler {

/// One row of table reconcile: what the passes over a device remember between them.
struct DeviceRow {
  std::int64_t device = 0;
  std::int64_t enrollment = 0;  ///< The device channel; 0 where there is none.
  bool enabled = false;         ///< It takes commands.
  std::optional<Time> enrolled_at;
  Time due_at;
  std::int64_t marks = 0;
  std::int64_t handled = 0;
  std::int64_t reset_mark = 0;
  std::int64_t repush_mark = 0;
  std::int64_t refresh_mark = 0;
  std::int64_t seen_generation = 0;
  std::int32_t generation = 0;            ///< Counts the changes of what this device should hold.
  std::int32_t converged_generation = 0;  ///< The last one that its own lists proved.
  std::int32_t commands_made = 0;         ///< Part of each CommandUUID.
  std::int16_t pushes = 0;
  std::int16_t counted = 0;  ///< In the totals: 0 not yet, 1 as known, 2 as enrolled too.
  std::optional<Time> changed_at;
  std::optional<Time> converged_at;
  // When it last answered, and before when a source that it refused is not asked again.
  std::optional<Time> information_at;
  std::optional<Time> security_at;
  std::optional<Time> certificates_at;
  std::optional<Time> information_retry_at;
  std::optional<Time> security_retry_at;
  std::optional<Time> certificates_retry_at;
  std::optional<Time> requested_at;  ///< When any of its lists was last asked for.
  std::optional<Time> next_push_at;
  std::optional<Time> paused_until;       ///< This device alone. A pass reads it and never writes it.
  std::optional<std::string> build_seen;  ///< The highest build that its items were sent for.
  std::int64_t groups_seen = 0;           ///< Revision of the groups last evaluated; 0: none.
  std::int32_t drifted = 0;               ///< Records with drift_since.
  std::int32_t unsettled = 0;             ///< Records that are not verified, or ended.
  std::string desired_hash;
};

/// How far the list of one channel was read.
struct ListState {
  std::optional<std::int64_t> event;  ///< Of the last list that could be read whole.
  std::optional<Time> at;
  std::int16_t failures = 0;  ///< In a row.
  std::optional<Time> retry_at;

  bool operator==(const ListState&) const = default;
};

/// A report that no pass has read yet.
struct Observation {
  std::int64_t event = 0;
  std::int64_t channel = kOwnChannel;
  std::string command_uuid;  ///< Encoded.
  Time at;
  core::CommandStatus status = core::CommandStatus::acknowledged;
  std::string request_type;
  std::int32_t item = core::kInventoryItem;
  std::optional<std::int32_t> version;  ///< Set for installs.
  std::vector<core::ErrorChainItem> error_chain;
  std::string body;        ///< As the director keeps it: encoded ObservedProfiles, or JSON.
  std::string build = {};  ///< BuildVersion, where the report has it.
};

/// A command of the reconciler that is still open.
struct OpenCommand {
  std::string uuid;  ///< Encoded.
  std::int64_t channel = kOwnChannel;
  std::int32_t item = core::kInventoryItem;
  std::optional<std::int32_t> version;
  std::int32_t payload = 0;
  core::CommandStatus status = core::CommandStatus::queued;
  std::string request_type;
  Time created_at;
  std::optional<Time> fetched_at;  ///< When it was handed out, where that was long enough ago to be noted.
};

/// What somebody asked of an item since the last pass.
struct ItemRequest {
  std::int32_t item = director::kAllItems;
  director::RequestKind kind = director::RequestKind::repush;
  std::string actor;
};

/// A channel of the device, its own or a user's, that has commands of people waiting, NotNow included.
struct WaitingChannel {
  std::int64_t enrollment = 0;
  Time newest;  ///< When the latest of them was queued.
};

/// A record with what is known of its item.
struct KnownItem {
  ItemRecord record;
  std::shared_ptr<const ItemFacts> facts;  ///< Shared by all devices of a batch.
  /// Of all versions of the item: what proves that something in its slot is Mooring's. Loaded only where the
  /// item may have to be removed.
  std::shared_ptr<const std::vector<std::string>> identities = nullptr;
};

/// A channel on which items are kept: the device's own, or one of a user on it.
struct ChannelSnapshot {
  std::int64_t channel = kOwnChannel;
  bool enabled = false;
  std::string user;  ///< Short name; empty for the device's own.
  ListState list;
  Evidence evidence;
  std::vector<KnownItem> items;  ///< Sorted by item.
};

struct DeviceSnapshot {
  DeviceRow row;
  std::shared_ptr<const std::vector<Desired>> desired;  ///< Resolved; most devices share one.
  std::string
      desired_hash;  ///< hash_of(*desired) and hash_of(*restraints), made once for all that share them.
  std::shared_ptr<const Restraints> restraints = nullptr;  ///< Shared by all; none: nothing is held back.
  ChannelSnapshot own;
  /// Loaded only where something is for users; sorted. Those that are not enabled are gone, and only their
  /// records are left.
  std::vector<ChannelSnapshot> users;
  std::vector<Observation> observations;  ///< Of all channels, in order of their events.
  std::vector<OpenCommand> open;          ///< Of all channels.
  std::vector<ItemRequest> requests;
  std::vector<WaitingChannel> people;
};

/// nullptr: the item may be sent at any time.
inline const director::Windows* windows_of(const DeviceSnapshot& snapshot, std::int32_t item) {
  if (!snapshot.restraints) return nullptr;
  const auto found = snapshot.restraints->windows.find(item);
  return found == snapshot.restraints->windows.end() ? nullptr : &found->second;
}

}  // namespace mooring::reconciler

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
#include "reconciler/item_state.hpp"
#include "reconciler/kinds/kind.hpp"

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
  std::int16_t inventory_failures = 0;
  std::int16_t pushes = 0;
  std::int16_t counted = 0;  ///< In the totals: 0 not yet, 1 as known, 2 as enrolled too.
  std::optional<Time> changed_at;
  std::optional<Time> converged_at;
  std::optional<std::int64_t> list_event;
  std::optional<Time> list_at;
  std::optional<Time> information_at;
  std::optional<Time> next_push_at;
  std::optional<Time> inventory_retry_at;
  std::string desired_hash;
};

/// A report that no pass has read yet.
struct Observation {
  std::int64_t event = 0;
  std::string command_uuid;  ///< Encoded.
  Time at;
  core::CommandStatus status = core::CommandStatus::acknowledged;
  std::string request_type;
  std::int32_t item = core::kInventoryItem;
  std::optional<std::int32_t> version;  ///< Set for installs.
  std::vector<core::ErrorChainItem> error_chain;
  std::string body;  ///< As the director keeps it: encoded ObservedProfiles, or facts as JSON.
};

/// A command of the reconciler that is still open.
struct OpenCommand {
  std::string uuid;  ///< Encoded.
  std::int32_t item = core::kInventoryItem;
  std::optional<std::int32_t> version;
  std::int32_t payload = 0;
  core::CommandStatus status = core::CommandStatus::queued;
  std::string request_type;
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
};

struct DeviceSnapshot {
  DeviceRow row;
  std::shared_ptr<const std::vector<Desired>> desired;  ///< Resolved; most devices share one.
  std::string desired_hash;      ///< hash_of(*desired), made once for all that share it.
  std::vector<KnownItem> items;  ///< Sorted by item.
  Evidence evidence;
  std::vector<Observation> observations;  ///< In order of their events.
  std::vector<OpenCommand> open;
  std::vector<WaitingChannel> people;
};

}  // namespace mooring::reconciler

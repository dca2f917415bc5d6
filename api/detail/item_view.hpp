// SPDX-License-Identifier: Apache-2.0
// What a person sees of the items of one device: pure, from a snapshot to entries with a reason each.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "reconciler/snapshot.hpp"

namespace mooring::api::detail {

struct ItemView {
  std::int32_t item = 0;
  director::ItemKind kind = director::ItemKind::profile;
  std::string identifier;
  std::string user;  ///< Short name, where it is kept for a user; empty for the device itself.
  reconciler::RecordIntent intent = reconciler::RecordIntent::present;
  std::optional<director::ScopeKind> scope;  ///< nullopt where no assignment names it any more.
  reconciler::ItemState state = reconciler::ItemState::pending;
  std::string reason;           ///< Empty only where verified.
  std::string desired_uuid;     ///< Empty where it should not be there.
  std::string observed_uuid;    ///< What the device's list shows in its place; empty where nothing.
  std::optional<Time> list_at;  ///< When that list came.
  const reconciler::OpenCommand* command = nullptr;  ///< Points into the snapshot.
  const reconciler::ItemRecord* record =
      nullptr;  ///< Points into the snapshot; nullptr before its first pass.
};

std::string_view name_of(reconciler::RecordIntent intent);
std::string_view name_of(director::ScopeKind scope);

/// An entry for each channel that an item is kept on. Sorted by item: what is declared, then what is being
/// removed. Says what is declared now, even where no pass has looked at it yet.
std::vector<ItemView> view_items(const reconciler::DeviceSnapshot& snapshot);

}  // namespace mooring::api::detail

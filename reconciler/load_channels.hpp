// SPDX-License-Identifier: Apache-2.0
// The channels of users, on which items with user scope are kept.
#pragma once

#include <cstdint>
#include <span>
#include <unordered_map>

#include "base/postgres/connection.hpp"
#include "reconciler/snapshot.hpp"

namespace mooring::reconciler {

/// The device's own, or that of a user: made, as one that is gone, where the snapshot has none yet.
ChannelSnapshot& channel_of(DeviceSnapshot& snapshot, std::int64_t channel);

/// All channels of users that take commands, with their lists.
void load_users(pg::Connection& connection, std::span<const std::int64_t> devices,
                const std::unordered_map<std::int64_t, DeviceSnapshot*>& snapshots);

}  // namespace mooring::reconciler

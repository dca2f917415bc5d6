// SPDX-License-Identifier: Apache-2.0
#include "reconciler/load_channels.hpp"

#include <algorithm>

namespace mooring::reconciler {
namespace {

// Kinds 0 and 3 are the device itself.
constexpr pg::Statement kLoadUsers{"load_users", R"(
select e.device_id, e.id, coalesce(e.user_short_name, ''), u.list_event, u.list_at, coalesce(u.failures, 0::int2),
       u.retry_at, u.content
from enrollments e left join user_lists u on u.enrollment_id = e.id
where e.device_id = any($1) and e.enabled and e.kind not in (0, 3))"};

}  // namespace

ChannelSnapshot& channel_of(DeviceSnapshot& snapshot, std::int64_t channel) {
  if (channel == kOwnChannel) return snapshot.own;
  const auto found = std::ranges::lower_bound(snapshot.users, channel, {}, &ChannelSnapshot::channel);
  if (found != snapshot.users.end() && found->channel == channel) return *found;
  return *snapshot.users.insert(found, ChannelSnapshot{.channel = channel});
}

void load_users(pg::Connection& connection, std::span<const std::int64_t> devices,
                const std::unordered_map<std::int64_t, DeviceSnapshot*>& snapshots) {
  for (const auto row : connection.exec(kLoadUsers, devices)) {
    auto& user = channel_of(*snapshots.at(row.int64(0)), row.int64(1));
    user.enabled = true;
    user.user = row.text(2);
    user.list = {.event = row.get<std::optional<std::int64_t>>(3),
                 .at = row.get<std::optional<Time>>(4),
                 .failures = row.get<std::int16_t>(5),
                 .retry_at = row.get<std::optional<Time>>(6)};
    if (!row.is_null(7))
      user.evidence.profiles = director::ObservedProfiles::decode(row.get<pg::Bytes>(7).view);
  }
}

}  // namespace mooring::reconciler

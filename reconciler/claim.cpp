// SPDX-License-Identifier: Apache-2.0
#include "reconciler/claim.hpp"

#include <algorithm>

namespace mooring::reconciler {
namespace {

// Advisory locks share one space of 64-bit numbers: ours carry this in the upper bits.
#define MOORING_DEVICE_LOCK(id) "(7308::int8 << 48) + " id

constexpr pg::Statement kDue{"claim_due", R"(
with due as materialized (select device_id from reconcile where due_at <= $1 order by due_at limit $2)
select device_id from due where pg_try_advisory_xact_lock()" MOORING_DEVICE_LOCK("device_id") ")"};

constexpr pg::Statement kShard{"claim_shard", R"(
select w.shard, w.next_device, w.last_device, w.generation, s.generation,
       (select coalesce(max(device_id), 0) from reconcile)
from sweeps w cross join declaration_state s
where w.generation < s.generation or w.finished_at is null
order by w.shard limit 1 for no key update of w skip locked)"};
constexpr pg::Statement kStretch{"claim_stretch", R"(
select device_id from reconcile
where device_id > $1 and device_id <= $2 and seen_generation < $3 order by device_id limit $4)"};
constexpr pg::Statement kAdvance{"claim_advance", R"(
update sweeps set generation = $2, next_device = $3, last_device = $4, finished_at = $5 where shard = $1)"};
constexpr pg::Statement kLock{"claim_lock", R"(
select device_id from unnest($1::int8[]) as t(device_id)
where pg_try_advisory_xact_lock()" MOORING_DEVICE_LOCK("device_id") ")"};
constexpr pg::Statement kMarkDue{"claim_mark_due", R"(
update reconcile r set marks = r.marks + 1, due_at = least(r.due_at, $2)
from (select q.device_id from reconcile q where q.device_id = any($1) order by q.device_id for no key update) l
where r.device_id = l.device_id)"};

std::vector<std::int64_t> ids(const pg::Rows& rows) {
  std::vector<std::int64_t> devices;
  devices.reserve(static_cast<std::size_t>(rows.size()));
  for (const auto row : rows) devices.push_back(row.int64(0));
  return devices;
}

constexpr std::int64_t kShards = 8;

/// The part of the fleet that one shard walks: (next, last].
struct Walk {
  std::int64_t next = 0;
  std::int64_t last = 0;
  std::int64_t generation = 0;
};

/// A walk answers for the generation at which it began; what changed on the way brings another walk. Devices
/// that enroll meanwhile are marked by themselves.
Walk begin_walk(std::int64_t shard, std::int64_t newest_device, std::int64_t generation) {
  const std::int64_t span = newest_device / kShards + 1;
  return {.next = shard * span, .last = (shard + 1) * span, .generation = generation};
}

}  // namespace

std::vector<std::int64_t> claim_due(pg::Connection& connection, Time now, int limit) {
  return ids(connection.exec(kDue, now, std::int64_t{limit}));
}

SweepClaim claim_sweep(pg::Connection& connection, Time now, int limit) {
  SweepClaim claim;
  const auto shard = connection.exec(kShard);
  if (shard.empty()) return claim;
  claim.found = true;
  const auto number = shard[0].get<std::int16_t>(0);
  const auto newest = shard[0].int64(4);
  Walk walk{.next = shard[0].int64(1), .last = shard[0].int64(2), .generation = shard[0].int64(3)};
  if (walk.next == 0) walk = begin_walk(number, shard[0].int64(5), newest);
  const auto stretch = ids(connection.exec(kStretch, walk.next, walk.last, newest, std::int64_t{limit}));
  const bool finished = static_cast<int>(stretch.size()) < limit;
  connection.exec(kAdvance, number, walk.generation, finished ? std::int64_t{0} : stretch.back(), walk.last,
                  finished ? std::optional(now) : std::nullopt);
  claim.devices = ids(connection.exec(kLock, stretch));
  std::vector<std::int64_t> held;
  auto got = claim.devices;
  std::ranges::sort(got);
  std::ranges::set_difference(stretch, got, std::back_inserter(held));
  if (!held.empty()) connection.exec(kMarkDue, held, now);
  return claim;
}

void leave_stretch(pg::Connection& connection, Time now, int limit) {
  const auto claim = claim_sweep(connection, now, limit);
  if (!claim.devices.empty()) connection.exec(kMarkDue, claim.devices, now);
}

bool claim_device(pg::Connection& connection, std::int64_t device) {
  return !connection.exec(kLock, std::vector<std::int64_t>{device}).empty();
}

}  // namespace mooring::reconciler

// SPDX-License-Identifier: Apache-2.0
#include "reconciler/detail/commit_parts.hpp"

namespace mooring::reconciler::detail {
namespace {

// Eight rows at most for each count: of two workers that move the same one, seldom does one wait for the
// other.
#define MOORING_STATE_SHARD "(pg_backend_pid() % 8)::int2"
constexpr pg::Statement kCountStates{"commit_count_states", R"(
insert into item_states as c (item_id, version_id, intent, state, shard, devices)
select t.item_id, t.version_id, t.intent, t.state, )" MOORING_STATE_SHARD R"(, t.devices
from unnest($1::int4[], $2::int4[], $3::int2[], $4::int2[], $5::int8[])
  as t(item_id, version_id, intent, state, devices)
on conflict (item_id, version_id, intent, state, shard) do update set devices = c.devices + excluded.devices)"};
constexpr pg::Statement kDropStates{"commit_drop_states", R"(
delete from item_states c using unnest($1::int4[], $2::int4[], $3::int2[], $4::int2[])
  as t(item_id, version_id, intent, state)
where c.item_id = t.item_id and c.version_id = t.version_id and c.intent = t.intent and c.state = t.state
  and c.shard = )" MOORING_STATE_SHARD " and c.devices = 0"};
constexpr pg::Statement kCountDrift{"commit_drift", R"(
insert into item_drift as d (item_id, since, devices)
select * from unnest($1::int4[], $2::timestamptz[], $3::int8[])
on conflict (item_id, since) do update set devices = d.devices + excluded.devices)"};
constexpr pg::Statement kDropDrift{"commit_drop_drift", R"(
delete from item_drift d using unnest($1::int4[], $2::timestamptz[]) as t(item_id, since)
where d.item_id = t.item_id and d.since = t.since and d.devices = 0)"};

void put_states(pg::Connection& connection, const Movement& movement) {
  std::vector<std::int32_t> items, versions;
  std::vector<std::int16_t> intents, states;
  std::vector<std::int64_t> devices;
  for (const auto& [key, delta] : movement.states) {
    if (delta == 0) continue;
    const auto& [item, version, intent, state] = key;
    items.push_back(item);
    versions.push_back(version);
    intents.push_back(static_cast<std::int16_t>(intent));
    states.push_back(static_cast<std::int16_t>(state));
    devices.push_back(delta);
  }
  if (items.empty()) return;
  connection.exec(kCountStates, items, versions, intents, states, devices);
  connection.exec(kDropStates, items, versions, intents, states);
}

void put_drift(pg::Connection& connection, const Movement& movement) {
  std::vector<std::int32_t> items;
  std::vector<std::int64_t> devices;
  std::vector<Time> since;
  for (const auto& [key, delta] : movement.drift) {
    if (delta == 0) continue;
    items.push_back(key.first);
    since.push_back(key.second);
    devices.push_back(delta);
  }
  if (items.empty()) return;
  connection.exec(kCountDrift, items, since, devices);
  connection.exec(kDropDrift, items, since);
}

}  // namespace

void Movement::add(const ItemRecord& record, int sign) {
  states[{record.item, record.version, record.intent, record.state}] += sign;
  if (record.drift_since)
    drift[{record.item, std::chrono::floor<std::chrono::minutes>(*record.drift_since)}] += sign;
}

void put_counters(pg::Connection& connection, const Movement& movement) {
  put_states(connection, movement);
  put_drift(connection, movement);
}

}  // namespace mooring::reconciler::detail

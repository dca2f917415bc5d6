// SPDX-License-Identifier: Apache-2.0
#include "reconciler/commit.hpp"

#include <map>

#include "core/counters.hpp"
#include "core/queue.hpp"

namespace mooring::reconciler {
namespace {

constexpr pg::Statement kPutItems{"commit_put_items", R"(
insert into device_items as s
  (device_id, item_id, version_id, installed_version, state, intent, attempts, repairs, repush, installed, forced,
   acknowledged_event, drift_since, next_try_at, verified_at, repairs_since, reason)
select * from unnest($1::int8[], $2::int4[], $3::int4[], $4::int4[], $5::int2[], $6::int2[], $7::int2[], $8::int2[],
                     $9::int4[], $10::bool[], $11::bool[], $12::int8[], $13::timestamptz[], $14::timestamptz[],
                     $15::timestamptz[], $16::timestamptz[], $17::text[])
on conflict (device_id, item_id) do update set
  version_id = excluded.version_id, installed_version = excluded.installed_version, state = excluded.state,
  intent = excluded.intent, attempts = excluded.attempts, repairs = excluded.repairs, repush = excluded.repush,
  installed = excluded.installed, forced = excluded.forced, acknowledged_event = excluded.acknowledged_event,
  drift_since = excluded.drift_since, next_try_at = excluded.next_try_at, verified_at = excluded.verified_at,
  repairs_since = excluded.repairs_since, reason = excluded.reason)"};
constexpr pg::Statement kDropItems{"commit_drop_items", R"(
delete from device_items s using unnest($1::int8[], $2::int4[]) as t(device_id, item_id)
where s.device_id = t.device_id and s.item_id = t.item_id)"};

constexpr pg::Statement kPutLists{"commit_put_lists", R"(
insert into device_profiles as p (device_id, hash, content) select * from unnest($1::int8[], $2::bytea[], $3::bytea[])
on conflict (device_id) do update set hash = excluded.hash, content = excluded.content)"};
constexpr pg::Statement kDropLists{"commit_drop_lists",
                                   "delete from device_profiles where device_id = any($1)"};

constexpr pg::Statement kPutFacts{"commit_put_facts", R"(
update devices d set
  facts = t.facts, facts_at = $3,
  device_name = coalesce(t.facts->>'DeviceName', d.device_name),
  os_version = coalesce(t.facts->>'OSVersion', d.os_version),
  build_version = coalesce(t.facts->>'BuildVersion', d.build_version),
  model = coalesce(t.facts->>'Model', d.model), model_name = coalesce(t.facts->>'ModelName', d.model_name),
  product_name = coalesce(t.facts->>'ProductName', d.product_name),
  serial_number = coalesce(t.facts->>'SerialNumber', d.serial_number)
from unnest($1::int8[], $2::jsonb[]) as t(id, facts) where d.id = t.id)"};

// handled is what this pass has read; a mark that came meanwhile keeps its earlier due_at.
constexpr pg::Statement kPutRows{"commit_put_rows", R"(
with t as materialized (
  select * from unnest($1::int8[], $2::timestamptz[], $3::int8[], $4::int4[], $5::int4[], $6::int4[], $7::int2[],
                       $8::int2[], $9::timestamptz[], $10::timestamptz[], $11::int8[], $12::timestamptz[],
                       $13::timestamptz[], $14::timestamptz[], $15::timestamptz[], $16::bytea[], $17::int2[])
    as t(device_id, due_at, handled, generation, converged_generation, commands_made, inventory_failures, pushes,
         changed_at, converged_at, list_event, list_at, information_at, next_push_at, inventory_retry_at,
         desired_hash, counted)
  order by device_id  -- rows are taken in one order everywhere, against deadlocks
)
update reconcile r set
  due_at = case when r.marks = t.handled then t.due_at else least(r.due_at, $19) end,
  handled = t.handled, seen_generation = $18, generation = t.generation,
  converged_generation = t.converged_generation, commands_made = t.commands_made,
  inventory_failures = t.inventory_failures, pushes = t.pushes, changed_at = t.changed_at,
  converged_at = t.converged_at, list_event = t.list_event, list_at = t.list_at, information_at = t.information_at,
  next_push_at = t.next_push_at, inventory_retry_at = t.inventory_retry_at, desired_hash = t.desired_hash,
  counted = t.counted
from t where r.device_id = t.device_id)"};

constexpr pg::Statement kSeen{"commit_seen", R"(
update reconcile r set seen_generation = $2
from (select q.device_id from reconcile q where q.device_id = any($1) order by q.device_id for no key update) l
where r.device_id = l.device_id)"};

constexpr pg::Statement kCount{"commit_count", R"(
insert into item_counts as c (item_id, desired, verified, failed)
select * from unnest($1::int4[], $2::int8[], $3::int8[], $4::int8[])
on conflict (item_id) do update set
  desired = c.desired + excluded.desired, verified = c.verified + excluded.verified,
  failed = c.failed + excluded.failed)"};
constexpr pg::Statement kDrift{"commit_drift", R"(
insert into item_drift as d (item_id, since, devices)
select * from unnest($1::int4[], $2::timestamptz[], $3::int8[])
on conflict (item_id, since) do update set devices = d.devices + excluded.devices)"};
constexpr pg::Statement kDropDrift{"commit_drop_drift", R"(
delete from item_drift d using unnest($1::int4[], $2::timestamptz[]) as t(item_id, since)
where d.item_id = t.item_id and d.since = t.since and d.devices = 0)"};

struct Totals {
  std::int64_t desired = 0;
  std::int64_t verified = 0;
  std::int64_t failed = 0;
};

/// How the counters move. Ordered maps: every process takes the rows in the same order.
struct Movement {
  std::map<std::int32_t, Totals> totals;
  std::map<std::pair<std::int32_t, Time>, std::int64_t> drift;

  void add(const ItemRecord& record, int sign) {
    auto& item = totals[record.item];
    const bool declared = record.intent != RecordIntent::ended;
    const bool failed = record.state == ItemState::failed || record.state == ItemState::quarantined;
    item.desired += declared ? sign : 0;
    item.verified += declared && record.state == ItemState::verified ? sign : 0;
    item.failed += failed ? sign : 0;
    if (record.drift_since)
      drift[{record.item, std::chrono::floor<std::chrono::minutes>(*record.drift_since)}] += sign;
  }
};

const ItemRecord* find(const std::vector<ItemRecord>& records, std::int32_t item) {
  for (const auto& record : records) {
    if (record.item == item) return &record;
  }
  return nullptr;
}

struct ItemChanges {
  std::vector<std::pair<std::int64_t, const ItemRecord*>> put;
  std::vector<std::int64_t> drop_devices;
  std::vector<std::int32_t> drop_items;
  Movement movement;

  void collect(const Plan& plan) {
    for (const auto& record : plan.after) {
      const auto* old = find(plan.before, record.item);
      if (old != nullptr && *old == record) continue;
      if (old != nullptr) movement.add(*old, -1);
      movement.add(record, +1);
      put.emplace_back(plan.row.device, &record);
    }
    for (const auto& old : plan.before) {
      if (find(plan.after, old.item) != nullptr) continue;
      movement.add(old, -1);
      drop_devices.push_back(plan.row.device);
      drop_items.push_back(old.item);
    }
  }
};

void put_items(pg::Connection& connection, const ItemChanges& changes) {
  if (!changes.drop_items.empty()) connection.exec(kDropItems, changes.drop_devices, changes.drop_items);
  if (changes.put.empty()) return;
  std::vector<std::int64_t> devices;
  std::vector<std::int32_t> items, versions, repushes;
  std::vector<std::optional<std::int32_t>> installed_versions;
  std::vector<std::int16_t> states, intents, attempts, repairs;
  std::vector<bool> installed, forced;
  std::vector<std::optional<std::int64_t>> events;
  std::vector<std::optional<Time>> drifts, tries, verifieds, windows;
  std::vector<std::optional<std::string_view>> reasons;
  for (const auto& [device, record] : changes.put) {
    devices.push_back(device);
    items.push_back(record->item);
    versions.push_back(record->version);
    installed_versions.push_back(record->installed_version);
    states.push_back(static_cast<std::int16_t>(record->state));
    intents.push_back(static_cast<std::int16_t>(record->intent));
    attempts.push_back(record->attempts);
    repairs.push_back(record->repairs);
    repushes.push_back(record->repush);
    installed.push_back(record->installed);
    forced.push_back(record->forced);
    events.push_back(record->acknowledged_event);
    drifts.push_back(record->drift_since);
    tries.push_back(record->next_try_at);
    verifieds.push_back(record->verified_at);
    windows.push_back(record->repairs_since);
    reasons.push_back(record->reason.empty() ? std::nullopt
                                             : std::optional<std::string_view>(record->reason));
  }
  connection.exec(kPutItems, devices, items, versions, installed_versions, states, intents, attempts, repairs,
                  repushes, installed, forced, events, drifts, tries, verifieds, windows, reasons);
}

void put_evidence(pg::Connection& connection, std::span<const Plan> plans, Time now) {
  std::vector<std::int64_t> dropped, devices, fact_devices;
  std::vector<pg::Bytes> hashes, contents;
  std::vector<crypto::Sha256> digests(plans.size());
  std::vector<pg::Json> facts;
  for (std::size_t i = 0; i < plans.size(); ++i) {
    const auto& plan = plans[i];
    if (plan.new_list) {
      digests[i] = crypto::sha256(*plan.new_list);
      devices.push_back(plan.row.device);
      hashes.push_back({crypto::bytes_of(digests[i])});
      contents.push_back({*plan.new_list});
    } else if (plan.forget_list) {
      dropped.push_back(plan.row.device);
    }
    if (plan.new_facts) {
      fact_devices.push_back(plan.row.device);
      facts.push_back({*plan.new_facts});
    }
  }
  if (!dropped.empty()) connection.exec(kDropLists, dropped);
  if (!devices.empty()) connection.exec(kPutLists, devices, hashes, contents);
  if (!fact_devices.empty()) connection.exec(kPutFacts, fact_devices, facts, now);
}

void put_commands(pg::Connection& connection, std::span<const Plan> plans, Time now) {
  std::vector<core::OpenCommandRef> cancels;
  std::vector<core::NewCommand> commands;
  for (const auto& plan : plans) {
    for (const auto& cancelled : plan.cancels) cancels.push_back({plan.row.enrollment, cancelled.uuid});
    for (const auto& command : plan.commands) {
      commands.push_back({.enrollment = plan.row.enrollment,
                          .uuid = command.uuid,
                          .payload = command.payload,
                          .item = command.item,
                          .version = command.version});
    }
  }
  core::cancel(connection, cancels, now);
  core::enqueue(connection, commands, now);
}

void put_rows(pg::Connection& connection, std::span<const Plan> plans, const PassContext& context) {
  std::vector<std::int64_t> devices, handled;
  std::vector<Time> dues;
  std::vector<std::int32_t> generations, converged, made;
  std::vector<std::int16_t> failures, pushes, counted;
  std::vector<std::optional<Time>> changed, converged_at, list_at, information_at, next_push, retry;
  std::vector<std::optional<std::int64_t>> list_event;
  std::vector<pg::Bytes> hashes;
  for (const auto& plan : plans) {
    const auto& row = plan.row;
    devices.push_back(row.device);
    dues.push_back(row.due_at);
    handled.push_back(row.handled);
    generations.push_back(row.generation);
    converged.push_back(row.converged_generation);
    made.push_back(row.commands_made);
    failures.push_back(row.inventory_failures);
    pushes.push_back(row.pushes);
    changed.push_back(row.changed_at);
    converged_at.push_back(row.converged_at);
    list_event.push_back(row.list_event);
    list_at.push_back(row.list_at);
    information_at.push_back(row.information_at);
    next_push.push_back(row.next_push_at);
    retry.push_back(row.inventory_retry_at);
    hashes.push_back({row.desired_hash});
    counted.push_back(row.counted);
  }
  connection.exec(kPutRows, devices, dues, handled, generations, converged, made, failures, pushes, changed,
                  converged_at, list_event, list_at, information_at, next_push, retry, hashes, counted,
                  context.generation, context.now);
}

void put_counters(pg::Connection& connection, const Movement& movement) {
  std::vector<std::int32_t> items, drift_items;
  std::vector<std::int64_t> desired, verified, failed, devices;
  std::vector<Time> since;
  for (const auto& [item, totals] : movement.totals) {
    if (totals.desired == 0 && totals.verified == 0 && totals.failed == 0) continue;
    items.push_back(item);
    desired.push_back(totals.desired);
    verified.push_back(totals.verified);
    failed.push_back(totals.failed);
  }
  for (const auto& [key, delta] : movement.drift) {
    if (delta == 0) continue;
    drift_items.push_back(key.first);
    since.push_back(key.second);
    devices.push_back(delta);
  }
  if (!items.empty()) connection.exec(kCount, items, desired, verified, failed);
  if (drift_items.empty()) return;
  connection.exec(kDrift, drift_items, since, devices);
  connection.exec(kDropDrift, drift_items, since);
}

}  // namespace

void commit(pg::Connection& connection, std::span<const Plan> plans, const PassContext& context) {
  if (plans.empty()) return;
  ItemChanges changes;
  for (const auto& plan : plans) changes.collect(plan);
  put_items(connection, changes);
  put_evidence(connection, plans, context.now);
  put_commands(connection, plans, context.now);
  // Rows that others want too come last, so that they are held as briefly as can be.
  put_rows(connection, plans, context);
  put_counters(connection, changes.movement);
  std::int64_t known = 0;
  std::int64_t enrolled = 0;
  for (const auto& plan : plans) {
    known += plan.known_delta;
    enrolled += plan.enrolled_delta;
  }
  core::count(connection, {{core::kKnownCounter, known}, {core::kEnrolledCounter, enrolled}});
}

void commit_unchanged(pg::Connection& connection, std::span<const std::int64_t> devices,
                      std::int64_t generation) {
  if (!devices.empty()) connection.exec(kSeen, devices, generation);
}

}  // namespace mooring::reconciler

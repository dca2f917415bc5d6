// SPDX-License-Identifier: Apache-2.0
#include "reconciler/commit.hpp"

#include "core/counters.hpp"
#include "core/queue.hpp"
#include "director/inventory_store.hpp"
#include "reconciler/detail/commit_parts.hpp"
#include "reconciler/detail/inventory_sources.hpp"

namespace mooring::reconciler {
namespace {

constexpr pg::Statement kPutLists{"commit_put_lists", R"(
insert into device_profiles as p (device_id, hash, content) select * from unnest($1::int8[], $2::bytea[], $3::bytea[])
on conflict (device_id) do update set hash = excluded.hash, content = excluded.content)"};
constexpr pg::Statement kDropLists{"commit_drop_lists", R"(
with users as (delete from user_lists where device_id = any($1))
delete from device_profiles where device_id = any($1))"};
constexpr pg::Statement kPutUserLists{"commit_put_user_lists", R"(
insert into user_lists as u (enrollment_id, device_id, list_event, list_at, failures, retry_at, content)
select * from unnest($1::int8[], $2::int8[], $3::int8[], $4::timestamptz[], $5::int2[], $6::timestamptz[], $7::bytea[])
on conflict (enrollment_id) do update set
  list_event = excluded.list_event, list_at = excluded.list_at, failures = excluded.failures,
  retry_at = excluded.retry_at, content = coalesce(excluded.content, u.content))"};

// handled is what this pass has read; a mark that came meanwhile keeps its earlier due_at, and what was
// declared for this device with it is not seen: its commands stay where they are until the next pass.
constexpr pg::Statement kPutRows{"commit_put_rows", R"(
with t as materialized (
  select * from unnest($1::int8[], $2::timestamptz[], $3::int8[], $4::int4[], $5::int4[], $6::int4[], $7::int2[],
                       $8::int2[], $9::timestamptz[], $10::timestamptz[], $11::int8[], $12::timestamptz[],
                       $13::timestamptz[], $14::timestamptz[], $15::timestamptz[], $16::bytea[], $17::int2[],
                       $18::timestamptz[], $19::timestamptz[], $20::text[], $21::int8[], $22::int4[], $23::int4[],
                       $26::timestamptz[], $27::timestamptz[], $28::timestamptz[], $29::timestamptz[])
    as t(device_id, due_at, handled, generation, converged_generation, commands_made, inventory_failures, pushes,
         changed_at, converged_at, list_event, list_at, information_at, next_push_at, inventory_retry_at,
         desired_hash, counted, security_at, certificates_at, build_seen, groups_seen, drifted, unsettled,
         information_retry_at, security_retry_at, certificates_retry_at, requested_at)
  order by device_id  -- rows are taken in one order everywhere, against deadlocks
)
update reconcile r set
  due_at = case when r.marks = t.handled then t.due_at else least(r.due_at, $25) end,
  handled = t.handled, generation = t.generation,
  seen_generation = case when r.marks = t.handled then $24 else least(r.seen_generation, $24) end,
  converged_generation = t.converged_generation, commands_made = t.commands_made,
  inventory_failures = t.inventory_failures, pushes = t.pushes, changed_at = t.changed_at,
  converged_at = t.converged_at, list_event = t.list_event, list_at = t.list_at, information_at = t.information_at,
  next_push_at = t.next_push_at, inventory_retry_at = t.inventory_retry_at, desired_hash = t.desired_hash,
  counted = t.counted, security_at = t.security_at, certificates_at = t.certificates_at, build_seen = t.build_seen,
  groups_seen = case when r.marks = t.handled then t.groups_seen else least(r.groups_seen, t.groups_seen) end,
  drifted = t.drifted, unsettled = t.unsettled, information_retry_at = t.information_retry_at,
  security_retry_at = t.security_retry_at, certificates_retry_at = t.certificates_retry_at,
  requested_at = t.requested_at
from t where r.device_id = t.device_id)"};

constexpr pg::Statement kSeen{"commit_seen", R"(
update reconcile r set seen_generation = $2, groups_seen = $3
from (select q.device_id from reconcile q where q.device_id = any($1) and q.marks = q.handled
      order by q.device_id for no key update) l
where r.device_id = l.device_id)"};

void put_evidence(pg::Connection& connection, std::span<const Plan> plans, Time now) {
  std::vector<std::int64_t> dropped, devices;
  std::vector<pg::Bytes> hashes, contents;
  std::vector<crypto::Sha256> digests(plans.size());
  std::vector<director::InventoryAnswer> answers;
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
    for (const auto& source : detail::inventory_sources()) {
      const auto& answer = plan.*source.answer;
      if (answer) answers.push_back({plan.row.device, source.kind, *answer});
    }
  }
  if (!dropped.empty()) connection.exec(kDropLists, dropped);
  if (!devices.empty()) connection.exec(kPutLists, devices, hashes, contents);
  director::store_inventory(connection, answers, now);
}

void put_user_lists(pg::Connection& connection, std::span<const Plan> plans) {
  std::vector<std::int64_t> channels, devices;
  std::vector<std::optional<std::int64_t>> events;
  std::vector<std::optional<Time>> at, retry_at;
  std::vector<std::int16_t> failures;
  std::vector<std::optional<pg::Bytes>> contents;
  for (const auto& plan : plans) {
    for (const auto& user : plan.user_lists) {
      channels.push_back(user.channel);
      devices.push_back(plan.row.device);
      events.push_back(user.list.event);
      at.push_back(user.list.at);
      failures.push_back(user.list.failures);
      retry_at.push_back(user.list.retry_at);
      contents.push_back(user.content ? std::optional(pg::Bytes{*user.content}) : std::nullopt);
    }
  }
  if (!channels.empty())
    connection.exec(kPutUserLists, channels, devices, events, at, failures, retry_at, contents);
}

void put_commands(pg::Connection& connection, std::span<const Plan> plans, Time now) {
  std::vector<core::OpenCommandRef> cancels;
  std::vector<core::NewCommand> commands;
  for (const auto& plan : plans) {
    for (const auto& cancelled : plan.cancels)
      cancels.push_back({enrollment_of(plan.row, cancelled.channel), cancelled.uuid});
    for (const auto& command : plan.commands) {
      commands.push_back({.enrollment = enrollment_of(plan.row, command.channel),
                          .uuid = command.uuid,
                          .payload = command.payload,
                          .item = command.item,
                          .version = command.version});
    }
  }
  core::cancel(connection, cancels, now);
  core::enqueue(connection, commands, now);
}

/// Columns of a batch, one vector each.
struct RowColumns {
  std::vector<std::int64_t> devices, handled, groups;
  std::vector<Time> dues;
  std::vector<std::int32_t> generations, converged, made, drifted, unsettled;
  std::vector<std::int16_t> failures, pushes, counted;
  std::vector<std::optional<Time>> changed, converged_at, list_at, information_at, next_push, retry, security,
      certificates, information_retry, security_retry, certificates_retry, requested;
  std::vector<std::optional<std::int64_t>> list_event;
  std::vector<std::optional<std::string_view>> builds;
  std::vector<pg::Bytes> hashes;

  void add(const DeviceRow& row) {
    devices.push_back(row.device);
    dues.push_back(row.due_at);
    handled.push_back(row.handled);
    generations.push_back(row.generation);
    converged.push_back(row.converged_generation);
    made.push_back(row.commands_made);
    pushes.push_back(row.pushes);
    changed.push_back(row.changed_at);
    converged_at.push_back(row.converged_at);
    information_at.push_back(row.information_at);
    next_push.push_back(row.next_push_at);
    hashes.push_back({row.desired_hash});
    counted.push_back(row.counted);
    security.push_back(row.security_at);
    certificates.push_back(row.certificates_at);
    builds.push_back(row.build_seen ? std::optional<std::string_view>(*row.build_seen) : std::nullopt);
    groups.push_back(row.groups_seen);
    drifted.push_back(row.drifted);
    unsettled.push_back(row.unsettled);
    information_retry.push_back(row.information_retry_at);
    security_retry.push_back(row.security_retry_at);
    certificates_retry.push_back(row.certificates_retry_at);
    requested.push_back(row.requested_at);
  }
  void add(const ListState& list) {
    failures.push_back(list.failures);
    list_event.push_back(list.event);
    list_at.push_back(list.at);
    retry.push_back(list.retry_at);
  }
};

void put_rows(pg::Connection& connection, std::span<const Plan> plans, const PassContext& context) {
  RowColumns c;
  for (const auto& plan : plans) {
    c.add(plan.row);
    c.add(plan.list);
  }
  connection.exec(kPutRows, c.devices, c.dues, c.handled, c.generations, c.converged, c.made, c.failures,
                  c.pushes, c.changed, c.converged_at, c.list_event, c.list_at, c.information_at, c.next_push,
                  c.retry, c.hashes, c.counted, c.security, c.certificates, c.builds, c.groups, c.drifted,
                  c.unsettled, context.generation, context.now, c.information_retry, c.security_retry,
                  c.certificates_retry, c.requested);
}

}  // namespace

void commit(pg::Connection& connection, std::span<const Plan> plans, const PassContext& context) {
  if (plans.empty()) return;
  detail::ItemChanges changes;
  for (const auto& plan : plans) changes.collect(plan);
  detail::put_items(connection, changes);
  detail::put_history(connection, changes.past, context.now);
  put_evidence(connection, plans, context.now);
  put_user_lists(connection, plans);
  put_commands(connection, plans, context.now);
  // Rows that others want too come last, so that they are held as briefly as can be.
  put_rows(connection, plans, context);
  detail::put_counters(connection, changes.movement);
  detail::put_listed(connection, plans);
  std::int64_t known = 0;
  std::int64_t enrolled = 0;
  for (const auto& plan : plans) {
    known += plan.known_delta;
    enrolled += plan.enrolled_delta;
  }
  core::count(connection, {{core::kKnownCounter, known}, {core::kEnrolledCounter, enrolled}});
}

void commit_unchanged(pg::Connection& connection, std::span<const std::int64_t> devices,
                      std::int64_t generation, std::int64_t groups) {
  if (!devices.empty()) connection.exec(kSeen, devices, generation, groups);
}

}  // namespace mooring::reconciler

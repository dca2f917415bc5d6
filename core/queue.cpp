// SPDX-License-Identifier: Apache-2.0
#include "core/queue.hpp"

#include <fmt/format.h>

#include "core/counters.hpp"
#include "core/detail/command_row.hpp"

namespace mooring::core {
namespace {

// The lock keeps the janitor from removing what a request is about to name.
constexpr pg::Statement kFindPayload{"queue_find_payload",
                                     "select id from payloads where hash = $1 for key share"};
constexpr pg::Statement kStorePayload{"queue_store_payload", R"(
insert into payloads (hash, relayed, disposable, request_type, body, created_at, rendering)
values ($1, $2, $3, $4, $5, $6, $7)
on conflict (hash) do update set hash = excluded.hash
returning id)"};

constexpr pg::Statement kEnqueue{"queue_enqueue", R"(
insert into commands (enrollment_id, uuid, payload_id, item_id, version_id, priority, expires_at, created_at)
select *, $8 from unnest($1::int8[], $2::bytea[], $3::int4[], $4::int4[], $5::int4[], $6::int2[], $7::timestamptz[])
on conflict (enrollment_id, uuid) do nothing)"};

// 81 to 120 percent of $3 (microseconds) from now on, so that a command for a fleet does not bring it back in
// one moment. The planner takes any pass within a fifth of the time for the first re-push's.
#define MOORING_LOOK_AT \
  "$2 + (8100 + q.device_id * 7919 % 3901) * $3::int8 / 10000 * interval '1 microsecond'"
constexpr pg::Statement kScheduleLook{"queue_schedule_look", R"(
update reconcile r set due_at = l.look_at
from (select q.device_id, )" MOORING_LOOK_AT R"( as look_at from reconcile q
      where q.device_id in (select e.device_id from unnest($1::int8[]) as t(id) join enrollments e on e.id = t.id)
        and q.due_at > )" MOORING_LOOK_AT R"(
      order by q.device_id for no key update) l
where r.device_id = l.device_id)"};

constexpr pg::Statement kCancel{"queue_cancel", R"(
with gone as (
  delete from commands c using unnest($1::int8[], $2::bytea[]) as t(enrollment_id, uuid)
  where c.enrollment_id = t.enrollment_id and c.uuid = t.uuid
  returning c.*
), stored as (
  insert into command_results (enrollment_id, uuid, payload_id, request_type, status, item_id, version_id, created_at,
                               answered_at)
  select g.enrollment_id, g.uuid, g.payload_id, p.request_type, 5, g.item_id, g.version_id, g.created_at, $3
  from gone g join payloads p on p.id = g.payload_id
  on conflict (enrollment_id, uuid) do nothing
)
select p.request_type, count(*) filter (where g.status = 0), count(*) filter (where g.status = 1)
from gone g join payloads p on p.id = g.payload_id group by 1)"};

constexpr pg::Statement kClearable{"queue_clearable",
                                   "select uuid from commands where enrollment_id = $1 and item_id is null"};

constexpr pg::Statement kOpenOfDevice{"queue_open_of_device", "select " MOORING_COMMAND_COLUMNS R"(
from enrollments e join commands c on c.enrollment_id = e.id join payloads p on p.id = c.payload_id
where e.device_id = $1 and (c.priority, -c.id) < ($2, -$3) order by c.priority desc, c.id limit $4)"};
constexpr pg::Statement kResultsOfDevice{"queue_results_of_device",
                                         "select " MOORING_RESULT_COLUMNS("null::bytea") R"(
from enrollments e join command_results r on r.enrollment_id = e.id
where e.device_id = $1 and ($2::timestamptz is null or (r.answered_at, r.enrollment_id, r.uuid) < ($2, $3, $4))
order by r.answered_at desc, r.enrollment_id desc, r.uuid desc limit $5)"};
constexpr pg::Statement kFindOpen{"queue_find_open", "select " MOORING_COMMAND_COLUMNS R"(
from enrollments e join commands c on c.enrollment_id = e.id join payloads p on p.id = c.payload_id
where e.id = $1 and c.uuid = $2)"};
constexpr pg::Statement kFindResult{"queue_find_result", "select " MOORING_RESULT_COLUMNS("r.body") R"(
from enrollments e join command_results r on r.enrollment_id = e.id where e.id = $1 and r.uuid = $2)"};

/// Commands of people are nobody's plan: the device's next pass sees that they wait, and has it pushed again.
void schedule_look(pg::Connection& connection, std::span<const NewCommand> commands, Time now,
                   Duration first_repush) {
  std::vector<std::int64_t> enrollments;
  for (const auto& command : commands) {
    if (!command.item) enrollments.push_back(command.enrollment);
  }
  const auto microseconds = std::chrono::duration_cast<std::chrono::microseconds>(first_repush).count();
  if (!enrollments.empty()) connection.exec(kScheduleLook, enrollments, now, std::int64_t{microseconds});
}

std::int16_t number_of(Rendering rendering) { return static_cast<std::int16_t>(rendering); }

}  // namespace

CommandRow detail::read_command_row(const pg::Row& row) {
  CommandRow command{.enrollment = row.int64(0),
                     .enrollment_id = row.text(1),
                     .uuid = decode_command_uuid(row.get<pg::Bytes>(2).view),
                     .request_type = row.text(3),
                     .status = static_cast<CommandStatus>(row.get<std::int16_t>(4)),
                     .priority = row.get<std::optional<std::int16_t>>(5),
                     .item = row.get<std::optional<std::int32_t>>(6),
                     .created_at = row.get<Time>(7),
                     .expires_at = row.get<std::optional<Time>>(8),
                     .answered_at = row.get<std::optional<Time>>(9),
                     .id = row.int64(12)};
  if (!row.is_null(10)) command.error_chain = std::string(row.get<pg::Json>(10).view);
  if (!row.is_null(11)) command.result = std::string(row.get<pg::Bytes>(11).view);
  return command;
}

void detail::append_command_rows(std::vector<CommandRow>& to, const pg::Rows& rows) {
  for (const auto row : rows) to.push_back(read_command_row(row));
}

void Cancelled::add(const Cancelled& other) {
  total += other.total;
  for (const auto& [type, count] : other.by_type) by_type[type] += count;
}

std::int32_t store_payload(pg::Connection& connection, const Payload& payload, Time now) {
  // The hash covers how the bytes are sent and how long they live, not only the bytes.
  const std::string_view kind = payload.relayed ? "relayed:" : payload.disposable ? "person:" : "command:";
  std::string named(kind);
  if (payload.rendering != Rendering::none) named = fmt::format("{}{}:", kind, number_of(payload.rendering));
  named += payload.body;
  const auto digest = crypto::sha256(named);
  const pg::Bytes hash{crypto::bytes_of(digest)};
  if (const auto found = connection.exec(kFindPayload, hash); !found.empty())
    return found[0].get<std::int32_t>(0);
  const auto rows =
      connection.exec(kStorePayload, hash, payload.relayed, payload.disposable, payload.request_type,
                      pg::Bytes{payload.body}, now, number_of(payload.rendering));
  return rows[0].get<std::int32_t>(0);
}

std::int64_t enqueue(pg::Connection& connection, std::span<const NewCommand> commands, Time now,
                     Duration first_repush) {
  if (commands.empty()) return 0;
  std::vector<std::int64_t> enrollments;
  std::vector<pg::Bytes> uuids;
  std::vector<std::int32_t> payloads;
  std::vector<std::optional<std::int32_t>> items;
  std::vector<std::optional<std::int32_t>> versions;
  std::vector<std::int16_t> priorities;
  std::vector<std::optional<Time>> expiries;
  for (const auto& command : commands) {
    enrollments.push_back(command.enrollment);
    uuids.push_back({command.uuid});
    payloads.push_back(command.payload);
    items.push_back(command.item);
    versions.push_back(command.version);
    priorities.push_back(command.priority);
    expiries.push_back(command.expires_at);
  }
  const auto added =
      connection.exec(kEnqueue, enrollments, uuids, payloads, items, versions, priorities, expiries, now)
          .affected();
  count(connection, {{kQueuedCounter, added}});
  schedule_look(connection, commands, now, first_repush);
  return added;
}

Cancelled cancel(pg::Connection& connection, std::span<const OpenCommandRef> commands, Time now) {
  if (commands.empty()) return {};
  std::vector<std::int64_t> enrollments;
  std::vector<pg::Bytes> uuids;
  for (const auto& command : commands) {
    enrollments.push_back(command.enrollment);
    uuids.push_back({command.uuid});
  }
  Cancelled cancelled;
  std::int64_t queued = 0;
  for (const auto row : connection.exec(kCancel, enrollments, uuids, now)) {
    const auto of_type = row.int64(1) + row.int64(2);
    queued += row.int64(1);
    cancelled.total += of_type;
    cancelled.by_type[row.text(0)] = of_type;
  }
  count(connection, {{kQueuedCounter, -queued}, {kNotNowCounter, queued - cancelled.total}});
  return cancelled;
}

Cancelled clear(pg::Connection& connection, std::int64_t enrollment, Time now) {
  std::vector<OpenCommandRef> refs;
  for (const auto row : connection.exec(kClearable, enrollment)) {
    refs.push_back({enrollment, std::string(row.get<pg::Bytes>(0).view)});
  }
  return cancel(connection, refs, now);
}

CommandPosition position_of(const CommandRow& command) {
  if (command.id != 0) return {.open = true, .priority = command.priority.value_or(0), .id = command.id};
  return {.open = false,
          .answered_at = command.answered_at.value_or(command.created_at),
          .enrollment = command.enrollment,
          .uuid = encode_command_uuid(command.uuid)};
}

std::vector<CommandRow> commands_of_device(pg::Connection& connection, std::int64_t device,
                                           const CommandPosition& after, int limit) {
  std::vector<CommandRow> commands;
  if (after.open) {
    detail::append_command_rows(
        commands, connection.exec(kOpenOfDevice, device, after.priority, after.id, std::int64_t{limit}));
  }
  const auto room = limit - static_cast<std::int64_t>(commands.size());
  if (room == 0) return commands;
  const auto answered_at = after.open ? std::nullopt : std::optional(after.answered_at);
  detail::append_command_rows(commands, connection.exec(kResultsOfDevice, device, answered_at,
                                                        after.enrollment, pg::Bytes{after.uuid}, room));
  return commands;
}

std::optional<CommandRow> find_command(pg::Connection& connection, std::int64_t enrollment,
                                       std::string_view uuid) {
  const std::string encoded = encode_command_uuid(uuid);
  for (const auto* statement : {&kFindOpen, &kFindResult}) {
    const auto rows = connection.exec(*statement, enrollment, pg::Bytes{encoded});
    if (!rows.empty()) return detail::read_command_row(rows[0]);
  }
  return std::nullopt;
}

}  // namespace mooring::core

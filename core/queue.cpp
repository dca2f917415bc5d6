// SPDX-License-Identifier: Apache-2.0
#include "core/queue.hpp"

#include "core/counters.hpp"

namespace mooring::core {
namespace {

constexpr pg::Statement kFindPayload{"queue_find_payload", "select id from payloads where hash = $1"};
constexpr pg::Statement kStorePayload{"queue_store_payload", R"(
insert into payloads (hash, relayed, request_type, body, created_at) values ($1, $2, $3, $4, $5)
on conflict (hash) do update set hash = excluded.hash
returning id)"};

constexpr pg::Statement kEnqueue{"queue_enqueue", R"(
insert into commands (enrollment_id, uuid, payload_id, item_id, version_id, priority, expires_at, created_at)
select *, $8 from unnest($1::int8[], $2::bytea[], $3::int4[], $4::int4[], $5::int4[], $6::int2[], $7::timestamptz[])
on conflict (enrollment_id, uuid) do nothing)"};

constexpr pg::Statement kCancel{"queue_cancel", R"(
with gone as (
  delete from commands c using unnest($1::int8[], $2::bytea[]) as t(enrollment_id, uuid)
  where c.enrollment_id = t.enrollment_id and c.uuid = t.uuid
  returning c.*
), stored as (
  insert into command_results (enrollment_id, uuid, payload_id, request_type, status, item_id, created_at, answered_at)
  select g.enrollment_id, g.uuid, g.payload_id, p.request_type, 5, g.item_id, g.created_at, $3
  from gone g join payloads p on p.id = g.payload_id
  on conflict (enrollment_id, uuid) do nothing
)
select count(*) filter (where status = 0), count(*) filter (where status = 1) from gone)"};

constexpr pg::Statement kClearable{"queue_clearable",
                                   "select uuid from commands where enrollment_id = $1 and item_id is null"};

#define MOORING_COMMAND_COLUMNS                                                                    \
  "e.id, e.enrollment_id, c.uuid, p.request_type, c.status, c.priority, c.item_id, c.created_at, " \
  "c.expires_at, c.not_now_at, null::jsonb, null::bytea"
#define MOORING_RESULT_COLUMNS                                                                  \
  "e.id, e.enrollment_id, r.uuid, r.request_type, r.status, 0::int2, r.item_id, r.created_at, " \
  "null::timestamptz, r.answered_at, r.error_chain"

constexpr pg::Statement kOpenOfDevice{"queue_open_of_device", "select " MOORING_COMMAND_COLUMNS R"(
from enrollments e join commands c on c.enrollment_id = e.id join payloads p on p.id = c.payload_id
where e.device_id = $1 order by c.priority desc, c.id limit $2)"};
constexpr pg::Statement kResultsOfDevice{"queue_results_of_device",
                                         "select " MOORING_RESULT_COLUMNS R"(, null::bytea
from enrollments e join command_results r on r.enrollment_id = e.id
where e.device_id = $1 order by r.answered_at desc limit $2)"};
constexpr pg::Statement kFindOpen{"queue_find_open", "select " MOORING_COMMAND_COLUMNS R"(
from enrollments e join commands c on c.enrollment_id = e.id join payloads p on p.id = c.payload_id
where e.id = $1 and c.uuid = $2)"};
constexpr pg::Statement kFindResult{"queue_find_result", "select " MOORING_RESULT_COLUMNS R"(, r.body
from enrollments e join command_results r on r.enrollment_id = e.id where e.id = $1 and r.uuid = $2)"};

constexpr pg::Statement kStoreRequest{"queue_store_request", R"(
insert into command_requests (uuid, payload_id, request_type, enrollments, created_at) values ($1, $2, $3, $4, $5)
on conflict (uuid) do nothing)"};
constexpr pg::Statement kFindRequest{"queue_find_request",
                                     "select request_type, created_at from command_requests where uuid = $1"};
constexpr pg::Statement kRequestOpen{"queue_request_open", "select " MOORING_COMMAND_COLUMNS R"(
from command_requests q cross join unnest(q.enrollments) as t(id)
join enrollments e on e.id = t.id join commands c on c.enrollment_id = e.id and c.uuid = q.uuid
join payloads p on p.id = c.payload_id where q.uuid = $1)"};
constexpr pg::Statement kRequestResults{"queue_request_results", "select " MOORING_RESULT_COLUMNS R"(, r.body
from command_requests q cross join unnest(q.enrollments) as t(id)
join enrollments e on e.id = t.id join command_results r on r.enrollment_id = e.id and r.uuid = q.uuid
where q.uuid = $1)"};

CommandRow read_row(const pg::Row& row) {
  CommandRow command{.enrollment = row.int64(0),
                     .enrollment_id = row.text(1),
                     .uuid = decode_command_uuid(row.get<pg::Bytes>(2).view),
                     .request_type = row.text(3),
                     .status = static_cast<CommandStatus>(row.get<std::int16_t>(4)),
                     .priority = row.get<std::int16_t>(5),
                     .item = row.get<std::optional<std::int32_t>>(6),
                     .created_at = row.get<Time>(7),
                     .expires_at = row.get<std::optional<Time>>(8),
                     .answered_at = row.get<std::optional<Time>>(9)};
  if (!row.is_null(10)) command.error_chain = std::string(row.get<pg::Json>(10).view);
  if (!row.is_null(11)) command.result = std::string(row.get<pg::Bytes>(11).view);
  return command;
}

void append(std::vector<CommandRow>& to, const pg::Rows& rows) {
  for (const auto row : rows) to.push_back(read_row(row));
}

}  // namespace

std::int32_t store_payload(pg::Connection& connection, const Payload& payload, Time now) {
  // The hash covers how the bytes are sent, not only the bytes.
  const std::string named = (payload.relayed ? "relayed:" : "command:") + std::string(payload.body);
  const auto digest = crypto::sha256(named);
  const pg::Bytes hash{crypto::bytes_of(digest)};
  if (const auto found = connection.exec(kFindPayload, hash); !found.empty())
    return found[0].get<std::int32_t>(0);
  const auto rows = connection.exec(kStorePayload, hash, payload.relayed, payload.request_type,
                                    pg::Bytes{payload.body}, now);
  return rows[0].get<std::int32_t>(0);
}

std::int64_t enqueue(pg::Connection& connection, std::span<const NewCommand> commands, Time now) {
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
  return added;
}

std::int64_t cancel(pg::Connection& connection, std::span<const OpenCommandRef> commands, Time now) {
  if (commands.empty()) return 0;
  std::vector<std::int64_t> enrollments;
  std::vector<pg::Bytes> uuids;
  for (const auto& command : commands) {
    enrollments.push_back(command.enrollment);
    uuids.push_back({command.uuid});
  }
  const auto rows = connection.exec(kCancel, enrollments, uuids, now);
  const auto queued = rows[0].int64(0);
  const auto not_now = rows[0].int64(1);
  count(connection, {{kQueuedCounter, -queued}, {kNotNowCounter, -not_now}});
  return queued + not_now;
}

std::int64_t clear(pg::Connection& connection, std::int64_t enrollment, Time now) {
  std::vector<OpenCommandRef> refs;
  for (const auto row : connection.exec(kClearable, enrollment)) {
    refs.push_back({enrollment, std::string(row.get<pg::Bytes>(0).view)});
  }
  return cancel(connection, refs, now);
}

std::vector<CommandRow> commands_of_device(pg::Connection& connection, std::int64_t device, int limit) {
  std::vector<CommandRow> commands;
  append(commands, connection.exec(kOpenOfDevice, device, std::int64_t{limit}));
  append(commands, connection.exec(kResultsOfDevice, device, std::int64_t{limit}));
  return commands;
}

std::optional<CommandRow> find_command(pg::Connection& connection, std::int64_t enrollment,
                                       std::string_view uuid) {
  const std::string encoded = encode_command_uuid(uuid);
  for (const auto* statement : {&kFindOpen, &kFindResult}) {
    const auto rows = connection.exec(*statement, enrollment, pg::Bytes{encoded});
    if (!rows.empty()) return read_row(rows[0]);
  }
  return std::nullopt;
}

bool store_request(pg::Connection& connection, std::string_view encoded_uuid, std::int32_t payload,
                   std::string_view request_type, std::span<const std::int64_t> enrollments, Time now) {
  return connection.exec(kStoreRequest, pg::Bytes{encoded_uuid}, payload, request_type, enrollments, now)
             .affected() == 1;
}

std::optional<CommandRequest> find_request(pg::Connection& connection, std::string_view encoded_uuid) {
  const auto found = connection.exec(kFindRequest, pg::Bytes{encoded_uuid});
  if (found.empty()) return std::nullopt;
  CommandRequest request{.uuid = decode_command_uuid(encoded_uuid),
                         .request_type = found[0].text(0),
                         .created_at = found[0].get<Time>(1),
                         .targets = {}};
  append(request.targets, connection.exec(kRequestOpen, pg::Bytes{encoded_uuid}));
  append(request.targets, connection.exec(kRequestResults, pg::Bytes{encoded_uuid}));
  return request;
}

}  // namespace mooring::core

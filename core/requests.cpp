// SPDX-License-Identifier: Apache-2.0
#include "core/requests.hpp"

#include "core/detail/command_row.hpp"

namespace mooring::core {
namespace {

constexpr pg::Statement kStoreRequest{"requests_store", R"(
insert into command_requests (uuid, payload_id, request_type, enrollments, created_at) values ($1, $2, $3, $4, $5)
on conflict (uuid) do nothing)"};

/// Of request q with enrollments: (status, count) of the targets that `which` lets through.
#define MOORING_REQUEST_STATUSES(q, which)                           \
  "(select s.status, count(*) as targets from ("                     \
  "   select c.status from unnest(" q                                \
  ".enrollments) as t(id) join commands c on c.enrollment_id = t.id" \
  "     and c.uuid = " q ".uuid where " which                        \
  "   union all"                                                     \
  "   select r.status from unnest(" q                                \
  ".enrollments) as t(id) join command_results r"                    \
  "     on r.enrollment_id = t.id and r.uuid = " q ".uuid where " which ") s group by s.status)"

constexpr pg::Statement kFindRequest{
    "requests_find",
    "select q.id, q.uuid, q.request_type, q.created_at, cardinality(q.enrollments), s.status, s.targets, true "
    "from command_requests q left join lateral " MOORING_REQUEST_STATUSES("q", "true") " s on true "
    "where q.uuid = $1"};

// `weighed`: a page ends before the targets of its requests become too many to count in one go.
constexpr pg::Statement kListRequests{
    "requests_list", R"(
with page as materialized (
  select q.id, q.uuid, q.request_type, q.created_at, q.enrollments from command_requests q
  where q.id < $1 and ($2::text is null or q.request_type = $2)
    and (cardinality($3::int8[]) = 0 or q.enrollments && $3)
    and ($4::int2 is null or exists (select from )" MOORING_REQUEST_STATUSES(
                         "q", "(cardinality($3::int8[]) = 0 or t.id = any ($3))") R"( s where s.status = $4))
  order by q.id desc limit $5
), weighed as materialized (
  select p.*, row_number() over (order by p.id desc) as place,
         sum(cardinality(p.enrollments)) over (order by p.id desc) as weight from page p
), kept as materialized (
  select * from weighed where place = 1 or weight <= 50000
)
select k.id, k.uuid, k.request_type, k.created_at, cardinality(k.enrollments), s.status, s.targets,
       (select count(*) from kept) = (select count(*) from page)
from kept k left join lateral )" MOORING_REQUEST_STATUSES("k",
                                                          "(cardinality($3::int8[]) = 0 or t.id = any ($3))") R"( s on true
order by k.id desc)"};

constexpr pg::Statement kEnrollmentsOf{"requests_enrollments_of",
                                       "select id from enrollments where device_id = $1"};

constexpr pg::Statement kRequestTargets{"requests_targets", R"(
with slice as materialized (
  select distinct t.id, q.uuid from command_requests q cross join unnest(q.enrollments) as t(id)
  where q.uuid = $1 and t.id > $2 order by t.id limit $3
)
select null::int8, null::text, null::bytea, null::text, null::int2, null::int2, null::int4, null::timestamptz,
       null::timestamptz, null::timestamptz, null::jsonb, null::bytea, max(id) from slice having count(*) = $3
union all select )" MOORING_COMMAND_COLUMNS R"(
from slice s join enrollments e on e.id = s.id join commands c on c.enrollment_id = e.id and c.uuid = s.uuid
join payloads p on p.id = c.payload_id
union all select )" MOORING_RESULT_COLUMNS("r.body") R"(
from slice s join enrollments e on e.id = s.id join command_results r on r.enrollment_id = e.id and r.uuid = s.uuid
order by 1 nulls first)"};

constexpr pg::Statement kRequestOpen{"requests_open", R"(
select c.enrollment_id from command_requests q cross join unnest(q.enrollments) as t(id)
join commands c on c.enrollment_id = t.id and c.uuid = q.uuid where q.uuid = $1)"};

/// One row for each request and status.
std::vector<CommandRequest> read_requests(const pg::Rows& rows) {
  std::vector<CommandRequest> requests;
  for (const auto row : rows) {
    if (requests.empty() || requests.back().id != row.int64(0)) {
      requests.push_back({.id = row.int64(0),
                          .uuid = decode_command_uuid(row.get<pg::Bytes>(1).view),
                          .request_type = row.text(2),
                          .created_at = row.get<Time>(3),
                          .targets = row.get<std::int32_t>(4),
                          .statuses = {}});
    }
    if (row.is_null(5)) continue;
    requests.back().statuses[static_cast<CommandStatus>(row.get<std::int16_t>(5))] = row.int64(6);
  }
  return requests;
}

}  // namespace

bool send_request(pg::Connection& connection, const NewRequest& request, Time now) {
  const auto payload = store_payload(connection,
                                     {.body = request.body,
                                      .request_type = request.request_type,
                                      .relayed = request.relayed,
                                      .disposable = true,
                                      .rendering = request.rendering},
                                     now);
  const bool stored = connection
                          .exec(kStoreRequest, pg::Bytes{request.uuid}, payload, request.request_type,
                                request.enrollments, now)
                          .affected() == 1;
  if (!stored) return false;
  std::vector<NewCommand> commands;
  for (const auto enrollment : request.enrollments) {
    commands.push_back({.enrollment = enrollment,
                        .uuid = request.uuid,
                        .payload = payload,
                        .priority = request.priority,
                        .expires_at = request.expires_at});
  }
  return enqueue(connection, commands, now, request.first_repush) ==
         static_cast<std::int64_t>(commands.size());
}

std::optional<CommandRequest> find_request(pg::Connection& connection, std::string_view encoded_uuid) {
  auto found = read_requests(connection.exec(kFindRequest, pg::Bytes{encoded_uuid}));
  if (found.empty()) return std::nullopt;
  return std::move(found.front());
}

RequestPage list_requests(pg::Connection& connection, const RequestFilter& filter, std::int64_t before,
                          int limit) {
  std::vector<std::int64_t> enrollments;  // None: of whatever device.
  if (filter.device) {
    for (const auto row : connection.exec(kEnrollmentsOf, *filter.device))
      enrollments.push_back(row.int64(0));
    if (enrollments.empty()) return {};
  }
  const auto status = filter.status ? std::optional(static_cast<std::int16_t>(*filter.status)) : std::nullopt;
  const auto rows = connection.exec(kListRequests, before, filter.request_type, enrollments, status,
                                    std::int64_t{limit} + 1);
  RequestPage page{.requests = read_requests(rows)};
  page.more = !rows.empty() && !rows[0].get<bool>(7);
  if (page.requests.size() > static_cast<std::size_t>(limit)) {
    page.requests.pop_back();
    page.more = true;
  }
  return page;
}

TargetPage targets_of_request(pg::Connection& connection, std::string_view encoded_uuid, std::int64_t after,
                              int limit) {
  TargetPage page;
  for (const auto row :
       connection.exec(kRequestTargets, pg::Bytes{encoded_uuid}, after, std::int64_t{limit})) {
    if (row.is_null(0)) {
      page.next = row.int64(12);
    } else {
      page.targets.push_back(detail::read_command_row(row));
    }
  }
  return page;
}

Cancelled cancel_request(pg::Connection& connection, std::string_view encoded_uuid, Time now) {
  std::vector<OpenCommandRef> open;
  for (const auto row : connection.exec(kRequestOpen, pg::Bytes{encoded_uuid}))
    open.push_back({row.int64(0), std::string(encoded_uuid)});
  return cancel(connection, open, now);
}

}  // namespace mooring::core

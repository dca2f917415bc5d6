// SPDX-License-Identifier: Apache-2.0
#include "core/outbox/event_reader.hpp"

#include <algorithm>
#include <array>

#include "base/encoding.hpp"
#include "core/command.hpp"

namespace mooring::core {
namespace {

constexpr pg::Statement kEventLog{"event_log", "select namespace, epoch from event_log"};

// The last row says where the scan ended and how many events it looked at.
constexpr pg::Statement kScanEvents{"events_scan", R"(
with scanned as materialized (
  select xid, id, kind, enrollment_id, created_at, coalesce(octet_length(body), 0) as bytes from events
  where (xid, id) > ($1::xid8, $2::int8) and xid < pg_snapshot_xmin(pg_current_snapshot())
  order by xid, id limit $3
), picked as (
  select s.xid, s.id, s.bytes, s.created_at from scanned s
  where s.kind = any($4::int2[])
    and ($5::int8 is null or s.enrollment_id in (select e.id from enrollments e where e.device_id = $5))
    and ($6::timestamptz is null or s.created_at >= $6) and ($7::timestamptz is null or s.created_at < $7)
  order by s.xid, s.id limit $8
)
select xid, id, bytes::int8, created_at, true as match from picked
union all
(select xid, id, (select count(*) from scanned), created_at, false from scanned order by xid desc, id desc limit 1)
order by match desc, xid, id)"};

constexpr pg::Statement kLoadEvents{"events_load", R"(
select v.xid, v.id, v.created_at, v.kind, v.enrollment_id, e.enrollment_id, e.kind, p.enrollment_id, d.udid,
       d.serial_number, v.status, v.command_uuid, v.request_type, v.detail, v.url_params, case when $3 then v.body end
from unnest($1::xid8[], $2::int8[]) as w(xid, id)
join events v on v.xid = w.xid and v.id = w.id
left join enrollments e on e.id = v.enrollment_id
left join enrollments p on p.id = e.parent_id
left join devices d on d.id = e.device_id
order by v.xid, v.id)"};

constexpr pg::Statement kHorizon{"events_horizon", "select pg_snapshot_xmin(pg_current_snapshot())"};

constexpr pg::Statement kFirstSince{"events_first_since", R"(
select xid, id from events where created_at >= $1 and created_at < $2 order by xid, id limit 1)"};
constexpr pg::Statement kLastEvent{"events_last", R"(
select xid, id from events where xid < pg_snapshot_xmin(pg_current_snapshot()) order by xid desc, id desc limit 1)"};

constexpr auto kClockDifference = std::chrono::minutes(10);

std::string text_or_empty(const pg::Row& row, int column) {
  return row.is_null(column) ? std::string() : row.text(column);
}

std::optional<std::string> json_or_nothing(const pg::Row& row, int column) {
  if (row.is_null(column)) return std::nullopt;
  return std::string(row.get<pg::Json>(column).view);
}

StoredEvent read_event(const pg::Row& row) {
  StoredEvent event;
  event.position = {row.get<pg::Xid>(0).value, row.int64(1)};
  event.created_at = row.get<Time>(2);
  event.kind = static_cast<EventKind>(row.get<std::int16_t>(3));
  event.enrollment = row.int64(4);
  event.enrollment_id = text_or_empty(row, 5);
  event.channel = static_cast<EnrollmentKind>(row.get<std::optional<std::int16_t>>(6).value_or(0));
  event.parent_id = text_or_empty(row, 7);
  event.device_key = text_or_empty(row, 8);
  event.serial_number = text_or_empty(row, 9);
  event.status = row.get<std::optional<std::int16_t>>(10);
  if (!row.is_null(11)) event.command_uuid = decode_command_uuid(row.get<pg::Bytes>(11).view);
  event.request_type = text_or_empty(row, 12);
  event.detail = json_or_nothing(row, 13);
  event.url_params = json_or_nothing(row, 14);
  if (!row.is_null(15)) event.sealed_body = std::string(row.get<pg::Bytes>(15).view);
  return event;
}

}  // namespace

EventLog read_event_log(pg::Connection& connection) {
  const auto rows = connection.exec(kEventLog);
  return {rows[0].get<crypto::Uuid>(0), rows[0].get<std::int32_t>(1)};
}

crypto::Uuid event_uuid(const EventLog& log, std::int64_t id) {
  return crypto::Uuid::derived("event", log.name_space.text() + "/" + std::to_string(id));
}

std::vector<std::int16_t> numbers_of(EventKinds kinds) {
  std::vector<std::int16_t> numbers;
  for (const auto kind : event_kinds()) {
    if (kinds.has(kind)) numbers.push_back(static_cast<std::int16_t>(kind));
  }
  return numbers;
}

EventScan scan_events(pg::Connection& connection, Position after, const EventFilter& filter, int limit) {
  const std::int64_t look_at = std::max(std::int64_t{1000}, std::int64_t{limit} * 4);
  const auto rows = connection.exec(kScanEvents, pg::Xid{after.xid}, after.id, look_at, filter.kinds,
                                    filter.device, filter.since, filter.until, std::int64_t{limit});
  EventScan scan{.found = {}, .end = after};
  if (rows.empty()) return scan;
  const auto last = rows[rows.size() - 1];
  for (int i = 0; i + 1 < rows.size(); ++i) {
    scan.found.push_back({{rows[i].get<pg::Xid>(0).value, rows[i].int64(1)}, rows[i].int64(2)});
  }
  scan.more = last.int64(2) == look_at;
  scan.end = {last.get<pg::Xid>(0).value, last.int64(1)};
  scan.end_at = last.get<Time>(3);
  if (static_cast<int>(scan.found.size()) == limit && scan.found.back().position != scan.end) {
    scan.end = scan.found.back().position;
    scan.end_at = rows[rows.size() - 2].get<Time>(3);
    scan.more = true;
  }
  if (filter.until && scan.end_at > *filter.until + kClockDifference) scan.more = false;
  return scan;
}

std::vector<StoredEvent> load_events(pg::Connection& connection, const std::vector<Position>& positions,
                                     bool with_bodies) {
  std::vector<StoredEvent> events;
  if (positions.empty()) return events;
  std::vector<pg::Xid> xids;
  std::vector<std::int64_t> ids;
  for (const auto& position : positions) {
    xids.push_back({position.xid});
    ids.push_back(position.id);
  }
  for (const auto row : connection.exec(kLoadEvents, xids, ids, with_bodies)) {
    events.push_back(read_event(row));
  }
  return events;
}

std::vector<Position> take_within(const EventScan& scan, std::int64_t bytes) {
  std::vector<Position> taken;
  for (const auto& found : scan.found) {
    bytes -= found.bytes;
    if (bytes < 0 && !taken.empty()) break;
    taken.push_back(found.position);
  }
  return taken;
}

Position horizon(pg::Connection& connection) {
  return {connection.exec(kHorizon)[0].get<pg::Xid>(0).value, 0};
}

Position position_before(pg::Connection& connection, Time at) {
  // Widening windows, so that the index on age finds the first event without sorting all that follow it.
  constexpr std::array<Duration, 4> kWindows{kClockDifference, std::chrono::hours(6),
                                             std::chrono::hours(24 * 10), std::chrono::hours(24 * 36500)};
  for (const auto window : kWindows) {
    const auto rows = connection.exec(kFirstSince, at, at + window);
    if (!rows.empty()) return {rows[0].get<pg::Xid>(0).value, rows[0].int64(1) - 1};
  }
  const auto last = connection.exec(kLastEvent);
  return last.empty() ? Position{} : Position{last[0].get<pg::Xid>(0).value, last[0].int64(1)};
}

Result<Position> resolve(pg::Connection& connection, const EventLog& log, const EventCursor& cursor) {
  const bool present = cursor.epoch == log.epoch;
  if (cursor.epoch > log.epoch || (present && cursor.position.xid > horizon(connection).xid)) {
    return fail(Failure::invalid, "event.bad_cursor",
                "the cursor was not made by this server: begin again without it, or by time");
  }
  if (present) return cursor.position;
  // From before a restore: what was under way then had at most a minute to commit.
  return position_before(connection, cursor.at - std::chrono::minutes(5));
}

}  // namespace mooring::core

// SPDX-License-Identifier: Apache-2.0
#include "director/repush_jobs.hpp"

#include <algorithm>
#include <map>

#include "director/groups.hpp"
#include "director/item_requests.hpp"
#include "director/profiles.hpp"

namespace mooring::director {
namespace {

constexpr pg::Statement kRepushAdd{"repush_add", R"(
insert into repush_jobs (item_id, group_id, states, per_minute, actor, created_at, moved_at)
values ($1, $2, $3, $4, $5, $6, $6) returning id)"};
#define MOORING_REPUSH_JOBS                                                                                 \
  "select j.id, i.name, g.name, to_jsonb(j.states)::text, j.per_minute, j.devices, j.actor, j.created_at, " \
  "j.finished_at, j.stopped from repush_jobs j left join items i on i.id = j.item_id "                      \
  "left join groups g on g.id = j.group_id "
constexpr pg::Statement kRepushList{"repush_list",
                                    MOORING_REPUSH_JOBS "where j.id > $1 order by j.id limit $2"};
constexpr pg::Statement kRepushFind{"repush_find", MOORING_REPUSH_JOBS "where j.id = $1"};
constexpr pg::Statement kRepushStop{"repush_stop", R"(
update repush_jobs set stopped = stopped or finished_at is null, finished_at = coalesce(finished_at, $2)
where id = $1)"};

constexpr pg::Statement kRepushOpen{"repush_open", R"(
select id, item_id, group_id, to_jsonb(states)::text, per_minute, cursor_device, actor, moved_at from repush_jobs
where finished_at is null order by id for update)"};
// A stretch of the fleet in the order of numbers; from it the first $6 devices on which the filter finds
// something.
constexpr pg::Statement kRepushPick{"repush_pick", R"(
with stretch as materialized (
  select device_id from reconcile where device_id > $1 order by device_id limit $2
), found as materialized (
  select s.device_id, i.item_id, dense_rank() over (order by s.device_id) as place
  from stretch s cross join lateral (
    select r.item_id from device_items r
    where r.device_id = s.device_id and r.intent = 1 and ($3::int4 is null or r.item_id = $3)
      and (cardinality($5::int2[]) = 0 or r.state = any($5)) offset 0) i
  where $4::int4 is null or exists (
    select from group_members m where m.device_id = s.device_id and m.group_id = $4 and m.known)
)
select device_id, item_id from found where place <= $6 order by device_id, item_id)"};
constexpr pg::Statement kRepushStretch{"repush_stretch", R"(
select coalesce(max(device_id), 0), count(*)
from (select device_id from reconcile where device_id > $1 order by device_id limit $2) s)"};
constexpr pg::Statement kRepushMoved{"repush_moved", R"(
update repush_jobs set cursor_device = $2, devices = devices + $3, moved_at = $4, finished_at = $5 where id = $1)"};
constexpr pg::Statement kRepushPrune{"repush_prune", "delete from repush_jobs where finished_at < $1"};

constexpr pg::Statement kRepushGaveUp{"repush_gave_up", R"(
select device_id from device_items where item_id = $1 and drift_since is not null and state in (5, 6)
order by device_id)"};
constexpr pg::Statement kRepushGivenUp{
    "repush_given_up", "select item_id from device_items where device_id = $1 and state in (5, 6)"};

constexpr std::int64_t kRepushStretchSize = 5000;
constexpr auto kRepushMinute = std::chrono::minutes(1);
constexpr auto kRepushPatience = std::chrono::seconds(10);

/// "[5, 6]"
std::vector<std::int16_t> read_states(std::string_view json) {
  std::vector<std::int16_t> states;
  for (const char c : json) {
    if (c >= '0' && c <= '9') states.push_back(static_cast<std::int16_t>(c - '0'));
  }
  return states;
}

RepushJob read_job(const pg::Row& row) {
  return {.id = row.get<std::int32_t>(0),
          .filter = {.profile = row.get<std::optional<std::string>>(1),
                     .group = row.get<std::optional<std::string>>(2),
                     .states = read_states(row.text(3))},
          .per_minute = row.get<std::int32_t>(4),
          .devices = row.int64(5),
          .actor = row.text(6),
          .created_at = row.get<Time>(7),
          .finished_at = row.get<std::optional<Time>>(8),
          .stopped = row.get<bool>(9)};
}

struct OpenJob {
  std::int32_t id = 0;
  std::optional<std::int32_t> item, group;
  std::vector<std::int16_t> states;
  std::int64_t per_minute = 0;
  std::int64_t cursor = 0;
  std::string actor;
  Time moved_at;
};

/// What was not used for so long is gone: a job that finds nothing for a while, or a server that comes back,
/// does not ask for all at once.
Duration patience_of(const OpenJob& job) {
  return std::max<Duration>(kRepushPatience, Duration(kRepushMinute) / job.per_minute);
}

std::int64_t allowance_of(const OpenJob& job, Time now) {
  const auto elapsed = std::min<Duration>(now - job.moved_at, patience_of(job));
  return std::min(job.per_minute * elapsed.count() / Duration(kRepushMinute).count(), kRepushStretchSize);
}

void ask(pg::Connection& connection, const OpenJob& job,
         const std::map<std::int32_t, std::vector<std::int64_t>>& devices_by_item, Time now) {
  for (const auto& [item, devices] : devices_by_item)
    ask_of_item(connection, devices, item, RequestKind::repush, job.actor, now);
}

std::int64_t move_job(pg::Connection& connection, const OpenJob& job, Time now) {
  const auto allowance = allowance_of(job, now);
  if (allowance == 0) return 0;
  std::map<std::int32_t, std::vector<std::int64_t>> devices_by_item;
  std::int64_t devices = 0;
  std::int64_t last = job.cursor;
  for (const auto row : connection.exec(kRepushPick, job.cursor, kRepushStretchSize, job.item, job.group,
                                        job.states, allowance)) {
    if (row.int64(0) != last) ++devices;
    last = row.int64(0);
    devices_by_item[row.get<std::int32_t>(1)].push_back(last);
  }
  const auto stretch = connection.exec(kRepushStretch, job.cursor, kRepushStretchSize);
  const bool spent = devices == allowance;
  const bool at_end = !spent && stretch[0].int64(1) < kRepushStretchSize;
  if (!spent) last = stretch[0].int64(0);
  ask(connection, job, devices_by_item, now);
  const auto used = Duration(kRepushMinute) * devices / job.per_minute;
  const auto moved_at = std::max(job.moved_at + used, now - patience_of(job));
  connection.exec(kRepushMoved, job.id, last, devices, moved_at, at_end ? std::optional(now) : std::nullopt);
  return devices;
}

}  // namespace

Result<RepushJob> add_repush_job(pg::Connection& connection, const RepushFilter& filter,
                                 std::int32_t per_minute, std::string_view actor, Time now) {
  std::optional<std::int32_t> item, group;
  if (filter.profile) {
    const auto profile = find_profile(connection, *filter.profile);
    if (!profile)
      return fail(Failure::not_found, "profile.unknown", "there is no profile named " + *filter.profile);
    item = profile->item;
  }
  if (filter.group) {
    const auto found = find_group(connection, *filter.group);
    if (!found) return std::unexpected(found.error());
    group = found->id;
  }
  const auto row = connection.exec(kRepushAdd, item, group, filter.states, per_minute, actor, now);
  return *find_repush_job(connection, row[0].get<std::int32_t>(0));
}

std::vector<RepushJob> list_repush_jobs(pg::Connection& connection, std::int32_t after, int limit) {
  std::vector<RepushJob> jobs;
  for (const auto row : connection.exec(kRepushList, after, std::int64_t{limit}))
    jobs.push_back(read_job(row));
  return jobs;
}

std::optional<RepushJob> find_repush_job(pg::Connection& connection, std::int32_t id) {
  const auto rows = connection.exec(kRepushFind, id);
  if (rows.empty()) return std::nullopt;
  return read_job(rows[0]);
}

bool stop_repush_job(pg::Connection& connection, std::int32_t id, Time now) {
  return connection.exec(kRepushStop, id, now).affected() == 1;
}

std::int64_t move_repush_jobs(pg::Connection& connection, Time now) {
  std::vector<OpenJob> jobs;
  for (const auto row : connection.exec(kRepushOpen)) {
    jobs.push_back({.id = row.get<std::int32_t>(0),
                    .item = row.get<std::optional<std::int32_t>>(1),
                    .group = row.get<std::optional<std::int32_t>>(2),
                    .states = read_states(row.text(3)),
                    .per_minute = row.get<std::int32_t>(4),
                    .cursor = row.int64(5),
                    .actor = row.text(6),
                    .moved_at = row.get<Time>(7)});
  }
  std::int64_t devices = 0;
  for (const auto& job : jobs) devices += move_job(connection, job, now);
  return devices;
}

void prune_repush_jobs(pg::Connection& connection, Time before) { connection.exec(kRepushPrune, before); }

std::vector<std::int64_t> devices_that_gave_up(pg::Connection& connection, std::int32_t item) {
  std::vector<std::int64_t> devices;
  for (const auto row : connection.exec(kRepushGaveUp, item)) devices.push_back(row.int64(0));
  return devices;
}

std::vector<std::int32_t> items_given_up(pg::Connection& connection, std::int64_t device) {
  std::vector<std::int32_t> items;
  for (const auto row : connection.exec(kRepushGivenUp, device)) items.push_back(row.get<std::int32_t>(0));
  return items;
}

}  // namespace mooring::director

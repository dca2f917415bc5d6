// SPDX-License-Identifier: Apache-2.0
#include "director/pauses.hpp"

#include <fmt/format.h>

#include "director/devices.hpp"
#include "director/profiles.hpp"

namespace mooring::director {
namespace {

constexpr pg::Statement kDropExpired{"pauses_drop_expired", "delete from pauses where until_at <= $1"};
constexpr pg::Statement kPutPause{"pauses_put", R"(
with old as (select 1 as one from pauses where scope = $1 and ref = $2)
insert into pauses as p (scope, ref, until_at, reason, actor, created_at) values ($1, $2, $3, $4, $5, $6)
on conflict (scope, ref) do update set
  until_at = excluded.until_at, reason = excluded.reason, actor = excluded.actor, created_at = excluded.created_at
returning p.id, (select one from old) is null)"};
#define MOORING_PAUSES                                                                                \
  "select p.id, p.scope, coalesce(d.udid, ''), coalesce(i.name, ''), p.until_at, p.reason, p.actor, " \
  "p.created_at from pauses p left join devices d on p.scope = 2 and d.id = p.ref "                   \
  "left join items i on p.scope = 3 and i.id = p.ref where (p.until_at is null or p.until_at > $1) "
constexpr pg::Statement kListPauses{"pauses_list", MOORING_PAUSES "and p.id > $2 order by p.id limit $3"};
constexpr pg::Statement kFindPause{"pauses_find", MOORING_PAUSES "and p.id = $2"};
constexpr pg::Statement kDeletePause{"pauses_delete",
                                     "delete from pauses where id = $1 returning scope, ref"};

// Commands that wait are held back until the next pass has looked.
constexpr pg::Statement kPauseDevice{"pauses_device", R"(
update reconcile set paused_until = $2, marks = marks + 1, due_at = least(due_at, $3), seen_generation = 0
where device_id = $1 returning device_id)"};
constexpr pg::Statement kPauseGeneration{"pauses_generation", R"(
update declaration_state set generation = generation + 1, changed_at = $1)"};

/// Later than any end that somebody names, and within what every program can show.
constexpr Time kForEver{std::chrono::sys_days{std::chrono::year{9999} / 12 / 31}};

struct Target {
  PauseScope scope = PauseScope::fleet;
  std::int64_t ref = 0;
};

Result<Target> find_target(pg::Connection& connection, std::string_view text) {
  constexpr std::string_view kDevice = "device:";
  constexpr std::string_view kProfile = "profile:";
  if (text == "all") return Target{};
  if (text.starts_with(kDevice)) {
    const auto device = find_device(connection, text.substr(kDevice.size()));
    if (!device) return std::unexpected(device.error());
    return Target{PauseScope::device, device->id};
  }
  if (text.starts_with(kProfile)) {
    const auto profile = find_profile(connection, text.substr(kProfile.size()));
    if (profile) return Target{PauseScope::item, profile->item};
    return fail(Failure::not_found, "profile.unknown",
                fmt::format("there is no profile named {}", text.substr(kProfile.size())));
  }
  return fail(
      Failure::invalid, "pause.malformed",
      fmt::format("\"{}\" cannot be paused: write \"all\", \"device:\" and a UDID or serial number, or "
                  "\"profile:\" and its name",
                  text));
}

/// Whoever plans has to look again; false where a device never enrolled.
bool make_known(pg::Connection& connection, const Target& target, std::optional<Time> device_until,
                Time now) {
  if (target.scope == PauseScope::device)
    return !connection.exec(kPauseDevice, target.ref, device_until, now).empty();
  connection.exec(kPauseGeneration, now);
  return true;
}

Pause read_pause(const pg::Row& row) {
  Pause pause{.id = row.get<std::int32_t>(0), .scope = static_cast<PauseScope>(row.get<std::int16_t>(1))};
  pause.target = pause.scope == PauseScope::device ? "device:" + row.text(2)
                 : pause.scope == PauseScope::item ? "profile:" + row.text(3)
                                                   : "all";
  pause.until = row.get<std::optional<Time>>(4);
  pause.reason = row.text(5);
  pause.actor = row.text(6);
  pause.created_at = row.get<Time>(7);
  return pause;
}

}  // namespace

Result<PutPause> put_pause(pg::Connection& connection, const NewPause& wanted, Time now) {
  const auto target = find_target(connection, wanted.target);
  if (!target) return std::unexpected(target.error());
  connection.exec(kDropExpired, now);
  const auto put = connection.exec(kPutPause, static_cast<std::int16_t>(target->scope), target->ref,
                                   wanted.until, wanted.reason, wanted.actor, now);
  if (!make_known(connection, *target, wanted.until.value_or(kForEver), now)) {
    return fail(Failure::conflict, "device.no_channel",
                "the device never enrolled: there is nothing to pause");
  }
  auto pause = find_pause(connection, put[0].get<std::int32_t>(0), now);
  if (!pause) return fail(Failure::invalid, "pause.over", "the end of the pause is in the past");
  return PutPause{.pause = std::move(*pause), .created = put[0].get<bool>(1)};
}

std::vector<Pause> list_pauses(pg::Connection& connection, Time now, std::int32_t after, int limit) {
  std::vector<Pause> pauses;
  for (const auto row : connection.exec(kListPauses, now, after, std::int64_t{limit}))
    pauses.push_back(read_pause(row));
  return pauses;
}

std::optional<Pause> find_pause(pg::Connection& connection, std::int32_t id, Time now) {
  const auto rows = connection.exec(kFindPause, now, id);
  if (rows.empty()) return std::nullopt;
  return read_pause(rows[0]);
}

bool delete_pause(pg::Connection& connection, std::int32_t id, Time now) {
  const auto rows = connection.exec(kDeletePause, id);
  if (rows.empty()) return false;
  make_known(connection, {static_cast<PauseScope>(rows[0].get<std::int16_t>(0)), rows[0].int64(1)},
             std::nullopt, now);
  return true;
}

}  // namespace mooring::director

// SPDX-License-Identifier: Apache-2.0
#include "tests/model/checks.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "core/janitor.hpp"
#include "director/devices.hpp"

namespace mooring::test {
namespace {

constexpr int kRoundsLimit = 40;  // of passes and connections at one moment
constexpr auto kQuietStep = std::chrono::hours(3);

/// A count that must be zero.
struct Recount {
  const char* name;
  const char* sql;
};

constexpr std::array kRecounts{
    Recount{"item_states", R"(
select count(*) from (
  (select item_id, version_id, intent, state, sum(devices)::int8 from item_states
   group by 1, 2, 3, 4 having sum(devices) <> 0
   except select item_id, version_id, intent, state, count(*) from device_items group by 1, 2, 3, 4)
  union all
  (select item_id, version_id, intent, state, count(*) from device_items group by 1, 2, 3, 4
   except select item_id, version_id, intent, state, sum(devices)::int8 from item_states group by 1, 2, 3, 4)) x)"},
    Recount{"item_drift", R"(
select count(*) from (
  (select item_id, since, devices from item_drift
   except select item_id, date_trunc('minute', drift_since), count(*) from device_items
          where drift_since is not null group by 1, 2)
  union all
  (select item_id, date_trunc('minute', drift_since), count(*) from device_items
   where drift_since is not null group by 1, 2
   except select item_id, since, devices from item_drift)) x)"},
    Recount{"listed_profiles", R"(
with shown as (
  select identifier, count(*) as devices from (
    select distinct p.device_id, split_part(line, E'\x1f', 1) as identifier
    from device_profiles p, regexp_split_to_table(convert_from(p.content, 'UTF8'), E'\n') as line where line <> '') x
  group by 1),
counted as (select identifier, sum(devices)::int8 as devices from listed_profiles group by 1 having sum(devices) <> 0)
select count(*) from ((select * from shown except select * from counted)
                      union all (select * from counted except select * from shown)) x)"},
    Recount{"drifted", R"(
select count(*) from reconcile r where r.drifted <>
  (select count(*) from device_items s where s.device_id = r.device_id and s.drift_since is not null))"},
    Recount{"unsettled", R"(
select count(*) from reconcile r where r.unsettled <>
  (select count(*) from device_items s where s.device_id = r.device_id and (s.state <> 3 or s.intent < 0)))"},
    Recount{"commands.queued", R"(
select coalesce((select sum(value) from counters where name = 'commands.queued'), 0)
       - (select count(*) from commands where status = 0))"},
    Recount{"commands.not_now", R"(
select coalesce((select sum(value) from counters where name = 'commands.not_now'), 0)
       - (select count(*) from commands where status = 1))"},
    Recount{"devices.known", R"(
select coalesce((select sum(value) from counters where name = 'devices.known'), 0)
       - (select count(*) from reconcile where counted > 0))"},
    Recount{"devices.enrolled", R"(
select coalesce((select sum(value) from counters where name = 'devices.enrolled'), 0)
       - (select count(*) from reconcile where counted = 2))"},
    Recount{"double commands", R"(
select count(*) from (select enrollment_id, item_id, version_id from commands where item_id > 0
                      group by 1, 2, 3 having count(*) > 1) x)"},
};

constexpr std::array kEmptyAtTheEnd{
    Recount{"observations", "select count(*) from observations"},
    Recount{"item_requests", "select count(*) from item_requests"},
    Recount{"marks", "select count(*) from reconcile where marks <> handled"},
    Recount{"commands of nobody", R"(
select count(*) from commands c join enrollments e on e.id = c.enrollment_id
where c.item_id is not null and not e.enabled)"},
};

void check_zero(ModelWorld& world, std::string_view check, std::span<const Recount> recounts) {
  for (const auto& recount : recounts) {
    const auto wrong = world.number(recount.sql);
    if (wrong != 0)
      world.problem(std::string(check), fmt::format("{}: {} where 0 should be", recount.name, wrong));
  }
}

/// Nothing was executed more often than answers were lost, and nothing sent more often than there was cause
/// for.
void check_sends(ModelWorld& world, int index) {
  const auto& one = world.device(index);
  for (const auto& [uuid, times] : one.device->executions()) {
    const auto lost = one.lost.find(uuid);
    if (times > 1 + (lost == one.lost.end() ? 0 : lost->second)) {
      world.problem("executed twice", fmt::format("device {} executed {} {} times", index, uuid, times));
    }
  }
  const int attempts = reconciler::Policy{}.attempts;
  for (const auto& [slot, uuids] : one.sent) {
    const auto causes = one.causes.find(slot);
    int budget = causes == one.causes.end() ? 0 : causes->second;
    if (one.misbehaved.contains(slot)) budget *= attempts;
    if (static_cast<int>(uuids.size()) > budget) {
      world.problem("sent too often", fmt::format("device {} slot {}: {} installs with cause for {}", index,
                                                  slot, uuids.size(), budget));
    }
  }
}

std::string held_in(const ModelWorld&, const ModelDevice& one, int slot) {
  const auto* found = one.device->profile(identifier_of(slot));
  return found == nullptr ? "" : (found->managed ? "" : "stranger ") + found->uuid;
}

void check_slot(ModelWorld& world, int index, int slot) {
  const auto& one = world.device(index);
  const auto winner = world.declared.winner(index, slot);
  // One that waits for ever leaves in its slot what was there.
  if (winner && !world.declared.is_reachable(index, winner->item)) return;
  const auto held = held_in(world, one, slot);
  const auto wanted = winner ? identity_of(winner->item, slot, winner->value) : std::string();
  // Where nothing is declared, what the user installed stays.
  const auto stranger = one.foreign.find(identifier_of(slot));
  if (!winner && held.starts_with("stranger") && stranger != one.foreign.end()) return;
  if (held == wanted) return;
  const auto said = world.text(fmt::format(
      "select string_agg(format('item %s: state %s intent %s attempts %s reason %s %s', i.name, s.state, "
      "s.intent, "
      "s.attempts, s.reason_code, s.detail), '; ') from device_items s join items i on i.id = s.item_id "
      "where s.device_id = {} and i.slot = '{}'",
      world.device_id(index), identifier_of(slot)));
  world.problem("converged", fmt::format("device {} holds '{}' in slot {}, '{}' is declared; {}", index, held,
                                         slot, wanted, said));
}

/// What the user installed under a name of its own is still there.
void check_foreign(ModelWorld& world, int index) {
  const auto& one = world.device(index);
  for (const auto& [identifier, uuid] : one.foreign) {
    const auto* found = one.device->profile(identifier);
    if (identifier.starts_with("com.stranger.") && (found == nullptr || found->uuid != uuid)) {
      world.problem("foreign", fmt::format("device {} has lost {}", index, identifier));
    }
  }
}

/// The strangers under our names that nothing declared replaces: they must outlive the quiet.
std::vector<std::pair<int, int>> strangers(ModelWorld& world) {
  std::vector<std::pair<int, int>> found;
  for (int i = 0; i < world.device_count(); ++i) {
    for (int slot = 0; slot < world.shape.slots; ++slot) {
      const bool stranger = held_in(world, world.device(i), slot).starts_with("stranger");
      if (stranger && !world.declared.winner(i, slot)) found.emplace_back(i, slot);
    }
  }
  return found;
}

bool wake_and_connect(ModelWorld& world, int server) {
  bool any = false;
  for (int i = 0; i < world.device_count(); ++i) {
    const auto id =
        world.number(fmt::format("select coalesce(max(id), 0) from enrollments where enrollment_id = '{}'",
                                 world.device(i).device->identity().udid));
    if (!world.device(i).device->enrolled() || !world.pushed.contains(id)) continue;
    any = true;
    world.connect(i, server);
  }
  return any;
}

/// Passes and woken devices in turn until nothing more happens at this moment.
void settle(ModelWorld& world) {
  for (int round = 0; round < kRoundsLimit; ++round) {
    const auto taken = world.pass(0) + world.pass(1);
    const bool connected = wake_and_connect(world, round % ModelWorld::kServers);
    if (world.broken()) return;
    if (taken == 0 && !connected) return;
  }
  world.problem("endless", "passes and connections do not come to an end");
}

void spend(ModelWorld& world, Duration time) {
  for (Duration spent{}; spent < time && !world.broken(); spent += kQuietStep) {
    settle(world);
    world.clock.advance(kQuietStep);
  }
  settle(world);
}

void stop_faults(ModelWorld& world) {
  for (int i = 0; i < ModelWorld::kServers; ++i) world.restart(i);
  for (int i = 0; i < world.device_count(); ++i) {
    auto& device = *world.device(i).device;
    device.lock_until(world.clock.now());
    device.go_offline_until(world.clock.now());
    device.behaviour().refuse.clear();
    device.behaviour().ack_without_effect.clear();
  }
}

void ask_for_everything(ModelWorld& world) {
  for (int i = 0; i < world.device_count(); ++i) {
    const auto id = world.device_id(i);
    if (id == 0) continue;
    world.transact([&](pg::Connection& c) -> Result<bool> {
      return director::request_repush(c, id, world.clock.now());
    });
    world.cause_everything(i);
  }
}

}  // namespace

void check_always(ModelWorld& world) {
  check_zero(world, "totals", kRecounts);
  for (int i = 0; i < world.device_count(); ++i) check_sends(world, i);
}

void check_converged(ModelWorld& world, bool given_up_is_fine) {
  check_zero(world, "rest", kEmptyAtTheEnd);
  for (int i = 0; i < world.device_count(); ++i) {
    const auto& one = world.device(i);
    check_foreign(world, i);
    if (!one.device->enrolled()) continue;
    for (int slot = 0; slot < world.shape.slots; ++slot) {
      const bool may_be_given_up = one.misbehaved.contains(slot) || one.lost_by_user.contains(slot);
      if (!given_up_is_fine || !may_be_given_up) check_slot(world, i, slot);
    }
    const auto open = world.number(fmt::format(
        "select count(*) from commands c join enrollments e on e.id = c.enrollment_id where e.device_id = {}",
        world.device_id(i)));
    if (open != 0) world.problem("rest", fmt::format("device {} has {} open commands", i, open));
  }
}

void quieten(ModelWorld& world) {
  stop_faults(world);
  const auto expected = strangers(world);
  spend(world, std::chrono::hours(48));
  if (world.broken()) return;
  check_always(world);
  check_converged(world, true);
  if (world.broken()) return;
  ask_for_everything(world);
  spend(world, std::chrono::hours(24));
  if (world.broken()) return;
  check_always(world);
  check_converged(world, false);
  for (const auto& [index, slot] : expected) {
    if (!held_in(world, world.device(index), slot).starts_with("stranger")) {
      world.problem("foreign", fmt::format("device {} has lost what its user put into slot {}", index, slot));
    }
  }
}

std::string digest_of(ModelWorld& world) {
  // A total of nothing may stand in a row or in none: that is up to the connections that counted.
  return world.text(R"(
select md5(
  (select coalesce(string_agg(r::text, ';' order by device_id), '') from reconcile r) ||
  (select coalesce(string_agg(s::text, ';' order by device_id, item_id, channel_id), '') from device_items s) ||
  (select coalesce(string_agg(format('%s %s %s %s', enrollment_id, uuid, item_id, status), ';' order by id), '')
   from commands) ||
  (select coalesce(string_agg(format('%s %s %s %s', enrollment_id, uuid, status, answered_at), ';'
                              order by enrollment_id, uuid), '') from command_results) ||
  (select coalesce(string_agg(t::text, ';' order by item_id), '') from item_totals t
   where (desired, verified, failed, quarantined) <> (0, 0, 0, 0))))");
}

}  // namespace mooring::test

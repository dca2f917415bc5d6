// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/fleet.hpp"

#include <fmt/format.h>

#include <chrono>
#include <thread>

#include "base/plist/plist.hpp"
#include "base/random.hpp"
#include "director/assignments.hpp"
#include "director/inventory.hpp"
#include "director/observed_profiles.hpp"
#include "director/profiles.hpp"
#include "reconciler/desired.hpp"
#include "reconciler/load.hpp"
#include "simulator/device.hpp"
#include "tests/bench/workspace.hpp"

namespace mooring::bench {
namespace {

constexpr std::size_t kProfileSize = 4096;

constexpr pg::Statement kDevices{"bench_devices", R"(
insert into devices (udid, serial_number, model, model_name, device_name, product_name, os_version, build_version,
                     facts, facts_at, created_at)
select upper(md5('device' || n)::uuid::text), 'B' || lpad(n::text, 9, '0'), 'MNEJ3LL/A', 'MacBook Pro',
       'Mac ' || n, 'Mac14,7', '15.5', '24F74', $2, $3, $3
from generate_series(1, $1) as n)"};
constexpr pg::Statement kEnrollments{"bench_enrollments", R"(
insert into enrollments (enrollment_id, kind, device_id, enabled, token_update_tally, topic, push_magic, push_token,
                         authenticated_at, token_updated_at)
select udid, 0, id, true, 1, 'com.apple.mgmt.External.bench', md5(udid)::uuid::text,
       decode(md5(udid) || md5(serial_number), 'hex'), $1, $1
from devices order by id)"};
// due_at as a pass leaves it: when the next list is due, 6 hours plus or minus a tenth from the last one.
constexpr pg::Statement kReconcile{"bench_reconcile", R"(
insert into reconcile (device_id, due_at, marks, handled, seen_generation, generation, converged_generation,
                       commands_made, reset_mark, changed_at, converged_at, list_event, list_at, information_at,
                       security_at, certificates_at, desired_hash, counted)
select id, $1 + make_interval(secs => 21600 * (0.9 + 0.2 * (id * 7919 % 10007) / 10007.0)), 26, 26,
       (select generation from declaration_state), 1, 1, $3, 1, $1, $1, id * 30, $1, $1, $1, $1, $2, 2
from devices order by id)"};
constexpr pg::Statement kItems{"bench_items", R"(
insert into device_items (device_id, item_id, version_id, installed_version, state, intent, attempts, installed,
                          acknowledged_event, verified_at)
select d.id, i.id, i.current_version, i.current_version, 3, 1, 0, true, d.id * 30 - 1, $1
from devices d cross join items i order by d.id, i.id)"};
constexpr pg::Statement kLists{"bench_lists", R"(
insert into device_profiles (device_id, hash, content) select id, $1, $2 from devices order by id)"};
constexpr pg::Statement kItemCounts{"bench_item_counts", R"(
insert into item_states (item_id, version_id, intent, state, shard, devices)
select i.id, i.current_version, 1, 3, 0, n.count from items i cross join (select count(*) from devices) n)"};
constexpr pg::Statement kCounters{"bench_counters", R"(
insert into counters (name, shard, value) values ('devices.known', 0, $1), ('devices.enrolled', 0, $1))"};
constexpr pg::Statement kBare{"bench_bare", R"(
with made as (
  insert into devices (udid, created_at) select 'E' || n, now() from generate_series(1, $1) as n returning id, udid
)
insert into enrollments (enrollment_id, kind, device_id, enabled, token_update_tally)
select udid, 0, id, true, 1 from made)"};

std::string facts_of_a_device() {
  simulator::Device device(simulator::make_identity(1, 1), {});
  const std::string envelope = core::command_envelope(director::device_information_command(), "1");
  const auto report = device.respond(must(plist::parse_dict(envelope)), Time{});
  return must(director::facts_from_report(report.value()));
}

std::string observed_list(const std::vector<reconciler::Desired>& desired) {
  std::vector<director::ObservedProfile> profiles;
  for (const auto& entry : desired) {
    profiles.push_back({entry.facts.slot, entry.facts.identity, "Profile of " + entry.facts.slot, ""});
  }
  return director::ObservedProfiles(std::move(profiles)).encode();
}

}  // namespace

std::string mobileconfig(int number, const std::string& value, std::size_t size) {
  const std::string identifier = fmt::format("com.example.bench.profile{}", number);
  Random random(static_cast<std::uint64_t>(number));
  std::string filler;
  while (filler.size() + 700 < size) filler += fmt::format("{:016x}", random.next());
  const plist::Dict payload{{"PayloadType", "com.apple.ManagedClient.preferences"},
                            {"PayloadIdentifier", identifier + ".payload"},
                            {"PayloadUUID", "B0E3C5B8-6E2D-4F59-9A57-3B0C5A1C7D11"},
                            {"PayloadVersion", 1},
                            {"Value", value},
                            {"Filler", filler}};
  return plist::to_xml(plist::Dict{{"PayloadType", "Configuration"},
                                   {"PayloadIdentifier", identifier},
                                   {"PayloadUUID", "6F0B1C5E-0C9A-4B5B-8E55-0E6B4B1B2C11"},
                                   {"PayloadVersion", 1},
                                   {"PayloadDisplayName", "Profile of " + identifier},
                                   {"PayloadContent", plist::Array(1, payload)}});
}

void upload(pg::Connection& connection, int number, const std::string& value, Time now) {
  const auto document = must(director::read_profile(mobileconfig(number, value, kProfileSize)));
  must(pg::in_transaction(connection, [&](pg::Connection& c) {
    return director::put_profile(c, fmt::format("p{}", number), document, now);
  }));
}

void declare_profiles(pg::Connection& connection, int profiles, Time now) {
  for (int i = 1; i <= profiles; ++i) {
    upload(connection, i, "1", now);
    must(pg::in_transaction(connection, [&](pg::Connection& c) {
      return director::put_assignment(c, fmt::format("p{}", i), director::Scope{}, director::Intent::present,
                                      now);
    }));
  }
}

void make_converged_fleet(pg::Connection& connection, int devices, Time now) {
  const std::string facts = facts_of_a_device();
  connection.exec(kDevices, std::int32_t{devices}, pg::Json{facts}, now);
  connection.exec(kEnrollments, now);
  // The hash and the list need the declarations as a pass sees them.
  connection.script("insert into reconcile (device_id, due_at) select min(id), now() from devices");
  const auto snapshot = reconciler::peek(connection, number(connection, "select min(id) from devices"), now);
  if (!snapshot) give_up("the first device cannot be loaded");
  connection.script("truncate reconcile");
  const auto& desired = *snapshot->desired;
  const std::string hash = reconciler::hash_of(desired);
  connection.exec(kReconcile, now, pg::Bytes{hash}, static_cast<std::int32_t>(desired.size() + 3));
  connection.exec(kItems, now);
  const std::string list = observed_list(desired);
  const auto digest = crypto::sha256(list);
  connection.exec(kLists, pg::Bytes{crypto::bytes_of(digest)}, pg::Bytes{list});
  connection.exec(kItemCounts);
  connection.exec(kCounters, std::int64_t{devices});
  connection.script("vacuum analyze");
}

void make_bare_enrollments(pg::Connection& connection, int devices) {
  connection.exec(kBare, std::int32_t{devices});
  connection.script("vacuum analyze");
}

void wait_until_quiet(pg::Connection& connection) {
  constexpr auto kQuietPatience = std::chrono::seconds(120);
  const auto begin = std::chrono::steady_clock::now();
  while (number(connection, "select count(*) from (select from reconcile where due_at <= now() limit 1) d") >
         0) {
    if (std::chrono::steady_clock::now() - begin > kQuietPatience) give_up("the reconciler does not finish");
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

std::int64_t number(pg::Connection& connection, const std::string& sql) {
  return std::stoll(connection.script(fmt::format("select ({})::text", sql))[0].text(0));
}

}  // namespace mooring::bench

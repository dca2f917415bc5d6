// SPDX-License-Identifier: Apache-2.0
#include "reconciler/load.hpp"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <unordered_map>

#include "base/plist/plist.hpp"
#include "director/inventory.hpp"

namespace mooring::reconciler {
namespace {

// A pass looks up by key only, from the devices outwards. Plans made while a table was empty would read all
// of it once it has grown; and rows are locked in the order of the keys, which is the same in every process.
constexpr pg::Statement kGeneration{"load_generation", R"(
select generation, set_config('enable_seqscan', 'off', true), set_config('enable_hashjoin', 'off', true),
       set_config('enable_mergejoin', 'off', true), set_config('enable_bitmapscan', 'off', true)
from declaration_state where one)"};

constexpr pg::Statement kRows{"load_rows", R"(
select r.device_id, coalesce(e.id, 0), coalesce(e.enabled, false), e.authenticated_at, r.due_at, r.marks, r.handled,
       r.reset_mark, r.repush_mark, r.refresh_mark, r.seen_generation, r.generation, r.converged_generation,
       r.commands_made, r.inventory_failures, r.pushes, r.changed_at, r.converged_at, r.list_event, r.list_at,
       r.information_at, r.next_push_at, r.inventory_retry_at, r.desired_hash, r.counted
from reconcile r left join enrollments e on e.device_id = r.device_id and e.kind in (0, 3)
where r.device_id = any($1) order by r.device_id)"};

// What an assignment means right now. Deleted items have no assignments.
#define MOORING_FACT_COLUMNS                                                      \
  "i.id, i.kind, i.slot, v.id, v.identity, v.install_payload, v.remove_payload, " \
  "v.attributes->'payload_types' ?| "                                             \
  "'{com.apple.security.scep,com.apple.security.acme,com.apple.ADCertificate.managed}' "
#define MOORING_DESIRED_COLUMNS                                           \
  MOORING_FACT_COLUMNS                                                    \
  ", a.intent, a.scope, i.repush, greatest(v.declared_at, a.created_at) " \
  "from assignments a join items i on i.id = a.item_id join versions v on v.id = i.current_version "
constexpr pg::Statement kShared{"load_shared",
                                "select 0::int8, " MOORING_DESIRED_COLUMNS "where a.scope = 0"};
constexpr pg::Statement kOwn{"load_own", "select d.id, " MOORING_DESIRED_COLUMNS R"(
join devices d on a.scope_ref = d.udid or a.scope_ref = d.serial_number
where a.scope = 2 and d.id = any($1))"};

constexpr pg::Statement kItems{"load_items", R"(
select s.device_id, s.item_id, s.version_id, s.installed_version, s.state, s.intent, s.attempts, s.repairs, s.repush,
       s.installed, s.forced, s.acknowledged_event, s.drift_since, s.next_try_at, s.verified_at, s.repairs_since,
       coalesce(s.reason, '')
from device_items s where s.device_id = any($1) order by s.device_id, s.item_id)"};
constexpr pg::Statement kFacts{"load_facts", "select " MOORING_FACT_COLUMNS R"(
from versions v join items i on i.id = v.item_id where v.id = any($1))"};
constexpr pg::Statement kLists{"load_lists",
                               "select device_id, content from device_profiles where device_id = any($1)"};

#define MOORING_OBSERVATION_COLUMNS                                                                  \
  "device_id, event_id, reported_at, status, request_type, item_id, version_id, error_chain, body, " \
  "command_uuid"
constexpr pg::Statement kTakeObservations{"load_take_observations",
                                          "delete from observations where device_id = any($1) "
                                          "returning " MOORING_OBSERVATION_COLUMNS};
constexpr pg::Statement kPeekObservations{"load_peek_observations",
                                          "select " MOORING_OBSERVATION_COLUMNS
                                          " from observations where device_id = any($1)"};
// From the devices to their commands, whatever the statistics say of a queue that has just grown from empty:
// the other way round each pass would read the whole queue.
constexpr pg::Statement kOpen{"load_open", R"(
select d.id, c.uuid, c.item_id, c.version_id, c.payload_id, c.status, p.request_type
from unnest($1::int8[]) as d(id)
cross join lateral (select e.id from enrollments e where e.device_id = d.id offset 0) e
cross join lateral (select * from commands c where c.enrollment_id = e.id and c.item_id is not null offset 0) c
join payloads p on p.id = c.payload_id order by c.id)"};

// Commands of people, on whichever channel: the same walk.
constexpr pg::Statement kPeopleWait{"load_people_wait", R"(
select d.id, e.id, w.newest
from unnest($1::int8[]) as d(id)
cross join lateral (select e.id from enrollments e where e.device_id = d.id and e.enabled offset 0) e
cross join lateral (select max(c.created_at) as newest from commands c
                    where c.enrollment_id = e.id and c.item_id is null) w
where w.newest is not null order by e.id)"};

constexpr pg::Statement kResets{"load_resets",
                                "select device_id, reset_mark from reconcile where device_id = any($1)"};

DeviceRow read_row(const pg::Row& row) {
  DeviceRow r;
  r.device = row.int64(0);
  r.enrollment = row.int64(1);
  r.enabled = row.get<bool>(2);
  r.enrolled_at = row.get<std::optional<Time>>(3);
  r.due_at = row.get<Time>(4);
  r.marks = row.int64(5);
  r.handled = row.int64(6);
  r.reset_mark = row.int64(7);
  r.repush_mark = row.int64(8);
  r.refresh_mark = row.int64(9);
  r.seen_generation = row.int64(10);
  r.generation = row.get<std::int32_t>(11);
  r.converged_generation = row.get<std::int32_t>(12);
  r.commands_made = row.get<std::int32_t>(13);
  r.inventory_failures = row.get<std::int16_t>(14);
  r.pushes = row.get<std::int16_t>(15);
  r.changed_at = row.get<std::optional<Time>>(16);
  r.converged_at = row.get<std::optional<Time>>(17);
  r.list_event = row.get<std::optional<std::int64_t>>(18);
  r.list_at = row.get<std::optional<Time>>(19);
  r.information_at = row.get<std::optional<Time>>(20);
  r.next_push_at = row.get<std::optional<Time>>(21);
  r.inventory_retry_at = row.get<std::optional<Time>>(22);
  if (!row.is_null(23)) r.desired_hash = std::string(row.get<pg::Bytes>(23).view);
  r.counted = row.get<std::int16_t>(24);
  return r;
}

/// From the eight columns that begin at `first`, as in MOORING_FACT_COLUMNS.
ItemFacts read_facts(const pg::Row& row, int first) {
  return {.item = row.get<std::int32_t>(first),
          .kind = static_cast<director::ItemKind>(row.get<std::int16_t>(first + 1)),
          .slot = row.text(first + 2),
          .version = row.get<std::int32_t>(first + 3),
          .identity = row.get<crypto::Uuid>(first + 4).text(),
          .install_payload = row.get<std::int32_t>(first + 5),
          .remove_payload = row.get<std::int32_t>(first + 6),
          .asks_for_certificate = row.get<std::optional<bool>>(first + 7).value_or(false)};
}

Desired read_desired(const pg::Row& row) {
  return {.facts = read_facts(row, 1),
          .intent = static_cast<director::Intent>(row.get<std::int16_t>(9)),
          .scope = static_cast<director::ScopeKind>(row.get<std::int16_t>(10)),
          .repush = row.get<std::int32_t>(11),
          .declared_at = row.get<Time>(12)};
}

ItemRecord read_item(const pg::Row& row) {
  ItemRecord r;
  r.item = row.get<std::int32_t>(1);
  r.version = row.get<std::int32_t>(2);
  r.installed_version = row.get<std::optional<std::int32_t>>(3);
  r.state = static_cast<ItemState>(row.get<std::int16_t>(4));
  r.intent = static_cast<RecordIntent>(row.get<std::int16_t>(5));
  r.attempts = row.get<std::int16_t>(6);
  r.repairs = row.get<std::int16_t>(7);
  r.repush = row.get<std::int32_t>(8);
  r.installed = row.get<bool>(9);
  r.forced = row.get<bool>(10);
  r.acknowledged_event = row.get<std::optional<std::int64_t>>(11);
  r.drift_since = row.get<std::optional<Time>>(12);
  r.next_try_at = row.get<std::optional<Time>>(13);
  r.verified_at = row.get<std::optional<Time>>(14);
  r.repairs_since = row.get<std::optional<Time>>(15);
  r.reason = row.text(16);
  return r;
}

std::vector<core::ErrorChainItem> read_chain(std::string_view json) {
  std::vector<core::ErrorChainItem> chain;
  const auto parsed = nlohmann::json::parse(json, nullptr, false);
  if (!parsed.is_array()) return chain;
  for (const auto& entry : parsed) {
    chain.push_back({entry.value("ErrorCode", std::int64_t{0}), entry.value("ErrorDomain", std::string()),
                     entry.value("LocalizedDescription", std::string()),
                     entry.value("USEnglishDescription", std::string())});
  }
  return chain;
}

/// From the report's bytes to the director's form. What cannot be read counts as an error, never as an empty
/// list.
void digest(Observation& observation) {
  if (observation.item != core::kInventoryItem || observation.status != core::CommandStatus::acknowledged)
    return;
  const auto report = plist::parse_dict(observation.body);
  observation.body.clear();
  Result<std::string> digested = fail(Failure::invalid, "report.unreadable", "");
  if (report && observation.request_type == "ProfileList") {
    if (const auto list = director::ObservedProfiles::from_report(*report)) digested = list->encode();
  } else if (report && observation.request_type == "DeviceInformation") {
    digested = director::facts_from_report(*report);
  }
  if (digested) {
    observation.body = std::move(*digested);
  } else {
    observation.status = core::CommandStatus::error;
  }
}

Observation read_observation(const pg::Row& row) {
  Observation o;
  o.event = row.int64(1);
  o.at = row.get<Time>(2);
  o.status = static_cast<core::CommandStatus>(row.get<std::int16_t>(3));
  o.request_type = row.text(4);
  o.item = row.get<std::int32_t>(5);
  o.version = row.get<std::optional<std::int32_t>>(6);
  if (!row.is_null(7)) o.error_chain = read_chain(row.get<pg::Json>(7).view);
  o.command_uuid = std::string(row.get<pg::Bytes>(9).view);
  if (!row.is_null(8)) o.body = std::string(row.get<pg::Bytes>(8).view);
  digest(o);
  return o;
}

/// An answered command is no longer open, whatever was read a moment before.
void drop_answered(DeviceSnapshot& snapshot) {
  std::erase_if(snapshot.open, [&](const OpenCommand& open) {
    return std::ranges::any_of(snapshot.observations, [&](const Observation& report) {
      return report.command_uuid == open.uuid && report.status != core::CommandStatus::not_now;
    });
  });
}

using SharedDesired = std::shared_ptr<const std::vector<Desired>>;

/// The declarations as a batch of devices sees them.
struct Declarations {
  std::int64_t generation = 0;
  std::vector<Desired> shared;
  SharedDesired shared_resolved;
  std::string shared_hash;
  std::unordered_map<std::int64_t, std::vector<Desired>> own;
};

Declarations load_declarations(pg::Connection& connection, std::span<const std::int64_t> devices) {
  Declarations declarations;
  // The generation first: what is declared while we read moves it again and brings another pass.
  declarations.generation = connection.exec(kGeneration)[0].int64(0);
  for (const auto row : connection.exec(kShared)) declarations.shared.push_back(read_desired(row));
  for (const auto row : connection.exec(kOwn, devices))
    declarations.own[row.int64(0)].push_back(read_desired(row));
  declarations.shared_resolved =
      std::make_shared<const std::vector<Desired>>(resolve(declarations.shared, {}));
  declarations.shared_hash = hash_of(*declarations.shared_resolved);
  return declarations;
}

class Loader {
 public:
  Loader(pg::Connection& connection, std::span<const std::int64_t> devices)
      : connection_(connection), declarations_(load_declarations(connection, devices)) {}

  std::int64_t generation() const { return declarations_.generation; }

  DeviceSnapshot begin(const pg::Row& row) const {
    DeviceSnapshot snapshot;
    snapshot.row = read_row(row);
    const auto own = declarations_.own.find(snapshot.row.device);
    if (own == declarations_.own.end()) {
      snapshot.desired = declarations_.shared_resolved;
      snapshot.desired_hash = declarations_.shared_hash;
    } else {
      snapshot.desired =
          std::make_shared<const std::vector<Desired>>(resolve(declarations_.shared, own->second));
      snapshot.desired_hash = hash_of(*snapshot.desired);
    }
    return snapshot;
  }

  void complete(std::vector<DeviceSnapshot>& snapshots, const pg::Statement& observations) {
    std::vector<std::int64_t> devices;
    for (auto& snapshot : snapshots) {
      devices.push_back(snapshot.row.device);
      by_device_[snapshot.row.device] = &snapshot;
    }
    load_items(devices);
    for (const auto row : connection_.exec(kLists, devices)) {
      by_device_[row.int64(0)]->evidence.profiles =
          director::ObservedProfiles::decode(row.get<pg::Bytes>(1).view);
    }
    // Open commands first, reports second: a command that is answered between the two statements is then in
    // both, and dropped below. The other way round it would be in neither, and sent again.
    for (const auto row : connection_.exec(kOpen, devices)) {
      by_device_[row.int64(0)]->open.push_back(
          {.uuid = std::string(row.get<pg::Bytes>(1).view),
           .item = row.get<std::int32_t>(2),
           .version = row.get<std::optional<std::int32_t>>(3),
           .payload = row.get<std::int32_t>(4),
           .status = static_cast<core::CommandStatus>(row.get<std::int16_t>(5)),
           .request_type = row.text(6)});
    }
    for (const auto row : connection_.exec(kPeopleWait, devices)) {
      by_device_[row.int64(0)]->people.push_back({.enrollment = row.int64(1), .newest = row.get<Time>(2)});
    }
    for (const auto row : connection_.exec(observations, devices)) {
      by_device_[row.int64(0)]->observations.push_back(read_observation(row));
    }
    for (auto& snapshot : snapshots) {
      std::ranges::sort(snapshot.observations, {}, &Observation::event);
      drop_answered(snapshot);
    }
    drop_reset(snapshots, devices);
  }

 private:
  /// A device that enrolled anew while we read has an empty queue and records of before: its next pass knows.
  void drop_reset(std::vector<DeviceSnapshot>& snapshots, const std::vector<std::int64_t>& devices) {
    std::unordered_map<std::int64_t, std::int64_t> marks;
    for (const auto row : connection_.exec(kResets, devices)) marks[row.int64(0)] = row.int64(1);
    std::erase_if(snapshots, [&](const DeviceSnapshot& snapshot) {
      return marks[snapshot.row.device] != snapshot.row.reset_mark;
    });
  }

  void load_items(const std::vector<std::int64_t>& devices) {
    std::map<std::int32_t, std::shared_ptr<const ItemFacts>> facts;  // by version
    const auto rows = connection_.exec(kItems, devices);
    std::vector<std::int32_t> versions;
    for (const auto row : rows) facts.try_emplace(row.get<std::int32_t>(2));
    for (const auto& [version, unused] : facts) versions.push_back(version);
    if (!versions.empty()) {
      for (const auto row : connection_.exec(kFacts, versions))
        facts[row.get<std::int32_t>(3)] = std::make_shared<const ItemFacts>(read_facts(row, 0));
    }
    for (const auto row : rows) {
      by_device_[row.int64(0)]->items.push_back({read_item(row), facts[row.get<std::int32_t>(2)]});
    }
  }

  pg::Connection& connection_;
  Declarations declarations_;
  std::unordered_map<std::int64_t, DeviceSnapshot*> by_device_;
};

/// True where a pass over the same inputs as last time would come to the same result.
bool is_unchanged(const DeviceSnapshot& snapshot, Time now) {
  const auto& row = snapshot.row;
  return row.marks == row.handled && row.due_at > now &&
         (row.desired_hash == snapshot.desired_hash || !row.enabled);
}

}  // namespace

Batch load(pg::Connection& connection, std::span<const std::int64_t> devices, Time now) {
  Batch batch;
  Loader loader(connection, devices);
  batch.generation = loader.generation();
  for (const auto row : connection.exec(kRows, devices)) {
    auto snapshot = loader.begin(row);
    if (is_unchanged(snapshot, now)) {
      if (snapshot.row.seen_generation < batch.generation) batch.unchanged.push_back(snapshot.row.device);
    } else {
      batch.snapshots.push_back(std::move(snapshot));
    }
  }
  if (!batch.snapshots.empty()) loader.complete(batch.snapshots, kTakeObservations);
  return batch;
}

std::optional<DeviceSnapshot> peek(pg::Connection& connection, std::int64_t device) {
  const std::vector<std::int64_t> devices{device};
  Loader loader(connection, devices);
  const auto rows = connection.exec(kRows, devices);
  if (rows.empty()) return std::nullopt;
  std::vector<DeviceSnapshot> snapshots{loader.begin(rows[0])};
  loader.complete(snapshots, kPeekObservations);
  if (snapshots.empty()) return std::nullopt;
  return std::move(snapshots.front());
}

}  // namespace mooring::reconciler

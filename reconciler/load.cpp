// SPDX-License-Identifier: Apache-2.0
#include "reconciler/load.hpp"

#include <algorithm>
#include <set>
#include <unordered_map>

#include "reconciler/detail/rows.hpp"
#include "reconciler/load_channels.hpp"
#include "reconciler/renderings.hpp"
#include "reconciler/scope_resolver.hpp"

namespace mooring::reconciler {
namespace {

constexpr pg::Statement kRows{"load_rows", "select " MOORING_ROW_COLUMNS R"(
from reconcile r left join enrollments e on e.device_id = r.device_id and e.kind in (0, 3)
where r.device_id = any($1) order by r.device_id)"};
constexpr pg::Statement kItems{"load_items", "select " MOORING_ITEM_COLUMNS R"(
from device_items s where s.device_id = any($1) order by s.device_id, s.item_id)"};
constexpr pg::Statement kLists{"load_lists",
                               "select device_id, content from device_profiles where device_id = any($1)"};

// What somebody left for the pass: taken out of their inboxes by a pass, only looked at for people.
struct Inboxes {
  pg::Statement observations;
  pg::Statement requests;
};
constexpr Inboxes kTake{
    .observations =
        {"load_take_observations",
         "delete from observations where device_id = any($1) returning " MOORING_OBSERVATION_COLUMNS},
    .requests = {
        "load_take_requests",
        "delete from item_requests where device_id = any($1) returning device_id, item_id, kind, actor"}};
constexpr Inboxes kPeek{
    .observations = {"load_peek_observations",
                     "select " MOORING_OBSERVATION_COLUMNS " from observations where device_id = any($1)"},
    .requests = {"load_peek_requests",
                 "select device_id, item_id, kind, actor from item_requests where device_id = any($1)"}};

// From the devices to their commands, whatever the statistics say of a queue that has just grown from empty:
// the other way round each pass would read the whole queue.
constexpr pg::Statement kOpen{"load_open", R"(
select d.id, c.uuid, c.item_id, c.version_id, c.payload_id, c.status, p.request_type, e.id, c.created_at, c.fetched_at
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

/// An answered command is no longer open, whatever was read a moment before.
void drop_answered(DeviceSnapshot& snapshot) {
  std::erase_if(snapshot.open, [&](const OpenCommand& open) {
    return std::ranges::any_of(snapshot.observations, [&](const Observation& report) {
      return report.command_uuid == open.uuid && report.status != core::CommandStatus::not_now;
    });
  });
}

bool is_to_stay(const DeviceSnapshot& snapshot, std::int32_t item, bool for_users) {
  const auto& desired = *snapshot.desired;  // sorted by item
  const auto found =
      std::ranges::lower_bound(desired, item, {}, [](const Desired& d) { return d.facts.item; });
  return found != desired.end() && found->facts.item == item && found->facts.for_users == for_users &&
         found->intent == director::Intent::present;
}

class Loader {
 public:
  Loader(pg::Connection& connection, Declarations& declarations, std::span<const std::int64_t> devices,
         Time now)
      : connection_(connection),
        declared_(declarations.at(connection)),
        restraints_(declarations.restraints(connection, now)),
        restraints_hash_(hash_of(*restraints_)),
        own_(load_own(connection, devices, *declared_)),
        scopes_(*declared_) {}

  const DeclarationSet& declared() const { return *declared_; }
  bool facts_decide() const { return scopes_.facts_decide() || rendered_; }

  /// One for each device, with what it should hold. `store`: memberships that changed are written.
  std::vector<DeviceSnapshot> begin(std::span<const std::int64_t> devices, Time now, bool store) {
    std::vector<DeviceSnapshot> snapshots;
    for (const auto row : connection_.exec(kRows, devices)) {
      DeviceSnapshot snapshot;
      snapshot.row = detail::read_row(row);
      snapshot.own.enabled = snapshot.row.enabled;
      snapshot.own.list = detail::read_own_list(row);
      snapshots.push_back(std::move(snapshot));
    }
    const auto changes = scopes_.prepare(connection_, snapshots, own_);
    if (store) store_memberships(connection_, changes, now);
    for (auto& snapshot : snapshots) {
      scopes_.decide(snapshot, own_);
      snapshot.desired_hash += restraints_hash_;
      snapshot.restraints = restraints_;
    }
    return snapshots;
  }

  void complete(std::vector<DeviceSnapshot>& snapshots, const Inboxes& inboxes) {
    std::vector<std::int64_t> devices;
    for (auto& snapshot : snapshots) {
      devices.push_back(snapshot.row.device);
      by_device_[snapshot.row.device] = &snapshot;
    }
    rendered_ = render_desired(connection_, *declared_, snapshots);
    load_items(devices);
    if (somebody_keeps_items(snapshots)) load_users(connection_, devices, by_device_);
    load_what_may_go();
    for (const auto row : connection_.exec(kLists, devices)) {
      by_device_[row.int64(0)]->own.evidence.profiles =
          director::ObservedProfiles::decode(row.get<pg::Bytes>(1).view);
    }
    // Open commands first, reports second: a command that is answered between the two statements is then in
    // both, and dropped below. The other way round it would be in neither, and sent again.
    load_open(devices);
    for (const auto row : connection_.exec(kPeopleWait, devices)) {
      by_device_[row.int64(0)]->people.push_back({.enrollment = row.int64(1), .newest = row.get<Time>(2)});
    }
    load_inboxes(devices, inboxes);
    for (auto& snapshot : snapshots) {
      std::ranges::sort(snapshot.observations, {}, &Observation::event);
      drop_answered(snapshot);
    }
    drop_reset(snapshots, devices);
  }

 private:
  void load_open(const std::vector<std::int64_t>& devices) {
    for (const auto row : connection_.exec(kOpen, devices)) {
      auto& snapshot = *by_device_[row.int64(0)];
      snapshot.open.push_back({.uuid = std::string(row.get<pg::Bytes>(1).view),
                               .channel = detail::channel_of(row.int64(7), snapshot.row.enrollment),
                               .item = row.get<std::int32_t>(2),
                               .version = row.get<std::optional<std::int32_t>>(3),
                               .payload = row.get<std::int32_t>(4),
                               .status = static_cast<core::CommandStatus>(row.get<std::int16_t>(5)),
                               .request_type = row.text(6),
                               .created_at = row.get<Time>(8),
                               .fetched_at = row.get<std::optional<Time>>(9)});
    }
  }

  void load_inboxes(const std::vector<std::int64_t>& devices, const Inboxes& inboxes) {
    for (const auto row : connection_.exec(inboxes.observations, devices)) {
      auto& snapshot = *by_device_[row.int64(0)];
      snapshot.observations.push_back(detail::read_observation(row, snapshot.row.enrollment));
    }
    for (const auto row : connection_.exec(inboxes.requests, devices)) {
      by_device_[row.int64(0)]->requests.push_back(
          {.item = row.get<std::int32_t>(1),
           .kind = static_cast<director::RequestKind>(row.get<std::int16_t>(2)),
           .actor = row.text(3)});
    }
  }

  /// A device that enrolled anew while we read has an empty queue and records of before: its next pass knows.
  void drop_reset(std::vector<DeviceSnapshot>& snapshots, const std::vector<std::int64_t>& devices) {
    std::unordered_map<std::int64_t, std::int64_t> marks;
    for (const auto row : connection_.exec(kResets, devices)) marks[row.int64(0)] = row.int64(1);
    std::erase_if(snapshots, [&](const DeviceSnapshot& snapshot) {
      return marks[snapshot.row.device] != snapshot.row.reset_mark;
    });
  }

  void load_items(const std::vector<std::int64_t>& devices) {
    const auto rows = connection_.exec(kItems, devices);
    std::set<std::int32_t> versions;
    for (const auto row : rows) versions.insert(row.get<std::int32_t>(2));
    const auto facts = load_facts(connection_, std::vector(versions.begin(), versions.end()));
    for (const auto row : rows) {
      auto record = detail::read_item(row);
      auto& of_item = facts.at(record.version);
      channel_of(*by_device_[row.int64(0)], record.channel).items.push_back({std::move(record), of_item});
    }
  }

  /// Something is declared for users, or was.
  bool somebody_keeps_items(const std::vector<DeviceSnapshot>& snapshots) const {
    if (declared_->for_users) return true;
    return std::ranges::any_of(snapshots, [&](const DeviceSnapshot& snapshot) {
      return !snapshot.users.empty() ||
             (own_.contains(snapshot.row.device) &&
              std::ranges::any_of(*snapshot.desired, [](const Desired& d) { return d.facts.for_users; }));
    });
  }

  /// Removal needs proof that what the device holds is Mooring's.
  void load_what_may_go() {
    std::vector<KnownItem*> known;
    std::set<std::int32_t> items;
    const auto take = [&](const DeviceSnapshot& snapshot, ChannelSnapshot& channel) {
      for (auto& item : channel.items) {
        const bool for_users = channel.channel != kOwnChannel;
        if (!item.record.installed || is_to_stay(snapshot, item.record.item, for_users)) continue;
        known.push_back(&item);
        items.insert(item.record.item);
      }
    };
    for (const auto& [device, snapshot] : by_device_) {
      take(*snapshot, snapshot->own);
      for (auto& user : snapshot->users) take(*snapshot, user);
    }
    const auto identities = load_identities(connection_, std::vector(items.begin(), items.end()));
    for (auto* item : known) item->identities = identities.at(item->record.item);
  }

  pg::Connection& connection_;
  std::shared_ptr<const DeclarationSet> declared_;
  std::shared_ptr<const Restraints> restraints_;
  std::string restraints_hash_;
  OwnCandidates own_;
  ScopeResolver scopes_;
  bool rendered_ = false;  ///< What some device should hold follows from what it tells.
  std::unordered_map<std::int64_t, DeviceSnapshot*> by_device_;
};

/// True where a pass over the same inputs as last time would come to the same result.
bool is_unchanged(const DeviceSnapshot& snapshot, Time now) {
  const auto& row = snapshot.row;
  return row.marks == row.handled && row.due_at > now &&
         (row.desired_hash == snapshot.desired_hash || !row.enabled);
}

}  // namespace

Batch load(pg::Connection& connection, Declarations& declarations, std::span<const std::int64_t> devices,
           Time now) {
  Batch batch;
  Loader loader(connection, declarations, devices, now);
  batch.generation = loader.declared().generation;
  batch.groups = loader.declared().groups.revision;
  auto begun = loader.begin(devices, now, true);
  for (auto& snapshot : begun) {
    if (is_unchanged(snapshot, now)) {
      if (snapshot.row.seen_generation < batch.generation) batch.unchanged.push_back(snapshot.row.device);
    } else {
      batch.snapshots.push_back(std::move(snapshot));
    }
  }
  if (!batch.snapshots.empty()) loader.complete(batch.snapshots, kTake);
  batch.facts_decide = loader.facts_decide();
  return batch;
}

Batch peek(pg::Connection& connection, Declarations& declarations, std::span<const std::int64_t> devices,
           Time now) {
  Batch batch;
  Loader loader(connection, declarations, devices, now);
  batch.generation = loader.declared().generation;
  batch.groups = loader.declared().groups.revision;
  batch.snapshots = loader.begin(devices, now, false);
  if (!batch.snapshots.empty()) loader.complete(batch.snapshots, kPeek);
  batch.facts_decide = loader.facts_decide();
  return batch;
}

std::vector<DeviceSnapshot> peek_desired(pg::Connection& connection, Declarations& declarations,
                                         std::span<const std::int64_t> devices, Time now) {
  return Loader(connection, declarations, devices, now).begin(devices, now, false);
}

std::optional<DeviceSnapshot> peek(pg::Connection& connection, std::int64_t device, Time now) {
  const std::vector<std::int64_t> devices{device};
  Declarations declarations;
  auto batch = peek(connection, declarations, devices, now);
  if (batch.snapshots.empty()) return std::nullopt;
  return std::move(batch.snapshots.front());
}

}  // namespace mooring::reconciler

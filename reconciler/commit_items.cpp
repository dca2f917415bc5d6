// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "reconciler/detail/commit_parts.hpp"

namespace mooring::reconciler::detail {
namespace {

constexpr pg::Statement kPutItems{"commit_put_items", R"(
insert into device_items as s
  (device_id, item_id, version_id, installed_version, state, intent, attempts, repairs, repush, installed, forced,
   acknowledged_event, drift_since, next_try_at, verified_at, repairs_since, reason_code, detail, channel_id,
   rendering, installed_identity, signer)
select * from unnest($1::int8[], $2::int4[], $3::int4[], $4::int4[], $5::int2[], $6::int2[], $7::int2[], $8::int2[],
                     $9::int4[], $10::bool[], $11::bool[], $12::int8[], $13::timestamptz[], $14::timestamptz[],
                     $15::timestamptz[], $16::timestamptz[], $17::int2[], $18::text[], $19::int8[], $20::int8[],
                     $21::uuid[], $22::int8[])
on conflict (device_id, item_id, channel_id) do update set
  version_id = excluded.version_id, installed_version = excluded.installed_version, state = excluded.state,
  intent = excluded.intent, attempts = excluded.attempts, repairs = excluded.repairs, repush = excluded.repush,
  installed = excluded.installed, forced = excluded.forced, acknowledged_event = excluded.acknowledged_event,
  drift_since = excluded.drift_since, next_try_at = excluded.next_try_at, verified_at = excluded.verified_at,
  repairs_since = excluded.repairs_since, reason_code = excluded.reason_code, detail = excluded.detail,
  rendering = excluded.rendering, installed_identity = excluded.installed_identity, signer = excluded.signer)"};
constexpr pg::Statement kDropItems{"commit_drop_items", R"(
delete from device_items s using unnest($1::int8[], $2::int4[], $3::int8[]) as t(device_id, item_id, channel_id)
where s.device_id = t.device_id and s.item_id = t.item_id and s.channel_id = t.channel_id)"};

bool is_same_item(const ItemRecord& a, const ItemRecord& b) {
  return a.item == b.item && a.channel == b.channel;
}

/// Both lists have one order, so that the place in one is nearly always the place in the other.
const ItemRecord* find(const std::vector<ItemRecord>& records, const ItemRecord& wanted, std::size_t near) {
  if (near < records.size() && is_same_item(records[near], wanted)) return &records[near];
  for (const auto& record : records) {
    if (is_same_item(record, wanted)) return &record;
  }
  return nullptr;
}

/// What commands and their answers do not say. A new version that is on its way leaves its traces there.
bool is_worth_telling(const ItemRecord* before, const ItemRecord& after) {
  const bool same_state = before != nullptr && before->state == after.state;
  switch (after.state) {
    case ItemState::pending:
    case ItemState::commanded:
    case ItemState::acknowledged:
      return before != nullptr && before->state == ItemState::verified && before->version == after.version &&
             before->intent == after.intent && before->rendering == after.rendering && !after.forced;
    case ItemState::verified:
      return !same_state || before->version != after.version || before->intent != after.intent;
    case ItemState::backing_off:
    case ItemState::failed:
    case ItemState::quarantined:
    case ItemState::waiting:
      return !same_state || before->reason != after.reason;
  }
  return false;
}

bool has_users(const std::vector<ItemRecord>& records) {
  return std::ranges::any_of(records, [](const ItemRecord& r) { return r.channel != kOwnChannel; });
}

/// Larger is farther from what is declared.
int distance_of(const ItemRecord& record) {
  if (record.state == ItemState::verified) return record.intent == RecordIntent::ended ? 1 : 0;
  const bool given_up = record.state == ItemState::failed || record.state == ItemState::quarantined;
  return given_up ? 3 : 2;
}

/// A device counts once for an item, however many of its users have it: by the record that is farthest from
/// what is declared, and by the oldest drift.
void count_by_item(const std::vector<ItemRecord>& records, int sign, Movement& movement) {
  std::map<std::int32_t, ItemRecord> farthest;
  for (const auto& record : records) {
    const auto [entry, is_first] = farthest.try_emplace(record.item, record);
    if (is_first) continue;
    auto& kept = entry->second;
    auto drift = std::min(kept.drift_since.value_or(Time::max()), record.drift_since.value_or(Time::max()));
    if (distance_of(record) > distance_of(kept)) kept = record;
    kept.drift_since = drift == Time::max() ? std::nullopt : std::optional(drift);
  }
  for (const auto& [item, record] : farthest) movement.add(record, sign);
}

void drop_items(pg::Connection& connection, const ItemChanges& changes) {
  std::vector<std::int64_t> devices, channels;
  std::vector<std::int32_t> items;
  for (const auto& [device, record] : changes.drop) {
    devices.push_back(device);
    items.push_back(record->item);
    channels.push_back(record->channel);
  }
  if (!devices.empty()) connection.exec(kDropItems, devices, items, channels);
}

/// Columns of a batch, one vector each.
struct ItemColumns {
  std::vector<std::int64_t> devices, channels;
  std::vector<std::int32_t> items, versions, repushes;
  std::vector<std::optional<std::int32_t>> installed_versions;
  std::vector<std::int16_t> states, intents, attempts, repairs, reasons;
  std::vector<bool> installed, forced;
  std::vector<std::optional<std::int64_t>> events, renderings, signers;
  std::vector<std::optional<Time>> drifts, tries, verifieds, windows;
  std::vector<std::optional<std::string_view>> details;
  std::vector<std::optional<crypto::Uuid>> identities;

  void add(std::int64_t device, const ItemRecord& record) {
    devices.push_back(device);
    channels.push_back(record.channel);
    items.push_back(record.item);
    versions.push_back(record.version);
    installed_versions.push_back(record.installed_version);
    states.push_back(static_cast<std::int16_t>(record.state));
    intents.push_back(static_cast<std::int16_t>(record.intent));
    attempts.push_back(record.attempts);
    repairs.push_back(record.repairs);
    repushes.push_back(record.repush);
    installed.push_back(record.installed);
    forced.push_back(record.forced);
    events.push_back(record.acknowledged_event);
    drifts.push_back(record.drift_since);
    tries.push_back(record.next_try_at);
    verifieds.push_back(record.verified_at);
    windows.push_back(record.repairs_since);
    reasons.push_back(static_cast<std::int16_t>(record.reason));
    details.push_back(record.detail.empty() ? std::nullopt : std::optional<std::string_view>(record.detail));
    renderings.push_back(record.rendering);
    identities.push_back(record.installed_identity);
    signers.push_back(record.signer);
  }
};

}  // namespace

void ItemChanges::collect(const Plan& plan) {
  const bool by_item = has_users(plan.before) || has_users(plan.after);
  if (by_item) {
    count_by_item(plan.before, -1, movement);
    count_by_item(plan.after, +1, movement);
  }
  for (std::size_t i = 0; i < plan.after.size(); ++i) {
    const auto& record = plan.after[i];
    const auto* old = find(plan.before, record, i);
    if (old != nullptr && *old == record) continue;
    if (old != nullptr && !by_item) movement.add(*old, -1);
    if (!by_item) movement.add(record, +1);
    put.emplace_back(plan.row.device, &record);
    if (is_worth_telling(old, record))
      past.push_back({.device = plan.row.device, .before = old, .after = &record});
  }
  for (std::size_t i = 0; i < plan.before.size(); ++i) {
    const auto& old = plan.before[i];
    if (find(plan.after, old, i) != nullptr) continue;
    if (!by_item) movement.add(old, -1);
    drop.emplace_back(plan.row.device, &old);
    const bool was_carried_on = old.intent == RecordIntent::ended || old.channel == kOwnChannel;
    if (!plan.forget_list && old.installed && was_carried_on)
      past.push_back({.device = plan.row.device, .kind = director::HistoryKind::removed, .before = &old});
  }
  if (plan.forget_list && !plan.before.empty())
    past.push_back({.device = plan.row.device, .kind = director::HistoryKind::forgotten});
}

void put_items(pg::Connection& connection, const ItemChanges& changes) {
  drop_items(connection, changes);
  if (changes.put.empty()) return;
  ItemColumns c;
  for (const auto& [device, record] : changes.put) c.add(device, *record);
  connection.exec(kPutItems, c.devices, c.items, c.versions, c.installed_versions, c.states, c.intents,
                  c.attempts, c.repairs, c.repushes, c.installed, c.forced, c.events, c.drifts, c.tries,
                  c.verifieds, c.windows, c.reasons, c.details, c.channels, c.renderings, c.identities,
                  c.signers);
}

}  // namespace mooring::reconciler::detail

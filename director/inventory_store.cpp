// SPDX-License-Identifier: Apache-2.0
#include "director/inventory_store.hpp"

#include <map>
#include <nlohmann/json.hpp>

#include "base/crypto/crypto.hpp"

namespace mooring::director {
namespace {

constexpr pg::Statement kInventoryOldFacts{
    "inventory_old_facts", "select id, 1::int2, facts from devices where id = any($1) and facts is not null"};
constexpr pg::Statement kInventoryOld{
    "inventory_old",
    "select device_id, source, content from device_inventory where device_id = any($1) and source <> 3"};
constexpr pg::Statement kInventoryPutFacts{"inventory_put_facts", R"(
update devices d set
  facts = t.facts, facts_at = $3,
  device_name = coalesce(t.facts->>'DeviceName', d.device_name),
  os_version = coalesce(t.facts->>'OSVersion', d.os_version),
  build_version = coalesce(t.facts->>'BuildVersion', d.build_version),
  model = coalesce(t.facts->>'Model', d.model), model_name = coalesce(t.facts->>'ModelName', d.model_name),
  product_name = coalesce(t.facts->>'ProductName', d.product_name),
  serial_number = coalesce(t.facts->>'SerialNumber', d.serial_number)
from unnest($1::int8[], $2::jsonb[]) as t(id, facts) where d.id = t.id)"};
constexpr pg::Statement kInventoryPut{"inventory_put", R"(
insert into device_inventory as i (device_id, source, hash, content, changed_at)
select *, $5 from unnest($1::int8[], $2::int2[], $3::bytea[], $4::jsonb[])
on conflict (device_id, source) do update set
  hash = excluded.hash, content = excluded.content, changed_at = excluded.changed_at
where i.hash <> excluded.hash)"};
constexpr pg::Statement kInventoryPutChanges{"inventory_put_changes", R"(
insert into fact_changes (device_id, at, fact, was, now)
select device_id, $5, fact, was, now from unnest($1::int8[], $2::text[], $3::jsonb[], $4::jsonb[])
  with ordinality as t(device_id, fact, was, now, place) order by place)"};

constexpr pg::Statement kInventoryOfInformation{"inventory_of_information",
                                                "select facts from devices where id = $1"};
constexpr pg::Statement kInventoryOf{
    "inventory_of", "select content from device_inventory where device_id = $1 and source = $2"};
constexpr pg::Statement kInventoryChanges{"inventory_changes", R"(
select id, at, fact, was, now from fact_changes
where device_id = $1 and ($2::text is null or fact = $2) and ($3 = 0 or id < $3) order by id desc limit $4)"};
constexpr pg::Statement kInventoryMerged{"inventory_merged", R"(
select jsonb_strip_nulls(coalesce((select content from device_inventory where device_id = $1 and source = 4),
                                  '{}') || $2))"};
// Groups may ask for what was told.
constexpr pg::Statement kInventoryMark{"inventory_mark", R"(
update reconcile set marks = marks + 1, groups_seen = 0, due_at = least(due_at, $2) where device_id = $1)"};

using OldAnswers = std::map<std::pair<std::int64_t, FactSource>, Facts>;

/// All that is known of what is answered anew. What was never answered has no entry.
OldAnswers load_old(pg::Connection& connection, std::span<const InventoryAnswer> answers) {
  std::vector<std::int64_t> informed, others;
  for (const auto& answer : answers) {
    if (answer.source == FactSource::information) informed.push_back(answer.device);
    if (answer.source == FactSource::security || answer.source == FactSource::outside)
      others.push_back(answer.device);
  }
  OldAnswers old;
  const auto read = [&](const pg::Statement& statement, const std::vector<std::int64_t>& devices) {
    if (devices.empty()) return;
    for (const auto row : connection.exec(statement, devices)) {
      const auto source = static_cast<FactSource>(row.get<std::int16_t>(1));
      auto& facts = old[{row.int64(0), source}];
      facts.add(source, row.get<pg::Json>(2).view);
      if (source == FactSource::information) facts.add(FactSource::checkin, row.get<pg::Json>(2).view);
    }
  };
  read(kInventoryOldFacts, informed);
  read(kInventoryOld, others);
  return old;
}

std::optional<std::string> json_text(const FactValue* value) {
  if (value == nullptr) return std::nullopt;
  return std::visit([](const auto& v) { return nlohmann::json(v).dump(); }, *value);
}

/// Columns of fact_changes.
struct ChangeColumns {
  std::vector<std::int64_t> devices;
  std::vector<std::string_view> facts;
  std::vector<std::optional<std::string>> was, now;

  void add(const InventoryAnswer& answer, const Facts& old) {
    Facts fresh;
    fresh.add(answer.source, answer.json);
    if (answer.source == FactSource::information) fresh.add(FactSource::checkin, answer.json);
    for (const auto& name : fact_names()) {
      if (name.is_volatile) continue;
      const auto* before = old.find(name.name);
      const auto* after = fresh.find(name.name);
      if (before == nullptr && after == nullptr) continue;
      if (before != nullptr && after != nullptr && *before == *after) continue;
      devices.push_back(answer.device);
      facts.push_back(name.name);
      was.push_back(json_text(before));
      now.push_back(json_text(after));
    }
  }

  void store(pg::Connection& connection, Time at) const {
    if (devices.empty()) return;
    connection.exec(kInventoryPutChanges, devices, facts, as_json(was), as_json(now), at);
  }

  static std::vector<std::optional<pg::Json>> as_json(const std::vector<std::optional<std::string>>& texts) {
    std::vector<std::optional<pg::Json>> values;
    for (const auto& text : texts) values.push_back(text ? std::optional(pg::Json{*text}) : std::nullopt);
    return values;
  }
};

void put_answers(pg::Connection& connection, std::span<const InventoryAnswer> answers, Time now) {
  std::vector<std::int64_t> informed, devices;
  std::vector<std::int16_t> sources;
  std::vector<pg::Json> facts, contents;
  std::vector<pg::Bytes> hashes;
  std::vector<crypto::Sha256> digests;
  digests.reserve(answers.size());
  for (const auto& answer : answers) {
    if (answer.source == FactSource::information) {
      informed.push_back(answer.device);
      facts.push_back({answer.json});
      continue;
    }
    digests.push_back(crypto::sha256(answer.json));
    devices.push_back(answer.device);
    sources.push_back(static_cast<std::int16_t>(answer.source));
    hashes.push_back({crypto::bytes_of(digests.back())});
    contents.push_back({answer.json});
  }
  if (!informed.empty()) connection.exec(kInventoryPutFacts, informed, facts, now);
  if (!devices.empty()) connection.exec(kInventoryPut, devices, sources, hashes, contents, now);
}

}  // namespace

void store_inventory(pg::Connection& connection, std::span<const InventoryAnswer> answers, Time now) {
  if (answers.empty()) return;
  const auto old = load_old(connection, answers);
  ChangeColumns changes;
  for (const auto& answer : answers) {
    const auto before = old.find({answer.device, answer.source});
    if (before != old.end()) changes.add(answer, before->second);
  }
  put_answers(connection, answers, now);
  changes.store(connection, now);
}

std::optional<std::string> inventory_of(pg::Connection& connection, std::int64_t device, FactSource source) {
  const auto number = static_cast<std::int16_t>(source);
  const auto rows = source == FactSource::information ? connection.exec(kInventoryOfInformation, device)
                                                      : connection.exec(kInventoryOf, device, number);
  if (rows.empty() || rows[0].is_null(0)) return std::nullopt;
  return std::string(rows[0].get<pg::Json>(0).view);
}

std::vector<FactChange> fact_changes(pg::Connection& connection, std::int64_t device,
                                     std::optional<std::string_view> fact, std::int64_t before, int limit) {
  const auto text_in = [](const pg::Row& row, int column) {
    return row.is_null(column) ? std::nullopt : std::optional<std::string>(row.get<pg::Json>(column).view);
  };
  std::vector<FactChange> changes;
  for (const auto row : connection.exec(kInventoryChanges, device, fact, before, std::int64_t{limit})) {
    changes.push_back({.id = row.int64(0),
                       .at = row.get<Time>(1),
                       .fact = row.text(2),
                       .was = text_in(row, 3),
                       .now = text_in(row, 4)});
  }
  return changes;
}

void put_outside_facts(pg::Connection& connection, std::int64_t device, std::string_view json, Time now) {
  const auto merged = connection.exec(kInventoryMerged, device, pg::Json{json});
  const auto content = std::string(merged[0].get<pg::Json>(0).view);
  const InventoryAnswer answer{.device = device, .source = FactSource::outside, .json = content};
  store_inventory(connection, std::span(&answer, 1), now);
  connection.exec(kInventoryMark, device, now);
}

}  // namespace mooring::director

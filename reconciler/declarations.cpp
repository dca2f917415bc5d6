// SPDX-License-Identifier: Apache-2.0
#include "reconciler/declarations.hpp"

namespace mooring::reconciler {
namespace {

// A pass looks up by key only, from the devices outwards. Plans made while a table was empty would read all
// of it once it has grown; and rows are locked in the order of the keys, which is the same in every process.
constexpr pg::Statement kGeneration{"load_generation", R"(
select generation, set_config('enable_seqscan', 'off', true), set_config('enable_hashjoin', 'off', true),
       set_config('enable_mergejoin', 'off', true), set_config('enable_bitmapscan', 'off', true)
from declaration_state where one)"};

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
constexpr pg::Statement kFacts{"load_facts", "select " MOORING_FACT_COLUMNS R"(
from versions v join items i on i.id = v.item_id where v.id = any($1))"};

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

}  // namespace

std::shared_ptr<const DeclarationSet> Declarations::at(pg::Connection& connection) {
  const auto generation = connection.exec(kGeneration)[0].int64(0);
  if (set_ && set_->generation == generation) return set_;
  auto set = std::make_shared<DeclarationSet>();
  set->generation = generation;
  for (const auto row : connection.exec(kShared)) set->shared.push_back(read_desired(row));
  set->shared_resolved = std::make_shared<const std::vector<Desired>>(resolve(set->shared, {}));
  set->shared_hash = hash_of(*set->shared_resolved);
  set_ = std::move(set);
  return set_;
}

std::unordered_map<std::int64_t, std::vector<Desired>> load_own(pg::Connection& connection,
                                                                std::span<const std::int64_t> devices) {
  std::unordered_map<std::int64_t, std::vector<Desired>> own;
  for (const auto row : connection.exec(kOwn, devices)) own[row.int64(0)].push_back(read_desired(row));
  return own;
}

std::unordered_map<std::int32_t, std::shared_ptr<const ItemFacts>> load_facts(
    pg::Connection& connection, std::span<const std::int32_t> versions) {
  std::unordered_map<std::int32_t, std::shared_ptr<const ItemFacts>> facts;
  if (versions.empty()) return facts;
  for (const auto row : connection.exec(kFacts, versions))
    facts[row.get<std::int32_t>(3)] = std::make_shared<const ItemFacts>(read_facts(row, 0));
  return facts;
}

}  // namespace mooring::reconciler

// SPDX-License-Identifier: Apache-2.0
#include "reconciler/declarations.hpp"

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>

#include "director/secrets.hpp"

namespace mooring::reconciler {
namespace {

// A pass looks up by key only, from the devices outwards. Plans made while a table was empty would read all
// of it once it has grown; and rows are locked in the order of the keys, which is the same in every process.
constexpr pg::Statement kGeneration{"load_generation", R"(
select generation, set_config('enable_seqscan', 'off', true), set_config('enable_hashjoin', 'off', true),
       set_config('enable_mergejoin', 'off', true), set_config('enable_bitmapscan', 'off', true)
from declaration_state where one)"};

constexpr auto kZonesHold = std::chrono::minutes(10);

// What an assignment means right now. Deleted items have no assignments.
#define MOORING_FACT_COLUMNS                                                              \
  "i.id, i.kind, i.slot, v.id, v.identity, v.install_payload, v.remove_payload, "         \
  "v.attributes->'payload_types' ?| "                                                     \
  "'{com.apple.security.scep,com.apple.security.acme,com.apple.ADCertificate.managed}', " \
  "to_jsonb(v.variables), coalesce(v.attributes->>'scope', '') = 'User' "
#define MOORING_DESIRED_COLUMNS                                                                      \
  MOORING_FACT_COLUMNS                                                                               \
  ", a.intent, a.scope, i.repush, greatest(v.declared_at, a.created_at), coalesce(g.id, 0), "        \
  "coalesce(g.priority, 0), a.percent, to_jsonb(a.include_any), to_jsonb(a.include_all), "           \
  "to_jsonb(a.exclude), to_jsonb(i.platforms), i.min_os, i.max_os, a.id "                            \
  "from assignments a join items i on i.id = a.item_id join versions v on v.id = i.current_version " \
  "left join groups g on a.scope = 1 and g.name = a.scope_ref "
constexpr pg::Statement kShared{"load_shared",
                                "select 0::int8, " MOORING_DESIRED_COLUMNS "where a.scope in (0, 1)"};
constexpr pg::Statement kOwn{"load_own", "select d.id, " MOORING_DESIRED_COLUMNS R"(
join devices d on a.scope_ref = d.udid or a.scope_ref = d.serial_number
where a.scope = 2 and d.id = any($1) order by a.created_at desc, a.id desc)"};
constexpr pg::Statement kFacts{"load_facts", "select " MOORING_FACT_COLUMNS R"(
from versions v join items i on i.id = v.item_id where v.id = any($1))"};
constexpr pg::Statement kIdentities{"load_identities",
                                    "select item_id, identity from versions where item_id = any($1)"};

std::vector<std::string> read_names(const pg::Row& row, int column) {
  const auto json = nlohmann::json::parse(row.get<pg::Json>(column).view, nullptr, false);
  std::vector<std::string> names;
  for (const auto& name : json) names.push_back(name.get<std::string>());
  return names;
}

/// Changes with the secrets that a profile names; 0 where it names none.
std::int64_t number_of_secrets(const std::vector<std::string>& variables,
                               const director::VariableValues& revisions) {
  std::string text;
  for (const auto& variable : variables) {
    if (!director::secret_of_variable(variable)) continue;
    const auto revision = revisions.find(variable);
    text += variable + "/" + (revision == revisions.end() ? std::string() : revision->second) + ";";
  }
  if (text.empty()) return 0;
  const auto digest = crypto::sha256(text);
  std::int64_t number = 0;
  std::memcpy(&number, digest.data(), sizeof number);
  return number;
}

/// From the ten columns that begin at `first`, as in MOORING_FACT_COLUMNS.
ItemFacts read_facts(const pg::Row& row, int first, const director::VariableValues& revisions) {
  ItemFacts facts{.item = row.get<std::int32_t>(first),
                  .kind = static_cast<director::ItemKind>(row.get<std::int16_t>(first + 1)),
                  .slot = row.text(first + 2),
                  .version = row.get<std::int32_t>(first + 3),
                  .identity = row.get<crypto::Uuid>(first + 4).text(),
                  .install_payload = row.get<std::int32_t>(first + 5),
                  .remove_payload = row.get<std::int32_t>(first + 6),
                  .asks_for_certificate = row.get<std::optional<bool>>(first + 7).value_or(false),
                  .for_users = row.get<bool>(first + 9),
                  .variables = read_names(row, first + 8)};
  facts.secrets = number_of_secrets(facts.variables, revisions);
  return facts;
}

/// Numbers of the groups that are named. One that is gone has no members.
std::vector<std::int32_t> read_groups(const pg::Row& row, int column, const GroupSet& set) {
  std::vector<std::int32_t> groups;
  for (const auto& name : read_names(row, column)) {
    const auto found = std::ranges::find(set.groups, name, &CompiledGroup::name);
    groups.push_back(found == set.groups.end() ? 0 : found->id);
  }
  return groups;
}

Candidate read_candidate(const pg::Row& row, const DeclarationSet& set) {
  return {.desired = {.facts = read_facts(row, 1, set.secrets),
                      .intent = static_cast<director::Intent>(row.get<std::int16_t>(11)),
                      .scope = static_cast<director::ScopeKind>(row.get<std::int16_t>(12)),
                      .repush = row.get<std::int32_t>(13),
                      .declared_at = row.get<Time>(14),
                      .group = row.get<std::int32_t>(15),
                      .priority = row.get<std::int32_t>(16)},
          .percent = row.get<std::int16_t>(17),
          .include_any = read_groups(row, 18, set.groups),
          .include_all = read_groups(row, 19, set.groups),
          .exclude = read_groups(row, 20, set.groups),
          .conditions = {.platforms = read_names(row, 21),
                         .min_os = row.get<std::optional<std::string>>(22),
                         .max_os = row.get<std::optional<std::string>>(23)},
          .assignment = row.get<std::int32_t>(24)};
}

}  // namespace

std::shared_ptr<const DeclarationSet> Declarations::at(pg::Connection& connection) {
  const auto generation = connection.exec(kGeneration)[0].int64(0);
  if (set_ && set_->generation == generation) return set_;
  auto set = std::make_shared<DeclarationSet>();
  set->generation = generation;
  set->groups = load_groups(connection);
  set->secrets = director::secret_revisions(connection);
  std::vector<Desired> plain;
  for (const auto row : connection.exec(kShared)) {
    set->shared.push_back(read_candidate(row, *set));
    set->conditional = set->conditional || set->shared.back().is_conditional();
    set->for_users = set->for_users || set->shared.back().desired.facts.for_users;
    plain.push_back(set->shared.back().desired);
  }
  set->shared_resolved = std::make_shared<const std::vector<Desired>>(resolve(plain, {}));
  set->shared_hash = hash_of(*set->shared_resolved);
  set_ = std::move(set);
  return set_;
}

std::shared_ptr<const Restraints> Declarations::restraints(pg::Connection& connection, Time now) {
  const bool same = restraints_ && restraints_generation_ == set_->generation;
  const bool recent = now - restraints_at_ < kZonesHold || (same && restraints_->windows.empty());
  if (same && recent) return restraints_;
  restraints_ = std::make_shared<const Restraints>(read_restraints(connection, now));
  restraints_generation_ = set_->generation;
  restraints_at_ = now;
  return restraints_;
}

std::unordered_map<std::int64_t, std::vector<Candidate>> load_own(pg::Connection& connection,
                                                                  std::span<const std::int64_t> devices,
                                                                  const DeclarationSet& set) {
  std::unordered_map<std::int64_t, std::vector<Candidate>> own;
  for (const auto row : connection.exec(kOwn, devices)) own[row.int64(0)].push_back(read_candidate(row, set));
  return own;
}

std::unordered_map<std::int32_t, std::shared_ptr<const ItemFacts>> load_facts(
    pg::Connection& connection, std::span<const std::int32_t> versions) {
  std::unordered_map<std::int32_t, std::shared_ptr<const ItemFacts>> facts;
  if (versions.empty()) return facts;
  for (const auto row : connection.exec(kFacts, versions))
    facts[row.get<std::int32_t>(3)] = std::make_shared<const ItemFacts>(read_facts(row, 0, {}));
  return facts;
}

std::unordered_map<std::int32_t, std::shared_ptr<const std::vector<std::string>>> load_identities(
    pg::Connection& connection, std::span<const std::int32_t> items) {
  std::unordered_map<std::int32_t, std::shared_ptr<const std::vector<std::string>>> identities;
  if (items.empty()) return identities;
  std::unordered_map<std::int32_t, std::vector<std::string>> found;
  for (const auto row : connection.exec(kIdentities, items))
    found[row.get<std::int32_t>(0)].push_back(row.get<crypto::Uuid>(1).text());
  for (auto& [item, all] : found)
    identities[item] = std::make_shared<const std::vector<std::string>>(std::move(all));
  return identities;
}

}  // namespace mooring::reconciler

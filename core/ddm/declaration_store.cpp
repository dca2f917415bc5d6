// SPDX-License-Identifier: Apache-2.0
#include "core/ddm/declaration_store.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/encoding.hpp"
#include "base/plist/plist.hpp"
#include "core/queue.hpp"

namespace mooring::core::ddm {
namespace {

constexpr pg::Statement kStoreDeclarations{"ddm_store_declarations", R"(
insert into declarations (hash, kind, type, identifier, document, created_at)
select *, $6 from unnest($1::bytea[], $2::int2[], $3::text[], $4::text[], $5::text[]) as i(hash) order by hash
on conflict (hash) do nothing)"};
// A statement of its own, so that it sees what others stored meanwhile.
constexpr pg::Statement kStoreSet{"ddm_store_set", R"(
insert into declaration_sets (hash, members, manifest, created_at)
select $1, coalesce(array_agg(d.id order by d.identifier), '{}'), $3, $4
from declarations d where d.hash = any($2)
on conflict (hash) do nothing)"};
constexpr pg::Statement kFindSet{"ddm_find_set", "select id from declaration_sets where hash = $1"};

// Who never held anything is not told that this is still so.
constexpr pg::Statement kSetDeclarations{"ddm_set_declarations", R"(
with changed as (
  insert into enrollment_declarations as n (enrollment_id, set_id, changed_at)
  select i.id, $2, $3 from unnest($1::int8[]) as i(id)
  where exists (select from declaration_sets s where s.id = $2 and s.members <> '{}')
     or exists (select from enrollment_declarations o where o.enrollment_id = i.id)
  order by i.id
  on conflict (enrollment_id) do update set set_id = excluded.set_id, changed_at = excluded.changed_at
    where n.set_id <> excluded.set_id
  returning enrollment_id
)
update enrollments e set declarations_waiting = true from changed c where e.id = c.enrollment_id returning e.id)"};

constexpr pg::Statement kTakeUnsynced{"ddm_take_unsynced", R"(
with taken as (
  update enrollments e set declarations_waiting = false
  where e.id = any($1) and e.declarations_waiting and e.enabled returning e.id
)
update enrollment_declarations n set synced_at = $2
from taken t, declaration_sets s where n.enrollment_id = t.id and s.id = n.set_id
returning n.enrollment_id, s.hash, n.changed_at)"};
constexpr pg::Statement kOpenSyncs{"ddm_open_syncs", R"(
select c.enrollment_id, c.uuid from commands c join payloads p on p.id = c.payload_id
where c.enrollment_id = any($1) and c.item_id is null and not p.relayed
  and p.request_type = 'DeclarativeManagement')"};

constexpr pg::Statement kHeld{"ddm_held", R"(
select s.hash, n.changed_at, n.synced_at
from enrollment_declarations n join declaration_sets s on s.id = n.set_id where n.enrollment_id = $1)"};
constexpr pg::Statement kHeldDocuments{"ddm_held_documents", R"(
select d.kind, d.type, d.identifier, d.hash, d.document
from enrollment_declarations n join declaration_sets s on s.id = n.set_id
join declarations d on d.id = any(s.members)
where n.enrollment_id = $1 order by d.identifier)"};
constexpr pg::Statement kStatusOf{"ddm_status_of", R"(
select reported_at, report, full_at, full_report, declarations_at, declarations
from declaration_status where enrollment_id = $1)"};

std::string bytes_of_hex(std::string_view hex) { return from_hex(hex).value_or(std::string()); }

std::string sync_command(std::string_view token, Time changed_at) {
  return plist::to_xml_fragment(plist::Dict{{"RequestType", "DeclarativeManagement"},
                                            {"Data", plist::Data{tokens_document(token, changed_at)}}});
}

std::optional<std::string> optional_bytes(const pg::Row& row, int column) {
  if (row.is_null(column)) return std::nullopt;
  return std::string(row.get<pg::Bytes>(column).view);
}

}  // namespace

Result<std::int32_t> store_declaration_set(pg::Connection& connection,
                                           std::span<const Declaration> declarations, Time now) {
  const auto manifest = make_manifest(declarations);
  if (!manifest) return std::unexpected(manifest.error());
  const std::string token = bytes_of_hex(manifest->token);
  if (const auto known = connection.exec(kFindSet, pg::Bytes{token}); !known.empty())
    return known[0].get<std::int32_t>(0);
  std::vector<std::string> hashes;
  for (const auto& declaration : declarations) hashes.push_back(bytes_of_hex(declaration.server_token));
  std::vector<pg::Bytes> hash_values;
  std::vector<std::int16_t> kinds;
  std::vector<std::string_view> types, identifiers, documents;
  for (std::size_t i = 0; i < declarations.size(); ++i) {
    hash_values.push_back({hashes[i]});
    kinds.push_back(static_cast<std::int16_t>(declarations[i].kind));
    types.emplace_back(declarations[i].type);
    identifiers.emplace_back(declarations[i].identifier);
    documents.emplace_back(declarations[i].document);
  }
  connection.exec(kStoreDeclarations, hash_values, kinds, types, identifiers, documents, now);
  connection.exec(kStoreSet, pg::Bytes{token}, hash_values, manifest->document, now);
  return connection.exec(kFindSet, pg::Bytes{token})[0].get<std::int32_t>(0);
}

std::vector<std::int64_t> set_declarations(pg::Connection& connection,
                                           std::span<const std::int64_t> enrollments, std::int32_t set,
                                           Time now) {
  std::vector<std::int64_t> changed;
  for (const auto row : connection.exec(kSetDeclarations, enrollments, set, now)) {
    changed.push_back(row.int64(0));
  }
  return queue_syncs(connection, changed, now);
}

std::vector<std::int64_t> queue_syncs(pg::Connection& connection, std::span<const std::int64_t> enrollments,
                                      Time now) {
  if (enrollments.empty()) return {};
  std::vector<std::int64_t> told;
  std::vector<NewCommand> commands;
  std::map<std::pair<std::string, Time>, std::int32_t>
      payloads;  // enrollments that change together share one
  for (const auto row : connection.exec(kTakeUnsynced, enrollments, now)) {
    const std::string token = to_hex(row.get<pg::Bytes>(1).view);
    const Time changed_at = row.get<Time>(2);
    const auto [payload, is_new] = payloads.try_emplace({token, changed_at}, 0);
    if (is_new) {
      payload->second = store_payload(connection,
                                      {.body = sync_command(token, changed_at),
                                       .request_type = "DeclarativeManagement",
                                       .relayed = false},
                                      now);
    }
    told.push_back(row.int64(0));
    const auto uuid = crypto::Uuid::derived(
        "declarations", fmt::format("{}:{}:{}", told.back(), token, now.time_since_epoch().count()));
    commands.push_back(
        {.enrollment = told.back(), .uuid = encode_command_uuid(uuid), .payload = payload->second});
  }
  if (told.empty()) return told;
  std::vector<OpenCommandRef> stale;
  for (const auto row : connection.exec(kOpenSyncs, told)) {
    stale.push_back({row.int64(0), std::string(row.get<pg::Bytes>(1).view)});
  }
  cancel(connection, stale, now);
  enqueue(connection, commands, now);
  std::ranges::sort(told);
  return told;
}

std::optional<HeldDeclarations> declarations_of(pg::Connection& connection, std::int64_t enrollment) {
  const auto rows = connection.exec(kHeld, enrollment);
  if (rows.empty()) return std::nullopt;
  HeldDeclarations held{.token = to_hex(rows[0].get<pg::Bytes>(0).view),
                        .changed_at = rows[0].get<Time>(1),
                        .synced_at = rows[0].get<std::optional<Time>>(2),
                        .declarations = {}};
  for (const auto row : connection.exec(kHeldDocuments, enrollment)) {
    held.declarations.push_back({.kind = static_cast<DeclarationKind>(row.get<std::int16_t>(0)),
                                 .type = row.text(1),
                                 .identifier = row.text(2),
                                 .server_token = to_hex(row.get<pg::Bytes>(3).view),
                                 .document = row.text(4)});
  }
  return held;
}

std::optional<DeclarationStatus> declaration_status_of(pg::Connection& connection, std::int64_t enrollment) {
  const auto rows = connection.exec(kStatusOf, enrollment);
  if (rows.empty()) return std::nullopt;
  const auto row = rows[0];
  return DeclarationStatus{.reported_at = row.get<Time>(0),
                           .report = optional_bytes(row, 1).value_or(std::string()),
                           .full_at = row.get<std::optional<Time>>(2),
                           .full_report = optional_bytes(row, 3),
                           .declarations_at = row.get<std::optional<Time>>(4),
                           .declarations = optional_bytes(row, 5)};
}

}  // namespace mooring::core::ddm

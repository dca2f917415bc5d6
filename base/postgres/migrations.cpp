// SPDX-License-Identifier: Apache-2.0
#include "base/postgres/migrations.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <vector>

#include "base/encoding.hpp"

namespace mooring::pg {
namespace {

constexpr const char* kCreateTable = R"(
create table if not exists schema_migrations (
  version integer primary key,
  name text not null,
  sha256 text not null,
  applied_at timestamptz not null default now()
))";
// Any number, as long as it is ours alone.
constexpr const char* kLock = "select pg_advisory_lock(7308895158844748)";
constexpr const char* kUnlock = "select pg_advisory_unlock(7308895158844748)";
constexpr Statement kApplied{"migrations_applied", "select version, name, sha256 from schema_migrations"};
constexpr Statement kRecord{"migrations_record",
                            "insert into schema_migrations (version, name, sha256) values ($1, $2, $3)"};

struct Migration {
  std::int32_t version = 0;
  std::string_view name;
  std::string_view sql;
  std::string sha256;
};

Result<std::vector<Migration>> read_files(std::span<const EmbeddedFile> files) {
  std::vector<Migration> migrations;
  for (const auto& file : files) {
    Migration migration{.name = file.name, .sql = file.content};
    const auto digits = file.name.find('_');
    const auto [end, error] = std::from_chars(file.name.data(), file.name.data() + digits, migration.version);
    if (digits == std::string_view::npos || error != std::errc{} || end != file.name.data() + digits) {
      return fail(Failure::internal, "migration.name",
                  fmt::format("{}: migrations are NNNN_name.sql", file.name));
    }
    migration.sha256 = to_hex(crypto::bytes_of(crypto::sha256(file.content)));
    migrations.push_back(std::move(migration));
  }
  std::ranges::sort(migrations, {}, &Migration::version);
  return migrations;
}

Result<> apply(Connection& connection, const Migration& migration, Logger& log) {
  try {
    connection.script("BEGIN; SET LOCAL statement_timeout = 0");
    connection.script(std::string(migration.sql));
    connection.exec(kRecord, migration.version, migration.name, migration.sha256);
    connection.script("COMMIT");
  } catch (const SqlError& error) {
    if (!connection.is_broken()) connection.script("ROLLBACK");
    return fail(Failure::internal, "migration.failed", fmt::format("{}: {}", migration.name, error.what()));
  }
  log.info("schema migrated", {{"migration", migration.name}});
  return {};
}

Result<> migrate_locked(Connection& connection, const std::vector<Migration>& migrations, Logger& log) {
  connection.script(kCreateTable);
  std::map<std::int32_t, std::string> applied;
  for (const auto row : connection.exec(kApplied)) {
    applied[row.get<std::int32_t>(0)] = row.text(2);
    const auto newest = migrations.empty() ? 0 : migrations.back().version;
    if (row.get<std::int32_t>(0) > newest) {
      return fail(
          Failure::conflict, "migration.newer",
          fmt::format("the database has migration {}, which this Mooring does not know: it was made by a "
                      "newer version. Start that version, or restore a backup made before the upgrade.",
                      row.text(1)));
    }
  }
  for (const auto& migration : migrations) {
    const auto found = applied.find(migration.version);
    if (found == applied.end()) {
      if (auto done = apply(connection, migration, log); !done) return done;
    } else if (found->second != migration.sha256) {
      return fail(
          Failure::conflict, "migration.changed",
          fmt::format("{} was applied with another content: this binary and the database do not belong "
                      "together. Use the release that made the database, or a newer one.",
                      migration.name));
    }
  }
  return {};
}

}  // namespace

Result<> migrate(Connection& connection, std::span<const EmbeddedFile> files, Logger& log,
                 const std::function<Result<>(Connection&)>& then) {
  auto migrations = read_files(files);
  if (!migrations) return std::unexpected(migrations.error());
  try {
    connection.script(kLock);
    auto result = migrate_locked(connection, *migrations, log);
    if (result && then) result = then(connection);
    connection.script(kUnlock);
    return result;
  } catch (const SqlError& error) {
    return std::unexpected(to_error(error));
  }
}

}  // namespace mooring::pg

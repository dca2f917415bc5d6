// SPDX-License-Identifier: Apache-2.0
#include "app/foundation.hpp"

#include <fmt/format.h>

#include <filesystem>

#include "api/auth.hpp"
#include "app/push_setup.hpp"
#include "app/scep.hpp"
#include "base/postgres/migrations.hpp"
#include "core/migrations.hpp"
#include "core/outbox/restore.hpp"

namespace mooring::app {
namespace {

namespace fs = std::filesystem;

/// Data directory, key and database.
Result<Foundation> open_data(const Options& options, Logger& log) {
  Foundation foundation;
  const fs::path data_dir = fs::absolute(options.text("data-dir"));
  auto user = pg::drop_root(data_dir);
  if (!user) return std::unexpected(user.error());
  if (!user->empty()) log.info("started by root: now running as another user", {{"user", *user}});
  std::error_code error;
  fs::create_directories(data_dir, error);
  if (error) {
    return fail(
        Failure::invalid, "data_dir.create",
        fmt::format("cannot create {}: {}. Choose another --data-dir.", data_dir.string(), error.message()));
  }
  auto lock = DataDirLock::take(data_dir);
  if (!lock) return std::unexpected(lock.error());
  foundation.lock.emplace(std::move(*lock));
  const auto& key_file = options.text("master-key-file");
  auto key = crypto::load_or_make_master_key(key_file.empty() ? data_dir / "master.key" : fs::path(key_file));
  if (!key) return std::unexpected(key.error());
  foundation.key = *key;
  if (!options.text("database-url").empty()) {
    foundation.conninfo = options.text("database-url");
    return foundation;
  }
  auto postgres =
      pg::EmbeddedPostgres::start({.data_dir = data_dir, .bin_dir = options.text("postgres-bin-dir")}, log);
  if (!postgres) return std::unexpected(postgres.error());
  foundation.postgres = std::move(*postgres);
  foundation.conninfo = foundation.postgres->conninfo();
  return foundation;
}

/// Migrates and makes the first API token; its text, or empty.
Result<std::string> prepare_database(const std::string& conninfo, const Clock& clock, Logger& log) {
  try {
    pg::Connection first(connection_to(conninfo, "setup"));
    const auto renew = [&](pg::Connection& c) -> Result<> {
      core::renew_positions_after_restore(c, log);
      return {};
    };
    auto migrated = pg::migrate(first, core::migrations::embedded_files(), log, renew);
    if (!migrated) {
      return std::unexpected(migrated.error());
    }
    auto token = api::ensure_first_token(first, clock.now());
    if (!token) return std::unexpected(token.error());
    return token->value_or("");
  } catch (const pg::SqlError& error) {
    return std::unexpected(pg::to_error(error));
  }
}

/// The authority, and the certificates that the listeners show.
Result<> prepare_certificates(Foundation& foundation, const Options& options, const Clock& clock, Logger& log,
                              Metrics& metrics) {
  auto authority =
      open_authority(foundation.conninfo, options, crypto::SecretBox(foundation.key), clock, log, metrics);
  if (!authority) return std::unexpected(authority.error());
  foundation.authority = std::make_unique<core::CertificateAuthority>(std::move(*authority));
  auto device_tls = open_device_tls(options, *foundation.authority, clock, log, metrics);
  if (!device_tls) return std::unexpected(device_tls.error());
  foundation.device_tls = std::move(*device_tls);
  auto api_tls = open_api_tls(options, log, metrics);
  if (!api_tls) return std::unexpected(api_tls.error());
  foundation.api_tls = std::move(*api_tls);
  auto enrollment = prepare_enrollment(options, foundation.key, *foundation.authority, clock);
  if (!enrollment) return std::unexpected(enrollment.error());
  foundation.enrollment = std::move(*enrollment);
  return {};
}

Result<> prepare_push_and_scep(Foundation& foundation, const Options& options, const Clock& clock,
                               Logger& log) {
  auto push = push_options_from(options);
  if (!push) return std::unexpected(push.error());
  foundation.push = std::move(*push);
  if (auto prepared =
          prepare_push(foundation.conninfo, crypto::SecretBox(foundation.key), options, clock, log);
      !prepared) {
    return std::unexpected(prepared.error());
  }
  auto legacy_ciphers = load_legacy_ciphers(options, log);
  if (!legacy_ciphers) return std::unexpected(legacy_ciphers.error());
  foundation.legacy_ciphers = std::move(*legacy_ciphers);
  return {};
}

}  // namespace

pg::ConnectOptions connection_to(const std::string& conninfo, const char* name, bool point_queries) {
  return {.conninfo = conninfo,
          .application_name = fmt::format("mooring {}", name),
          .point_queries = point_queries};
}

Result<Foundation> lay_foundation(const Options& options, const Clock& clock, Logger& log, Metrics& metrics) {
  auto foundation = open_data(options, log);
  if (!foundation) return foundation;
  auto token = prepare_database(foundation->conninfo, clock, log);
  if (!token) return std::unexpected(token.error());
  foundation->first_token = std::move(*token);
  if (auto ready = prepare_certificates(*foundation, options, clock, log, metrics); !ready) {
    return std::unexpected(ready.error());
  }
  if (auto ready = prepare_push_and_scep(*foundation, options, clock, log); !ready)
    return std::unexpected(ready.error());
  return foundation;
}

}  // namespace mooring::app

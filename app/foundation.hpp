// SPDX-License-Identifier: Apache-2.0
// What a server stands on: its data directory, the database, the master key and its certificates.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "app/data_dir.hpp"
#include "app/enroll.hpp"
#include "app/tls.hpp"
#include "base/clock.hpp"
#include "base/crypto/secret_box.hpp"
#include "base/log.hpp"
#include "base/metrics.hpp"
#include "base/options.hpp"
#include "base/postgres/connection.hpp"
#include "base/postgres/embedded.hpp"
#include "base/result.hpp"
#include "core/push.hpp"
#include "core/scep/certificate_authority.hpp"
#include "core/scep/message.hpp"

namespace mooring::app {

/// What outlives the parts that connect to it.
struct Foundation {
  std::optional<DataDirLock> lock;
  std::unique_ptr<pg::EmbeddedPostgres> postgres;  ///< Null where --database-url names another.
  std::string conninfo;
  std::string first_token;  ///< The API token that was made just now; empty where there was one.
  crypto::SecretBox::Key key{};
  core::PushOptions push = {};
  std::unique_ptr<core::CertificateAuthority> authority = nullptr;
  std::unique_ptr<ListenerTls> device_tls = nullptr;  ///< Null where it is off.
  std::unique_ptr<ListenerTls> api_tls = nullptr;     ///< Null where it is off.
  std::unique_ptr<core::scep::LegacyCiphers> legacy_ciphers = nullptr;
  EnrollmentSetup enrollment = {};
};

/// Drops root, starts the embedded database where it is wanted, migrates, and prepares what the options name.
/// Errors say which option or file is wrong.
Result<Foundation> lay_foundation(const Options& options, const Clock& clock, Logger& log, Metrics& metrics);

/// `name` is what pg_stat_activity shows.
pg::ConnectOptions connection_to(const std::string& conninfo, const char* name, bool point_queries = false);

}  // namespace mooring::app

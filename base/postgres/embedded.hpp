// SPDX-License-Identifier: Apache-2.0
// A private PostgreSQL cluster under the data directory: unix socket only, started and stopped with the
// server.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "base/log.hpp"
#include "base/result.hpp"

namespace mooring::pg {

struct EmbeddedOptions {
  std::filesystem::path data_dir;  ///< The cluster lives in <data_dir>/postgres.
  std::string bin_dir;             ///< Empty: looked for in the usual places.
  bool durable = true;             ///< false (tests only): no fsync.
};

class EmbeddedPostgres {
 public:
  /// initdb where there is no cluster yet, then starts it and waits until it answers. A cluster left behind
  /// by a killed server recovers; one whose postmaster still runs is waited for, then stopped. Where root
  /// calls, PostgreSQL itself runs as an unprivileged user, as in drop_root().
  static Result<std::unique_ptr<EmbeddedPostgres>> start(const EmbeddedOptions& options, Logger& log);
  ~EmbeddedPostgres();  ///< Fast shutdown; waits until it is done.
  EmbeddedPostgres(const EmbeddedPostgres&) = delete;
  EmbeddedPostgres& operator=(const EmbeddedPostgres&) = delete;

  std::string conninfo() const;
  int postmaster_pid() const { return pid_; }

 private:
  EmbeddedPostgres(std::filesystem::path socket_dir, int pid, Logger& log)
      : socket_dir_(std::move(socket_dir)), pid_(pid), log_(log) {}
  std::filesystem::path socket_dir_;
  int pid_;
  Logger& log_;
};

/// Where started by root: makes `data_dir`, gives it to an unprivileged user (its present owner if that is
/// not root, else `mooring`, `postgres` or `nobody`) and becomes that user for good. Returns the user's name,
/// or an empty string where nothing had to be done.
Result<std::string> drop_root(const std::filesystem::path& data_dir);

}  // namespace mooring::pg

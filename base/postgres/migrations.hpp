// SPDX-License-Identifier: Apache-2.0
// Forward-only schema migrations, embedded into the binary.
#pragma once

#include <functional>
#include <span>

#include "base/embedded_file.hpp"
#include "base/log.hpp"
#include "base/postgres/connection.hpp"

namespace mooring::pg {

/// Applies what is missing, in order, one transaction a file, under an advisory lock (any number of processes
/// may start at once). Files are named NNNN_name.sql. Errors:
///   migration.newer    the database was made by a newer Mooring: nothing is touched
///   migration.changed  an applied file has another content now
///   migration.failed   the file and what PostgreSQL said
/// `then` runs under the same lock, once the schema is as this binary knows it: for what only one process may
/// do at a start.
Result<> migrate(Connection& connection, std::span<const EmbeddedFile> files, Logger& log,
                 const std::function<Result<>(Connection&)>& then = {});

}  // namespace mooring::pg

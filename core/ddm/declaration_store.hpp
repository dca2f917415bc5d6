// SPDX-License-Identifier: Apache-2.0
// Which enrollment holds which declarations. Whoever decides that (a person by the API, the director) calls
// set_declarations; devices fetch the rest. Functions run on a database thread inside the caller's
// transaction and throw pg::SqlError.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/postgres/connection.hpp"
#include "base/result.hpp"
#include "core/ddm/declaration.hpp"

namespace mooring::core::ddm {

/// A set of declarations by its id: one for all enrollments that hold the same, however many.
/// Errors: declaration.duplicate.
Result<std::int32_t> store_declaration_set(pg::Connection& connection,
                                           std::span<const Declaration> declarations, Time now);

/// From now on each of the enrollments (without repetition) holds that set and nothing else. Where this
/// changes something, a command that tells the device to look takes the place of one that still waits: at
/// most one is open. Returns the enrollments that got a command: wake them.
std::vector<std::int64_t> set_declarations(pg::Connection& connection,
                                           std::span<const std::int64_t> enrollments, std::int32_t set,
                                           Time now);

/// The same command for those of the enrollments that are enabled and were not told yet, e.g. because they
/// enrolled anew. Returns who got one.
std::vector<std::int64_t> queue_syncs(pg::Connection& connection, std::span<const std::int64_t> enrollments,
                                      Time now);

struct HeldDeclarations {
  std::string token;  ///< DeclarationsToken.
  Time changed_at;
  std::optional<Time> synced_at;          ///< When a command last told the device to look.
  std::vector<Declaration> declarations;  ///< By identifier.
};
/// nullopt where nobody ever set any.
std::optional<HeldDeclarations> declarations_of(pg::Connection& connection, std::int64_t enrollment);

struct DeclarationStatus {
  Time reported_at;
  std::string report;  ///< JSON as it came.
  std::optional<Time> full_at;
  std::optional<std::string> full_report;  ///< The last with FullReport.
  std::optional<Time> declarations_at;
  std::optional<std::string> declarations;  ///< JSON of the last management.declarations.
};
/// nullopt where the enrollment has reported none.
std::optional<DeclarationStatus> declaration_status_of(pg::Connection& connection, std::int64_t enrollment);

}  // namespace mooring::core::ddm

// SPDX-License-Identifier: Apache-2.0
// What a device reports of its declarations (Apple: declarative/protocol/statusreport.yaml,
// declarative/status/management.declarations.yaml). Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "core/ddm/declaration.hpp"

namespace mooring::core::ddm {

struct StatusReport {
  bool full = false;  ///< Everything that the device knows, not only what changed.
  /// JSON of the status item management.declarations; nullopt where the report is silent about it. The item
  /// is always sent whole.
  std::optional<std::string> declarations;
};

/// Errors: declaration_status.malformed, declaration_status.too_large (above 4 MiB).
Result<StatusReport> read_status_report(std::string_view json);

}  // namespace mooring::core::ddm

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace mooring::core {

/// events.kind. Numbers are stored: never reuse one.
enum class EventKind : std::int16_t {
  authenticated = 1,
  token_updated = 2,
  checked_out = 3,
  command_reported = 4,
  bootstrap_token_set = 5,
  bootstrap_token_read = 6,
  user_authenticated = 7,
  declarations_read = 8,   ///< DeclarativeManagement: tokens, declaration-items, declaration/...
  declaration_status = 9,  ///< DeclarativeManagement: status
  token_read = 10,         ///< GetToken
  return_to_service = 11,
  idle = 12,  ///< A connection with nothing to report; recorded only for consumers that ask for it.
};

}  // namespace mooring::core

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
};

}  // namespace mooring::core

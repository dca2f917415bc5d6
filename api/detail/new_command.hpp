// SPDX-License-Identifier: Apache-2.0
// A command as a person asks for it, read from either form of POST /v1/commands. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/http/message.hpp"
#include "base/result.hpp"

namespace mooring::api::detail {

struct CommandOrder {
  std::string plist;  ///< Relayed byte for byte.
  std::string command_uuid;
  std::string request_type;
  std::vector<std::string> enrollments;  ///< Enrollment ids.
  std::vector<std::string> devices;      ///< UDIDs or serial numbers.
  std::int16_t priority = 0;
  std::optional<Duration> expires_in;
  bool push = true;
};

/// JSON where the Content-Type says so, otherwise the plist itself with the rest in the query. Errors:
/// command.* and request.*; those of plist::parse.
Result<CommandOrder> read_order(const http::Request& request);

}  // namespace mooring::api::detail

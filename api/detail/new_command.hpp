// SPDX-License-Identifier: Apache-2.0
// A command as a person asks for it, read from either form of POST /v1/commands. Pure but for the CommandUUID
// that it makes where none is given.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/http/message.hpp"
#include "base/plist/value.hpp"
#include "base/result.hpp"

namespace mooring::api::detail {

struct CommandOrder {
  /// A whole plist, relayed byte for byte; or, where the server built it, its Command dictionary as XML.
  std::string body;
  bool relayed = true;
  plist::Dict command;  ///< What was built; empty where relayed.
  std::string command_uuid;
  std::string request_type;
  std::vector<std::string> enrollments;  ///< Enrollment ids.
  std::vector<std::string> devices;      ///< UDIDs or serial numbers.
  std::int16_t priority = 0;
  std::optional<Duration> expires_in;
  bool push = true;
  bool allow_unsupported = false;  ///< Goes also to devices that do not have the command.
};

/// JSON where the Content-Type or the first character says so, otherwise the plist itself with the rest in
/// the query. JSON holds the plist in base64, or a request_type with the command's keys. Errors: command.*
/// and request.*; those of plist::parse and core::build_command.
Result<CommandOrder> read_order(const http::Request& request);

/// What the queue has to know of a plist that is relayed: CommandUUID and RequestType. Errors:
/// command.malformed, those of plist::parse.
struct CommandNames {
  std::string command_uuid;
  std::string request_type;
};
Result<CommandNames> read_command_plist(std::string_view plist);

}  // namespace mooring::api::detail

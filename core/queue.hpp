// SPDX-License-Identifier: Apache-2.0
// The command queue: rows that point to payloads. Functions run on a database thread inside the caller's
// transaction and throw pg::SqlError.
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/postgres/connection.hpp"
#include "core/command.hpp"
#include "core/payload_renderer.hpp"

namespace mooring::core {

struct Payload {
  std::string_view body;
  std::string_view request_type;
  bool relayed = false;     ///< true: a whole document with its CommandUUID, sent byte for byte.
  bool disposable = false;  ///< true: removed with the last request that names it (requests.hpp).
  Rendering rendering = Rendering::none;
};

/// Stores what is not there yet; equal bytes are one row for ever. Returns its id.
std::int32_t store_payload(pg::Connection& connection, const Payload& payload, Time now);

struct NewCommand {
  std::int64_t enrollment = 0;
  std::string uuid;  ///< Encoded.
  std::int32_t payload = 0;
  std::optional<std::int32_t> item;
  std::optional<std::int32_t> version;
  std::int16_t priority = 0;
  std::optional<Time> expires_at;
};

/// Before the first re-push of a command that a person queued, plus or minus a fifth (--push-retry-base).
constexpr Duration kFirstRepush = std::chrono::minutes(10);

/// One statement for any number. A command whose UUID is queued already for its enrollment is left as it is.
/// Returns how many are new. Devices with commands of people (no item) get a pass when their first re-push is
/// due; where all is answered by then, it has nothing to do.
std::int64_t enqueue(pg::Connection& connection, std::span<const NewCommand> commands, Time now,
                     Duration first_repush = kFirstRepush);

struct OpenCommandRef {
  std::int64_t enrollment = 0;
  std::string uuid;
};
struct Cancelled {
  std::int64_t total = 0;
  std::map<std::string, std::int64_t> by_type;  ///< RequestType.
  void add(const Cancelled& other);
};
/// Moves open commands to the results as cancelled; answered or unknown ones are left alone.
Cancelled cancel(pg::Connection& connection, std::span<const OpenCommandRef> commands, Time now);
/// Cancels what a person queued for one enrollment (the reconciler's commands would come back at once).
Cancelled clear(pg::Connection& connection, std::int64_t enrollment, Time now);

struct CommandRow {
  std::int64_t enrollment = 0;
  std::string enrollment_id;
  std::string uuid;  ///< As text.
  std::string request_type;
  CommandStatus status = CommandStatus::queued;
  std::optional<std::int16_t> priority;  ///< Of open commands.
  std::optional<std::int32_t> item;
  Time created_at;
  std::optional<Time> expires_at;          ///< Of open commands.
  std::optional<Time> answered_at;         ///< Last NotNow for open commands.
  std::optional<std::string> error_chain;  ///< JSON.
  std::optional<std::string> result;       ///< The report's bytes, where kept.
  std::int64_t id = 0;                     ///< Of an open command; 0 once it is answered.
};

/// A place between two commands of a device; at first before all of them.
struct CommandPosition {
  bool open = true;  ///< Among the open ones, after `priority` and `id`.
  std::int16_t priority = std::numeric_limits<std::int16_t>::max();
  std::int64_t id = 0;
  // Otherwise among the answered ones, after these.
  Time answered_at;
  std::int64_t enrollment = 0;
  std::string uuid;  ///< Encoded.
};
CommandPosition position_of(const CommandRow& command);

/// Open commands in the order in which they will be handed out, then answered ones, newest first; without the
/// reports' bytes.
std::vector<CommandRow> commands_of_device(pg::Connection& connection, std::int64_t device,
                                           const CommandPosition& after, int limit);
/// One command on one enrollment; the report's bytes included.
std::optional<CommandRow> find_command(pg::Connection& connection, std::int64_t enrollment,
                                       std::string_view uuid);

}  // namespace mooring::core

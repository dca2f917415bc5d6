// SPDX-License-Identifier: Apache-2.0
// What people ask for: one command for any number of enrollments, followed by its CommandUUID. Functions run
// on a database thread inside the caller's transaction and throw pg::SqlError.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/postgres/connection.hpp"
#include "core/queue.hpp"

namespace mooring::core {

struct NewRequest {
  std::string uuid;  ///< Encoded.
  std::string_view body;
  std::string_view request_type;
  bool relayed = true;                    ///< As in Payload.
  Rendering rendering = Rendering::none;  ///< As in Payload.
  std::vector<std::int64_t> enrollments;  ///< Each once.
  std::int16_t priority = 0;
  std::optional<Time> expires_at;
  Duration first_repush = kFirstRepush;
};
/// Queues it for all. False where the UUID was used before: then the caller rolls back.
bool send_request(pg::Connection& connection, const NewRequest& request, Time now);

struct CommandRequest {
  std::int64_t id = 0;
  std::string uuid;  ///< As text.
  std::string request_type;
  Time created_at;
  std::int64_t targets = 0;
  /// How many of the targets are where; of a filtered list only the device's. Those whose result was pruned
  /// are in none.
  std::map<CommandStatus, std::int64_t> statuses;
};
std::optional<CommandRequest> find_request(pg::Connection& connection, std::string_view encoded_uuid);

struct RequestFilter {
  std::optional<std::string> request_type;
  std::optional<CommandStatus> status;  ///< At one target at least.
  std::optional<std::int64_t> device;   ///< Of one of the targets.
};
struct RequestPage {
  std::vector<CommandRequest> requests;
  bool more = false;
};
/// Newest first, those with an id below `before`. Ends early where the targets to count become many.
RequestPage list_requests(pg::Connection& connection, const RequestFilter& filter, std::int64_t before,
                          int limit);

/// The state at each target with the report's bytes where kept, by enrollment (CommandRow::enrollment), those
/// after `after`. A target whose result was pruned is left out.
struct TargetPage {
  std::vector<CommandRow> targets;
  std::optional<std::int64_t> next;  ///< Where the next page goes on.
};
TargetPage targets_of_request(pg::Connection& connection, std::string_view encoded_uuid, std::int64_t after,
                              int limit);

/// Where it is still open.
Cancelled cancel_request(pg::Connection& connection, std::string_view encoded_uuid, Time now);

}  // namespace mooring::core

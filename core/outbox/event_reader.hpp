// SPDX-License-Identifier: Apache-2.0
// Reads events in the order of their positions. Runs on a database thread; throws pg::SqlError.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/crypto/crypto.hpp"
#include "base/postgres/connection.hpp"
#include "core/event.hpp"
#include "core/message.hpp"
#include "core/outbox/position.hpp"

namespace mooring::core {

/// What all events of a database have in common.
struct EventLog {
  crypto::Uuid name_space;
  std::int32_t epoch = 0;
};
EventLog read_event_log(pg::Connection& connection);

/// The same for every delivery and every reader, for ever.
crypto::Uuid event_uuid(const EventLog& log, std::int64_t id);

struct StoredEvent {
  Position position;
  Time created_at{};
  EventKind kind{};
  std::int64_t enrollment = 0;
  std::string enrollment_id;  ///< Empty where the enrollment is gone.
  EnrollmentKind channel = EnrollmentKind::device;
  std::string parent_id;      ///< Empty on device channels.
  std::string device_key;     ///< UDID, or EnrollmentID where User Enrollment hides it.
  std::string serial_number;  ///< May be empty.
  std::optional<std::int16_t> status;
  std::string command_uuid;  ///< As the device wrote it; empty where none.
  std::string request_type;
  std::optional<std::string> detail;       ///< JSON.
  std::optional<std::string> url_params;   ///< JSON.
  std::optional<std::string> sealed_body;  ///< EventInterest::open_body.
};

struct EventFilter {
  std::vector<std::int16_t> kinds;     ///< Only these.
  std::optional<std::int64_t> device;  ///< devices.id
  std::optional<Time> since;
  std::optional<Time> until;  ///< Not included.
};
std::vector<std::int16_t> numbers_of(EventKinds kinds);

struct FoundEvent {
  Position position;
  std::int64_t bytes = 0;  ///< Of its body.
};
struct EventScan {
  std::vector<FoundEvent> found;
  Position end;       ///< Read on from here: everything up to it was looked at.
  Time end_at{};      ///< When the event there happened; not set where there was none to look at.
  bool more = false;  ///< There may be more behind `end` now.
};

/// At most `limit` matching events after `after`. Looks at a bounded number of events: fewer matches than
/// `limit` do not mean that there are no more. Sees only what no transaction under way can still precede.
EventScan scan_events(pg::Connection& connection, Position after, const EventFilter& filter, int limit);

/// In order; those that are gone meanwhile are left out.
std::vector<StoredEvent> load_events(pg::Connection& connection, const std::vector<Position>& positions,
                                     bool with_bodies);
/// As many of the scan's first events as stay within `bytes` of bodies, one at least.
std::vector<Position> take_within(const EventScan& scan, std::int64_t bytes);

/// Behind this no event that is committed later will ever be found: {the oldest transaction under way, 0}.
Position horizon(pg::Connection& connection);
/// Before the first event of that time or later (clocks of several servers may differ by ten minutes).
Position position_before(pg::Connection& connection, Time at);
/// Where a client's cursor stands now. Errors: event.bad_cursor for one that no event ever had.
Result<Position> resolve(pg::Connection& connection, const EventLog& log, const EventCursor& cursor);

}  // namespace mooring::core

// SPDX-License-Identifier: Apache-2.0
// Reports: the answer is stored and the next command chosen in one statement; what waited during the last
// commit shares the next one.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/async.hpp"
#include "base/clock.hpp"
#include "base/metrics.hpp"
#include "base/postgres/batcher.hpp"
#include "core/command.hpp"
#include "core/event_interest.hpp"
#include "core/identity/bounded_cache.hpp"
#include "core/message.hpp"
#include "core/message_context.hpp"

namespace mooring::core {

/// The command to hand out next: its payload is named, not carried.
struct NextCommand {
  std::string uuid;  ///< Encoded.
  std::int32_t payload = 0;
};

struct ReportOutcome {
  bool known = false;  ///< The enrollment exists.
  std::int64_t enrollment = 0;
  std::string request_type;  ///< Of the answered command; empty where it was not open.
  bool answered = false;     ///< This report closed or deferred an open command.
  bool observed = false;     ///< The reconciler has something to read.
  std::optional<NextCommand> next;
};

/// mdm-core.md 2.5: first in, first out by priority. A NotNow'd command is not offered again until the
/// device's next session, which begins with Idle; there it is offered once, whatever else goes out. (Where
/// another server took the Idle, it may be the session after.) The same report twice is stored once. Reports
/// for commands that are not open are recorded and answered like any other.
class ReportStore {
 public:
  ReportStore(const pg::ConnectOptions& connect, const EventInterest& interest, const Clock& clock,
              Logger& log, Metrics& metrics);

  /// The context's body is kept where somebody reads it: inventory answers, results of a person's commands,
  /// and events where `interest` says so.
  Task<Result<ReportOutcome>> handle(Report report, MessageContext context);

 private:
  struct Op {
    std::string enrollment_id;
    std::int16_t parent_length = 0;   ///< See EnrollmentId.
    std::optional<std::string> uuid;  ///< Encoded.
    std::int16_t status = 0;          ///< CommandStatus, or -1 where the report's Status is unknown.
    std::optional<std::string> error_chain;
    std::string body;
    std::optional<std::string> event_body;  ///< Sealed.
    std::optional<std::string> url_params;
    bool recorded = false;  ///< Idle ones only: becomes an event.
    std::optional<Time> session_began;
  };
  Task<Result<ReportOutcome>> idle(Op op, std::string_view body);
  Task<Result<ReportOutcome>> answer(Op op, ReportStatus status);
  static std::vector<ReportOutcome> poll(pg::Connection& connection, std::span<const Op> ops, Time now);
  static std::vector<ReportOutcome> store(pg::Connection& connection, std::span<const Op> ops, Time now);

  static pg::Params report_params(std::span<const Op> ops, const std::vector<std::int32_t>& order, Time now);
  static std::vector<std::optional<pg::Json>> url_params_of(std::span<const Op> ops,
                                                            std::span<const std::int32_t> order);
  static std::vector<std::optional<pg::Bytes>> event_bodies_of(std::span<const Op> ops,
                                                               std::span<const std::int32_t> order);
  prometheus::Counter& reports_of(ReportStatus status);

  const EventInterest& interest_;
  const Clock& clock_;
  Metrics& metrics_;
  pg::Batcher<Op, ReportOutcome> idle_;
  pg::Batcher<Op, ReportOutcome> answers_;
  BoundedCache<Time> sessions_;  ///< When those that go on began, by enrollment id.
};

}  // namespace mooring::core

// SPDX-License-Identifier: Apache-2.0
#include "core/checkin.hpp"

#include <fmt/format.h>

#include <array>

#include "core/command_metrics.hpp"
#include "core/ddm/declaration_store.hpp"
#include "core/identity/associations.hpp"

namespace mooring::core {
namespace {

// The device's own CheckOut ends its users' channels as well; a user's ends only that one.
constexpr pg::Statement kCheckOut{"checkin_check_out", R"(
with target as materialized (
  select e.id, e.device_id, e.kind, e.id = t.id as own
  from enrollments t join enrollments e on e.id = t.id or (t.kind in (0, 3) and e.device_id = t.device_id)
  where t.enrollment_id = $1 and t.parent_length = $2
), disabled as (
  update enrollments e set enabled = false, checked_out_at = case when t.own then $3 else e.checked_out_at end
  from target t where e.id = t.id
), recorded as (
  insert into events (created_at, enrollment_id, kind, url_params, body)
  select $3, id, $4, $5, $6 from target where own
), marked as (
  update reconcile r set marks = r.marks + 1, reset_mark = r.marks + 1, due_at = least(r.due_at, $3)
  from target t where t.own and t.kind in (0, 3) and r.device_id = t.device_id
)
select id from target where own)"};

}  // namespace

CheckinStore::CheckinStore(const pg::ConnectOptions& connect, pg::Pool& pool,
                           const crypto::SecretBox& secrets, const EventInterest& interest,
                           const Clock& clock, Logger& log, Metrics& metrics, CheckinOptions options)
    : services_{.pool = pool, .secrets = secrets, .interest = interest, .clock = clock, .log = log},
      metrics_(metrics),
      authenticates_(connect, interest, clock, log, metrics),
      tokens_(connect, pool, secrets, interest, clock, log, metrics),
      bootstrap_tokens_(services_),
      users_(services_, options.user_authenticate),
      declarations_(services_),
      token_services_(services_),
      return_to_service_(services_) {
  for (const auto type : checkin_types()) checkins_of(std::string(type));
}

prometheus::Counter& CheckinStore::checkins_of(const std::string& message_type) {
  return metrics_.counter("mooring_checkins_total", "Check-in messages by type.",
                          {{"message_type", message_type}});
}

Task<Result<CheckinOutcome>> CheckinStore::handle(Checkin checkin, plist::Dict message,
                                                  MessageContext context) {
  auto outcome = co_await dispatch(std::move(checkin), std::move(message), std::move(context));
  if (outcome && outcome->enrollment != 0) services_.interest.ring();
  co_return outcome;
}

Task<Result<CheckinOutcome>> CheckinStore::dispatch(Checkin checkin, plist::Dict message,
                                                    MessageContext context) {
  if (auto* authenticate = std::get_if<Authenticate>(&checkin)) {
    checkins_of("Authenticate").Increment();
    co_return co_await authenticates_.handle(std::move(*authenticate), std::move(context));
  }
  if (auto* token = std::get_if<TokenUpdate>(&checkin)) {
    checkins_of("TokenUpdate").Increment();
    co_return co_await token_update(std::move(*token), std::move(context));
  }
  if (auto* out = std::get_if<CheckOut>(&checkin)) {
    checkins_of("CheckOut").Increment();
    co_return co_await check_out(std::move(out->enrollment), std::move(context));
  }
  auto& rest = std::get<OtherCheckin>(checkin);
  checkins_of(rest.message_type).Increment();  // parse_checkin lets only Apple's names through
  co_return co_await other(std::move(rest), std::move(message), std::move(context));
}

Task<Result<CheckinOutcome>> CheckinStore::token_update(TokenUpdate message, MessageContext context) {
  auto stored = co_await tokens_.handle(std::move(message), std::move(context));
  if (!stored) co_return std::unexpected(stored.error());
  if (stored->declarations_waiting) {
    pg::Pool::Body<std::size_t> tell = [enrollment = stored->outcome.enrollment,
                                        now = services_.clock.now()](pg::Connection& connection) {
      return Result<std::size_t>(ddm::queue_syncs(connection, std::array{enrollment}, now).size());
    };
    const auto told = co_await services_.pool.transaction<std::size_t>(std::move(tell));
    if (!told) co_return std::unexpected(told.error());
    commands_counter(metrics_, "DeclarativeManagement", "queued").Increment(static_cast<double>(*told));
  }
  co_return std::move(stored->outcome);
}

Task<Result<CheckinOutcome>> CheckinStore::check_out(EnrollmentId enrollment, MessageContext context) {
  pg::Pool::Body<CheckinOutcome> body = [enrollment, now = services_.clock.now(),
                                         extras = EventExtras(services_.interest, EventKind::checked_out,
                                                              context)](pg::Connection& connection) {
    const auto rows =
        connection.exec(kCheckOut, enrollment.id, enrollment.parent_length(), now,
                        number_of(EventKind::checked_out), extras.params_value(), extras.body_value());
    if (enrollment.parent.empty()) revoke_identities(connection, enrollment.id, now);
    return Result<CheckinOutcome>(CheckinOutcome{.enrollment = rows.empty() ? 0 : rows[0].int64(0)});
  };
  co_return co_await services_.pool.transaction<CheckinOutcome>(std::move(body));
}

Task<Result<CheckinOutcome>> CheckinStore::other(OtherCheckin checkin, plist::Dict message,
                                                 MessageContext context) {
  const auto& type = checkin.message_type;
  auto& enrollment = checkin.enrollment;
  if (type == "UserAuthenticate") {
    co_return co_await users_.handle(std::move(enrollment), std::move(message), std::move(context));
  }
  if (type == "SetBootstrapToken") {
    co_return co_await bootstrap_tokens_.set(std::move(enrollment), std::move(message), std::move(context));
  }
  if (type == "GetBootstrapToken") {
    co_return co_await bootstrap_tokens_.get(std::move(enrollment), std::move(message), std::move(context));
  }
  if (type == "DeclarativeManagement") {
    co_return co_await declarations_.handle(std::move(enrollment), std::move(message), std::move(context));
  }
  if (type == "GetToken") {
    co_return co_await token_services_.handle(std::move(enrollment), std::move(message), std::move(context));
  }
  if (type == "ReturnToService") {
    co_return co_await return_to_service_.handle(std::move(enrollment), std::move(context));
  }
  co_return fail(Failure::unsupported, "checkin.not_served",
                 fmt::format("this server does not serve {} messages", type));
}

}  // namespace mooring::core

// SPDX-License-Identifier: Apache-2.0
#include "core/checkin.hpp"

#include <fmt/format.h>

#include <array>

#include "core/command_metrics.hpp"
#include "core/ddm/declaration_store.hpp"
#include "core/end_enrollment.hpp"

namespace mooring::core {
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
    const auto ended = end_enrollment(connection, enrollment, extras, std::nullopt, now);
    return Result<CheckinOutcome>(CheckinOutcome{.enrollment = ended.enrollment});
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

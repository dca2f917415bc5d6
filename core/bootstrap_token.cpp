// SPDX-License-Identifier: Apache-2.0
#include "core/bootstrap_token.hpp"

#include "base/plist/plist.hpp"

namespace mooring::core {
namespace {

// AwaitingConfiguration ($3) changes only what it says: absent leaves it as it is.
constexpr pg::Statement kSetBootstrapToken{"checkin_set_bootstrap_token", R"(
with updated as (
  update enrollments set bootstrap_token = $2, awaiting_configuration = coalesce($3, awaiting_configuration)
  where enrollment_id = $1 and parent_length = 0 returning id
), recorded as (
  insert into events (created_at, enrollment_id, kind, url_params, body) select $4, id, $5, $6, $7 from updated
)
select id from updated)"};

constexpr pg::Statement kGetBootstrapToken{"checkin_get_bootstrap_token", R"(
with known as materialized (
  select id, bootstrap_token from enrollments where enrollment_id = $1 and parent_length = 0
), awaiting as (
  update enrollments e set awaiting_configuration = $2 from known k
  where e.id = k.id and e.awaiting_configuration <> $2
), recorded as (
  insert into events (created_at, enrollment_id, kind, url_params, body) select $3, id, $4, $5, $6 from known
)
select id, bootstrap_token from known)"};

}  // namespace

Task<Result<CheckinOutcome>> BootstrapTokens::set(EnrollmentId enrollment, plist::Dict message,
                                                  MessageContext context) {
  const plist::Data* token = message.data("BootstrapToken");
  if (token == nullptr && message.find("BootstrapToken") != nullptr) {
    // Absent or empty means to forget the stored one; this means nothing.
    co_return fail(Failure::invalid, "checkin.bad_token",
                   "SetBootstrapToken with a BootstrapToken that is no data");
  }
  std::optional<std::string> sealed;
  if (token != nullptr && !token->bytes.empty()) {
    sealed = s_.secrets.seal(token->bytes, bootstrap_token_context(enrollment));
  }
  pg::Pool::Body<CheckinOutcome> body =
      [enrollment, sealed, awaiting = message.boolean("AwaitingConfiguration"), now = s_.clock.now(),
       extras = EventExtras(s_.interest, EventKind::bootstrap_token_set, context)](
          pg::Connection& connection) -> Result<CheckinOutcome> {
    const std::optional<pg::Bytes> stored = sealed ? std::optional(pg::Bytes{*sealed}) : std::nullopt;
    const auto rows = connection.exec(kSetBootstrapToken, enrollment.device(), stored, awaiting, now,
                                      number_of(EventKind::bootstrap_token_set), extras.params_value(),
                                      extras.body_value());
    if (rows.empty()) return unknown_enrollment(enrollment);
    return CheckinOutcome{.enrollment = rows[0].int64(0)};
  };
  co_return co_await s_.pool.run<CheckinOutcome>(std::move(body));
}

Task<Result<CheckinOutcome>> BootstrapTokens::get(EnrollmentId enrollment, plist::Dict message,
                                                  MessageContext context) {
  pg::Pool::Body<CheckinOutcome> body =
      [this, enrollment, awaiting = message.boolean("AwaitingConfiguration"), now = s_.clock.now(),
       extras = EventExtras(s_.interest, EventKind::bootstrap_token_read, context)](
          pg::Connection& connection) -> Result<CheckinOutcome> {
    const auto rows = connection.exec(kGetBootstrapToken, enrollment.device(), awaiting, now,
                                      number_of(EventKind::bootstrap_token_read), extras.params_value(),
                                      extras.body_value());
    if (rows.empty()) return unknown_enrollment(enrollment);
    CheckinOutcome outcome{.enrollment = rows[0].int64(0)};
    if (rows[0].is_null(1)) return outcome;
    auto token = s_.secrets.open(rows[0].get<pg::Bytes>(1).view, bootstrap_token_context(enrollment));
    if (!token) return std::unexpected(token.error());
    outcome.reply = plist::to_xml(plist::Dict{{"BootstrapToken", plist::Data{std::move(*token)}}});
    return outcome;
  };
  co_return co_await s_.pool.run<CheckinOutcome>(std::move(body));
}

}  // namespace mooring::core

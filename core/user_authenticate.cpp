// SPDX-License-Identifier: Apache-2.0
#include "core/user_authenticate.hpp"

#include <nlohmann/json.hpp>

#include "base/plist/plist.hpp"

namespace mooring::core {
namespace {

// The user may have no channel yet: then the event is the device's.
constexpr pg::Statement kUserAuthenticated{"checkin_user_authenticated", R"(
with known as materialized (
  select id from enrollments
  where (enrollment_id = $1 and parent_length = $2) or (enrollment_id = $3 and parent_length = 0)
  order by parent_length desc limit 1
), recorded as (
  insert into events (created_at, enrollment_id, kind, detail, url_params, body)
  select $4, id, $5, $6, $7, $8 from known
)
select id from known)"};

constexpr int kGone = 410;

std::string login_detail(const plist::Dict& message, bool allowed) {
  nlohmann::json detail{{"allowed", allowed}};
  for (const auto& [key, name] : {std::pair{"UserID", "user_id"},
                                  {"UserShortName", "user_short_name"},
                                  {"UserLongName", "user_long_name"}}) {
    const std::string* text = message.string(key);
    if (text != nullptr && !text->empty()) detail[name] = *text;
  }
  return detail.dump();
}

/// The first message is answered with an empty challenge, a second one, which answers a challenge, with a
/// token. Nothing here asks for that token again: it only tells the Mac that its user may go on.
plist::Dict welcome(const plist::Dict& message) {
  if (message.find("DigestResponse") == nullptr) return {{"DigestChallenge", ""}};
  return {{"AuthToken", crypto::Uuid::random().text()}};
}

}  // namespace

Task<Result<CheckinOutcome>> UserAuthentication::handle(EnrollmentId enrollment, plist::Dict message,
                                                        MessageContext context) {
  if (enrollment.parent.empty()) {
    co_return fail(Failure::invalid, "checkin.user_channel_only",
                   "UserAuthenticate without a UserID: it comes on user channels only");
  }
  const bool allowed = policy_ == UserAuthenticatePolicy::allow;
  pg::Pool::Body<CheckinOutcome> body = [enrollment, detail = login_detail(message, allowed),
                                         now = s_.clock.now(),
                                         extras = EventExtras(s_.interest, EventKind::user_authenticated,
                                                              context)](pg::Connection& connection) {
    const auto rows = connection.exec(kUserAuthenticated, enrollment.id, enrollment.parent_length(),
                                      enrollment.parent, now, number_of(EventKind::user_authenticated),
                                      pg::Json{detail}, extras.params_value(), extras.body_value());
    return Result<CheckinOutcome>(CheckinOutcome{.enrollment = rows.empty() ? 0 : rows[0].int64(0)});
  };
  auto outcome = co_await s_.pool.run<CheckinOutcome>(std::move(body));
  if (!outcome) co_return outcome;
  if (allowed) {
    outcome->reply = plist::to_xml(welcome(message));
  } else {
    outcome->status = kGone;
  }
  co_return outcome;
}

}  // namespace mooring::core

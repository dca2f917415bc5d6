// SPDX-License-Identifier: Apache-2.0
#include "core/return_to_service.hpp"

#include <fmt/format.h>

#include "base/plist/plist.hpp"

namespace mooring::core {
namespace {

constexpr pg::Statement kPutReturnToService{"return_to_service_put", R"(
insert into return_to_service (device_id, enabled, wifi_profile, mdm_profile, bootstrap_token, updated_at)
values ($1, $2, $3, $4, $5, $6)
on conflict (device_id) do update set
  enabled = excluded.enabled, wifi_profile = excluded.wifi_profile, mdm_profile = excluded.mdm_profile,
  bootstrap_token = excluded.bootstrap_token, updated_at = excluded.updated_at)"};
constexpr pg::Statement kFindReturnToService{"return_to_service_find", R"(
select enabled, wifi_profile is not null, mdm_profile is not null, bootstrap_token, updated_at
from return_to_service where device_id = $1)"};
constexpr pg::Statement kDeleteReturnToService{"return_to_service_delete",
                                               "delete from return_to_service where device_id = $1"};

// A device's own settings go before those for all (device_id 0).
constexpr pg::Statement kReturnToService{"return_to_service_read", R"(
with known as materialized (
  select e.id, e.bootstrap_token, s.*
  from enrollments e left join lateral (
    select r.device_id, r.enabled, r.wifi_profile, r.mdm_profile, r.bootstrap_token as with_token
    from return_to_service r where r.device_id in (e.device_id, 0) order by r.device_id desc limit 1) s on true
  where e.enrollment_id = $1 and e.parent_length = 0
), recorded as (
  insert into events (created_at, enrollment_id, kind, url_params, body) select $2, id, $3, $4, $5 from known
)
select id, device_id, coalesce(enabled, false), wifi_profile, mdm_profile, case when with_token then bootstrap_token end
from known)"};

std::string profile_context(std::string_view which, std::int64_t device) {
  return fmt::format("return-to-service:{}:{}", which, device);
}

Result<plist::Dict> reply_of(const pg::Row& row, const EnrollmentId& enrollment,
                             const crypto::SecretBox& secrets) {
  struct Part {
    const char* key;
    int column;
    std::string context;
  };
  const bool enabled = row.get<bool>(2);
  plist::Dict settings{{"Enabled", enabled}};
  if (enabled) {
    const auto device = row.int64(1);
    for (const auto& part : {Part{"WiFiProfileData", 3, profile_context("wifi", device)},
                             Part{"MDMProfileData", 4, profile_context("mdm", device)},
                             Part{"BootstrapToken", 5, bootstrap_token_context(enrollment)}}) {
      if (row.is_null(part.column)) continue;
      auto bytes = secrets.open(row.get<pg::Bytes>(part.column).view, part.context);
      if (!bytes) return std::unexpected(bytes.error());
      settings.set(part.key, plist::Data{std::move(*bytes)});
    }
  }
  return plist::Dict{{"ReturnToService", std::move(settings)}};
}

}  // namespace

void put_return_to_service(pg::Connection& connection, const crypto::SecretBox& secrets, std::int64_t device,
                           const ReturnToServiceSettings& settings, Time now) {
  std::optional<std::string> wifi, mdm;
  if (settings.wifi_profile) wifi = secrets.seal(*settings.wifi_profile, profile_context("wifi", device));
  if (settings.mdm_profile) mdm = secrets.seal(*settings.mdm_profile, profile_context("mdm", device));
  connection.exec(kPutReturnToService, device, settings.enabled,
                  wifi ? std::optional(pg::Bytes{*wifi}) : std::nullopt,
                  mdm ? std::optional(pg::Bytes{*mdm}) : std::nullopt, settings.bootstrap_token, now);
}

std::optional<ReturnToServiceView> find_return_to_service(pg::Connection& connection, std::int64_t device) {
  const auto rows = connection.exec(kFindReturnToService, device);
  if (rows.empty()) return std::nullopt;
  return ReturnToServiceView{.enabled = rows[0].get<bool>(0),
                             .has_wifi_profile = rows[0].get<bool>(1),
                             .has_mdm_profile = rows[0].get<bool>(2),
                             .bootstrap_token = rows[0].get<bool>(3),
                             .updated_at = rows[0].get<Time>(4)};
}

bool delete_return_to_service(pg::Connection& connection, std::int64_t device) {
  return connection.exec(kDeleteReturnToService, device).affected() == 1;
}

Task<Result<CheckinOutcome>> ReturnToService::handle(EnrollmentId enrollment, MessageContext context) {
  if (!enrollment.parent.empty()) {
    co_return fail(Failure::invalid, "checkin.device_channel_only",
                   "ReturnToService comes on the device channel only");
  }
  pg::Pool::Body<CheckinOutcome> body = [this, enrollment, now = s_.clock.now(),
                                         extras =
                                             EventExtras(s_.interest, EventKind::return_to_service, context)](
                                            pg::Connection& connection) -> Result<CheckinOutcome> {
    const auto rows =
        connection.exec(kReturnToService, enrollment.id, now, number_of(EventKind::return_to_service),
                        extras.params_value(), extras.body_value());
    if (rows.empty()) return unknown_enrollment(enrollment);
    const auto reply = reply_of(rows[0], enrollment, s_.secrets);
    if (!reply) return std::unexpected(reply.error());
    return CheckinOutcome{.enrollment = rows[0].int64(0), .reply = plist::to_xml(*reply)};
  };
  co_return co_await s_.pool.run<CheckinOutcome>(std::move(body));
}

}  // namespace mooring::core

// SPDX-License-Identifier: Apache-2.0
#include "core/end_enrollment.hpp"

#include "core/identity/associations.hpp"

namespace mooring::core {
namespace {

// A device's end is the end of its users' channels as well; a user's ends only that one.
constexpr pg::Statement kEndEnrollment{"enrollment_end", R"(
with target as materialized (
  select e.id, e.device_id, e.kind, e.id = t.id as own
  from enrollments t join enrollments e on e.id = t.id or (t.kind in (0, 3) and e.device_id = t.device_id)
  where t.enrollment_id = $1 and t.parent_length = $2
), disabled as (
  update enrollments e set enabled = false, checked_out_at = case when t.own then $3 else e.checked_out_at end
  from target t where e.id = t.id
), recorded as (
  insert into events (created_at, enrollment_id, kind, detail, url_params, body)
  select $3, id, $4, $5, $6, $7 from target where own
), forgotten as (
  delete from user_lists u using target t where u.enrollment_id = t.id
), marked as (
  update reconcile r set marks = r.marks + 1, due_at = least(r.due_at, $3),
    reset_mark = case when t.kind in (0, 3) then r.marks + 1 else r.reset_mark end
  from target t where t.own and r.device_id = t.device_id
)
select id from target where own)"};

}  // namespace

EndedEnrollment end_enrollment(pg::Connection& connection, const EnrollmentId& enrollment,
                               const EventExtras& extras, std::optional<std::string_view> detail, Time now) {
  const auto rows = connection.exec(
      kEndEnrollment, enrollment.id, enrollment.parent_length(), now, number_of(EventKind::checked_out),
      detail ? std::optional(pg::Json{*detail}) : std::nullopt, extras.params_value(), extras.body_value());
  EndedEnrollment ended;
  if (!rows.empty()) ended.enrollment = rows[0].int64(0);
  if (enrollment.parent.empty()) ended.identities = revoke_identities(connection, enrollment.id, now);
  return ended;
}

}  // namespace mooring::core

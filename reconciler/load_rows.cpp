// SPDX-License-Identifier: Apache-2.0
#include "reconciler/detail/rows.hpp"

namespace mooring::reconciler::detail {

DeviceRow read_row(const pg::Row& row) {
  DeviceRow r;
  r.device = row.int64(0);
  r.enrollment = row.int64(1);
  r.enabled = row.get<bool>(2);
  r.enrolled_at = row.get<std::optional<Time>>(3);
  r.due_at = row.get<Time>(4);
  r.marks = row.int64(5);
  r.handled = row.int64(6);
  r.reset_mark = row.int64(7);
  r.repush_mark = row.int64(8);
  r.refresh_mark = row.int64(9);
  r.seen_generation = row.int64(10);
  r.generation = row.get<std::int32_t>(11);
  r.converged_generation = row.get<std::int32_t>(12);
  r.commands_made = row.get<std::int32_t>(13);
  r.pushes = row.get<std::int16_t>(14);
  r.changed_at = row.get<std::optional<Time>>(15);
  r.converged_at = row.get<std::optional<Time>>(16);
  r.information_at = row.get<std::optional<Time>>(17);
  r.next_push_at = row.get<std::optional<Time>>(18);
  if (!row.is_null(19)) r.desired_hash = std::string(row.get<pg::Bytes>(19).view);
  r.counted = row.get<std::int16_t>(20);
  r.security_at = row.get<std::optional<Time>>(21);
  r.certificates_at = row.get<std::optional<Time>>(22);
  r.paused_until = row.get<std::optional<Time>>(23);
  r.build_seen = row.get<std::optional<std::string>>(24);
  r.groups_seen = row.int64(25);
  r.drifted = row.get<std::int32_t>(26);
  r.unsettled = row.get<std::int32_t>(27);
  r.information_retry_at = row.get<std::optional<Time>>(32);
  r.security_retry_at = row.get<std::optional<Time>>(33);
  r.certificates_retry_at = row.get<std::optional<Time>>(34);
  r.requested_at = row.get<std::optional<Time>>(35);
  return r;
}

ListState read_own_list(const pg::Row& row) {
  return {.event = row.get<std::optional<std::int64_t>>(28),
          .at = row.get<std::optional<Time>>(29),
          .failures = row.get<std::int16_t>(30),
          .retry_at = row.get<std::optional<Time>>(31)};
}

ItemRecord read_item(const pg::Row& row) {
  ItemRecord r;
  r.item = row.get<std::int32_t>(1);
  r.version = row.get<std::int32_t>(2);
  r.installed_version = row.get<std::optional<std::int32_t>>(3);
  r.state = static_cast<ItemState>(row.get<std::int16_t>(4));
  r.intent = static_cast<RecordIntent>(row.get<std::int16_t>(5));
  r.attempts = row.get<std::int16_t>(6);
  r.repairs = row.get<std::int16_t>(7);
  r.repush = row.get<std::int32_t>(8);
  r.installed = row.get<bool>(9);
  r.forced = row.get<bool>(10);
  r.acknowledged_event = row.get<std::optional<std::int64_t>>(11);
  r.drift_since = row.get<std::optional<Time>>(12);
  r.next_try_at = row.get<std::optional<Time>>(13);
  r.verified_at = row.get<std::optional<Time>>(14);
  r.repairs_since = row.get<std::optional<Time>>(15);
  r.reason = static_cast<Reason>(row.get<std::int16_t>(16));
  if (!row.is_null(17)) r.detail = row.text(17);
  r.channel = row.int64(18);
  r.rendering = row.get<std::optional<std::int64_t>>(19);
  r.installed_identity = row.get<std::optional<crypto::Uuid>>(20);
  r.signer = row.get<std::optional<std::int64_t>>(21);
  return r;
}

}  // namespace mooring::reconciler::detail

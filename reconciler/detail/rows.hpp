// SPDX-License-Identifier: Apache-2.0
// From rows to what a snapshot is made of.
#pragma once

#include "base/postgres/connection.hpp"
#include "reconciler/snapshot.hpp"

namespace mooring::reconciler::detail {

/// The order of columns that the functions below read.
#define MOORING_ROW_COLUMNS                                                                             \
  "r.device_id, coalesce(e.id, 0), coalesce(e.enabled, false), e.authenticated_at, r.due_at, r.marks, " \
  "r.handled, r.reset_mark, r.repush_mark, r.refresh_mark, r.seen_generation, r.generation, "           \
  "r.converged_generation, r.commands_made, r.pushes, r.changed_at, r.converged_at, r.information_at, " \
  "r.next_push_at, r.desired_hash, r.counted, r.security_at, r.certificates_at, r.paused_until, "       \
  "r.build_seen, "                                                                                      \
  "r.groups_seen, r.drifted, r.unsettled, r.list_event, r.list_at, r.inventory_failures, "              \
  "r.inventory_retry_at, r.information_retry_at, r.security_retry_at, r.certificates_retry_at, "        \
  "r.requested_at "
DeviceRow read_row(const pg::Row& row);
ListState read_own_list(const pg::Row& row);

#define MOORING_ITEM_COLUMNS                                                                              \
  "s.device_id, s.item_id, s.version_id, s.installed_version, s.state, s.intent, s.attempts, s.repairs, " \
  "s.repush, s.installed, s.forced, s.acknowledged_event, s.drift_since, s.next_try_at, s.verified_at, "  \
  "s.repairs_since, s.reason_code, s.detail, s.channel_id, s.rendering, s.installed_identity, s.signer "
ItemRecord read_item(const pg::Row& row);

#define MOORING_OBSERVATION_COLUMNS                                                                  \
  "device_id, event_id, reported_at, status, request_type, item_id, version_id, error_chain, body, " \
  "command_uuid, enrollment_id"
/// `own`: the device's own enrollment.
Observation read_observation(const pg::Row& row, std::int64_t own);

/// channel_id of what came from, or goes to, an enrollment.
inline std::int64_t channel_of(std::int64_t enrollment, std::int64_t own) {
  return enrollment == own ? kOwnChannel : enrollment;
}

}  // namespace mooring::reconciler::detail

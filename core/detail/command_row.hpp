// SPDX-License-Identifier: Apache-2.0
// Internal to core/: how open commands and results are read as one kind of row.
#pragma once

#include <vector>

#include "core/queue.hpp"

// Of enrollments e, commands c, payloads p.
#define MOORING_COMMAND_COLUMNS                                                                    \
  "e.id, e.enrollment_id, c.uuid, p.request_type, c.status, c.priority, c.item_id, c.created_at, " \
  "c.expires_at, c.not_now_at, null::jsonb, null::bytea, c.id"
// Of enrollments e, command_results r; `body` is "r.body" or "null::bytea".
#define MOORING_RESULT_COLUMNS(body)                                                               \
  "e.id, e.enrollment_id, r.uuid, r.request_type, r.status, null::int2, r.item_id, r.created_at, " \
  "null::timestamptz, r.answered_at, r.error_chain, " body ", 0::int8"

namespace mooring::core::detail {

CommandRow read_command_row(const pg::Row& row);
void append_command_rows(std::vector<CommandRow>& to, const pg::Rows& rows);

}  // namespace mooring::core::detail

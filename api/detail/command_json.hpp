// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "api/detail/endpoint.hpp"
#include "api/detail/json.hpp"
#include "core/queue.hpp"

namespace mooring::api::detail {

/// A command at one enrollment, without the report's bytes.
Json command_json(const core::CommandRow& command);
/// {"cancelled": ...}, and counts what it says.
Answer cancelled_answer(const core::Cancelled& cancelled);

}  // namespace mooring::api::detail

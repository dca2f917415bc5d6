// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "base/metrics.hpp"

namespace mooring::core {

/// mooring_commands_total{request_type,status}. Request types that Apple's schema does not know are counted
/// as "other", so that nobody can make series without end.
prometheus::Counter& commands_counter(Metrics& metrics, std::string_view request_type,
                                      std::string_view status);

/// Makes the series of the reconciler's own commands, so that they begin at zero.
void make_command_counters(Metrics& metrics);

}  // namespace mooring::core

// SPDX-License-Identifier: Apache-2.0
// The gates by name: see reconciler/gate.hpp.
#pragma once

#include "reconciler/gate.hpp"

namespace mooring::reconciler {

std::optional<Closed> paused_gate(const GateInput& input);  ///< The device, its item or the fleet is paused.
std::optional<Closed> order_gate(const GateInput& input);   ///< Another item comes, or goes, before it.
std::optional<Closed> variable_gate(
    const GateInput& input);                                ///< A value that its content needs is not known.
std::optional<Closed> window_gate(const GateInput& input);  ///< Outside the item's maintenance windows.

}  // namespace mooring::reconciler

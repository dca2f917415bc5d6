// SPDX-License-Identifier: Apache-2.0
#include "reconciler/gates/gates.hpp"
#include "reconciler/plan.hpp"

namespace mooring::reconciler {

std::optional<Closed> window_gate(const GateInput& input) {
  const auto* windows = windows_of(input.device, input.record.item);
  if (windows == nullptr || director::closes_at(*windows, input.context.now)) return std::nullopt;
  return Closed{.reason = Reason::outside_window,
                .opens_at = director::opens_at(*windows, input.context.now),
                .detail = {}};
}

}  // namespace mooring::reconciler

// SPDX-License-Identifier: Apache-2.0
#include "reconciler/gates/gates.hpp"

namespace mooring::reconciler {

std::optional<Closed> variable_gate(const GateInput& input) {
  if (input.desired == nullptr || input.record.intent != RecordIntent::present) return std::nullopt;
  const auto& missing = input.desired->facts.missing;
  if (missing.empty()) return std::nullopt;
  return Closed{.reason = Reason::missing_variable, .opens_at = std::nullopt, .detail = missing};
}

}  // namespace mooring::reconciler

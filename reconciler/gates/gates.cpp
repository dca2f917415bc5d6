// SPDX-License-Identifier: Apache-2.0
#include "reconciler/gates/gates.hpp"

#include <array>

namespace mooring::reconciler {

std::span<const Gate> gates() {
  static constexpr std::array kGates{
      &paused_gate,
      &order_gate,
      &variable_gate,
      &window_gate,
  };
  static constexpr std::span<const Gate> kAll{kGates};
  return kAll;
}

}  // namespace mooring::reconciler

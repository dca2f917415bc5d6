// SPDX-License-Identifier: Apache-2.0
#include <array>

#include "reconciler/kinds/kind.hpp"
#include "reconciler/kinds/profile.hpp"

namespace mooring::reconciler {

const Kind& kind_of(director::ItemKind kind) {
  static const std::array kinds{&kProfileKind};
  for (const auto* known : kinds) {
    if (known->number == kind) return *known;
  }
  return *kinds.front();
}

}  // namespace mooring::reconciler

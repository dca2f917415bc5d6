// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "tests/model/steps.hpp"

namespace mooring::test {

std::vector<StepKind> step_kinds() {
  std::vector<StepKind> all;
  for (const auto kinds : {
           declaration_steps(),
           device_steps(),
           server_steps(),
       }) {
    all.insert(all.end(), kinds.begin(), kinds.end());
  }
  return all;
}

const StepKind* find_step_kind(std::string_view name) {
  static const auto kKinds = step_kinds();
  const auto found = std::ranges::find(kKinds, name, &StepKind::name);
  return found == kKinds.end() ? nullptr : &*found;
}

}  // namespace mooring::test

// SPDX-License-Identifier: Apache-2.0
// The kinds of steps, one file of them for each part of the product: steps_PART.cpp, and its line here and in
// steps.cpp.
#pragma once

#include <span>

#include "tests/model/model_world.hpp"
#include "tests/model/step.hpp"

namespace mooring::test {

std::span<const StepKind> declaration_steps();
std::span<const StepKind> device_steps();
std::span<const StepKind> server_steps();

// For make(): indexes of a world of this shape.
inline std::int64_t any_device(Random& random, const Shape& shape) {
  return static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(shape.devices)));
}
inline std::int64_t any_item(Random& random, const Shape& shape) {
  return static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(shape.items)));
}
inline std::int64_t any_slot(Random& random, const Shape& shape) {
  return static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(shape.slots)));
}
inline std::int64_t any_server(Random& random) {
  return static_cast<std::int64_t>(random.below(ModelWorld::kServers));
}

}  // namespace mooring::test

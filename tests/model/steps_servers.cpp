// SPDX-License-Identifier: Apache-2.0
// Passes, crashes, time.
#include <array>

#include "core/janitor.hpp"
#include "tests/model/steps.hpp"

namespace mooring::test {
namespace {

constexpr std::int64_t kStages =
    3;  // at the last one the rows of others are held, and there is one driver only

int server_in(const Step& step) { return static_cast<int>(step["server"]); }

void pass(ModelWorld& world, const Step& step) {
  world.pass(server_in(step), static_cast<reconciler::Stage>(step["stage"]), step.inside);
}

/// What a quiet minute is: passes, every device that is awake connects, passes.
void round(ModelWorld& world, const Step& step) {
  world.pass(server_in(step));
  for (int i = 0; i < world.device_count(); ++i) world.connect(i, server_in(step));
  world.pass(server_in(step));
}

/// The server dies, or loses its connection, at one of its next commits.
void crash(ModelWorld& world, const Step& step) {
  world.fault(server_in(step))
      .arm(static_cast<int>(step["commits"]), step["after"] != 0, step["survives"] == 0);
}

void restart(ModelWorld& world, const Step& step) { world.restart(server_in(step)); }

void advance(ModelWorld& world, const Step& step) {
  world.clock.advance(std::chrono::minutes(step["minutes"]));
}

void tidy(ModelWorld& world, const Step&) {
  try {
    core::tidy(world.db.connection(), {}, world.clock.now());
  } catch (const pg::SqlError& error) {
    world.problem("tidy", error.what());
  }
}

Step on_server(Random& random, const Shape&) { return {.values = {{"server", any_server(random)}}}; }
Step make_pass(Random& random, const Shape& shape) {
  Step step = on_server(random, shape);
  if (random.chance(0.4)) return step;
  step.values["stage"] = static_cast<std::int64_t>(random.below(kStages));
  const auto count = 1 + random.below(3);
  for (std::uint64_t i = 0; i < count; ++i) step.inside.push_back(make_inside(random, shape));
  return step;
}
Step make_crash(Random& random, const Shape& shape) {
  Step step = on_server(random, shape);
  step.values["commits"] = 1 + static_cast<std::int64_t>(random.below(4));
  if (random.chance(0.5)) step.values["after"] = 1;
  if (random.chance(0.3)) step.values["survives"] = 1;
  return step;
}
Step make_advance(Random& random, const Shape&) {
  constexpr std::array<std::int64_t, 6> kMinutes{1, 7, 45, 400, 1500, 30000};
  return {.values = {{"minutes", kMinutes.at(random.below(random.chance(0.1) ? 6 : 5))}}};
}
Step make_nothing(Random&, const Shape&) { return {}; }

}  // namespace

std::span<const StepKind> server_steps() {
  static constexpr std::array kKinds{
      StepKind{"advance", 14, make_advance, advance, false},
      StepKind{"crash", 3, make_crash, crash, false},
      StepKind{"pass", 14, make_pass, pass, false},
      StepKind{"pass_within", 2, on_server, pass, true},
      StepKind{"restart", 1, on_server, restart, false},
      StepKind{"round", 18, on_server, round, false},
      StepKind{"tidy", 1, make_nothing, tidy, false},
  };
  return kKinds;
}

}  // namespace mooring::test

// SPDX-License-Identifier: Apache-2.0
// What devices and their users do, and what happens to messages on their way.
#include <fmt/format.h>

#include <array>

#include "tests/model/steps.hpp"
#include "tests/support/world.hpp"

namespace mooring::test {
namespace {

int device_in(const Step& step) { return static_cast<int>(step["device"]); }
int slot_in(const Step& step) { return static_cast<int>(step["slot"]); }
int server_in(const Step& step) { return static_cast<int>(step["server"]); }
bool exists(const ModelWorld& world, const Step& step) { return device_in(step) < world.device_count(); }

WireFaults faults_in(const Step& step) {
  return {.cut = static_cast<int>(step["cut"]),
          .after = step["after"] != 0,
          .duplicate = static_cast<int>(step["duplicate"]),
          .hold = static_cast<int>(step["hold"])};
}

void enroll(ModelWorld& world, const Step& step) {
  if (!exists(world, step) || world.device(device_in(step)).device->enrolled()) return;
  world.enroll(device_in(step), server_in(step), faults_in(step));
}

void connect(ModelWorld& world, const Step& step) {
  if (exists(world, step)) world.connect(device_in(step), server_in(step), faults_in(step));
}

void late(ModelWorld& world, const Step& step) {
  if (exists(world, step)) world.deliver_late(device_in(step), server_in(step));
}

void lock(ModelWorld& world, const Step& step) {
  if (!exists(world, step)) return;
  world.device(device_in(step)).device->lock_until(world.clock.now() + std::chrono::minutes(step["minutes"]));
}

void go_offline(ModelWorld& world, const Step& step) {
  if (!exists(world, step)) return;
  world.device(device_in(step))
      .device->go_offline_until(world.clock.now() + std::chrono::hours(step["hours"]));
}

void user_removes(ModelWorld& world, const Step& step) {
  if (!exists(world, step)) return;
  auto& one = world.device(device_in(step));
  const auto identifier = identifier_of(slot_in(step));
  if (!one.device->user_removes_profile(identifier)) return;
  one.foreign.erase(identifier);
  one.lost_by_user.insert(slot_in(step));
  world.cause(device_in(step), slot_in(step));
}

/// Under a name of its own, or (slot=N) under one that the administrator uses.
void user_installs(ModelWorld& world, const Step& step) {
  if (!exists(world, step)) return;
  auto& one = world.device(device_in(step));
  const bool ours = step.values.contains("slot");
  const auto identifier =
      ours ? identifier_of(slot_in(step)) : fmt::format("com.stranger.number{}", step["number"]);
  const auto bytes = profile(identifier, fmt::format("stranger {}", step["number"]));
  if (!one.device->user_installs_profile(bytes))
    return world.problem("model", "the user's profile is malformed");
  one.foreign[identifier] = one.device->profile(identifier)->uuid;
  if (!ours) return;
  one.strangers_since[slot_in(step)] = world.clock.now();
  one.lost_by_user.insert(slot_in(step));
  world.cause(device_in(step), slot_in(step));
}

void refuse(ModelWorld& world, const Step& step) {
  if (!exists(world, step)) return;
  auto& one = world.device(device_in(step));
  auto& behaviour = one.device->behaviour();
  auto& set = step["silently"] != 0 ? behaviour.ack_without_effect : behaviour.refuse;
  if (step["off"] != 0) {
    set.erase(identifier_of(slot_in(step)));
  } else {
    set.insert(identifier_of(slot_in(step)));
    one.misbehaved.insert(slot_in(step));
  }
}

void wipe(ModelWorld& world, const Step& step) {
  if (!exists(world, step)) return;
  auto& one = world.device(device_in(step));
  one.device->wipe();
  one.foreign.clear();
}

void unenroll(ModelWorld& world, const Step& step) {
  if (!exists(world, step)) return;
  auto& one = *world.device(device_in(step)).device;
  if (!one.enrolled()) return;
  if (step["silently"] != 0) {
    one.unenroll();
  } else {
    world.check_out(device_in(step), server_in(step));
  }
}

void upgrade(ModelWorld& world, const Step& step) {
  if (!exists(world, step)) return;
  world.device(device_in(step))
      .device->update_os(fmt::format("26.{}", step["version"]), fmt::format("26A{}", step["version"]));
  world.cause_everything(device_in(step));  // a higher build gets everything again
}

// ---- drawing

Step of_device(Random& random, const Shape& shape) {
  return {.values = {{"device", any_device(random, shape)}}};
}
Step to_server(Random& random, const Shape& shape) {
  Step step = of_device(random, shape);
  step.values["server"] = any_server(random);
  return step;
}
Step of_slot(Random& random, const Shape& shape) {
  Step step = of_device(random, shape);
  step.values["slot"] = any_slot(random, shape);
  return step;
}

Step make_enroll(Random& random, const Shape& shape) {
  Step step = to_server(random, shape);
  if (!random.chance(0.15)) return step;
  step.values["cut"] = 1 + static_cast<std::int64_t>(random.below(2));
  if (random.chance(0.5)) step.values["after"] = 1;
  return step;
}

Step make_connect(Random& random, const Shape& shape) {
  Step step = to_server(random, shape);
  const auto message = 1 + static_cast<std::int64_t>(random.below(6));
  switch (random.below(6)) {
    case 0:
      step.values["cut"] = message;
      if (random.chance(0.5)) step.values["after"] = 1;
      break;
    case 1:
      step.values["duplicate"] = message;
      break;
    case 2:
      step.values["hold"] = message + 1;  // the first one asks and answers nothing
      break;
    default:
      break;
  }
  return step;
}

Step make_lock(Random& random, const Shape& shape) {
  Step step = of_device(random, shape);
  step.values["minutes"] = 1 + static_cast<std::int64_t>(random.below(600));
  return step;
}
Step make_offline(Random& random, const Shape& shape) {
  Step step = of_device(random, shape);
  step.values["hours"] = 1 + static_cast<std::int64_t>(random.below(random.chance(0.3) ? 600 : 30));
  return step;
}
Step make_user_installs(Random& random, const Shape& shape) {
  Step step = random.chance(0.4) ? of_slot(random, shape) : of_device(random, shape);
  step.values["number"] = static_cast<std::int64_t>(random.below(3));
  return step;
}
Step make_refuse(Random& random, const Shape& shape) {
  Step step = of_slot(random, shape);
  if (random.chance(0.4)) step.values["silently"] = 1;
  if (random.chance(0.4)) step.values["off"] = 1;
  return step;
}
Step make_unenroll(Random& random, const Shape& shape) {
  Step step = to_server(random, shape);
  if (random.chance(0.4)) step.values["silently"] = 1;
  return step;
}
Step make_upgrade(Random& random, const Shape& shape) {
  Step step = of_device(random, shape);
  step.values["version"] = static_cast<std::int64_t>(random.below(9));
  return step;
}

}  // namespace

std::span<const StepKind> device_steps() {
  static constexpr std::array kKinds{
      StepKind{"connect", 14, make_connect, connect, true},
      StepKind{"enroll", 14, make_enroll, enroll, true},
      StepKind{"late", 4, to_server, late, true},
      StepKind{"lock", 4, make_lock, lock, true},
      StepKind{"offline", 3, make_offline, go_offline, false},
      StepKind{"refuse", 4, make_refuse, refuse, false},
      StepKind{"unenroll", 2, make_unenroll, unenroll, true},
      StepKind{"upgrade", 1, make_upgrade, upgrade, false},
      StepKind{"user_installs", 4, make_user_installs, user_installs, true},
      StepKind{"user_removes", 7, of_slot, user_removes, true},
      StepKind{"wipe", 2, of_device, wipe, true},
  };
  return kKinds;
}

}  // namespace mooring::test

// SPDX-License-Identifier: Apache-2.0
// What the administrator declares, and asks for again.
#include <fmt/format.h>

#include <array>

#include "director/assignments.hpp"
#include "director/devices.hpp"
#include "director/profiles.hpp"
#include "director/requirements.hpp"
#include "tests/model/steps.hpp"

namespace mooring::test {
namespace {

std::string name_of_item(int item) { return fmt::format("item{}", item); }

/// Some items name a device by its UDID, the others by its serial number: of two that share a slot, one each.
director::Scope scope_of(ModelWorld& world, int item, int scope) {
  if (scope == kAllDevices) return {};
  const auto& identity = world.device(scope).device->identity();
  const bool by_serial = (item + item / world.shape.slots) % 2 == 1;
  return {.kind = director::ScopeKind::device, .ref = by_serial ? identity.serial : identity.udid};
}

int item_in(const Step& step) { return static_cast<int>(step["item"]); }
int scope_in(const Step& step) { return static_cast<int>(step["device"]); }

void declare(ModelWorld& world, const Step& step) {
  const int item = item_in(step);
  const int slot = world.declared.slot_of(item);
  const auto document = director::read_profile(mobileconfig_of(item, slot, step["value"]));
  const Time now = world.clock.now();
  world.transact(
      [&](pg::Connection& c) { return director::put_profile(c, name_of_item(item), *document, now); });
  world.declared.declare(item, step["value"], now);
  world.cause(kAllDevices, slot);
}

void undeclare(ModelWorld& world, const Step& step) {
  const int item = item_in(step);
  if (!world.declared.has(item)) return;
  world.transact([&](pg::Connection& c) -> Result<bool> {
    return director::delete_profile(c, name_of_item(item), world.clock.now());
  });
  world.declared.remove(item);
  world.cause(kAllDevices, world.declared.slot_of(item));
}

void assign(ModelWorld& world, const Step& step) {
  const int item = item_in(step);
  const int scope = scope_in(step);
  const bool present = step["absent"] == 0;
  if (!world.declared.has(item) || scope >= world.device_count()) return;
  const auto product_scope = scope_of(world, item, scope);
  // Two names of one device are two scopes to the product: nothing is taken there.
  if (present && scope == kAllDevices && world.declared.is_taken(item, scope)) return;
  const auto intent = present ? director::Intent::present : director::Intent::absent;
  const Time now = world.clock.now();
  world.transact([&](pg::Connection& c) {
    return director::put_assignment(c, name_of_item(item), product_scope, intent, now);
  });
  world.declared.assign(item, scope, present, now);
  world.cause(scope, world.declared.slot_of(item));
}

void unassign(ModelWorld& world, const Step& step) {
  const int item = item_in(step);
  const int scope = scope_in(step);
  if (!world.declared.has_assignment(item, scope)) return;
  const auto wanted = scope_of(world, item, scope).text();
  world.transact([&](pg::Connection& c) -> Result<bool> {
    for (const auto& assignment : director::list_assignments(c, 0, 1000)) {
      if (assignment.item_name == name_of_item(item) && assignment.scope.text() == wanted) {
        return director::delete_assignment(c, assignment.id, world.clock.now());
      }
    }
    return fail(Failure::not_found, "model.assignment", "the product has lost an assignment");
  });
  world.declared.unassign(item, scope);
  world.cause(scope, world.declared.slot_of(item));
}

/// After the other one; without one, after nothing.
void require(ModelWorld& world, const Step& step) {
  const int item = item_in(step);
  const int other = static_cast<int>(step["other"]);
  const bool some = step.values.contains("other");
  if (!world.declared.has(item) || (some && (other >= item || !world.declared.has(other)))) return;
  auto wanted = some ? world.declared.requirements(item) : std::set<int>();
  if (some) wanted.insert(other);
  std::vector<std::string> names;
  for (const int each : wanted) names.push_back(name_of_item(each));
  world.transact([&](pg::Connection& c) {
    return director::put_requirements(c, name_of_item(item), names, world.clock.now());
  });
  world.declared.require(item, std::move(wanted));
  world.cause(kAllDevices, world.declared.slot_of(item));
}

void repush_item(ModelWorld& world, const Step& step) {
  const int item = item_in(step);
  if (!world.declared.has(item)) return;
  world.transact([&](pg::Connection& c) -> Result<bool> {
    return director::repush_item(c, name_of_item(item), world.clock.now());
  });
  world.cause(kAllDevices, world.declared.slot_of(item));
}

void repush_device(ModelWorld& world, const Step& step) {
  const int device = scope_in(step);
  const auto id = world.device_id(device);
  if (id == 0) return;
  world.transact(
      [&](pg::Connection& c) -> Result<bool> { return director::request_repush(c, id, world.clock.now()); });
  world.cause_everything(device);
}

void refresh_device(ModelWorld& world, const Step& step) {
  const auto id = world.device_id(scope_in(step));
  if (id == 0) return;
  world.transact(
      [&](pg::Connection& c) -> Result<bool> { return director::request_refresh(c, id, world.clock.now()); });
}

Step make_declare(Random& random, const Shape& shape) {
  return {
      .values = {{"item", any_item(random, shape)}, {"value", static_cast<std::int64_t>(random.below(3))}}};
}
Step make_item(Random& random, const Shape& shape) { return {.values = {{"item", any_item(random, shape)}}}; }
Step make_require(Random& random, const Shape& shape) {
  const auto item = any_item(random, shape);
  if (item == 0 || random.chance(0.3)) return {.values = {{"item", item}}};
  return {.values = {{"item", item},
                     {"other", static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(item)))}}};
}
Step make_device_step(Random& random, const Shape& shape) {
  return {.values = {{"device", any_device(random, shape)}}};
}

Step make_unassign(Random& random, const Shape& shape) {
  const auto scope = random.chance(0.5) ? std::int64_t{kAllDevices} : any_device(random, shape);
  return {.values = {{"item", any_item(random, shape)}, {"device", scope}}};
}
Step make_assign(Random& random, const Shape& shape) {
  Step step = make_unassign(random, shape);
  if (random.chance(0.2)) step.values["absent"] = 1;
  return step;
}

}  // namespace

std::span<const StepKind> declaration_steps() {
  static constexpr std::array kKinds{
      StepKind{"assign", 18, make_assign, assign, true},
      StepKind{"declare", 14, make_declare, declare, true},
      StepKind{"refresh", 2, make_device_step, refresh_device, true},
      StepKind{"repush_device", 2, make_device_step, repush_device, true},
      StepKind{"repush_item", 2, make_item, repush_item, true},
      StepKind{"require", 2, make_require, require, true},
      StepKind{"unassign", 5, make_unassign, unassign, true},
      StepKind{"undeclare", 3, make_item, undeclare, true},
  };
  return kKinds;
}

}  // namespace mooring::test

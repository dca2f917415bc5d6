// SPDX-License-Identifier: Apache-2.0
// What a story is made of. Everything is decided when the story is made: nothing is drawn while it runs, so
// that a story replays exactly and may lose any of its steps.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.hpp"
#include "base/result.hpp"

namespace mooring::test {

class ModelWorld;

/// One step: a kind, small numbers, and what happens in its middle. Text form: `kind name=number ...`, the
/// steps inside on lines of their own, indented.
struct Step {
  std::string kind;
  std::map<std::string, std::int64_t> values;
  std::vector<Step> inside;

  /// 0 where the step does not say.
  std::int64_t operator[](const std::string& name) const {
    const auto found = values.find(name);
    return found == values.end() ? 0 : found->second;
  }
};

/// How large a story's world is. Steps name devices, items, slots and servers by index.
struct Shape {
  int devices = 4;
  int items = 6;
  int slots = 4;  ///< Item i has slot i % slots: two items share some of them.
};

struct Story {
  std::uint64_t seed = 0;
  Shape shape;
  std::vector<Step> steps;
};

/// What a package adds to the model: one row for each kind of step.
struct StepKind {
  std::string_view name;
  int weight = 0;  ///< How often it comes up among all kinds.
  /// Draws the numbers of a step.
  Step (*make)(Random& random, const Shape& shape) = nullptr;
  /// Does it. A step that does not apply (a device that is not enrolled, an item that is not declared) does
  /// nothing.
  void (*run)(ModelWorld& world, const Step& step) = nullptr;
  bool inside = false;  ///< It may also happen in the middle of a pass.
};

/// Every kind of every package: steps.cpp lists them.
std::vector<StepKind> step_kinds();
const StepKind* find_step_kind(std::string_view name);
/// A step that may happen in the middle of a pass.
Step make_inside(Random& random, const Shape& shape);

Story make_story(std::uint64_t seed);
std::string to_text(const Story& story);
/// Errors: story.malformed, with the line.
Result<Story> read_story(std::string_view text);

}  // namespace mooring::test

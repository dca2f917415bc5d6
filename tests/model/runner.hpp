// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "tests/model/model_world.hpp"
#include "tests/model/step.hpp"

namespace mooring::test {

struct StoryOutcome {
  std::vector<Problem> problems;
  std::string digest;
  bool good() const { return problems.empty(); }
};

StoryOutcome run_story(const Story& story);

/// The shortest story found by leaving out steps that still breaks the same rule. Runs the story many times.
Story shrink(const Story& story, const Problem& problem);

/// Runs the story of a seed; where it goes wrong, what went wrong and the shrunk story as text. Empty: all is
/// well.
std::string examine(const Story& story);

}  // namespace mooring::test

// SPDX-License-Identifier: Apache-2.0
#include "tests/model/runner.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "tests/model/checks.hpp"

namespace mooring::test {
namespace {

/// A story without some of its steps; true where the same rule is still broken.
using StillBroken = std::function<bool(const std::vector<Step>&)>;

/// ddmin: leaves out ever smaller chunks.
void drop_chunks(std::vector<Step>& steps, const StillBroken& still_broken) {
  for (std::size_t chunk = std::max<std::size_t>(steps.size() / 2, 1);; chunk /= 2) {
    for (std::size_t at = 0; at < steps.size();) {
      auto fewer = steps;
      const auto first = fewer.begin() + static_cast<std::ptrdiff_t>(at);
      fewer.erase(first, first + static_cast<std::ptrdiff_t>(std::min(chunk, steps.size() - at)));
      if (still_broken(fewer)) {
        steps = std::move(fewer);
      } else {
        at += chunk;
      }
    }
    if (chunk <= 1) return;
  }
}

/// All steps of one device, of one item or of one slot at once.
void drop_values(std::vector<Step>& steps, const std::string& name, int count,
                 const StillBroken& still_broken) {
  for (int value = 0; value < count; ++value) {
    auto fewer = steps;
    std::erase_if(fewer, [&](const Step& step) {
      const auto found = step.values.find(name);
      return found != step.values.end() && found->second == value;
    });
    if (fewer.size() < steps.size() && still_broken(fewer)) steps = std::move(fewer);
  }
}

/// What happens in the middle of passes, and the numbers that a step can do without.
void simplify(std::vector<Step>& steps, const StillBroken& still_broken) {
  for (std::size_t at = 0; at < steps.size(); ++at) {
    for (std::size_t i = steps[at].inside.size(); i-- > 0;) {
      auto fewer = steps;
      fewer[at].inside.erase(fewer[at].inside.begin() + static_cast<std::ptrdiff_t>(i));
      if (still_broken(fewer)) steps = std::move(fewer);
    }
    for (const auto* name : {"cut", "after", "duplicate", "hold", "server", "survives", "silently"}) {
      if (steps[at][name] == 0) continue;
      auto fewer = steps;
      fewer[at].values.erase(name);
      if (still_broken(fewer)) steps = std::move(fewer);
    }
  }
}

}  // namespace

StoryOutcome run_story(const Story& story) {
  ModelWorld world(story.shape);
  for (const auto& step : story.steps) {
    world.run(step);
    if (world.broken()) break;
  }
  if (!world.broken()) check_always(world);
  if (!world.broken()) quieten(world);
  return {.problems = world.problems, .digest = digest_of(world)};
}

Story shrink(const Story& story, const Problem& problem) {
  Story small = story;
  const StillBroken still_broken = [&](const std::vector<Step>& steps) {
    const auto outcome = run_story({.seed = story.seed, .shape = story.shape, .steps = steps});
    return std::ranges::any_of(outcome.problems, [&](const Problem& p) { return p.check == problem.check; });
  };
  drop_values(small.steps, "device", story.shape.devices, still_broken);
  drop_values(small.steps, "item", story.shape.items, still_broken);
  drop_chunks(small.steps, still_broken);
  simplify(small.steps, still_broken);
  drop_chunks(small.steps, still_broken);
  return small;
}

std::string examine(const Story& story) {
  const auto outcome = run_story(story);
  if (outcome.good()) return {};
  const auto small = shrink(story, outcome.problems.front());
  const auto again = run_story(small);
  std::string text = fmt::format("seed {} goes wrong; {} of its {} steps are enough:\n", story.seed,
                                 small.steps.size(), story.steps.size());
  for (const auto& problem : again.problems) text += fmt::format("# {}: {}\n", problem.check, problem.text);
  return text + to_text(small);
}

}  // namespace mooring::test

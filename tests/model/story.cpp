// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <sstream>

#include "tests/model/step.hpp"

namespace mooring::test {
namespace {

const StepKind& draw_kind(Random& random, std::span<const StepKind> kinds) {
  std::uint64_t total = 0;
  for (const auto& kind : kinds) total += static_cast<std::uint64_t>(kind.weight);
  auto left = random.below(total);
  for (const auto& kind : kinds) {
    if (left < static_cast<std::uint64_t>(kind.weight)) return kind;
    left -= static_cast<std::uint64_t>(kind.weight);
  }
  return kinds.back();
}

Step named(const StepKind& kind, Random& random, const Shape& shape) {
  Step step = kind.make(random, shape);
  step.kind = kind.name;
  return step;
}

void write(std::string& text, const Step& step, int depth) {
  text.append(static_cast<std::size_t>(depth) * 2, ' ');
  text += step.kind;
  for (const auto& [name, value] : step.values)
    fmt::format_to(std::back_inserter(text), " {}={}", name, value);
  text += '\n';
  for (const auto& inside : step.inside) write(text, inside, depth + 1);
}

/// `name=number` words into `values`; false where a word is none.
bool read_values(std::istringstream& words, std::map<std::string, std::int64_t>& values) {
  std::string word;
  while (words >> word) {
    const auto equals = word.find('=');
    if (equals == std::string::npos) return false;
    std::int64_t number = 0;
    const char* end = word.data() + word.size();
    const auto read = std::from_chars(word.data() + equals + 1, end, number);
    if (read.ec != std::errc{} || read.ptr != end) return false;
    values[word.substr(0, equals)] = number;
  }
  return true;
}

}  // namespace

Step make_inside(Random& random, const Shape& shape) {
  auto kinds = step_kinds();
  std::erase_if(kinds, [](const StepKind& kind) { return !kind.inside; });
  return named(draw_kind(random, kinds), random, shape);
}

Story make_story(std::uint64_t seed) {
  Random random(seed * 2654435761U + 1);
  Story story{.seed = seed, .shape = {.devices = 2 + static_cast<int>(random.below(4))}, .steps = {}};
  const auto kinds = step_kinds();
  const auto count = 20 + random.below(50);
  for (std::uint64_t i = 0; i < count; ++i) {
    story.steps.push_back(named(draw_kind(random, kinds), random, story.shape));
  }
  return story;
}

std::string to_text(const Story& story) {
  std::string text = fmt::format("story seed={} devices={} items={} slots={}\n", story.seed,
                                 story.shape.devices, story.shape.items, story.shape.slots);
  for (const auto& step : story.steps) write(text, step, 0);
  return text;
}

Result<Story> read_story(std::string_view text) {
  Story story;
  std::istringstream lines{std::string(text)};
  std::string line;
  for (int number = 1; std::getline(lines, line); ++number) {
    if (line.empty() || line.starts_with('#')) continue;
    Step step;
    std::istringstream words(line);
    const auto malformed = [&] {
      return fail(Failure::invalid, "story.malformed", fmt::format("line {}: {}", number, line));
    };
    if (!(words >> step.kind) || !read_values(words, step.values)) return malformed();
    if (step.kind == "story") {
      story.seed = static_cast<std::uint64_t>(step["seed"]);
      story.shape = {static_cast<int>(step["devices"]), static_cast<int>(step["items"]),
                     static_cast<int>(step["slots"])};
      continue;
    }
    if (find_step_kind(step.kind) == nullptr) return malformed();
    const bool inside = line.starts_with(' ') && !story.steps.empty();
    (inside ? story.steps.back().inside : story.steps).push_back(std::move(step));
  }
  return story;
}

}  // namespace mooring::test

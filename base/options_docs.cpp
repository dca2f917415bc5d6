// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/options.hpp"

namespace mooring {
namespace {

constexpr std::size_t kHelpWidth = 100;

/// What stands after the flag: --log-level debug|info, --drain DURATION.
std::string placeholder(const OptionSpec& spec) {
  switch (spec.type) {
    case OptionType::text:
      return spec.secret ? "SECRET" : "TEXT";
    case OptionType::integer:
      return "NUMBER";
    case OptionType::boolean:
      return "yes|no";
    case OptionType::duration:
      return "DURATION";
    case OptionType::size:
      return "SIZE";
    case OptionType::choice:
      return fmt::format("{}", fmt::join(spec.choices, "|"));
  }
  return {};
}

/// A secret with a built-in default would be none: nothing is shown for it.
std::string_view shown_default(const OptionSpec& spec) {
  return spec.secret ? std::string_view{} : spec.fallback;
}

void append_wrapped(std::string& out, std::string_view text, std::size_t indent) {
  std::size_t column = indent;
  bool first = true;
  while (!text.empty()) {
    const auto word = text.substr(0, text.find(' '));
    text.remove_prefix(std::min(word.size() + 1, text.size()));
    if (!first && column + 1 + word.size() > kHelpWidth) {
      out += '\n';
      out.append(indent, ' ');
      column = indent;
    } else if (!first) {
      out += ' ';
      ++column;
    }
    out += word;
    column += word.size();
    first = false;
  }
  out += '\n';
}

std::string cell(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '|') out += '\\';
    out += c;
  }
  return out;
}

}  // namespace

std::string options_help(std::span<const OptionSpec> specs) {
  constexpr std::size_t kWidest = 36;
  std::size_t indent = 0;
  std::vector<std::string> flags;
  for (const auto& spec : specs) {
    flags.push_back(fmt::format("  --{} {}", spec.name, placeholder(spec)));
    if (flags.back().size() <= kWidest) indent = std::max(indent, flags.back().size());
  }
  indent += 2;
  std::string out;
  for (std::size_t i = 0; i < specs.size(); ++i) {
    std::string text(specs[i].help);
    if (const auto value = shown_default(specs[i]); !value.empty())
      text += fmt::format(" Default: {}", value);
    out += flags[i];
    if (flags[i].size() + 2 > indent) {
      out += '\n';
      out.append(indent, ' ');
    } else {
      out.append(indent - flags[i].size(), ' ');
    }
    append_wrapped(out, text, indent);
  }
  return out;
}

std::string options_markdown(std::span<const OptionSpec> specs) {
  std::string out =
      "<!-- Generated from the table of options. Do not edit. -->\n"
      "# Configuration\n\n"
      "Every option can be given as a flag (`--name value`), as an environment variable, or as a key of the "
      "YAML\n"
      "file named by `--config`. A flag goes before the environment, the environment before the file, the "
      "file\n"
      "before the default. An unknown or repeated key of the file is an error. An empty variable counts as "
      "unset.\n\n"
      "Durations are a whole number with a unit: `250ms`, `30s`, `15m`, `6h`, `7d`. Sizes are bytes, or a "
      "whole\n"
      "number with a unit: `65536`, `64KiB`, `8MiB`. Yes and no may be written `true`/`false`, `yes`/`no`,\n"
      "`on`/`off` or `1`/`0`.\n\n"
      "| option, key of the file | variable | value | default | meaning |\n"
      "| --- | --- | --- | --- | --- |\n";
  for (const auto& spec : specs) {
    const auto value = shown_default(spec);
    out += fmt::format("| `{}` | `{}` | `{}` | {} | {} |\n", spec.name, environment_name(spec.name),
                       cell(placeholder(spec)),
                       value.empty() ? std::string() : fmt::format("`{}`", cell(value)), cell(spec.help));
  }
  return out;
}

}  // namespace mooring

// SPDX-License-Identifier: Apache-2.0
// Where values come from and which one wins. How a value is read is options_values.cpp, how the table is
// shown options_docs.cpp.
#include "base/options.hpp"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <numeric>

#include "base/detail/option_values.hpp"
#include "base/encoding.hpp"

namespace mooring {
namespace {

/// A value, and where it was given: "--device-listen", "MOORING_DEVICE_LISTEN" or "mooring.yaml:12".
struct Given {
  std::string text;
  std::string source;
};
using GivenValues = std::map<std::string, Given, std::less<>>;

/// Levenshtein's distance, in one row.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row.back();
}

const OptionSpec* find_option(std::span<const OptionSpec> specs, std::string_view name) {
  const auto found = std::ranges::find(specs, name, &OptionSpec::name);
  return found == specs.end() ? nullptr : &*found;
}

std::unexpected<Error> unknown_option(std::span<const OptionSpec> specs, std::string_view name,
                                      std::string_view source) {
  std::string hint = "See --help for all options.";
  std::size_t best = std::max<std::size_t>(2, name.size() / 3) + 1;
  for (const auto& spec : specs) {
    const auto distance = edit_distance(name, spec.name);
    if (distance >= best) continue;
    best = distance;
    hint = fmt::format("Did you mean {}?", spec.name);
  }
  return fail(Failure::invalid, "option.unknown",
              fmt::format("There is no option \"{}\" ({}). {}", name, source, hint));
}

std::unexpected<Error> bad_file(std::string_view source, std::string_view why) {
  return fail(Failure::invalid, "option.file", fmt::format("{}: {}", source, why));
}

/// One "key: value" of the file. yaml-cpp keeps a repeated key silently, so that is looked for here.
Result<> read_pair(std::span<const OptionSpec> specs, const std::string& file, const YAML::Node& key,
                   const YAML::Node& value, GivenValues& into) {
  const std::string source = fmt::format("{}:{}", file, key.Mark().line + 1);
  if (!key.IsScalar()) return bad_file(source, "The name of an option must be plain text.");
  const std::string& name = key.Scalar();
  if (find_option(specs, name) == nullptr) return unknown_option(specs, name, source);
  if (const auto earlier = into.find(name); earlier != into.end()) {
    return fail(
        Failure::invalid, "option.repeated",
        fmt::format("Option {} is given twice: {} and {}. Keep one.", name, earlier->second.source, source));
  }
  if (value.IsNull()) {
    return bad_file(
        source, fmt::format("Option {} has no value. Write one, \"\" for an empty one, or remove it.", name));
  }
  if (!value.IsScalar()) {
    return bad_file(source, fmt::format("Option {} takes one value, not a list or a map.", name));
  }
  into.emplace(name, Given{value.Scalar(), source});
  return {};
}

Result<GivenValues> read_file(std::span<const OptionSpec> specs, const std::string& file) {
  GivenValues values;
  try {
    const auto documents = YAML::LoadAllFromFile(file);
    if (documents.size() > 1) return bad_file(file, "It holds more than one YAML document.");
    if (documents.empty() || documents.front().IsNull()) return values;
    const YAML::Node& root = documents.front();
    if (!root.IsMap()) return bad_file(file, "It must be a list of \"option: value\" lines.");
    for (const auto& pair : root) {
      if (auto read = read_pair(specs, file, pair.first, pair.second, values); !read) {
        return std::unexpected(read.error());
      }
    }
  } catch (const YAML::BadFile&) {
    return bad_file(file, "The file cannot be read. Check --config and its permissions.");
  } catch (const YAML::ParserException& e) {
    return bad_file(fmt::format("{}:{}", file, e.mark.line + 1), fmt::format("This is not YAML: {}.", e.msg));
  } catch (const std::exception& e) {
    return bad_file(file, fmt::format("This is not YAML: {}.", e.what()));
  }
  return values;
}

Result<> check_value(const OptionSpec& spec, const Given& given) {
  if (!given.text.contains('\0') && is_utf8(given.text) && detail::is_option_value(spec, given.text))
    return {};
  const std::string what =
      spec.secret ? std::string("Its value") : fmt::format("\"{}\"", detail::shown_option_value(given.text));
  return fail(Failure::invalid, "option.value",
              fmt::format("Option {} ({}): {} is not {}.", spec.name, given.source, what,
                          detail::describe_option_value(spec)));
}

}  // namespace

Result<Options> load_options(std::span<const OptionSpec> specs,
                             const std::map<std::string, std::string>& flags,
                             const std::function<std::optional<std::string>(const std::string&)>& environment,
                             const std::string& config_file) {
  for (const auto& [name, value] : flags) {
    if (find_option(specs, name) == nullptr) return unknown_option(specs, name, "--" + name);
  }
  GivenValues from_file;
  if (!config_file.empty()) {
    auto read = read_file(specs, config_file);
    if (!read) return std::unexpected(read.error());
    from_file = std::move(*read);
  }
  Options options;
  for (const auto& spec : specs) {
    const std::string name(spec.name);
    // Checked even where another source wins: a mistake that shows only later is worse.
    std::vector<Given> given;
    if (const auto flag = flags.find(name); flag != flags.end()) given.push_back({flag->second, "--" + name});
    const std::string variable = environment_name(name);
    // Empty counts as unset: compose files and unit files pass variables on without knowing better.
    if (auto value = environment(variable); value && !value->empty())
      given.push_back({std::move(*value), variable});
    if (const auto line = from_file.find(name); line != from_file.end()) given.push_back(line->second);
    for (const auto& each : given) {
      if (auto checked = check_value(spec, each); !checked) return std::unexpected(checked.error());
    }
    options.values_[name] = given.empty() ? std::string(spec.fallback) : given.front().text;
    if (!given.empty()) options.sources_[name] = given.front().source;
  }
  return options;
}

std::string environment_name(std::string_view option) {
  std::string name = "MOORING_";
  for (const char c : option) {
    if (c == '-') {
      name += '_';
    } else {
      name += c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
    }
  }
  return name;
}

}  // namespace mooring

// SPDX-License-Identifier: Apache-2.0
// One table of options: flags, MOORING_* variables, the YAML file, --help and docs/configuration.md come from
// it.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace mooring {

enum class OptionType : std::uint8_t {
  text,
  integer,
  boolean,   ///< true/false, yes/no, on/off, 1/0
  duration,  ///< a number with a unit: 250ms, 30s, 15m, 6h, 7d
  size,      ///< bytes: 65536, 64KiB, 8MiB
  choice,    ///< one of `choices`
};

struct OptionSpec {
  std::string_view
      name;  ///< "device-listen": flag --device-listen, variable MOORING_DEVICE_LISTEN, YAML key.
  OptionType type = OptionType::text;
  std::string_view fallback;  ///< Shown as the default.
  std::string_view help;      ///< One sentence.
  std::vector<std::string_view> choices = {};
  bool secret = false;  ///< Never printed with its value.
};

/// The chosen values. Precedence: flag, environment, file, default.
class Options {
 public:
  const std::string& text(std::string_view name) const;
  std::int64_t integer(std::string_view name) const;
  bool boolean(std::string_view name) const;
  std::chrono::milliseconds duration(std::string_view name) const;
  std::size_t size(std::string_view name) const;
  bool is_default(std::string_view name) const;

 private:
  friend Result<Options> load_options(std::span<const OptionSpec>, const std::map<std::string, std::string>&,
                                      const std::function<std::optional<std::string>(const std::string&)>&,
                                      const std::string&);
  std::map<std::string, std::string, std::less<>> values_;
  std::map<std::string, std::string, std::less<>> sources_;
};

/// An empty variable counts as unset. A getter asked for a name that is not in the table throws
/// std::logic_error. `flags`: name to text as given on the command line. `environment`: looks up a variable.
/// `config_file`: path of a YAML file, or empty. Every value is checked here; unknown and repeated keys of
/// the file are errors, and each error names the option, where the value came from, and what would be right.
Result<Options> load_options(std::span<const OptionSpec> specs,
                             const std::map<std::string, std::string>& flags,
                             const std::function<std::optional<std::string>(const std::string&)>& environment,
                             const std::string& config_file);

std::string environment_name(std::string_view option);
/// For `--help`: aligned columns, wrapped at 100.
std::string options_help(std::span<const OptionSpec> specs);
/// docs/configuration.md, whole.
std::string options_markdown(std::span<const OptionSpec> specs);

std::optional<std::chrono::milliseconds> parse_duration(std::string_view text);
std::optional<std::size_t> parse_size(std::string_view text);

}  // namespace mooring

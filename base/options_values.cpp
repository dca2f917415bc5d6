// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <stdexcept>

#include "base/detail/option_values.hpp"
#include "base/encoding.hpp"

namespace mooring {
namespace {

struct Unit {
  std::string_view name;
  std::uint64_t factor;
};
constexpr std::array<Unit, 5> kDurationUnits{Unit{"ms", 1}, Unit{"s", 1000}, Unit{"m", 60'000},
                                             Unit{"h", 3'600'000}, Unit{"d", 86'400'000}};
constexpr std::array<Unit, 5> kSizeUnits{
    Unit{"", 1}, Unit{"KiB", std::uint64_t{1} << 10U}, Unit{"MiB", std::uint64_t{1} << 20U},
    Unit{"GiB", std::uint64_t{1} << 30U}, Unit{"TiB", std::uint64_t{1} << 40U}};

template <class Integer>
std::optional<Integer> parse_whole(std::string_view text) {
  Integer value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<std::uint64_t> parse_with_unit(std::string_view text, std::span<const Unit> units) {
  const auto digits = std::min(text.find_first_not_of("0123456789"), text.size());
  const auto number = parse_whole<std::uint64_t>(text.substr(0, digits));
  const auto unit = std::ranges::find(units, text.substr(digits), &Unit::name);
  constexpr auto kMost = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  if (!number || unit == units.end() || *number > kMost / unit->factor) return std::nullopt;
  return *number * unit->factor;
}

std::optional<bool> parse_boolean(std::string_view text) {
  const std::string word = to_lower_ascii(text);
  if (word == "true" || word == "yes" || word == "on" || word == "1") return true;
  if (word == "false" || word == "no" || word == "off" || word == "0") return false;
  return std::nullopt;
}

}  // namespace

std::optional<std::chrono::milliseconds> parse_duration(std::string_view text) {
  const auto value = parse_with_unit(text, kDurationUnits);
  if (!value) return std::nullopt;
  return std::chrono::milliseconds(static_cast<std::int64_t>(*value));
}

std::optional<std::size_t> parse_size(std::string_view text) { return parse_with_unit(text, kSizeUnits); }

namespace detail {

bool is_option_value(const OptionSpec& spec, std::string_view text) {
  switch (spec.type) {
    case OptionType::text:
      return true;
    case OptionType::integer:
      return parse_whole<std::int64_t>(text).has_value();
    case OptionType::boolean:
      return parse_boolean(text).has_value();
    case OptionType::duration:
      return parse_duration(text).has_value();
    case OptionType::size:
      return parse_size(text).has_value();
    case OptionType::choice:
      return std::ranges::find(spec.choices, text) != spec.choices.end();
  }
  return false;
}

std::string describe_option_value(const OptionSpec& spec) {
  switch (spec.type) {
    case OptionType::text:
      return "UTF-8 text without NUL";
    case OptionType::integer:
      return "a whole number";
    case OptionType::boolean:
      return "true or false (yes/no, on/off and 1/0 also do)";
    case OptionType::duration:
      return "a duration: a whole number with ms, s, m, h or d, such as 250ms, 30s, 6h";
    case OptionType::size:
      return "a size: bytes, or a whole number with KiB, MiB, GiB or TiB, such as 65536, 8MiB";
    case OptionType::choice:
      return fmt::format("one of {}", fmt::join(spec.choices, ", "));
  }
  return {};
}

std::string shown_option_value(std::string_view text) {
  constexpr std::size_t kLongest = 60;
  std::string shown;
  for (const char c : text.substr(0, kLongest)) shown += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  if (text.size() > kLongest) shown += "...";
  return shown;
}

}  // namespace detail

// The getters take names that are constants of the program: an unknown one is a bug, and says so loudly.

const std::string& Options::text(std::string_view name) const {
  const auto found = values_.find(name);
  if (found == values_.end()) throw std::logic_error("there is no option " + std::string(name));
  return found->second;
}

std::int64_t Options::integer(std::string_view name) const {
  return parse_whole<std::int64_t>(text(name)).value_or(0);
}

bool Options::boolean(std::string_view name) const { return parse_boolean(text(name)).value_or(false); }

std::chrono::milliseconds Options::duration(std::string_view name) const {
  return parse_duration(text(name)).value_or(std::chrono::milliseconds(0));
}

std::size_t Options::size(std::string_view name) const { return parse_size(text(name)).value_or(0); }

bool Options::is_default(std::string_view name) const { return !sources_.contains(name); }

}  // namespace mooring

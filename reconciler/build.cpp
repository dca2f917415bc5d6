// SPDX-License-Identifier: Apache-2.0
#include "reconciler/build.hpp"

#include <charconv>
#include <optional>
#include <tuple>

namespace mooring::reconciler {
namespace {

using Build = std::tuple<int, std::string_view, int, std::string_view>;

std::optional<int> take_number(std::string_view& text) {
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || number < 0) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return number;
}

bool is_letter(char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'); }

std::string_view take_letters(std::string_view& text) {
  std::size_t length = 0;
  while (length < text.size() && is_letter(text[length])) ++length;
  const auto letters = text.substr(0, length);
  text.remove_prefix(length);
  return letters;
}

std::optional<Build> read_build(std::string_view text) {
  const auto train = take_number(text);
  const auto letter = take_letters(text);
  const auto number = take_number(text);
  const auto suffix = take_letters(text);
  if (!train || letter.empty() || !number || !text.empty()) return std::nullopt;
  return Build{*train, letter, *number, suffix};
}

}  // namespace

std::partial_ordering compare_builds(std::string_view a, std::string_view b) {
  const auto left = read_build(a);
  const auto right = read_build(b);
  if (!left || !right) return std::partial_ordering::unordered;
  return *left <=> *right;
}

}  // namespace mooring::reconciler

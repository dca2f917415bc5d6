// SPDX-License-Identifier: Apache-2.0
// What an expression means, and how it is written out. expression_parser.cpp reads it.
#include "director/expression.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "schema/key.hpp"

namespace mooring::director {
namespace {

using Op = Expression::Op;
using Node = Expression::Node;

/// `*` any number of characters, `?` one. Takes no more than length(pattern) * length(text) steps.
bool matches(std::string_view pattern, std::string_view text) {
  std::size_t p = 0;
  std::size_t t = 0;
  std::size_t star = std::string_view::npos;
  std::size_t resume = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = t;
    } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == text[t])) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++resume;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

/// Below zero, zero, above zero. Both have the fact's type.
int compare(FactType type, const FactValue& a, const FactValue& b) {
  if (type == FactType::version)
    return schema::compare_versions(std::get<std::string>(a), std::get<std::string>(b));
  if (a == b) return 0;
  return a < b ? -1 : 1;
}

bool holds(const Node& node, const FactValue& value) {
  if (node.op == Op::like)
    return matches(std::get<std::string>(node.values[0]), std::get<std::string>(value));
  if (node.op == Op::in) {
    return std::ranges::any_of(node.values,
                               [&](const FactValue& v) { return compare(node.fact->type, value, v) == 0; });
  }
  const int order = compare(node.fact->type, value, node.values[0]);
  switch (node.op) {
    case Op::equal:
      return order == 0;
    case Op::differs:
      return order != 0;
    case Op::less:
      return order < 0;
    case Op::at_most:
      return order <= 0;
    case Op::greater:
      return order > 0;
    case Op::at_least:
      return order >= 0;
    default:
      return false;
  }
}

Truth value_of(const Node& node, const Facts& facts) {
  Truth truth = truth_of(node.op != Op::any_of);
  switch (node.op) {
    case Op::any_of:
      for (const auto& part : node.parts) truth = either(truth, value_of(part, facts));
      return truth;
    case Op::all_of:
      for (const auto& part : node.parts) truth = both(truth, value_of(part, facts));
      return truth;
    case Op::negation:
      return negated(value_of(node.parts[0], facts));
    case Op::known:
      return truth_of(facts.find(node.fact->name) != nullptr);
    case Op::tag:
      return truth_of(facts.has_tag(std::get<std::string>(node.values[0])));
    default:
      break;
  }
  const auto* value = facts.find(node.fact->name);
  return value == nullptr ? Truth::unknown : truth_of(holds(node, *value));
}

std::string in_quotes(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + '"';
}

struct WriteValue {
  std::string operator()(bool value) const { return value ? "true" : "false"; }
  std::string operator()(double value) const {
    std::array<char, 512> digits{};
    const auto end =
        std::to_chars(digits.data(), digits.data() + digits.size(), value, std::chars_format::fixed).ptr;
    return {digits.data(), end};
  }
  std::string operator()(const std::string& value) const { return in_quotes(value); }
};

std::string write(const FactValue& value) { return std::visit(WriteValue{}, value); }

// By number, from Op::equal on.
constexpr std::array<std::string_view, 7> kOperators{"=", "!=", "<", "<=", ">", ">=", "~"};

std::string write(const Node& node);

/// In brackets where it would be read otherwise.
std::string write_part(const Node& part, Op outer) {
  const bool series = part.op == Op::any_of || part.op == Op::all_of;
  const bool needs_none = !series || (part.op == Op::all_of && outer == Op::any_of);
  return needs_none ? write(part) : "(" + write(part) + ")";
}

std::string write_series(const Node& node, std::string_view between) {
  std::string text;
  for (const auto& part : node.parts) {
    if (!text.empty()) text += between;
    text += write_part(part, node.op);
  }
  return text;
}

std::string write_values(const Node& node) {
  std::string text;
  for (const auto& value : node.values) text += (text.empty() ? "" : ", ") + write(value);
  return text;
}

std::string write(const Node& node) {
  switch (node.op) {
    case Op::any_of:
      return write_series(node, " or ");
    case Op::all_of:
      return write_series(node, " and ");
    case Op::negation:
      return "not " + write_part(node.parts[0], node.op);
    case Op::known:
      return fmt::format("known({})", node.fact->name);
    case Op::tag:
      return fmt::format("tag({})", write_values(node));
    case Op::in:
      return fmt::format("{} in ({})", node.fact->name, write_values(node));
    default:
      break;
  }
  const auto number = static_cast<std::size_t>(node.op) - static_cast<std::size_t>(Op::equal);
  return fmt::format("{} {} {}", node.fact->name, kOperators.at(number), write_values(node));
}

bool reads_information(const Node& node) {
  return (node.fact != nullptr && node.fact->source != FactSource::checkin) ||
         std::ranges::any_of(node.parts, reads_information);
}

}  // namespace

Truth Expression::evaluate(const Facts& facts) const { return value_of(root_, facts); }

std::string Expression::text() const { return write(root_); }

bool Expression::needs_information() const { return reads_information(root_); }

}  // namespace mooring::director

// SPDX-License-Identifier: Apache-2.0
// The language in which a group says who its members are. docs/scopes.md has its grammar. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "director/facts.hpp"
#include "director/truth.hpp"

namespace mooring::director {

class Expression {
 public:
  enum class Op : std::uint8_t {
    any_of,
    all_of,
    negation,
    known,
    tag,
    equal,
    differs,
    less,
    at_most,
    greater,
    at_least,
    like,
    in
  };

  struct Node {
    Op op = Op::all_of;
    std::vector<Node> parts;         ///< Of any_of, all_of, negation.
    const FactName* fact = nullptr;  ///< Of comparisons and `known`.
    std::vector<FactValue> values;   ///< Of comparisons and `tag`: one, of `in` at least one.
  };

  /// At most 4096 bytes, 32 levels of brackets and 500 parts. Errors: expression.malformed (with the place),
  /// expression.unknown_fact, expression.wrong_type, expression.too_large.
  static Result<Expression> parse(std::string_view text);

  Truth evaluate(const Facts& facts) const;
  /// Written out again; parses to the same.
  std::string text() const;
  /// Whether it needs more than what check-ins tell.
  bool needs_information() const;

 private:
  explicit Expression(Node root) : root_(std::move(root)) {}
  Node root_;
};

}  // namespace mooring::director

// SPDX-License-Identifier: Apache-2.0
// or := and { "or" and }; and := not { "and" not }; not := "not" not | part
// part := "(" or ")" | "known" "(" FACT ")" | "tag" "(" TEXT ")" | FACT [ operator VALUE | "in" "(" VALUE,
// ... ")" ]
#include <fmt/format.h>

#include <array>
#include <charconv>
#include <optional>

#include "director/expression.hpp"

namespace mooring::director {
namespace {

using Op = Expression::Op;
using Node = Expression::Node;

constexpr std::size_t kLongest = 4096;
constexpr int kDeepest = 32;
constexpr int kMostParts = 500;

bool is_word(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; }
bool is_number(char c) { return (c >= '0' && c <= '9') || c == '.' || c == '-'; }

class ExpressionParser {
 public:
  explicit ExpressionParser(std::string_view text) : text_(text) {}

  Result<Node> run() {
    auto root = disjunction(0);
    if (!root) return root;
    skip();
    if (at_ != text_.size()) return malformed("the end, \"and\" or \"or\"");
    return root;
  }

 private:
  using Part = Result<Node> (ExpressionParser::*)(int);

  Result<Node> disjunction(int depth) {
    return series(Op::any_of, "or", &ExpressionParser::conjunction, depth);
  }
  Result<Node> conjunction(int depth) {
    return series(Op::all_of, "and", &ExpressionParser::negation, depth);
  }

  /// One part stands for itself.
  Result<Node> series(Op op, std::string_view word, Part part, int depth) {
    Node node{.op = op, .parts = {}, .values = {}};
    do {
      auto next = (this->*part)(depth);
      if (!next) return next;
      node.parts.push_back(std::move(*next));
    } while (take_word(word));
    if (node.parts.size() == 1) return std::move(node.parts.front());
    return node;
  }

  Result<Node> negation(int depth) {
    if (depth > kDeepest) return too_large("brackets and \"not\" in one another", kDeepest);
    if (!take_word("not")) return single(depth);
    auto inner = negation(depth + 1);
    if (!inner) return inner;
    Node node{.op = Op::negation, .parts = {}, .values = {}};
    node.parts.push_back(std::move(*inner));
    return node;
  }

  Result<Node> single(int depth) {
    if (++parts_ > kMostParts) return too_large("parts", kMostParts);
    if (take('(')) {
      auto inner = disjunction(depth + 1);
      if (inner && !take(')')) return malformed("\")\"");
      return inner;
    }
    const auto name = word();
    if (name == "known" && take('(')) return known();
    if (name == "tag" && take('(')) return tag();
    if (name.empty()) return malformed("the name of a fact, \"not\", \"known(\", \"tag(\" or \"(\"");
    return comparison(name);
  }

  Result<Node> known() {
    auto fact = named(word());
    if (!fact) return std::unexpected(fact.error());
    if (!take(')')) return malformed("\")\"");
    return Node{.op = Op::known, .parts = {}, .fact = *fact, .values = {}};
  }

  Result<Node> tag() {
    auto name = value(FactType::text);
    if (!name) return std::unexpected(name.error());
    if (!take(')')) return malformed("\")\"");
    Node node{.op = Op::tag, .parts = {}, .values = {}};
    node.values.push_back(std::move(*name));
    return node;
  }

  Result<Node> comparison(std::string_view name) {
    const auto fact = named(name);
    if (!fact) return std::unexpected(fact.error());
    const auto type = (*fact)->type;
    Node node{.op = Op::equal, .parts = {}, .fact = *fact, .values = {}};
    if (take_word("in")) {
      node.op = Op::in;
      return among(std::move(node));
    }
    const auto op = operation();
    if (!op && type == FactType::boolean) {  // by itself: it is true
      node.values.emplace_back(true);
      return node;
    }
    if (!op) return malformed("one of = != < <= > >= ~ in");
    const bool ordered = type != FactType::boolean && type != FactType::text;
    const bool plain = *op == Op::equal || *op == Op::differs;
    if (!plain && (*op == Op::like ? type != FactType::text : !ordered)) {
      return fail(Failure::invalid, "expression.wrong_type",
                  fmt::format("{} cannot be compared that way: text by = != ~ in, numbers, versions and "
                              "times by = != < <= > >= in, true or false by = !=",
                              name));
    }
    auto operand = value(type);
    if (!operand) return std::unexpected(operand.error());
    node.op = *op;
    node.values.push_back(std::move(*operand));
    return node;
  }

  Result<Node> among(Node node) {
    if (!take('(')) return malformed("\"(\"");
    do {
      if (++parts_ > kMostParts) return too_large("parts", kMostParts);
      auto next = value(node.fact->type);
      if (!next) return std::unexpected(next.error());
      node.values.push_back(std::move(*next));
    } while (take(','));
    if (!take(')')) return malformed("\",\" or \")\"");
    return node;
  }

  std::optional<Op> operation() {
    skip();
    struct Sign {
      std::string_view text;
      Op op;
    };
    constexpr std::array<Sign, 7> kSigns{{{"!=", Op::differs},
                                          {"<=", Op::at_most},
                                          {">=", Op::at_least},
                                          {"=", Op::equal},
                                          {"<", Op::less},
                                          {">", Op::greater},
                                          {"~", Op::like}}};
    for (const auto& sign : kSigns) {
      if (!text_.substr(at_).starts_with(sign.text)) continue;
      at_ += sign.text.size();
      return sign.op;
    }
    return std::nullopt;
  }

  Result<const FactName*> named(std::string_view name) {
    const auto* fact = find_fact_name(name);
    if (fact != nullptr) return fact;
    std::string known;
    for (const auto& each : fact_names()) known += (known.empty() ? "" : ", ") + std::string(each.name);
    return fail(Failure::invalid, "expression.unknown_fact",
                fmt::format("\"{}\" is no fact, at character {}; facts are: {}", name, at_ + 1, known));
  }

  Result<FactValue> value(FactType type) {
    if (type == FactType::boolean) {
      if (take_word("true")) return true;
      if (take_word("false")) return false;
      return malformed("true or false");
    }
    if (type == FactType::number) return number();
    return quoted_text();
  }

  Result<FactValue> number() {
    skip();
    const auto begin = at_;
    while (at_ < text_.size() && is_number(text_[at_])) ++at_;
    double number = 0;
    const auto* end = text_.data() + at_;
    const auto [stop, error] = std::from_chars(text_.data() + begin, end, number, std::chars_format::fixed);
    if (begin == at_ || error != std::errc{} || stop != end) {
      at_ = begin;
      return malformed("a number");
    }
    return number;
  }

  Result<FactValue> quoted_text() {
    if (!take('"')) return malformed("a text in double quotes");
    std::string text;
    while (at_ < text_.size() && text_[at_] != '"') {
      if (text_[at_] == '\\' && ++at_ == text_.size()) break;
      text += text_[at_++];
    }
    if (at_ >= text_.size()) return malformed("a closing quote");
    ++at_;
    return text;
  }

  void skip() {
    while (at_ < text_.size() &&
           (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\n' || text_[at_] == '\r'))
      ++at_;
  }
  bool take(char c) {
    skip();
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  std::string_view word() {
    skip();
    const auto begin = at_;
    while (at_ < text_.size() && is_word(text_[at_])) ++at_;
    return text_.substr(begin, at_ - begin);
  }
  bool take_word(std::string_view wanted) {
    skip();
    const auto before = at_;
    if (word() == wanted) return true;
    at_ = before;
    return false;
  }

  std::unexpected<Error> malformed(std::string_view expected) const {
    return fail(Failure::invalid, "expression.malformed",
                fmt::format("at character {} of the expression: {} is expected", at_ + 1, expected));
  }
  static std::unexpected<Error> too_large(std::string_view what, int most) {
    return fail(Failure::invalid, "expression.too_large",
                fmt::format("the expression has more than {} {}", most, what));
  }

  std::string_view text_;
  std::size_t at_ = 0;
  int parts_ = 0;
};

}  // namespace

Result<Expression> Expression::parse(std::string_view text) {
  if (text.size() > kLongest) {
    return fail(Failure::invalid, "expression.too_large",
                fmt::format("the expression has more than {} characters", kLongest));
  }
  auto root = ExpressionParser(text).run();
  if (!root) return std::unexpected(root.error());
  return Expression(std::move(*root));
}

}  // namespace mooring::director

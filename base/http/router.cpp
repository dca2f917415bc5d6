// SPDX-License-Identifier: Apache-2.0
#include "base/http/detail/router.hpp"

#include <algorithm>
#include <set>

#include "base/encoding.hpp"

namespace mooring::http::detail {
namespace {

/// Decodes one segment. NUL and broken UTF-8 are refused here once, for every handler and database behind.
std::optional<std::string> decode_segment(std::string_view raw) {
  auto decoded =
      raw.find('%') == std::string_view::npos ? std::optional<std::string>(raw) : percent_decode(raw, false);
  if (decoded && (decoded->find('\0') != std::string::npos || !is_utf8(*decoded))) return std::nullopt;
  return decoded;
}

struct Segment {
  enum class Kind : std::uint8_t { literal, parameter, rest };
  Kind kind = Kind::literal;
  std::string_view text;
};

Segment parse_segment(std::string_view text) {
  if (!text.starts_with('{') || !text.ends_with('}')) return {Segment::Kind::literal, text};
  text = text.substr(1, text.size() - 2);
  if (text.ends_with("...")) return {Segment::Kind::rest, text.substr(0, text.size() - 3)};
  return {Segment::Kind::parameter, text};
}

/// Splits off the first segment of "a/b/c".
std::pair<std::string_view, std::optional<std::string_view>> split_first(std::string_view path) {
  const auto slash = path.find('/');
  if (slash == std::string_view::npos) return {path, std::nullopt};
  return {path.substr(0, slash), path.substr(slash + 1)};
}

}  // namespace

struct Router::Node {
  std::map<std::string, std::unique_ptr<Node>, std::less<>> literals;
  std::unique_ptr<Node> parameter;
  std::vector<std::size_t> ends;   ///< Routes whose pattern ends here.
  std::vector<std::size_t> rests;  ///< Routes whose "{name...}" begins here.
};

struct Router::Search {
  std::string_view method;
  std::vector<std::string> values;
  std::optional<std::size_t> route;
  std::set<std::string_view> allowed;
  bool bad_path = false;
};

Router::Router(std::vector<Route> routes) : routes_(std::move(routes)), root_(std::make_unique<Node>()) {
  param_names_.resize(routes_.size());
  for (std::size_t i = 0; i < routes_.size(); ++i) insert(i);
}

Router::~Router() = default;

void Router::insert(std::size_t index) {
  const Route& route = routes_[index];
  const auto wrong = [&](std::string_view why) {
    if (mistake_.empty())
      mistake_ = "route \"" + route.method + " " + route.pattern + "\" " + std::string(why);
  };
  if (!route.handler) return wrong("has no handler");
  if (!route.pattern.starts_with('/')) return wrong("does not start with /");
  Node* node = root_.get();
  std::optional<std::string_view> rest = std::string_view(route.pattern).substr(1);
  auto* ends = &node->ends;
  while (rest) {
    const auto [text, next] = split_first(*rest);
    const Segment segment = parse_segment(text);
    if (segment.kind != Segment::Kind::literal) {
      if (segment.text.empty()) return wrong("has a parameter without a name");
      param_names_[index].emplace_back(segment.text);
    }
    if (segment.kind == Segment::Kind::rest) {
      if (next) return wrong("goes on after {name...}");
      ends = &node->rests;
      break;
    }
    auto& child =
        segment.kind == Segment::Kind::literal ? node->literals[std::string(segment.text)] : node->parameter;
    if (!child) child = std::make_unique<Node>();
    node = child.get();
    ends = &node->ends;
    rest = next;
  }
  const auto same_method = [&](std::size_t other) { return routes_[other].method == route.method; };
  if (std::ranges::any_of(*ends, same_method)) return wrong("is there twice");
  ends->push_back(index);
}

bool Router::accept(const std::vector<std::size_t>& routes, Search& state) const {
  for (const std::size_t index : routes) {
    const std::string_view method = routes_[index].method;
    if (method == state.method || (method == "GET" && state.method == "HEAD")) {
      // A HEAD route of its own goes before GET's stand-in.
      if (!state.route || routes_[*state.route].method != state.method) state.route = index;
    }
    state.allowed.insert(method);
    if (method == "GET") state.allowed.insert("HEAD");
  }
  return state.route.has_value();
}

bool Router::search(const Node& node, std::string_view rest, Search& state) const {
  const auto [raw, next] = split_first(rest);
  const auto segment = decode_segment(raw);
  if (!segment) {
    state.bad_path = true;
    return false;
  }
  const auto descend = [&, tail = next](const Node& child) {
    return tail ? search(child, *tail, state) : accept(child.ends, state);
  };
  const auto literal = node.literals.find(*segment);
  if (literal != node.literals.end() && descend(*literal->second)) return true;
  if (node.parameter && !segment->empty()) {
    state.values.push_back(*segment);
    if (descend(*node.parameter)) return true;
    state.values.pop_back();
  }
  if (node.rests.empty()) return false;
  auto whole = decode_segment(rest);
  if (!whole) {
    state.bad_path = true;
    return false;
  }
  state.values.push_back(std::move(*whole));
  if (accept(node.rests, state)) return true;
  state.values.pop_back();
  return false;
}

RouteMatch Router::find(std::string_view method, std::string_view path) const {
  RouteMatch match;
  Search state{.method = method};
  if (path.starts_with('/') && search(*root_, path.substr(1), state)) {
    match.kind = RouteMatch::Kind::found;
    match.route = *state.route;
    const auto& names = param_names_[match.route];
    for (std::size_t i = 0; i < names.size(); ++i)
      match.params.emplace_back(names[i], std::move(state.values[i]));
  } else if (state.bad_path) {
    match.kind = RouteMatch::Kind::bad_path;
  } else if (!state.allowed.empty()) {
    match.kind = RouteMatch::Kind::other_method;
    for (const auto allowed : state.allowed) {
      if (!match.allow.empty()) match.allow += ", ";
      match.allow += allowed;
    }
  }
  return match;
}

}  // namespace mooring::http::detail

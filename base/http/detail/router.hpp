// SPDX-License-Identifier: Apache-2.0
// From method and path to a route. Built once, then read only.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/http/server.hpp"

namespace mooring::http::detail {

struct RouteMatch {
  enum class Kind : std::uint8_t { found, unknown_path, other_method, bad_path };
  Kind kind = Kind::unknown_path;
  std::size_t route = 0;  ///< Where found: index into the routes given.
  std::vector<std::pair<std::string, std::string>> params;
  std::string allow;  ///< For other_method: the value of Allow.
};

class Router {
 public:
  explicit Router(std::vector<Route> routes);
  ~Router();

  /// What is wrong with the routes given (a malformed or repeated pattern); empty where nothing is.
  const std::string& mistake() const { return mistake_; }
  const std::vector<Route>& routes() const { return routes_; }

  /// A literal segment wins over a parameter, a parameter over a rest; but only where the method fits, so
  /// that "POST /devices/sync" does not hide "GET /devices/{id}".
  RouteMatch find(std::string_view method, std::string_view path) const;

 private:
  struct Node;
  struct Search;
  void insert(std::size_t index);
  bool search(const Node& node, std::string_view rest, Search& state) const;
  bool accept(const std::vector<std::size_t>& routes, Search& state) const;

  std::vector<Route> routes_;
  std::vector<std::vector<std::string>> param_names_;  ///< One list a route.
  std::unique_ptr<Node> root_;
  std::string mistake_;
};

}  // namespace mooring::http::detail

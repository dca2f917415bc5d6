// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/workspace.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <stdexcept>

namespace mooring::bench {

namespace fs = std::filesystem;

Workspace::Workspace(const std::string& root) {
  std::string pattern = (fs::absolute(root) / "mooring-bench-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) give_up("cannot make a directory under " + root);
  path_ = pattern;
  fs::permissions(path_, fs::perms::all);
}

Workspace::~Workspace() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

/// By exception, so that what was started is stopped and what was written is removed.
void give_up(const std::string& why) { throw std::runtime_error(why); }

}  // namespace mooring::bench

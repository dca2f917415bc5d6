// SPDX-License-Identifier: Apache-2.0
// A directory for one run, removed at its end.
#pragma once

#include <filesystem>
#include <string>
#include <type_traits>

namespace mooring::bench {

class Workspace {
 public:
  /// Under `root`, where PostgreSQL's own user can reach it.
  explicit Workspace(const std::string& root);
  ~Workspace();
  Workspace(const Workspace&) = delete;
  Workspace& operator=(const Workspace&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

/// A benchmark without its conditions has no figures: says why, ends the process.
[[noreturn]] void give_up(const std::string& why);

template <class Result>
auto must(Result result) {
  if (!result) give_up(result.error().message);
  if constexpr (!std::is_void_v<typename Result::value_type>) return std::move(*result);
}

}  // namespace mooring::bench

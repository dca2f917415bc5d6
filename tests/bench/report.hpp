// SPDX-License-Identifier: Apache-2.0
// What a benchmark found: tables for people, for docs/performance.md and for programs.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace mooring::bench {

/// A figure with its number of decimals, a count, or words.
struct Figure {
  double value = 0;
  int decimals = 2;
};
using Cell = std::variant<std::string, std::int64_t, Figure>;

struct Table {
  std::string id;  ///< Names the place in docs/performance.md: <!-- bench:ID -->.
  std::string title;
  std::vector<std::string> columns;
  std::vector<std::vector<Cell>> rows;
};

/// What the project aims at: reached where `value` < `limit`.
struct Aim {
  std::string what;
  std::string unit;
  double value = 0;
  double limit = 0;
};

class Report {
 public:
  explicit Report(std::string name) : name_(std::move(name)) {}

  /// Prints the table at once: a long run shows what it has.
  void add(Table table);
  void aim(Aim aim) { aims_.push_back(std::move(aim)); }
  /// Prints the aims (`judged`), then writes what was asked for: `json_file` a document of everything,
  /// `markdown_dir` one file ID.md for each table and NAME-aims.md. Empty: not wanted.
  void finish(const std::string& json_file, const std::string& markdown_dir, bool judged);

 private:
  Table aims_table() const;
  std::string json() const;

  std::string name_;
  std::vector<Table> tables_;
  std::vector<Aim> aims_;
};

}  // namespace mooring::bench

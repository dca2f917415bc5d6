// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

namespace mooring::bench {
namespace {

std::string grouped(std::int64_t number) {
  std::string digits = fmt::format("{}", number);
  for (auto at = static_cast<std::ptrdiff_t>(digits.size()) - 3;
       at > 0 && digits[static_cast<std::size_t>(at) - 1] != '-'; at -= 3) {
    digits.insert(static_cast<std::size_t>(at), ",");
  }
  return digits;
}

struct CellText {
  std::string operator()(const std::string& text) const { return text; }
  std::string operator()(std::int64_t number) const { return grouped(number); }
  std::string operator()(const Figure& figure) const {
    return fmt::format("{:.{}f}", figure.value, figure.decimals);
  }
};

struct CellJson {
  nlohmann::json operator()(const Figure& figure) const { return figure.value; }
  template <class T>
  nlohmann::json operator()(const T& value) const {
    return value;
  }
};

/// Columns of equal width: a Markdown table that also reads well in a terminal.
std::string markdown(const Table& table) {
  std::vector<std::vector<std::string>> lines{table.columns};
  for (const auto& row : table.rows) {
    auto& line = lines.emplace_back();
    for (const auto& cell : row) line.push_back(std::visit(CellText{}, cell));
  }
  std::vector<std::size_t> widths(table.columns.size(), 3);
  for (const auto& line : lines) {
    for (std::size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], line[i].size());
  }
  std::string out;
  for (std::size_t n = 0; n < lines.size(); ++n) {
    for (std::size_t i = 0; i < lines[n].size(); ++i) {
      const bool left = i == 0;
      out += left ? fmt::format("| {:<{}} ", lines[n][i], widths[i])
                  : fmt::format("| {:>{}} ", lines[n][i], widths[i]);
    }
    out += "|\n";
    if (n != 0) continue;
    for (std::size_t i = 0; i < widths.size(); ++i) {
      out += fmt::format("| {:-<{}}{} ", "", widths[i] - 1, i == 0 ? "-" : ":");
    }
    out += "|\n";
  }
  return out;
}

}  // namespace

void Report::add(Table table) {
  fmt::print("\n{}\n\n{}", table.title, markdown(table));
  std::fflush(stdout);
  tables_.push_back(std::move(table));
}

Table Report::aims_table() const {
  Table table{.id = name_ + "-aims",
              .title = "Aims",
              .columns = {"what", "aim", "measured", "unit", "reached"},
              .rows = {}};
  for (const auto& aim : aims_) {
    table.rows.push_back({aim.what, fmt::format("< {:g}", aim.limit), fmt::format("{:.3g}", aim.value),
                          aim.unit, std::string(aim.value < aim.limit ? "yes" : "NO")});
  }
  return table;
}

std::string Report::json() const {
  nlohmann::json document{
      {"benchmark", name_}, {"tables", nlohmann::json::object()}, {"aims", nlohmann::json::array()}};
  for (const auto& table : tables_) {
    auto rows = nlohmann::json::array();
    for (const auto& row : table.rows) {
      nlohmann::json object;
      for (std::size_t i = 0; i < row.size(); ++i) object[table.columns[i]] = std::visit(CellJson{}, row[i]);
      rows.push_back(std::move(object));
    }
    document["tables"][table.id] = std::move(rows);
  }
  for (const auto& aim : aims_) {
    document["aims"].push_back(
        {{"what", aim.what}, {"unit", aim.unit}, {"limit", aim.limit}, {"value", aim.value}});
  }
  return document.dump(2);
}

void Report::finish(const std::string& json_file, const std::string& markdown_dir, bool judged) {
  if (judged) add(aims_table());
  if (!json_file.empty()) std::ofstream(json_file) << json() << '\n';
  if (markdown_dir.empty()) return;
  std::filesystem::create_directories(markdown_dir);
  for (const auto& table : tables_) {
    std::ofstream(std::filesystem::path(markdown_dir) / (table.id + ".md")) << markdown(table);
  }
}

}  // namespace mooring::bench

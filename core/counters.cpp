// SPDX-License-Identifier: Apache-2.0
#include "core/counters.hpp"

#include <vector>

namespace mooring::core {
namespace {

constexpr pg::Statement kCount{"counters_count",
                               MOORING_COUNT_FROM("select * from unnest($1::text[], $2::int8[])")};
constexpr pg::Statement kRead{"counters_read", "select name, sum(value)::int8 from counters group by name"};

}  // namespace

void count(pg::Connection& connection,
           std::initializer_list<std::pair<std::string_view, std::int64_t>> deltas) {
  std::vector<std::string_view> names;
  std::vector<std::int64_t> values;
  for (const auto& [name, delta] : deltas) {
    if (delta == 0) continue;
    names.push_back(name);
    values.push_back(delta);
  }
  if (!names.empty()) connection.exec(kCount, names, values);
}

std::map<std::string, std::int64_t, std::less<>> read_counters(pg::Connection& connection) {
  std::map<std::string, std::int64_t, std::less<>> counters;
  for (const auto row : connection.exec(kRead)) counters[row.text(0)] = row.int64(1);
  return counters;
}

}  // namespace mooring::core

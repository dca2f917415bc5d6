// SPDX-License-Identifier: Apache-2.0
// Any bytes as the expression of a group.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "director/expression.hpp"
#include "tests/fuzz/require.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using mooring::director::Expression;
  using mooring::fuzz::require;
  const auto parsed = Expression::parse({reinterpret_cast<const char*>(data), size});
  if (!parsed) return 0;
  mooring::director::Facts facts;
  const auto nothing_known = parsed->evaluate(facts);
  facts.set("os_version", std::string("14.7.1"));
  facts.set("serial_number", std::string("C02XK1JYJG5J"));
  facts.set("supervised", true);
  facts.set("capacity", 64.0);
  facts.add_tag("lab");
  const auto truth = parsed->evaluate(facts);
  const auto written = parsed->text();
  if (written.size() > 4096) return 0;  // brackets were added
  const auto again = Expression::parse(written);
  require(again.has_value(), "our own text is refused");
  require(again->text() == written, "unstable text");
  require(again->evaluate(facts) == truth, "another meaning");
  require(again->evaluate({}) == nothing_known, "another meaning where nothing is known");
  return 0;
}

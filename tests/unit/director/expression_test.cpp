// SPDX-License-Identifier: Apache-2.0
#include "director/expression.hpp"

#include <gtest/gtest.h>

namespace mooring::director {
namespace {

Facts known_facts() {
  Facts facts;
  facts.set("platform", std::string("macOS"));
  facts.set("os_version", std::string("14.10"));
  facts.set("serial_number", std::string("C02XK1JYJG5J"));
  facts.add(FactSource::information,
            R"({"IsSupervised": true, "DeviceCapacity": 494.4, "BatteryLevel": "full", "Unheard": 1})");
  facts.add_tag("lab");
  return facts;
}

struct ExpressionCase {
  const char* expression;
  Truth truth;
};

// covers: state.D6
TEST(Expression, MeansWhatItSays) {
  const std::vector<ExpressionCase> cases{
      {R"(platform = "macOS")", Truth::yes},
      {R"(platform != "macOS")", Truth::no},
      {R"(platform in ("iOS", "macOS"))", Truth::yes},
      {R"(platform in ("iOS"))", Truth::no},
      {R"(os_version > "14.9")", Truth::yes},
      {R"(os_version = "14.10.0")", Truth::yes},
      {R"(os_version < "14.10" or os_version >= "15")", Truth::no},
      {R"(os_version in ("14.10"))", Truth::yes},
      {R"(serial_number ~ "C02*5?")", Truth::yes},
      {R"(serial_number ~ "C02")", Truth::no},
      {R"(serial_number ~ "*XK*G5*")", Truth::yes},
      {"supervised", Truth::yes},
      {"supervised = false", Truth::no},
      {"not supervised", Truth::no},
      {"capacity >= 256 and capacity < 500.5", Truth::yes},
      {R"(tag("lab"))", Truth::yes},
      {R"(tag("loan") or not tag("loan"))", Truth::yes},
      {R"(supervised and (tag("loan") or platform = "macOS"))", Truth::yes},
      {R"(supervised or tag("x") and tag("y"))", Truth::yes},
      {"known(os_version)", Truth::yes},
      {"known(apple_silicon)", Truth::no},
      {"apple_silicon", Truth::unknown},
      {"not apple_silicon", Truth::unknown},
      {"battery_level > 0.5", Truth::unknown},  // of another type than its name
      {"apple_silicon or supervised", Truth::yes},
      {"apple_silicon and not supervised", Truth::no},
      {"apple_silicon and supervised", Truth::unknown},
      {"known(apple_silicon) and apple_silicon", Truth::no},
  };
  for (const auto& each : cases) {
    const auto parsed = Expression::parse(each.expression);
    ASSERT_TRUE(parsed) << each.expression << ": " << parsed.error().message;
    EXPECT_EQ(parsed->evaluate(known_facts()), each.truth) << each.expression;
    const auto again = Expression::parse(parsed->text());
    ASSERT_TRUE(again) << parsed->text();
    EXPECT_EQ(again->text(), parsed->text());
    EXPECT_EQ(again->evaluate(known_facts()), each.truth) << parsed->text();
  }
}

TEST(Expression, RefusesWhatItCannotMean) {
  const std::vector<std::pair<std::string, std::string>> cases{
      {"", "expression.malformed"},
      {"supervised and", "expression.malformed"},
      {"supervised supervised", "expression.malformed"},
      {"(supervised", "expression.malformed"},
      {"supervised)", "expression.malformed"},
      {"os_version", "expression.malformed"},
      {"os_version >= 14", "expression.malformed"},
      {R"(platform = "macOS)", "expression.malformed"},
      {R"(platform in ())", "expression.malformed"},
      {"capacity > 1e3", "expression.malformed"},
      {"capacity > --1", "expression.malformed"},
      {"supervised = 1", "expression.malformed"},
      {"colour = \"red\"", "expression.unknown_fact"},
      {"known(colour)", "expression.unknown_fact"},
      {R"(platform < "macOS")", "expression.wrong_type"},
      {R"(os_version ~ "14*")", "expression.wrong_type"},
      {"supervised > true", "expression.wrong_type"},
      {std::string(5000, ' ') + "supervised", "expression.too_large"},
      {std::string(100, '(') + "supervised" + std::string(100, ')'), "expression.too_large"},
  };
  for (const auto& [expression, code] : cases) {
    const auto parsed = Expression::parse(expression);
    ASSERT_FALSE(parsed) << expression;
    EXPECT_EQ(parsed.error().code, code) << expression << ": " << parsed.error().message;
  }
}

TEST(Expression, KnowsWhetherItNeedsTheDevicesOwnInformation) {
  EXPECT_FALSE(Expression::parse(R"(platform = "macOS" and tag("lab"))")->needs_information());
  EXPECT_TRUE(Expression::parse(R"(tag("lab") or not (supervised))")->needs_information());
}

// covers: state.D7
TEST(Truth, FollowsKleenesTables) {
  using enum Truth;
  const std::array all{no, unknown, yes};
  const std::array<std::array<Truth, 3>, 3> conjunction{
      {{no, no, no}, {no, unknown, unknown}, {no, unknown, yes}}};
  const std::array<std::array<Truth, 3>, 3> disjunction{
      {{no, unknown, yes}, {unknown, unknown, yes}, {yes, yes, yes}}};
  for (std::size_t a = 0; a < 3; ++a) {
    for (std::size_t b = 0; b < 3; ++b) {
      EXPECT_EQ(both(all.at(a), all.at(b)), conjunction.at(a).at(b));
      EXPECT_EQ(either(all.at(a), all.at(b)), disjunction.at(a).at(b));
    }
  }
  EXPECT_EQ(negated(no), yes);
  EXPECT_EQ(negated(unknown), unknown);
  EXPECT_EQ(negated(yes), no);
}

}  // namespace
}  // namespace mooring::director

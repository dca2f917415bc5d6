// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>

#include "base/plist/plist.hpp"

namespace mooring::plist::test {
namespace {

TEST(Dict, SetReplacesInPlaceAndEraseRemoves) {
  Dict dict{{"a", 1}, {"b", 2}};
  dict.set("a", "one");
  dict.set("c", 3);
  EXPECT_EQ(dict, (Dict{{"a", "one"}, {"b", 2}, {"c", 3}}));
  EXPECT_TRUE(dict.erase("b"));
  EXPECT_FALSE(dict.erase("b"));
  EXPECT_EQ(dict.size(), 2U);
}

TEST(Dict, TypedLookUpsAnswerOnlyForTheirType) {
  const Dict dict{{"s", "text"},         {"n", 5},         {"b", true}, {"d", Data{"xyz"}}, {"a", Array{1}},
                  {"m", Dict{{"k", 1}}}, {"u", UINT64_MAX}};
  EXPECT_EQ(*dict.string("s"), "text");
  EXPECT_EQ(dict.integer("n"), 5);
  EXPECT_EQ(dict.boolean("b"), true);
  EXPECT_EQ(dict.data("d")->bytes, "xyz");
  EXPECT_EQ(dict.array("a")->size(), 1U);
  EXPECT_EQ(dict.dict("m")->size(), 1U);
  EXPECT_EQ(dict.string("n"), nullptr);
  EXPECT_EQ(dict.integer("s"), std::nullopt);
  EXPECT_EQ(dict.integer("u"), std::nullopt);
  EXPECT_EQ(dict.boolean("n"), std::nullopt);
  EXPECT_EQ(dict.data("s"), nullptr);
  EXPECT_EQ(dict.array("absent"), nullptr);
  EXPECT_EQ(dict.dict("a"), nullptr);
}

TEST(Dict, FromEntriesKeepsTheLastValueInTheFirstPlaceForAnySize) {
  for (const int size : {1, 2, 47, 48, 49, 1000}) {
    std::vector<Dict::Entry> entries;
    for (int round = 0; round < 2; ++round) {
      for (int i = size; i > 0; --i) entries.emplace_back("k" + std::to_string(i), round * 10000 + i);
    }
    const Dict dict = Dict::from_entries(std::move(entries));
    ASSERT_EQ(dict.size(), static_cast<std::size_t>(size));
    EXPECT_EQ(dict.begin()->first, "k" + std::to_string(size));
    EXPECT_EQ(dict.integer("k1"), 10001);
  }
}

TEST(Value, AnIntegerHasOneForm) {
  EXPECT_EQ(Value(std::uint64_t{7}), Value(7));
  EXPECT_NE(Value(UINT64_MAX).as<std::uint64_t>(), nullptr);
}

TEST(XmlWriter, IsByteStable) {
  const Value value = Dict{{"Name", "a<b> & c\r"},    {"List", Array{1, UINT64_MAX, -2, 0.5, true, false}},
                           {"Empty", Array{}},        {"Nothing", Dict{}},
                           {"When", Date{978307200}}, {"Bytes", Data{"abc"}}};
  EXPECT_EQ(to_xml(value), R"(<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
	<key>Name</key>
	<string>a&lt;b&gt; &amp; c&#13;</string>
	<key>List</key>
	<array>
		<integer>1</integer>
		<integer>18446744073709551615</integer>
		<integer>-2</integer>
		<real>0.5</real>
		<true/>
		<false/>
	</array>
	<key>Empty</key>
	<array/>
	<key>Nothing</key>
	<dict/>
	<key>When</key>
	<date>2001-01-01T00:00:00Z</date>
	<key>Bytes</key>
	<data>YWJj</data>
</dict>
</plist>
)");
  EXPECT_EQ(to_xml_fragment(Dict{{"A", Array{"x", 1}}}),
            "<dict><key>A</key><array><string>x</string><integer>1</integer></array></dict>");
}

TEST(XmlWriter, ClampsDatesThatNoPropertyListCanHold) {
  EXPECT_EQ(to_xml_fragment(Date{std::numeric_limits<std::int64_t>::max()}),
            "<date>9999-12-31T23:59:59Z</date>");
  EXPECT_EQ(to_xml_fragment(Date{std::numeric_limits<std::int64_t>::min()}),
            "<date>0000-01-01T00:00:00Z</date>");
  EXPECT_EQ(parse(to_binary(Date{std::numeric_limits<std::int64_t>::max()})), Value(Date{253402300799}));
}

TEST(Canonical, DoesNotDependOnTheOrderOfKeys) {
  EXPECT_EQ(canonical(Dict{{"a", 1}, {"b", Dict{{"c", 2}, {"d", 3}}}}),
            canonical(Dict{{"b", Dict{{"d", 3}, {"c", 2}}}, {"a", 1}}));
  EXPECT_EQ(canonical(0.0), canonical(-0.0));
  EXPECT_EQ(canonical(std::nan("1")), canonical(-std::nan("2")));
}

TEST(Canonical, TellsDifferentValuesApart) {
  const std::vector<Value> different = {"",
                                        "1",
                                        "i1;",
                                        1,
                                        1.0,
                                        true,
                                        false,
                                        Data{""},
                                        Data{"1"},
                                        Date{1},
                                        Array{},
                                        Array{""},
                                        Array{"", ""},
                                        Array{"1"},
                                        Array(1, Array{}),
                                        Dict{},
                                        -1,
                                        UINT64_MAX,
                                        Array{1, 2},
                                        Array{Array{1}, 2},
                                        Array(1, Array{1, 2}),
                                        Dict{{"", ""}},
                                        Dict{{"a", "b"}},
                                        Dict{{"a", Dict{{"b", "c"}}}},
                                        Dict{{"a", Dict{}}, {"b", "c"}},
                                        Array{"a", "b"},
                                        Array{"as1:b"},
                                        "s1:a",
                                        Array{2, 1},
                                        12,
                                        Array{1, "2"}};
  for (std::size_t i = 0; i < different.size(); ++i) {
    for (std::size_t k = 0; k < i; ++k) {
      EXPECT_NE(canonical(different[i]), canonical(different[k]))
          << to_xml_fragment(different[i]) << " and " << to_xml_fragment(different[k]);
    }
  }
}

}  // namespace
}  // namespace mooring::plist::test

// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <ctime>
#include <limits>

#include "base/plist/plist.hpp"

namespace mooring::plist::test {
namespace {

using namespace std::string_literals;

std::string document(std::string_view element) {
  return "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" "
         "\"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n<plist version=\"1.0\">" +
         std::string(element) + "</plist>\n";
}

std::string repeated(std::string_view piece, std::size_t count) {
  std::string out;
  out.reserve(piece.size() * count);
  for (std::size_t i = 0; i < count; ++i) out += piece;
  return out;
}

// ---- what is read
// --------------------------------------------------------------------------------------------

struct Reading {
  std::string element;
  Value value;
};

class XmlReads : public testing::TestWithParam<Reading> {};

TEST_P(XmlReads, AsThisValue) {
  const auto value = parse(document(GetParam().element));
  ASSERT_TRUE(value) << value.error().message;
  EXPECT_EQ(*value, GetParam().value) << to_xml(*value);
}

INSTANTIATE_TEST_SUITE_P(
    Elements, XmlReads,
    testing::Values(
        Reading{"<string>plain</string>", "plain"}, Reading{"<string></string>", ""},
        Reading{"<string/>", ""}, Reading{" <string>  kept  </string> ", "  kept  "},
        Reading{"<string>a&amp;b&lt;c&gt;d&quot;e&apos;f</string>", "a&b<c>d\"e'f"},
        Reading{"<string>&#65;&#x42;&#X43;&#128512;&#13;</string>", "ABC\xF0\x9F\x98\x80\r"},
        Reading{"<string>x<![CDATA[<&amp;]]>y<!-- gone -->z</string>", "x<&amp;yz"},
        Reading{"<string>\xC3\xA9\xE6\xBC\xA2</string>", "\xC3\xA9\xE6\xBC\xA2"},
        Reading{"<string id=\"a>b\">x</string >", "x"}, Reading{"<integer>42</integer>", 42},
        Reading{"<integer> -7\n</integer>", -7}, Reading{"<integer>+7</integer>", 7},
        Reading{"<integer>0x1F</integer>", 31}, Reading{"<integer>-0X10</integer>", -16},
        Reading{"<integer>-9223372036854775808</integer>", std::numeric_limits<std::int64_t>::min()},
        Reading{"<integer>18446744073709551615</integer>", std::numeric_limits<std::uint64_t>::max()},
        Reading{"<real>1.5</real>", 1.5}, Reading{"<real>-2e3</real>", -2000.0},
        Reading{"<real>7</real>", 7.0},
        Reading{"<real>+infinity</real>", std::numeric_limits<double>::infinity()}, Reading{"<true/>", true},
        Reading{"<false />", false}, Reading{"<true></true>", true},
        Reading{"<date>2001-01-01T00:00:00Z</date>", Date{978307200}},
        Reading{"<date>1970-01-01T00:00:01Z</date>", Date{1}},
        Reading{"<date>0001-01-01T00:00:00Z</date>", Date{-62135596800}},
        Reading{"<date>2100-02-28T23:59:59Z</date>", Date{4107542399}},
        Reading{"<data>AAEC\n\t/w==</data>", Data{"\0\1\2\xFF"s}}, Reading{"<data/>", Data{}},
        Reading{"<array/>", Array{}}, Reading{"<dict></dict>", Dict{}},
        Reading{"<array><true/><!-- c --><array/><?pi x?><string>s</string></array>",
                Array{true, Array{}, "s"}},
        Reading{"<dict><key>a</key><integer>1</integer><key>a&amp;b</key><dict><key/><true/></dict></dict>",
                Dict{{"a", 1}, {"a&b", Dict{{"", true}}}}}));

TEST(XmlReader, ReadsNotANumber) {
  const auto value = parse(document("<real>nan</real>"));
  ASSERT_TRUE(value);
  EXPECT_TRUE(std::isnan(*value->as<double>()));
}

// covers: mdm.C15
TEST(XmlReader, AcceptsAByteOrderMarkAndUnknownKeys) {
  const auto dict = parse_dict("\xEF\xBB\xBF" + document("<dict><key>Unknown</key><true/></dict>"));
  ASSERT_TRUE(dict) << dict.error().message;
  EXPECT_EQ(dict->boolean("Unknown"), true);
}

TEST(XmlReader, KeepsTheOrderOfKeys) {
  const auto dict = parse_dict(document("<dict><key>z</key><true/><key>a</key><true/></dict>"));
  ASSERT_TRUE(dict);
  EXPECT_EQ(dict->begin()->first, "z");
}

TEST(XmlReader, OfADuplicateKeyTheLastValueWinsInTheFirstPlace) {
  const auto dict = parse_dict(document(
      "<dict><key>a</key><integer>1</integer><key>b</key><true/><key>a</key><string>2</string></dict>"));
  ASSERT_TRUE(dict);
  EXPECT_EQ(*dict, (Dict{{"a", "2"}, {"b", true}}));
  EXPECT_EQ(dict->begin()->first, "a");
}

TEST(XmlReader, TopLevelMustBeADictionaryWhereOneIsAskedFor) {
  const auto dict = parse_dict(document("<array/>"));
  ASSERT_FALSE(dict);
  EXPECT_EQ(dict.error().code, "plist.not_a_dictionary");
}

// covers: mdm.C15
TEST(XmlReader, ReadsADocumentOfEightMebibytes) {
  const std::string item = "<dict><key>Name</key><string>An application</string></dict>";
  const std::size_t count = ((std::size_t{8} << 20U) - 400) / item.size();
  const auto value = parse(document("<array>" + repeated(item, count) + "</array>"));
  ASSERT_TRUE(value) << value.error().message;
  EXPECT_EQ(value->as<Array>()->size(), count);
}

TEST(XmlReader, AnotherDeclaredEncodingIsFineWhileAllIsAscii) {
  const std::string head = "<?xml version='1.0' encoding='ISO-8859-1'?><plist><string>";
  EXPECT_TRUE(parse(head + "plain</string></plist>"));
  const auto value = parse(head + "\xC3\xA9</string></plist>");
  ASSERT_FALSE(value);
  EXPECT_EQ(value.error().code, "plist.not_utf8");
}

// ---- what is refused
// -----------------------------------------------------------------------------------------

struct Refusal {
  std::string name;
  std::string bytes;
  std::string code = "plist.malformed";
};

class XmlRefuses : public testing::TestWithParam<Refusal> {};

// covers: mdm.C15
TEST_P(XmlRefuses, WithAClearErrorAndQuickly) {
  const auto start = std::clock();  // CPU: the machine may be busy
  const auto value = parse(GetParam().bytes);
  const auto took = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
  ASSERT_FALSE(value);
  EXPECT_EQ(value.error().code, GetParam().code) << value.error().message;
  EXPECT_LT(value.error().message.size(), 200U);
  EXPECT_LT(took, 10.0);
}

std::string billion_laughs() {
  return "<!DOCTYPE plist [<!ENTITY a \"ha\"><!ENTITY b "
         "\"&a;&a;&a;&a;\">]><plist><string>&b;</string></plist>";
}

INSTANTIATE_TEST_SUITE_P(
    Table, XmlRefuses,
    testing::Values(
        Refusal{"Empty", ""}, Refusal{"OnlySpace", "  \n"}, Refusal{"Html", "<html><body/></html>"},
        Refusal{"Json", "{\"a\":1}"}, Refusal{"NoPlistElement", "<dict></dict>"},
        Refusal{"NoRoot", "<plist></plist>"}, Refusal{"EmptyPlist", "<plist/>"},
        Refusal{"PlistPrefix", "<plistx><true/></plistx>"}, Refusal{"TwoRoots", document("<true/><true/>")},
        Refusal{"TrailingText", document("<true/>") + "x"},
        Refusal{"TrailingElement", document("<true/>") + "<plist/>"},
        Refusal{"Truncated", "<plist><dict><key>a</key><string>b"},
        Refusal{"TruncatedTag", "<plist><dict><key"}, Refusal{"TruncatedComment", "<plist><!-- "},
        Refusal{"TruncatedContainer", "<plist><dict>"}, Refusal{"Mismatched", document("<dict></array>")},
        Refusal{"MismatchedText", document("<string>a</integer>")},
        Refusal{"NestedInText", document("<string>a<b/></string>")},
        Refusal{"TextInDict", document("<dict>text</dict>")},
        Refusal{"KeyWithoutValue", document("<dict><key>a</key></dict>")},
        Refusal{"KeyAfterKey", document("<dict><key>a</key><key>b</key><true/></dict>")},
        Refusal{"ValueWithoutKey", document("<dict><true/></dict>")},
        Refusal{"KeyInArray", document("<array><key>a</key></array>")},
        Refusal{"UnknownElement", document("<set/>")}, Refusal{"UpperCase", document("<STRING>a</STRING>")},
        Refusal{"EmptyInteger", document("<integer/>")},
        Refusal{"WordInteger", document("<integer>x</integer>")},
        Refusal{"TwoSigns", document("<integer>--1</integer>")},
        Refusal{"HugeInteger", document("<integer>18446744073709551616</integer>")},
        Refusal{"LowInteger", document("<integer>-9223372036854775809</integer>")},
        Refusal{"WordReal", document("<real>x</real>")}, Refusal{"BadBase64", document("<data>A*==</data>")},
        Refusal{"CutBase64", document("<data>AAAAA</data>")},
        Refusal{"MonthZero", document("<date>2024-00-10T00:00:00Z</date>")},
        Refusal{"MonthThirteen", document("<date>2024-13-10T00:00:00Z</date>")},
        Refusal{"DayZero", document("<date>2024-01-00T00:00:00Z</date>")},
        Refusal{"NoLeapDay", document("<date>2023-02-29T00:00:00Z</date>")},
        Refusal{"HourTwentyFour", document("<date>2024-01-01T24:00:00Z</date>")},
        Refusal{"MinuteSixty", document("<date>2024-01-01T00:60:00Z</date>")},
        Refusal{"DateWords", document("<date>yesterday</date>")},
        Refusal{"DateNegative", document("<date>2024--1-01T00:00:00Z</date>")},
        Refusal{"NulByte", document("<string>a\0b</string>"s)},
        Refusal{"NulReference", document("<string>&#0;</string>")},
        Refusal{"SurrogateReference", document("<string>&#xD800;</string>")},
        Refusal{"ReferenceBeyondUnicode", document("<string>&#x110000;</string>")},
        Refusal{"UnknownEntity", document("<string>&nbsp;</string>")},
        Refusal{"BareAmpersand", document("<string>a & b</string>")}, Refusal{"EntityBomb", billion_laughs()},
        Refusal{
            "ExternalEntity",
            "<!DOCTYPE p [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><plist><string>&x;</string></plist>"},
        Refusal{"OpenDoctype", "<!DOCTYPE plist PUBLIC \"x"},
        Refusal{"BadUtf8", document("<string>\xFF</string>"), "plist.not_utf8"},
        Refusal{"OverlongUtf8", document("<string>\xC0\x80</string>"), "plist.not_utf8"},
        Refusal{"SurrogateUtf8", document("<string>\xED\xA0\x80</string>"), "plist.not_utf8"},
        Refusal{"CutUtf8", document("<string>\xE6\xBC</string>"), "plist.not_utf8"},
        Refusal{"Utf16", "\xFF\xFE<\0p\0"s, "plist.not_utf8"},
        Refusal{"Utf16NoMark", "<\0p\0l\0"s, "plist.not_utf8"},
        Refusal{"Utf16BigEndian", "\0<\0p"s, "plist.not_utf8"},
        Refusal{"Deep65", document(repeated("<array>", 65) + repeated("</array>", 65)), "plist.too_deep"},
        Refusal{"Deep200k", document(repeated("<array>", 200000) + repeated("</array>", 200000)),
                "plist.too_deep"},
        Refusal{"DeepDicts", document(repeated("<dict><key>a</key>", 200000)), "plist.too_deep"},
        Refusal{"MillionEntities", document("<string>" + repeated("&amp;", 1000000) + "</string>"),
                "plist.too_many_entities"},
        Refusal{"MillionValues", document("<array>" + repeated("<true/>", 1000001) + "</array>"),
                "plist.too_many_objects"},
        Refusal{"NineMebibytes", document("<string>" + std::string(std::size_t{9} << 20U, 'x') + "</string>"),
                "plist.too_large"}),
    [](const auto& info) { return info.param.name; });

TEST(XmlReader, Accepts64Levels) {
  EXPECT_TRUE(parse(document(repeated("<array>", 64) + repeated("</array>", 64))));
}

TEST(XmlReader, ErrorsNameTheByte) {
  const auto value = parse("<plist><integer>x</integer></plist>");
  ASSERT_FALSE(value);
  EXPECT_NE(value.error().message.find("byte 27"), std::string::npos) << value.error().message;
}

TEST(XmlReader, ManyEntitiesAndManyDuplicateKeysStayLinear) {
  const auto start = std::clock();  // CPU: the machine may be busy
  EXPECT_TRUE(parse(document("<string>" + repeated("&amp;", 100000) + "</string>")));
  EXPECT_TRUE(parse(document("<dict>" + repeated("<key>k</key><true/>", 200000) + "</dict>")));
  EXPECT_TRUE(parse(document("<array>" + repeated("<string>&lt;</string>", 90000) + "</array>")));
  const auto took = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
  EXPECT_LT(took, 10.0);
}

// Every prefix and every single changed byte of a document that has everything: an error or a value, no
// crash.
TEST(XmlReader, SurvivesEveryCutAndEveryChangedByte) {
  const std::string good = document(
      "<dict><key>a</key><array><integer>1</integer><real>2.5</real><true/><false/></array><!-- c -->"
      "<key>d</key><data>AAEC</data><key>t</key><date>2024-02-29T12:00:00Z</date>"
      "<key>s</key><string>x&amp;<![CDATA[y]]>&#65;</string></dict>");
  ASSERT_TRUE(parse(good));
  for (std::size_t i = 0; i < good.size(); ++i) {
    if (i + 1 < good.size()) EXPECT_FALSE(parse(good.substr(0, i)));
    for (const char c : {'<', '>', '/', '&', '"', 'x', '\xC3', '\0', '['}) {
      std::string changed = good;
      changed[i] = c;
      if (const auto value = parse(changed)) EXPECT_TRUE(parse(to_xml(*value)));
    }
  }
}

}  // namespace
}  // namespace mooring::plist::test

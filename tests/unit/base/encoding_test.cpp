// SPDX-License-Identifier: Apache-2.0
#include "base/encoding.hpp"

#include <gtest/gtest.h>

namespace mooring {
namespace {

struct EncodedCase {
  std::string_view bytes;
  std::string_view encoded;
};

class Base64 : public testing::TestWithParam<EncodedCase> {};
TEST_P(Base64, GoesBothWays) {
  EXPECT_EQ(to_base64(GetParam().bytes), GetParam().encoded);
  EXPECT_EQ(from_base64(GetParam().encoded), std::string(GetParam().bytes));
}
INSTANTIATE_TEST_SUITE_P(Rfc4648Section10, Base64,
                         testing::Values(EncodedCase{"", ""}, EncodedCase{"f", "Zg=="},
                                         EncodedCase{"fo", "Zm8="}, EncodedCase{"foo", "Zm9v"},
                                         EncodedCase{"foob", "Zm9vYg=="}, EncodedCase{"fooba", "Zm9vYmE="},
                                         EncodedCase{"foobar", "Zm9vYmFy"},
                                         EncodedCase{std::string_view("\0\xff\xfe", 3), "AP/+"}));

TEST(Base64, SkipsTheWhiteSpaceOfAPlist) { EXPECT_EQ(from_base64("\n\tZm9v\r\n\tYg==\n"), "foob"); }

class BrokenBase64 : public testing::TestWithParam<const char*> {};
TEST_P(BrokenBase64, IsRefused) { EXPECT_EQ(from_base64(GetParam()), std::nullopt); }
INSTANTIATE_TEST_SUITE_P(Kinds, BrokenBase64,
                         testing::Values("Z", "Zg", "Zg=", "Zg===", "=", "====", "Zg==Zg==", "Zm9v=", "Zm-_",
                                         "Z\x80=="));

class Hex : public testing::TestWithParam<EncodedCase> {};
TEST_P(Hex, GoesBothWays) {
  EXPECT_EQ(to_hex(GetParam().bytes), GetParam().encoded);
  EXPECT_EQ(from_hex(GetParam().encoded), std::string(GetParam().bytes));
}
INSTANTIATE_TEST_SUITE_P(Values, Hex,
                         testing::Values(EncodedCase{"", ""},
                                         EncodedCase{std::string_view("\0\x7f\xff", 3), "007fff"},
                                         EncodedCase{"Az", "417a"}));
TEST(Hex, TakesUpperCaseAndNothingElse) {
  EXPECT_EQ(from_hex("AbCd"), "\xab\xcd");
  EXPECT_EQ(from_hex("abc"), std::nullopt);
  EXPECT_EQ(from_hex("0g"), std::nullopt);
  EXPECT_EQ(from_hex(" 0"), std::nullopt);
}

struct Utf8Case {
  const char* name;
  std::string_view bytes;
  bool valid;
};
class Utf8 : public testing::TestWithParam<Utf8Case> {};
TEST_P(Utf8, IsRecognised) { EXPECT_EQ(is_utf8(GetParam().bytes), GetParam().valid); }
INSTANTIATE_TEST_SUITE_P(
    Rfc3629, Utf8,
    testing::Values(
        Utf8Case{"Empty", "", true}, Utf8Case{"Ascii", "a\x7f", true}, Utf8Case{"Two", "\xC2\x80", true},
        Utf8Case{"Three", "\xE2\x82\xAC", true}, Utf8Case{"Four", "\xF0\x9F\x98\x80", true},
        Utf8Case{"LastPoint", "\xF4\x8F\xBF\xBF", true}, Utf8Case{"Overlong2", "\xC0\xAF", false},
        Utf8Case{"Overlong3", "\xE0\x9F\xBF", false}, Utf8Case{"Overlong4", "\xF0\x8F\xBF\xBF", false},
        Utf8Case{"Surrogate", "\xED\xA0\x80", false}, Utf8Case{"Beyond", "\xF4\x90\x80\x80", false},
        Utf8Case{"Continuation", "\x80", false}, Utf8Case{"CutOff", "\xE2\x82", false},
        Utf8Case{"CutShort", "\xE2\x82z", false}, Utf8Case{"Byte", "\xff", false}),
    [](const auto& info) { return info.param.name; });

struct DecodeCase {
  const char* text;
  bool plus_is_space;
  std::optional<std::string> decoded;
};
class PercentDecode : public testing::TestWithParam<DecodeCase> {};
TEST_P(PercentDecode, Text) {
  EXPECT_EQ(percent_decode(GetParam().text, GetParam().plus_is_space), GetParam().decoded);
}
INSTANTIATE_TEST_SUITE_P(Forms, PercentDecode,
                         testing::Values(DecodeCase{"a%20b", false, "a b"}, DecodeCase{"a+b", false, "a+b"},
                                         DecodeCase{"a+b%2B", true, "a b+"}, DecodeCase{"%41", false, "A"},
                                         DecodeCase{"%c3%BC", false, "\xC3\xBC"},
                                         DecodeCase{"%", false, std::nullopt},
                                         DecodeCase{"%4", false, std::nullopt},
                                         DecodeCase{"x%4g", false, std::nullopt}));

TEST(Text, EscapesWhatMarkupWouldRead) {
  EXPECT_EQ(escape_markup("a<b> & \"c\" 'd'"), "a&lt;b&gt; &amp; &quot;c&quot; &#39;d&#39;");
  EXPECT_EQ(escape_markup("\xC3\xBC"), "\xC3\xBC");
}

TEST(Text, ComparesAndTrimsAsciiOnly) {
  EXPECT_EQ(to_lower_ascii("AbZ\xC3\x84"), "abz\xC3\x84");
  EXPECT_TRUE(equal_ignoring_case("Content-Type", "cONTENT-tYPE"));
  EXPECT_FALSE(equal_ignoring_case("ab", "abc"));
  EXPECT_EQ(trim(" \t\r\na b \n"), "a b");
  EXPECT_EQ(trim(" \n"), "");
}

}  // namespace
}  // namespace mooring

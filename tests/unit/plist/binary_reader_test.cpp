// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <bit>
#include <cstdint>
#include <ctime>
#include <limits>
#include <vector>

#include "base/plist/plist.hpp"

namespace mooring::plist::test {
namespace {

using namespace std::string_literals;

std::string big(std::uint64_t number, std::size_t width) {
  std::string out;
  for (std::size_t i = width; i > 0; --i) out += static_cast<char>(number >> ((i - 1) * 8));
  return out;
}

// A document of these objects, the first of them on top.
std::string binary(const std::vector<std::string>& objects, std::size_t ref_width = 1,
                   std::uint64_t top = 0) {
  std::string out = "bplist00";
  std::string table;
  for (const std::string& object : objects) {
    table += big(out.size(), 4);
    out += object;
  }
  const std::size_t at = out.size();
  return out + table + std::string(6, '\0') + '\4' + static_cast<char>(ref_width) + big(objects.size(), 8) +
         big(top, 8) + big(at, 8);
}

std::string doubles(double value) { return big(std::bit_cast<std::uint64_t>(value), 8); }

// Each array holds the next one twice: 2^levels values in a few bytes.
std::string shared_arrays(std::size_t levels) {
  std::vector<std::string> objects;
  for (std::size_t i = 0; i < levels; ++i) objects.push_back("\xA2"s + big(i + 1, 1) + big(i + 1, 1));
  objects.push_back("\x09");
  return binary(objects);
}

std::string nested_arrays(std::size_t levels) {
  std::vector<std::string> objects;
  for (std::size_t i = 0; i + 1 < levels; ++i) objects.push_back("\xA1"s + big(i + 1, 4));
  objects.push_back("\xA0");
  return binary(objects, 4);
}

// A list that names one long string many times.
std::string shared_string() {
  std::string list = "\xAF\x12" + big(100000, 4);
  for (int i = 0; i < 100000; ++i) list += '\1';
  return binary({list, "\x5F\x12" + big(100000, 4) + std::string(100000, 'x')});
}

struct BinaryReading {
  std::string name;
  std::vector<std::string> objects;
  Value value;
};

class BinaryReads : public testing::TestWithParam<BinaryReading> {};

// covers: mdm.C15
TEST_P(BinaryReads, AsThisValue) {
  const auto value = parse(binary(GetParam().objects));
  ASSERT_TRUE(value) << value.error().message;
  EXPECT_EQ(*value, GetParam().value);
}

INSTANTIATE_TEST_SUITE_P(
    Table, BinaryReads,
    testing::Values(
        BinaryReading{"False", {"\x08"}, false}, BinaryReading{"True", {"\x09"}, true},
        BinaryReading{"ByteIsUnsigned", {"\x10\xFF"}, 255},
        BinaryReading{"ShortIsUnsigned", {"\x11\xFF\xFF"}, 65535},
        BinaryReading{"LongIsUnsigned", {"\x12\xFF\xFF\xFF\xFF"}, std::int64_t{4294967295}},
        BinaryReading{"EightBytesAreSigned", {"\x13" + big(UINT64_MAX, 8)}, -1},
        BinaryReading{"SixteenBytes", {"\x14" + big(0, 8) + big(UINT64_MAX, 8)}, UINT64_MAX},
        BinaryReading{"SixteenBytesNegative", {"\x14" + big(UINT64_MAX, 8) + big(UINT64_MAX, 8)}, -1},
        BinaryReading{"Float", {"\x22" + big(std::bit_cast<std::uint32_t>(1.5F), 4)}, 1.5},
        BinaryReading{"Double", {"\x23" + doubles(-2.25)}, -2.25},
        BinaryReading{"Date", {"\x33" + doubles(-978307200.0)}, Date{0}},
        BinaryReading{"DateWithFraction", {"\x33" + doubles(1.75)}, Date{978307201}},
        BinaryReading{"Data", {"\x42\x00\x01"s}, Data{"\0\1"s}},
        BinaryReading{"LongCount", {"\x5F\x10\x10" + std::string(16, 'q')}, std::string(16, 'q')},
        BinaryReading{"Utf16", {"\x63\x00\xE9\xD8\x3D\xDE\x00"s}, "\xC3\xA9\xF0\x9F\x98\x80"},
        BinaryReading{
            "DictWithDuplicate", {"\xD2\x01\x01\x02\x03", "\x51k", "\x10\x01", "\x10\x02"}, Dict{{"k", 2}}},
        BinaryReading{"SharedTwice", {"\xA2\x01\x01", "\x51x"}, Array{"x", "x"}}),
    [](const auto& info) { return info.param.name; });

struct BinaryRefusal {
  std::string name;
  std::string bytes;
  std::string code = "plist.malformed";
};

class BinaryRefuses : public testing::TestWithParam<BinaryRefusal> {};

// covers: mdm.C15
TEST_P(BinaryRefuses, WithAClearErrorAndQuickly) {
  const auto start = std::clock();  // CPU: the machine may be busy
  const auto value = parse(GetParam().bytes);
  const auto took = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
  ASSERT_FALSE(value);
  EXPECT_EQ(value.error().code, GetParam().code) << value.error().message;
  EXPECT_LT(took, 10.0);
}

INSTANTIATE_TEST_SUITE_P(
    Table, BinaryRefuses,
    testing::Values(
        BinaryRefusal{"OnlyMagic", "bplist00"},
        BinaryRefusal{"ShortTrailer", "bplist00" + std::string(30, '\0')},
        BinaryRefusal{"ZeroTrailer", "bplist00" + std::string(40, '\0')},
        BinaryRefusal{"OtherVersion", "bplist15" + binary({"\x09"}).substr(8)},
        BinaryRefusal{"TopBeyond", binary({"\x09"}, 1, 7)},
        BinaryRefusal{"RefWidthZero", binary({"\x09"}, 0)},
        BinaryRefusal{"RefWidthNine", binary({"\x09"}, 9)},
        BinaryRefusal{"HugeObjectCount", binary({"\x09"}).substr(0, 8 + 1 + 4 + 8) + big(UINT64_MAX / 4, 8) +
                                             big(0, 8) + big(9, 8)},
        BinaryRefusal{"HugeTableOffset",
                      binary({"\x09"}).substr(0, 8 + 1 + 4 + 8) + big(1, 8) + big(0, 8) + big(UINT64_MAX, 8)},
        BinaryRefusal{"RefBeyond", binary({"\xA1\x09"})}, BinaryRefusal{"Null", binary({"\x00"s})},
        BinaryRefusal{"Fill", binary({"\x0F"})}, BinaryRefusal{"Uid", binary({"\x80\x01"})},
        BinaryRefusal{"Set", binary({"\xC0"})}, BinaryRefusal{"IntegerCut", binary({"\x13\x01"})},
        BinaryRefusal{"IntegerTooWide", binary({"\x15" + std::string(32, '\1')})},
        BinaryRefusal{"Integer128", binary({"\x14" + big(1, 8) + big(0, 8)})},
        BinaryRefusal{"RealOfOddWidth", binary({"\x20\x01"})}, BinaryRefusal{"DateCut", binary({"\x33\x01"})},
        BinaryRefusal{"DateNan", binary({"\x33" + doubles(std::numeric_limits<double>::quiet_NaN())})},
        BinaryRefusal{"DateFar", binary({"\x33" + doubles(1e300)})},
        BinaryRefusal{"StringBeyond", binary({"\x5F\x13" + big(UINT64_MAX, 8) + "a"})},
        BinaryRefusal{"StringByOne", binary({"\x52z"})},
        BinaryRefusal{"CountIsNoInteger", binary({"\x5F\x51z"})},
        BinaryRefusal{"CountCut", binary({"\x5F\x13\x01"})},
        BinaryRefusal{"ArrayBeyond", binary({"\xAF\x13" + big(UINT64_MAX / 2, 8)})},
        BinaryRefusal{"DictBeyond", binary({"\xD2\x00\x00"s})},
        BinaryRefusal{"DictKeyIsInteger", binary({"\xD1\x01\x01", "\x10\x01"})},
        BinaryRefusal{"NulInAscii", binary({"\x51\x00"s})},
        BinaryRefusal{"NulInUtf16", binary({"\x61\x00\x00"s})},
        BinaryRefusal{"NotAscii", binary({"\x51\xE9"}), "plist.not_utf8"},
        BinaryRefusal{"HalfAPair", binary({"\x61\xD8\x00"s}), "plist.not_utf8"},
        BinaryRefusal{"LowHalfFirst", binary({"\x62\xDC\x00\xD8\x00"s}), "plist.not_utf8"},
        BinaryRefusal{"ItselfInside", binary({"\xA1\x00"s}), "plist.too_deep"},
        BinaryRefusal{"CycleOfDicts", binary({"\xD1\x01\x00"s, "\x51k"}), "plist.too_deep"},
        BinaryRefusal{"Shared2Power20", shared_arrays(20), "plist.too_many_objects"},
        BinaryRefusal{"Shared2Power28", shared_arrays(28), "plist.too_many_objects"},
        BinaryRefusal{"Shared2Power60", shared_arrays(60), "plist.too_many_objects"},
        BinaryRefusal{"SharedString", shared_string(), "plist.too_large"},
        BinaryRefusal{"Deep65", nested_arrays(65), "plist.too_deep"},
        BinaryRefusal{"Deep200k", nested_arrays(200000), "plist.too_deep"}),
    [](const auto& info) { return info.param.name; });

// A few hundred bytes must not cost a hundred megabytes, while honest sharing stays readable.
TEST(BinaryReader, HoldsSharedContainersToTheSizeOfTheDocument) {
  const auto bomb = parse(shared_arrays(28));
  ASSERT_FALSE(bomb);
  EXPECT_NE(bomb.error().message.find("more than 3856 values"), std::string::npos) << bomb.error().message;
  const auto honest = parse(binary({"\xAF\x10\x20" + std::string(32, '\1'), "\xA3\2\2\2", "\x51x"}));
  ASSERT_TRUE(honest) << honest.error().message;
  EXPECT_EQ(*honest, Value(Array(32, Array{"x", "x", "x"})));
}

TEST(BinaryReader, IsRefusedWhereTheListenerWantsXmlOnly) {
  const auto value = parse(binary({"\x09"}), {.binary = false});
  ASSERT_FALSE(value);
  EXPECT_EQ(value.error().code, "plist.binary_refused");
}

TEST(BinaryReader, SurvivesEveryCutAndEveryChangedByte) {
  const std::string good = to_binary(Dict{{"a", Array{1, -1, 2.5, true, UINT64_MAX}},
                                          {"d", Data{"bytes"}},
                                          {"t", Date{5}},
                                          {"s", "a string of some length"},
                                          {"u", "\xC3\xA9\xF0\x9F\x98\x80"}});
  ASSERT_TRUE(parse(good));
  for (std::size_t i = 0; i < good.size(); ++i) {
    EXPECT_FALSE(parse(good.substr(0, i)));
    for (int c = 0; c < 256; ++c) {
      std::string changed = good;
      changed[i] = static_cast<char>(c);
      if (const auto value = parse(changed)) EXPECT_TRUE(parse(to_xml(*value)));
    }
  }
}

}  // namespace
}  // namespace mooring::plist::test

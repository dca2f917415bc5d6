// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "core/scep/detail/der.hpp"

namespace mooring::core::detail {
namespace {

using namespace std::string_literals;

TEST(ScepDer, WritesTheShortestLength) {
  EXPECT_EQ(der(tag::kOctets, ""), "\x04\x00"s);
  EXPECT_EQ(der(tag::kOctets, std::string(127, 'x')).substr(0, 2), "\x04\x7F"s);
  EXPECT_EQ(der(tag::kOctets, std::string(128, 'x')).substr(0, 3), "\x04\x81\x80"s);
  EXPECT_EQ(der(tag::kOctets, std::string(256, 'x')).substr(0, 4), "\x04\x82\x01\x00"s);
  EXPECT_EQ(der(tag::kSequence, {der_integer(1), kDerNull}), "\x30\x05\x02\x01\x01\x05\x00"s);
}

TEST(ScepDer, ReadsDefiniteAndIndefiniteLengths) {
  const std::string bytes =
      "\x30\x80\x02\x01\x07\x24\x80\x04\x02"
      "ab\x04\x01"
      "c\x00\x00\x00\x00\x05\x00"s;
  BerReader reader(bytes);
  const auto sequence = reader.next(tag::kSequence);
  ASSERT_TRUE(sequence);
  EXPECT_EQ(reader.next()->tag, 0x05);
  EXPECT_TRUE(reader.done());
  BerReader inner(sequence->content);
  EXPECT_FALSE(inner.next(tag::kOctets)) << "another tag";
  EXPECT_EQ(inner.next(tag::kInteger)->content, "\x07");
  EXPECT_EQ(octets_of(*inner.next()), "abc");
  EXPECT_TRUE(inner.done());
}

class ScepBroken : public testing::TestWithParam<std::string> {};

// covers: mdm.S06
TEST_P(ScepBroken, BytesAreNoElement) { EXPECT_FALSE(BerReader(GetParam()).next()); }

std::string nested(int depth) {
  std::string bytes;
  for (int i = 0; i < depth; ++i) bytes += "\x30\x80";
  return bytes + std::string(static_cast<std::size_t>(depth) * 2, '\0');
}

INSTANTIATE_TEST_SUITE_P(Table, ScepBroken,
                         testing::Values(""s, "\x30"s, "\x30\x05\x00"s, "\x30\x80\x02"s,
                                         "\x30\x80\x02\x01\x01"s, "\x04\x80\x00\x00"s,
                                         "\x30\x85\x01\x01\x01\x01\x01"s, "\x30\x84\xFF\xFF\xFF\xFF"s,
                                         "\x1F\x81\x01\x00"s, nested(40)));

TEST(ScepDer, NestsAsDeepAsMessagesNeed) { EXPECT_TRUE(BerReader(nested(20)).next()); }

TEST(ScepDer, AStringInPiecesHoldsOnlyStrings) {
  const std::string bytes = "\x24\x05\x02\x01\x01\x05\x00"s;
  EXPECT_FALSE(octets_of(*BerReader(bytes).next()));
}

}  // namespace
}  // namespace mooring::core::detail

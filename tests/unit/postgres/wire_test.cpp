// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <vector>

#include "base/postgres/params.hpp"

namespace mooring::pg {
namespace {

std::string_view bytes_at(const Params& params, std::size_t slot) {
  const auto& at = params.slots()[slot];
  return {params.data() + at.offset, static_cast<std::size_t>(at.length)};
}

TEST(Params, IntegersTravelBigEndian) {
  const Params params(std::int64_t{258}, std::int16_t{-2});
  EXPECT_EQ(bytes_at(params, 0), std::string_view("\0\0\0\0\0\0\1\2", 8));
  EXPECT_EQ(bytes_at(params, 1), std::string_view("\xFF\xFE", 2));
}

TEST(Params, TimesRoundTripToTheMicrosecond) {
  const Time time{Duration{1'795'000'000'123'456}};
  const Params params(time);
  EXPECT_EQ(Wire<Time>::get(bytes_at(params, 0)), time);
}

TEST(Params, NulBytesInsideTextAndByteaAreKept) {
  const Params params(std::string_view("a\0b", 3), Bytes{std::string_view("\0\0", 2)});
  EXPECT_EQ(params.slots()[0].length, 3);
  EXPECT_EQ(params.slots()[1].length, 2);
}

TEST(Params, ArraysCarryTypeCountAndNulls) {
  const std::vector<std::optional<std::string>> items{"x", std::nullopt};
  const Params params(items);
  const std::string_view bytes = bytes_at(params, 0);
  EXPECT_EQ(params.slots()[0].oid, 1009U);
  EXPECT_EQ(detail::get_big_endian<std::uint32_t>(bytes.data() + 12), 2U);                 // two items
  EXPECT_EQ(detail::get_big_endian<std::uint32_t>(bytes.data() + 20), 1U);                 // "x"
  EXPECT_EQ(detail::get_big_endian<std::uint32_t>(bytes.data() + 25), ~std::uint32_t{0});  // NULL
}

}  // namespace
}  // namespace mooring::pg

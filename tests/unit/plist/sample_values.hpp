// SPDX-License-Identifier: Apache-2.0
// Seeded random values for the round trips.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "base/plist/value.hpp"
#include "base/random.hpp"

namespace mooring::plist::test {

struct SampleRange {
  /// Only what libplist can express: dates within 32 bits of 2001, no integer above INT64_MAX, short reals.
  bool libplist = false;
};

inline std::string sample_text(Random& random) {
  static const std::vector<std::string> kPieces = {"a",
                                                   "Z",
                                                   "com.example",
                                                   " ",
                                                   "&",
                                                   "<",
                                                   ">",
                                                   "\"",
                                                   "'",
                                                   "]]>",
                                                   "\t",
                                                   "\n",
                                                   "é",
                                                   "ß",
                                                   "漢字",
                                                   "\xF0\x9F\x98\x80",
                                                   "\xEF\xBF\xBD",
                                                   "&amp;",
                                                   "\r",
                                                   "-",
                                                   "0",
                                                   "</string>"};
  std::string text;
  const std::uint64_t length = random.chance(0.02) ? 400 : random.below(6);
  for (std::uint64_t i = 0; i < length; ++i) text += kPieces[random.below(kPieces.size())];
  return text;
}

inline Value sample_integer(Random& random, SampleRange range) {
  switch (random.below(4)) {
    case 0:
      return static_cast<std::int64_t>(random.below(300));
    case 1:
      return static_cast<std::int64_t>(random.next());
    case 2:
      return std::numeric_limits<std::int64_t>::min() + static_cast<std::int64_t>(random.below(3));
    default:
      return range.libplist ? Value(-1) : Value(std::numeric_limits<std::uint64_t>::max() - random.below(3));
  }
}

inline Value sample_real(Random& random, SampleRange range) {
  if (range.libplist) return (static_cast<double>(random.below(4096)) - 2048.0) / 16.0;
  if (random.chance(0.1)) return std::numeric_limits<double>::infinity();
  if (random.chance(0.1)) return std::numeric_limits<double>::denorm_min();
  return (random.unit() - 0.5) * static_cast<double>(random.next());
}

inline Date sample_date(Random& random, SampleRange range) {
  if (range.libplist) return Date{978307200 + static_cast<std::int64_t>(random.below(2000000000))};
  return Date{-62167219200 + static_cast<std::int64_t>(random.below(253402300800 + 62167219200))};
}

inline Value sample_value(Random& random, SampleRange range, int depth = 0) {
  const std::uint64_t kind = random.below(depth < 5 ? 9 : 6);
  switch (kind) {
    case 0:
      return sample_text(random);
    case 1:
      return sample_integer(random, range);
    case 2:
      return sample_real(random, range);
    case 3:
      return random.chance(0.5);
    case 4: {
      Data data;
      for (std::uint64_t i = random.below(90); i > 0; --i) data.bytes += static_cast<char>(random.next());
      return data;
    }
    case 5:
      return sample_date(random, range);
    case 6: {
      Array array;
      for (std::uint64_t i = random.below(20); i > 0; --i)
        array.push_back(sample_value(random, range, depth + 1));
      return array;
    }
    default: {
      Dict dict;
      for (std::uint64_t i = random.below(20); i > 0; --i) {
        dict.set("k" + sample_text(random), sample_value(random, range, depth + 1));
      }
      return dict;
    }
  }
}

}  // namespace mooring::plist::test

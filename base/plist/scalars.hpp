// SPDX-License-Identifier: Apache-2.0
// Text forms of numbers and dates in XML property lists, and the check of UTF-8.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/plist/value.hpp"

namespace mooring::plist::detail {

/// Years 0000 to 9999.
inline constexpr std::int64_t kFirstDate = -62167219200;
inline constexpr std::int64_t kLastDate = 253402300799;
/// Seconds between 1970 and 2001, where Apple's clock starts.
inline constexpr std::int64_t kAppleEpoch = 978307200;

/// Decimal or 0x hexadecimal with an optional sign, from INT64_MIN to UINT64_MAX, as CoreFoundation reads it.
std::optional<Value> parse_integer(std::string_view text);
/// Decimal or scientific, nan, inf, infinity.
std::optional<double> parse_real(std::string_view text);
/// Exactly YYYY-MM-DDTHH:MM:SSZ with every field in range.
std::optional<Date> parse_date(std::string_view text);

void append_real(std::string& out, double number);
void append_date(std::string& out, Date date);

/// Offset of the first byte that is not UTF-8, or npos.
std::size_t find_not_utf8(std::string_view bytes);
void append_utf8(std::string& out, std::uint32_t code_point);

}  // namespace mooring::plist::detail

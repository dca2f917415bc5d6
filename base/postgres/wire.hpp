// SPDX-License-Identifier: Apache-2.0
// C++ values to and from PostgreSQL's binary wire format: no quoting, no text, NUL bytes safe.
#pragma once

#include <bit>
#include <compare>
#include <concepts>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/crypto/crypto.hpp"

namespace mooring::pg {

/// A bytea parameter; a type of its own so that it is never mistaken for text.
struct Bytes {
  std::string_view view;
};
/// A jsonb value in its text form.
struct Json {
  std::string_view view;
};

/// A transaction id that never wraps (xid8).
struct Xid {
  std::uint64_t value = 0;
  auto operator<=>(const Xid&) const = default;
};

using Oid = unsigned int;

namespace detail {

template <class Unsigned>
void put_big_endian(std::string& out, Unsigned value) {
  for (int shift = static_cast<int>(sizeof(Unsigned)) * 8 - 8; shift >= 0; shift -= 8) {
    out += static_cast<char>(value >> static_cast<unsigned>(shift) & 0xFFU);
  }
}

template <class Unsigned>
Unsigned get_big_endian(const char* from) {
  Unsigned value = 0;
  for (std::size_t i = 0; i < sizeof(Unsigned); ++i) {
    value = static_cast<Unsigned>(value << 8U | static_cast<unsigned char>(from[i]));
  }
  return value;
}

/// timestamptz counts microseconds from 2000-01-01.
constexpr std::int64_t kPostgresEpochMicros = 946'684'800'000'000;

}  // namespace detail

/// How one C++ type travels: `oid`, `array_oid`, `put` (parameters) and `get` (results).
template <class T>
struct Wire;

template <class Integer, Oid kOid, Oid kArrayOid>
struct IntegerWire {
  static constexpr Oid oid = kOid;
  static constexpr Oid array_oid = kArrayOid;
  using Unsigned = std::make_unsigned_t<Integer>;
  static void put(std::string& out, Integer value) {
    detail::put_big_endian(out, static_cast<Unsigned>(value));
  }
  static Integer get(std::string_view bytes) {
    return static_cast<Integer>(detail::get_big_endian<Unsigned>(bytes.data()));
  }
};
template <>
struct Wire<std::int16_t> : IntegerWire<std::int16_t, 21, 1005> {};
template <>
struct Wire<std::int32_t> : IntegerWire<std::int32_t, 23, 1007> {};
template <>
struct Wire<std::int64_t> : IntegerWire<std::int64_t, 20, 1016> {};

template <>
struct Wire<bool> {
  static constexpr Oid oid = 16;
  static constexpr Oid array_oid = 1000;
  static void put(std::string& out, bool value) { out += value ? '\1' : '\0'; }
  static bool get(std::string_view bytes) { return bytes[0] != 0; }
};

template <>
struct Wire<double> {
  static constexpr Oid oid = 701;
  static constexpr Oid array_oid = 1022;
  static void put(std::string& out, double value) {
    detail::put_big_endian(out, std::bit_cast<std::uint64_t>(value));
  }
  static double get(std::string_view bytes) {
    return std::bit_cast<double>(detail::get_big_endian<std::uint64_t>(bytes.data()));
  }
};

template <>
struct Wire<std::string_view> {
  static constexpr Oid oid = 25;
  static constexpr Oid array_oid = 1009;
  static void put(std::string& out, std::string_view value) { out += value; }
  static std::string_view get(std::string_view bytes) { return bytes; }
};
template <>
struct Wire<std::string> {
  static constexpr Oid oid = 25;
  static constexpr Oid array_oid = 1009;
  static void put(std::string& out, const std::string& value) { out += value; }
  static std::string get(std::string_view bytes) { return std::string(bytes); }
};

template <>
struct Wire<Bytes> {
  static constexpr Oid oid = 17;
  static constexpr Oid array_oid = 1001;
  static void put(std::string& out, const Bytes& value) { out += value.view; }
  static Bytes get(std::string_view bytes) { return Bytes{bytes}; }
};

template <>
struct Wire<Json> {
  static constexpr Oid oid = 3802;
  static constexpr Oid array_oid = 3807;
  static void put(std::string& out, const Json& value) {
    out += '\1';  // version of jsonb's binary form
    out += value.view;
  }
  static Json get(std::string_view bytes) { return Json{bytes.substr(1)}; }
};

template <>
struct Wire<Xid> {
  static constexpr Oid oid = 5069;
  static constexpr Oid array_oid = 271;
  static void put(std::string& out, Xid value) { detail::put_big_endian(out, value.value); }
  static Xid get(std::string_view bytes) { return {detail::get_big_endian<std::uint64_t>(bytes.data())}; }
};

template <>
struct Wire<Time> {
  static constexpr Oid oid = 1184;
  static constexpr Oid array_oid = 1185;
  static void put(std::string& out, Time value) {
    const std::int64_t micros = value.time_since_epoch().count() - detail::kPostgresEpochMicros;
    detail::put_big_endian(out, static_cast<std::uint64_t>(micros));
  }
  static Time get(std::string_view bytes) {
    const auto micros = static_cast<std::int64_t>(detail::get_big_endian<std::uint64_t>(bytes.data()));
    return Time{Duration{micros + detail::kPostgresEpochMicros}};
  }
};

template <>
struct Wire<crypto::Uuid> {
  static constexpr Oid oid = 2950;
  static constexpr Oid array_oid = 2951;
  static void put(std::string& out, const crypto::Uuid& value) {
    out.append(reinterpret_cast<const char*>(value.bytes.data()), value.bytes.size());
  }
  static crypto::Uuid get(std::string_view bytes) {
    crypto::Uuid uuid;
    std::memcpy(uuid.bytes.data(), bytes.data(), uuid.bytes.size());
    return uuid;
  }
};

template <class T>
inline constexpr bool kIsOptional = false;
template <class T>
inline constexpr bool kIsOptional<std::optional<T>> = true;

/// A range of values that travels as an array; text-like types are values, not ranges.
template <class T>
concept ArrayParameter = requires(const T& range) {
  range.begin();
  range.end();
  range.size();
} && !std::convertible_to<T, std::string_view>;

}  // namespace mooring::pg

// SPDX-License-Identifier: Apache-2.0
// bplist00. Objects may be shared, so a document of 200 bytes can stand for 2^28 values: each use counts
// against the limits, and so do the bytes of each use of a shared string. A cycle ends at the depth limit.
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <vector>

#include "base/plist/readers.hpp"
#include "base/plist/scalars.hpp"

namespace mooring::plist::detail {
namespace {

constexpr std::size_t kHeader = 8;
constexpr std::size_t kTrailer = 32;
// Values for each byte of the document. Without sharing there is at most one; this leaves room for writers
// that share containers, and keeps memory linear in the document.
constexpr std::size_t kLargestExpansion = 16;

Limits bounded_by_size(Limits limits, std::size_t bytes) {
  limits.objects = std::min(limits.objects, bytes * kLargestExpansion);
  return limits;
}

class BinaryReader {
 public:
  BinaryReader(std::string_view bytes, const Limits& limits)
      : bytes_(bytes), limits_(bounded_by_size(limits, bytes.size())), builder_(limits_) {}
  Result<Value> read();

 private:
  struct Open {
    std::size_t refs;   ///< Where its references start; in a dictionary keys first, then values.
    std::size_t count;  ///< Number of elements or of pairs.
    std::size_t next;
    bool dict;
  };
  struct Object {
    unsigned kind;      ///< High half of the marker.
    unsigned info;      ///< Low half.
    std::size_t at;     ///< Of its content.
    std::size_t count;  ///< Of bytes, units, elements; unused for scalars.
  };

  bool bad(std::size_t at, std::string_view why) {
    error_ = malformed(at, why);
    return false;
  }
  bool accept(Problem problem, std::size_t at) {
    if (problem == Problem::none) return true;
    error_ = refused(problem, at, limits_);
    return false;
  }
  std::uint64_t big_endian(std::size_t at, std::size_t width) const;
  bool trailer();
  bool step();
  bool locate(std::uint64_t ref, Object& object);
  bool counted(Object& object);
  bool fits(const Object& object, std::size_t width);
  bool spend(const Object& object, std::size_t bytes);
  bool visit(std::uint64_t ref);
  bool key(std::uint64_t ref);
  bool string(const Object& object, std::string& out);
  bool utf16(const Object& object, std::string& out);
  bool integer(const Object& object);
  bool real(const Object& object);
  bool date(const Object& object);

  std::string_view bytes_;
  Limits limits_;
  Builder builder_;
  std::size_t offset_width_ = 0;
  std::size_t ref_width_ = 0;
  std::uint64_t objects_ = 0;
  std::uint64_t top_ = 0;
  std::size_t table_ = 0;  ///< Offset of the offset table: objects lie before it.
  std::size_t spent_ = 0;  ///< Bytes of strings and data so far, each use counted.
  std::vector<Open> open_;
  Error error_;
};

std::uint64_t BinaryReader::big_endian(std::size_t at, std::size_t width) const {
  std::uint64_t number = 0;
  for (std::size_t i = 0; i < width; ++i) number = number << 8U | static_cast<unsigned char>(bytes_[at + i]);
  return number;
}

bool BinaryReader::trailer() {
  if (bytes_.size() < kHeader + kTrailer + 2) return bad(bytes_.size(), "a binary property list cut short");
  if (bytes_[6] != '0') return bad(6, "an unknown version of the binary format");
  const std::size_t at = bytes_.size() - kTrailer;
  offset_width_ = big_endian(at + 6, 1);
  ref_width_ = big_endian(at + 7, 1);
  objects_ = big_endian(at + 8, 8);
  top_ = big_endian(at + 16, 8);
  const std::uint64_t table = big_endian(at + 24, 8);
  if (offset_width_ < 1 || offset_width_ > 8 || ref_width_ < 1 || ref_width_ > 8) {
    return bad(at + 6, "a width in the trailer is not 1 to 8");
  }
  if (table <= kHeader || table >= at) return bad(at + 24, "the offset table lies outside of the document");
  if (objects_ == 0 || objects_ > (at - table) / offset_width_) {
    return bad(at + 8, "the offset table is too small for the number of objects");
  }
  if (top_ >= objects_) return bad(at + 16, "the top object does not exist");
  table_ = table;
  return true;
}

Result<Value> BinaryReader::read() {
  bool good = trailer() && visit(top_);
  while (good && !open_.empty()) good = step();
  if (!good) return std::unexpected(std::move(error_));
  return builder_.take_root();
}

// One element of the innermost container.
bool BinaryReader::step() {
  Open& open = open_.back();
  if (open.next == open.count) {
    const std::size_t at = open.refs;
    open_.pop_back();
    return accept(builder_.close(), at);
  }
  const std::size_t at = open.refs + open.next * ref_width_;
  ++open.next;
  if (!open.dict) return visit(big_endian(at, ref_width_));
  const std::uint64_t value = big_endian(at + open.count * ref_width_, ref_width_);
  return key(big_endian(at, ref_width_)) && visit(value);
}

bool BinaryReader::locate(std::uint64_t ref, Object& object) {
  if (ref >= objects_) return bad(0, fmt::format("a reference to object {} of {}", ref, objects_));
  const std::uint64_t at = big_endian(table_ + ref * offset_width_, offset_width_);
  if (at < kHeader || at >= table_) return bad(0, fmt::format("object {} lies outside of the document", ref));
  const unsigned marker = static_cast<unsigned char>(bytes_[at]);
  object = {marker >> 4U, marker & 15U, static_cast<std::size_t>(at) + 1, marker & 15U};
  return true;
}

// The length behind the marker: 0 to 14, or 15 and an integer object.
bool BinaryReader::counted(Object& object) {
  if (object.info != 15) return true;
  if (object.at >= table_) return bad(object.at, "a length is cut short");
  const unsigned marker = static_cast<unsigned char>(bytes_[object.at]);
  const std::size_t width = std::size_t{1} << (marker & 15U);
  if ((marker >> 4U) != 1 || (marker & 15U) > 3) return bad(object.at, "a length is no integer");
  if (table_ - object.at - 1 < width) return bad(object.at, "a length is cut short");
  object.count = big_endian(object.at + 1, width);
  object.at += 1 + width;
  return true;
}

bool BinaryReader::fits(const Object& object, std::size_t width) {
  if (object.count <= (table_ - object.at) / width) return true;
  return bad(object.at, "an object is longer than the document");
}

bool BinaryReader::spend(const Object& object, std::size_t bytes) {
  spent_ += bytes;
  if (spent_ <= limits_.bytes) return true;
  error_ = {Failure::too_large, "plist.too_large",
            fmt::format("property list, byte {}: its shared strings expand beyond {} bytes", object.at,
                        limits_.bytes)};
  return false;
}

bool BinaryReader::visit(std::uint64_t ref) {
  Object object{};
  if (!locate(ref, object)) return false;
  switch (object.kind) {
    case 0x0:
      if (object.info != 8 && object.info != 9) return bad(object.at, "a null or fill object");
      return accept(builder_.value(object.info == 9), object.at);
    case 0x1:
      return integer(object);
    case 0x2:
      return real(object);
    case 0x3:
      return date(object);
    case 0x4: {
      if (!counted(object) || !fits(object, 1) || !spend(object, object.count)) return false;
      return accept(builder_.value(Data{std::string(bytes_.substr(object.at, object.count))}), object.at);
    }
    case 0x5:
    case 0x6: {
      std::string text;
      return string(object, text) && accept(builder_.value(std::move(text)), object.at);
    }
    case 0xA:
    case 0xD: {
      const bool dict = object.kind == 0xD;
      if (!counted(object) || !fits(object, dict ? ref_width_ * 2 : ref_width_)) return false;
      open_.push_back(Open{object.at, object.count, 0, dict});
      return accept(builder_.open(dict), object.at);
    }
    default:
      return bad(object.at, "a type that XML property lists do not have (UID, set, ...)");
  }
}

bool BinaryReader::key(std::uint64_t ref) {
  Object object{};
  if (!locate(ref, object)) return false;
  if (object.kind != 0x5 && object.kind != 0x6) return bad(object.at, "a key that is no string");
  std::string text;
  return string(object, text) && accept(builder_.key(std::move(text)), object.at);
}

bool BinaryReader::string(const Object& at, std::string& out) {
  Object object = at;
  if (!counted(object)) return false;
  const std::size_t width = object.kind == 0x6 ? 2 : 1;
  if (!fits(object, width) || !spend(object, object.count * width)) return false;
  if (width == 2) return utf16(object, out);
  out = bytes_.substr(object.at, object.count);
  for (const char c : out) {
    if (c == 0) return bad(object.at, "a string with NUL");
    if (static_cast<unsigned char>(c) >= 0x80) {
      error_ = {Failure::invalid, "plist.not_utf8",
                fmt::format("property list, byte {}: an ASCII string with other bytes", object.at)};
      return false;
    }
  }
  return true;
}

bool BinaryReader::utf16(const Object& object, std::string& out) {
  out.reserve(object.count * 3 / 2);
  for (std::size_t i = 0; i < object.count; ++i) {
    const std::size_t at = object.at + i * 2;
    auto code = static_cast<std::uint32_t>(big_endian(at, 2));
    if (code == 0) return bad(at, "a string with NUL");
    if (code >= 0xD800 && code <= 0xDFFF) {
      const auto low = i + 1 < object.count ? static_cast<std::uint32_t>(big_endian(at + 2, 2)) : 0;
      if (code >= 0xDC00 || low < 0xDC00 || low > 0xDFFF) {
        error_ = {Failure::invalid, "plist.not_utf8",
                  fmt::format("property list, byte {}: half of a UTF-16 pair", at)};
        return false;
      }
      code = 0x10000 + ((code - 0xD800) << 10U) + (low - 0xDC00);
      ++i;
    }
    append_utf8(out, code);
  }
  return true;
}

// One, two and four bytes are unsigned, eight are signed; sixteen hold what lies above INT64_MAX.
bool BinaryReader::integer(const Object& object) {
  if (object.info > 4) return bad(object.at, "an integer of more than 16 bytes");
  const std::size_t width = std::size_t{1} << object.info;
  if (table_ - object.at < width) return bad(object.at, "an integer is cut short");
  if (width == 16) {
    const std::uint64_t high = big_endian(object.at, 8);
    const std::uint64_t low = big_endian(object.at + 8, 8);
    const bool negative = high == UINT64_MAX && low >> 63U == 1;
    if (high != 0 && !negative) return bad(object.at, "an integer that needs more than 64 bits");
    return accept(builder_.value(negative ? Value(static_cast<std::int64_t>(low)) : Value(low)), object.at);
  }
  const std::uint64_t number = big_endian(object.at, width);
  return accept(builder_.value(static_cast<std::int64_t>(number)), object.at);
}

bool BinaryReader::real(const Object& object) {
  if (object.info != 2 && object.info != 3) return bad(object.at, "a real of neither 4 nor 8 bytes");
  const std::size_t width = std::size_t{1} << object.info;
  if (table_ - object.at < width) return bad(object.at, "a real is cut short");
  const std::uint64_t bits = big_endian(object.at, width);
  const double number =
      width == 8 ? std::bit_cast<double>(bits) : std::bit_cast<float>(static_cast<std::uint32_t>(bits));
  return accept(builder_.value(number), object.at);
}

bool BinaryReader::date(const Object& object) {
  if (object.info != 3 || table_ - object.at < 8) return bad(object.at, "a date that has not 8 bytes");
  const double since_2001 = std::floor(std::bit_cast<double>(big_endian(object.at, 8)));
  constexpr auto kLowest = static_cast<double>(kFirstDate - kAppleEpoch);
  constexpr auto kHighest = static_cast<double>(kLastDate - kAppleEpoch);
  if (!(since_2001 >= kLowest && since_2001 <= kHighest)) {
    return bad(object.at, "a date outside of the years 0 to 9999");
  }
  return accept(builder_.value(Date{static_cast<std::int64_t>(since_2001) + kAppleEpoch}), object.at);
}

}  // namespace

Result<Value> read_binary(std::string_view bytes, const Limits& limits) {
  return BinaryReader(bytes, limits).read();
}

}  // namespace mooring::plist::detail

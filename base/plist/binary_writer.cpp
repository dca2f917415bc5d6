// SPDX-License-Identifier: Apache-2.0
// bplist00. Equal strings are stored once (keys repeat in every list of dictionaries); nothing else is
// shared.
#include <algorithm>
#include <bit>
#include <cstdint>
#include <unordered_map>
#include <vector>

#include "base/plist/plist.hpp"
#include "base/plist/scalars.hpp"

namespace mooring::plist {
namespace {

constexpr std::size_t kBinaryTrailer = 32;

std::size_t width_of(std::uint64_t number) {
  return number <= 0xFF ? 1 : number <= 0xFFFF ? 2 : number <= 0xFFFFFFFF ? 4 : 8;
}

void append_big_endian(std::string& out, std::uint64_t number, std::size_t width) {
  for (std::size_t i = width; i > 0; --i) out += static_cast<char>(number >> ((i - 1) * 8));
}

std::u16string to_utf16(std::string_view text) {
  std::u16string out;
  for (std::size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i]);
    const std::size_t length = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    char32_t code = length == 1 ? lead : lead & (0xFFU >> (length + 1));
    for (std::size_t k = 1; k < length && i + k < text.size(); ++k) {
      code = code << 6U | (static_cast<unsigned char>(text[i + k]) & 0x3FU);
    }
    if (code >= 0x10000) {
      out += static_cast<char16_t>(0xD800 + ((code - 0x10000) >> 10U));
      out += static_cast<char16_t>(0xDC00 + ((code - 0x10000) & 0x3FFU));
    } else {
      out += static_cast<char16_t>(code);
    }
    i += length;
  }
  return out;
}

class BinaryWriter {
 public:
  std::string write(const Value& root) {
    number_objects(root);
    ref_width_ = width_of(objects_.size() - 1);
    for (const Object& object : objects_) {
      offsets_.push_back(out_.size());
      std::visit([&](const auto* held) { emit(*held, object.children); }, object.held);
    }
    finish();
    return std::move(out_);
  }

 private:
  using Held = std::variant<const std::string*, const std::int64_t*, const std::uint64_t*, const double*,
                            const bool*, const Data*, const Date*, const Array*, const Dict*>;
  struct Object {
    Held held;
    std::vector<std::size_t> children;  ///< Of a dictionary: keys, then values.
  };

  std::size_t add(Held held) {
    objects_.push_back(Object{held, {}});
    return objects_.size() - 1;
  }
  std::size_t number_string(const std::string& text) {
    const auto [known, fresh] = strings_.try_emplace(text, objects_.size());
    if (fresh) add(&text);
    return known->second;
  }
  std::size_t number_objects(const Value& value) {
    if (const auto* text = value.as<std::string>()) return number_string(*text);
    const std::size_t index = std::visit([this](const auto& held) { return add(&held); }, value.variant());
    std::vector<std::size_t> children;
    if (const auto* array = value.as<Array>()) {
      for (const Value& item : *array) children.push_back(number_objects(item));
    } else if (const auto* dict = value.as<Dict>()) {
      for (const auto& entry : *dict) children.push_back(number_string(entry.first));
      for (const auto& entry : *dict) children.push_back(number_objects(entry.second));
    }
    objects_[index].children = std::move(children);
    return index;
  }

  void marker(unsigned kind, std::size_t count) {
    out_ += static_cast<char>(kind << 4U | std::min<std::size_t>(count, 15));
    if (count >= 15) emit(static_cast<std::int64_t>(count), {});
  }
  void references(const std::vector<std::size_t>& children) {
    for (const std::size_t child : children) append_big_endian(out_, child, ref_width_);
  }

  using Children = std::vector<std::size_t>;
  void emit(const std::string& text, const Children& /*none*/) {
    const bool ascii = std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
    if (ascii) {
      marker(0x5, text.size());
      out_ += text;
      return;
    }
    const std::u16string wide = to_utf16(text);
    marker(0x6, wide.size());
    for (const char16_t unit : wide) append_big_endian(out_, unit, 2);
  }
  void emit(std::int64_t number, const Children& /*none*/) {
    const std::size_t width = number < 0 ? 8 : width_of(static_cast<std::uint64_t>(number));
    out_ += static_cast<char>(0x10 | std::countr_zero(width));
    append_big_endian(out_, static_cast<std::uint64_t>(number), width);
  }
  void emit(std::uint64_t number, const Children& /*none*/) {
    out_ += '\x14';
    append_big_endian(out_, 0, 8);
    append_big_endian(out_, number, 8);
  }
  void emit(double number, const Children& /*none*/) {
    out_ += '\x23';
    append_big_endian(out_, std::bit_cast<std::uint64_t>(number), 8);
  }
  void emit(bool flag, const Children& /*none*/) { out_ += flag ? '\x09' : '\x08'; }
  void emit(const Data& data, const Children& /*none*/) {
    marker(0x4, data.bytes.size());
    out_ += data.bytes;
  }
  void emit(const Date& date, const Children& /*none*/) {
    const std::int64_t seconds = std::clamp(date.unix_seconds, detail::kFirstDate, detail::kLastDate);
    out_ += '\x33';
    append_big_endian(out_, std::bit_cast<std::uint64_t>(static_cast<double>(seconds - detail::kAppleEpoch)),
                      8);
  }
  void emit(const Array& array, const Children& children) {
    marker(0xA, array.size());
    references(children);
  }
  void emit(const Dict& dict, const Children& children) {
    marker(0xD, dict.size());
    references(children);
  }

  void finish() {
    const std::size_t table = out_.size();
    const std::size_t width = width_of(table);
    out_.reserve(table + offsets_.size() * width + kBinaryTrailer);
    for (const std::size_t offset : offsets_) append_big_endian(out_, offset, width);
    out_.append(6, '\0');
    out_ += static_cast<char>(width);
    out_ += static_cast<char>(ref_width_);
    append_big_endian(out_, objects_.size(), 8);
    append_big_endian(out_, 0, 8);
    append_big_endian(out_, table, 8);
  }

  std::string out_ = "bplist00";
  std::vector<Object> objects_;
  std::unordered_map<std::string_view, std::size_t> strings_;
  std::vector<std::size_t> offsets_;
  std::size_t ref_width_ = 1;
};

}  // namespace

std::string to_binary(const Value& value) { return BinaryWriter().write(value); }

}  // namespace mooring::plist

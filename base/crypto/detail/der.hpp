// SPDX-License-Identifier: Apache-2.0
// Walks DER without copying: enough for structures whose shape is known.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace mooring::crypto::detail {

/// Tags of X.690 that structures of certificates and messages are made of.
namespace der_tag {
inline constexpr std::uint8_t kBoolean = 0x01;
inline constexpr std::uint8_t kInteger = 0x02;
inline constexpr std::uint8_t kBits = 0x03;
inline constexpr std::uint8_t kOctets = 0x04;
inline constexpr std::uint8_t kNull = 0x05;
inline constexpr std::uint8_t kOid = 0x06;
inline constexpr std::uint8_t kSequence = 0x30;
inline constexpr std::uint8_t kSet = 0x31;
}  // namespace der_tag

struct DerElement {
  std::uint8_t tag = 0;
  std::string_view content;
  std::string_view whole;  ///< With tag and length.
};

/// The elements of one level, in order. After an element that is cut, of indefinite length, or whose tag
/// takes more than a byte, nothing comes any more and `failed` is set.
class DerReader {
 public:
  explicit DerReader(std::string_view bytes) : rest_(bytes) {}

  bool at_end() const { return rest_.empty(); }
  bool failed() const { return failed_; }
  bool next_is(std::uint8_t tag) const {
    return !rest_.empty() && static_cast<std::uint8_t>(rest_[0]) == tag;
  }

  /// Of this tag only; nullopt otherwise.
  std::optional<DerElement> take(std::uint8_t tag) {
    if (failed_ || !next_is(tag) || (tag & 0x1FU) == 0x1FU) return fail();
    const auto length = read_length();
    if (!length || length->second > rest_.size() - length->first) return fail();
    const auto [head, size] = *length;
    const DerElement element{
        .tag = tag, .content = rest_.substr(head, size), .whole = rest_.substr(0, head + size)};
    rest_.remove_prefix(head + size);
    return element;
  }
  /// Content of the element; empty where there is none of this tag (then failed() as well).
  std::string_view content(std::uint8_t tag) {
    const auto element = take(tag);
    return element ? element->content : std::string_view();
  }
  /// Over one that may be there.
  void skip_optional(std::uint8_t tag) {
    if (next_is(tag)) take(tag);
  }

 private:
  std::nullopt_t fail() {
    failed_ = true;
    rest_ = {};
    return std::nullopt;
  }
  /// Bytes of tag and length, and of the content.
  std::optional<std::pair<std::size_t, std::size_t>> read_length() const {
    if (rest_.size() < 2) return std::nullopt;
    const auto first = static_cast<std::uint8_t>(rest_[1]);
    if (first < 0x80) return std::pair{std::size_t{2}, std::size_t{first}};
    const std::size_t count = first & 0x7FU;
    if (count == 0 || count > 4 || rest_.size() < 2 + count) return std::nullopt;
    std::size_t size = 0;
    for (std::size_t i = 0; i < count; ++i) size = size << 8U | static_cast<std::uint8_t>(rest_[2 + i]);
    return std::pair{2 + count, size};
  }

  std::string_view rest_;
  bool failed_ = false;
};

}  // namespace mooring::crypto::detail

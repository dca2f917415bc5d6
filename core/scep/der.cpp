// SPDX-License-Identifier: Apache-2.0
#include "core/scep/detail/der.hpp"

namespace mooring::core::detail {
namespace {

constexpr int kDeepest = 32;

struct Header {
  std::uint8_t tag = 0;
  std::size_t size = 0;               ///< Of the header itself.
  std::optional<std::size_t> length;  ///< nullopt: indefinite.
};

std::optional<Header> read_header(std::string_view bytes) {
  const auto at = [&](std::size_t i) { return static_cast<std::uint8_t>(bytes[i]); };
  if (bytes.size() < 2 || (at(0) & 0x1FU) == 0x1FU) return std::nullopt;
  Header header{.tag = at(0), .size = 2, .length = at(1)};
  if (at(1) < 0x80) return header;
  if (at(1) == 0x80) {
    header.length.reset();
    if ((header.tag & tag::kConstructed) == 0) return std::nullopt;
    return header;
  }
  const std::size_t octets = at(1) & 0x7FU;
  if (octets > 4 || bytes.size() < 2 + octets) return std::nullopt;
  std::size_t length = 0;
  for (std::size_t i = 0; i < octets; ++i) length = length << 8U | at(2 + i);
  header.size = 2 + octets;
  header.length = length;
  return header;
}

/// How many octets the element at the beginning of `bytes` takes.
std::optional<std::size_t> extent(std::string_view bytes, int depth) {
  const auto header = read_header(bytes);
  if (!header || depth > kDeepest) return std::nullopt;
  if (header->length) {
    if (*header->length > bytes.size() - header->size) return std::nullopt;
    return header->size + *header->length;
  }
  std::size_t at = header->size;
  while (true) {
    if (bytes.size() - at < 2) return std::nullopt;
    if (bytes[at] == 0 && bytes[at + 1] == 0) return at + 2;
    const auto inner = extent(bytes.substr(at), depth + 1);
    if (!inner) return std::nullopt;
    at += *inner;
  }
}

bool append_octets(std::string& out, std::string_view pieces, int depth) {
  BerReader reader(pieces);
  while (const auto piece = reader.next()) {
    if (piece->tag == tag::kOctets) {
      out += piece->content;
    } else if (piece->tag != (tag::kOctets | tag::kConstructed) || depth > kDeepest ||
               !append_octets(out, piece->content, depth + 1)) {
      return false;
    }
  }
  return reader.done();
}

}  // namespace

std::optional<Element> BerReader::next() {
  const auto size = extent(rest_, 0);
  if (!size) return std::nullopt;
  const auto header = read_header(rest_);
  Element element{.tag = header->tag, .whole = rest_.substr(0, *size)};
  element.content = element.whole.substr(header->size);
  if (!header->length) element.content.remove_suffix(2);
  rest_.remove_prefix(*size);
  return element;
}

std::optional<Element> BerReader::next(std::uint8_t tag) {
  if (rest_.empty() || static_cast<std::uint8_t>(rest_[0]) != tag) return std::nullopt;
  return next();
}

std::optional<std::string> octets_of(const Element& element) {
  if ((element.tag & tag::kConstructed) == 0) return std::string(element.content);
  std::string octets;
  if (!append_octets(octets, element.content, 0)) return std::nullopt;
  return octets;
}

std::string der(std::uint8_t tag, std::string_view content) {
  std::string out(1, static_cast<char>(tag));
  const std::size_t size = content.size();
  if (size < 0x80) {
    out += static_cast<char>(size);
  } else {
    const int octets = size < 0x100 ? 1 : size < 0x10000 ? 2 : size < 0x1000000 ? 3 : 4;
    out += static_cast<char>(0x80 + octets);
    for (int i = octets - 1; i >= 0; --i) out += static_cast<char>(size >> (8U * static_cast<unsigned>(i)));
  }
  out += content;
  return out;
}

std::string der(std::uint8_t tag, std::initializer_list<std::string_view> contents) {
  std::string content;
  for (const auto part : contents) content += part;
  return der(tag, content);
}

std::string der_integer(std::uint8_t value) {
  return der(tag::kInteger, std::string(1, static_cast<char>(value)));
}

std::string der_algorithm(std::string_view oid, std::string_view parameters) {
  return der(tag::kSequence, {der(tag::kOid, oid), parameters});
}

}  // namespace mooring::core::detail

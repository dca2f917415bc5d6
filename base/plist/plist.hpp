// SPDX-License-Identifier: Apache-2.0
// Reading and writing property lists, by own code that bounds depth, size and expansion while it walks the
// bytes (docs/decisions/0003-plist-reader.md says why not libplist).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/plist/value.hpp"
#include "base/result.hpp"

namespace mooring::plist {

struct Limits {
  /// Length of the document, and of the strings that a binary one expands to.
  std::size_t bytes = std::size_t{8} << 20U;
  std::size_t depth = 64;         ///< Nested arrays and dictionaries.
  std::size_t entities = 100000;  ///< `&...;` in XML.
  /// Values after expansion of shared binary objects; those are also held to 16 for each byte of the
  /// document.
  std::size_t objects = 1000000;
  bool binary = true;  ///< false refuses `bplist00` altogether.
};

/// XML (with or without byte order mark) or binary. Every string in the result is UTF-8 without NUL.
/// Errors: plist.too_large, plist.too_deep, plist.too_many_entities, plist.too_many_objects, plist.not_utf8,
/// plist.binary_refused, plist.malformed; the message says where (byte offset) as far as it is known.
Result<Value> parse(std::string_view bytes, const Limits& limits = {});
/// As parse, and the top level must be a dictionary (plist.not_a_dictionary).
Result<Dict> parse_dict(std::string_view bytes, const Limits& limits = {});

/// A whole XML document with Apple's DOCTYPE.
std::string to_xml(const Value& value);
/// Only the element without white space between tags, e.g. "<dict>...</dict>", to be put inside another
/// document.
std::string to_xml_fragment(const Value& value);
std::string to_binary(const Value& value);

/// Equal for equal meaning: keys sorted by bytes, no white space, one form for each number. Only for hashing
/// and comparing; never sent anywhere.
std::string canonical(const Value& value);

}  // namespace mooring::plist

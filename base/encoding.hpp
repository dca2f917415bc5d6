// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace mooring {

std::string to_hex(std::string_view bytes);
std::optional<std::string> from_hex(std::string_view hex);

/// RFC 4648 section 4, with padding, in one line.
std::string to_base64(std::string_view bytes);
/// Skips white space (plists wrap their lines); nullopt for any other foreign character or bad length.
std::optional<std::string> from_base64(std::string_view text);

/// RFC 4648 section 5, without padding; nullopt for anything else.
std::string to_base64url(std::string_view bytes);
std::optional<std::string> from_base64url(std::string_view text);

/// True where the bytes are well-formed UTF-8 (RFC 3629: no surrogates, no overlong forms).
bool is_utf8(std::string_view bytes);

std::string to_lower_ascii(std::string_view text);
bool equal_ignoring_case(std::string_view a, std::string_view b);
std::string_view trim(std::string_view text);

/// For text and attribute values of XML and HTML.
std::string escape_markup(std::string_view text);

/// %XX decoding; `plus_is_space` for query strings. nullopt where an escape is broken.
std::optional<std::string> percent_decode(std::string_view text, bool plus_is_space);

}  // namespace mooring

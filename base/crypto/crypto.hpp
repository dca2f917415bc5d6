// SPDX-License-Identifier: Apache-2.0
// The few cryptographic values that the rooms need, over OpenSSL.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace mooring::crypto {

using Sha256 = std::array<std::uint8_t, 32>;
Sha256 sha256(std::string_view bytes);
std::string_view bytes_of(const Sha256& digest);
Sha256 hmac_sha256(std::string_view key, std::string_view message);  ///< RFC 2104.

/// RFC 9562. Text form is upper case with dashes, as Apple's devices write it.
struct Uuid {
  std::array<std::uint8_t, 16> bytes{};
  auto operator<=>(const Uuid&) const = default;
  std::string text() const;
  static std::optional<Uuid> parse(std::string_view text);  ///< Dashes where they belong, any case.
  /// Version 8 from the SHA-256 of a name and a purpose: equal input, equal UUID.
  static Uuid derived(std::string_view purpose, std::string_view name);
  static Uuid random();  ///< Version 4 from the system's random source.
};

/// From the system's source, for tokens and keys.
std::string random_bytes(std::size_t count);

/// Equal in constant time for equal lengths.
bool equal_constant_time(std::string_view a, std::string_view b);

/// The content of a CMS SignedData with attached content (a signed .mobileconfig, DER or PEM). The signature
/// is not judged here: who uploads a profile is known by the API token. Errors: cms.malformed,
/// cms.no_content.
Result<std::string> cms_content(std::string_view der_or_pem);
/// True where the bytes look like CMS (DER SEQUENCE or a PEM header) rather than a property list.
bool looks_like_cms(std::string_view bytes);

}  // namespace mooring::crypto

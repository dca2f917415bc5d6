// SPDX-License-Identifier: Apache-2.0
// Any bytes as a profile that an administrator uploads, signed or not.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "director/profile_document.hpp"
#include "tests/fuzz/require.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using mooring::fuzz::require;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto document = mooring::director::read_profile(bytes);
  if (!document) return 0;
  const auto again = mooring::director::read_profile(document->content);
  require(again.has_value(), "our own profile is refused");
  require(again->hash == document->hash && again->payload_uuid == document->payload_uuid, "another version");
  require(again->content == document->content, "unstable content");
  require(!mooring::director::install_profile_command(*document).empty(), "no command");
  return 0;
}

// SPDX-License-Identifier: Apache-2.0
// Any bytes through everything that reads a message of a device or a profile of an administrator.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "base/plist/plist.hpp"
#include "core/message.hpp"
#include "director/profile_document.hpp"

namespace {

void require(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "broken: %s\n", what);
  std::abort();
}

void check_messages(const mooring::plist::Dict& message) {
  if (const auto checkin = mooring::core::parse_checkin(message)) {
    std::visit([](const auto& held) { require(!held.enrollment.id.empty(), "a check-in without id"); },
               *checkin);
  }
  if (const auto report = mooring::core::parse_report(message)) {
    require(report->enrollment.id.size() <= 255, "an enrollment id of more than 255 bytes");
  }
}

void check_profile(std::string_view bytes) {
  const auto document = mooring::director::read_profile(bytes);
  if (!document) return;
  const auto again = mooring::director::read_profile(document->content);
  require(again.has_value(), "our own profile is refused");
  require(again->hash == document->hash && again->payload_uuid == document->payload_uuid, "another version");
  require(again->content == document->content, "unstable content");
  require(!mooring::director::install_profile_command(*document).empty(), "no command");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (const auto message = mooring::plist::parse_dict(bytes)) check_messages(*message);
  check_profile(bytes);
  return 0;
}

// SPDX-License-Identifier: Apache-2.0
// Any bytes as a check-in.
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <variant>

#include "base/plist/plist.hpp"
#include "core/message.hpp"
#include "tests/fuzz/require.hpp"

namespace {

using mooring::fuzz::require;

void check_ids(const mooring::core::EnrollmentId& enrollment) {
  require(!enrollment.id.empty(), "a check-in without id");
  require(enrollment.parent.empty() || enrollment.id.starts_with(enrollment.parent), "a channel of nobody");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto message = mooring::plist::parse_dict(bytes);
  if (!message || !mooring::core::is_checkin(*message)) return 0;
  if (const auto checkin = mooring::core::parse_checkin(*message)) {
    std::visit([](const auto& held) { check_ids(held.enrollment); }, *checkin);
  }
  return 0;
}

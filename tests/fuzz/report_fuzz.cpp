// SPDX-License-Identifier: Apache-2.0
// Any bytes as a device's report, and as each answer that is read for what a device holds.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/plist/plist.hpp"
#include "core/message.hpp"
#include "director/inventory.hpp"
#include "director/observed_profiles.hpp"
#include "tests/fuzz/require.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using mooring::fuzz::require;
  namespace director = mooring::director;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto message = mooring::plist::parse_dict(bytes);
  if (!message) return 0;
  if (const auto report = mooring::core::parse_report(*message)) {
    require(!report->enrollment.id.empty(), "a report without id");
    require(report->enrollment.device().size() <= 255, "an identifier of more than 255 bytes");
  }
  if (const auto profiles = director::ObservedProfiles::from_report(*message)) {
    const auto again = director::ObservedProfiles::decode(profiles->encode());
    require(again.all() == profiles->all(), "what was kept reads as other profiles");
  }
  if (const auto facts = director::facts_from_report(*message)) {
    require(facts->starts_with('{') && facts->ends_with('}'), "facts that are no object");
  }
  return 0;
}

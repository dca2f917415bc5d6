// SPDX-License-Identifier: Apache-2.0
// Profiles that say different things about one setting: on a device that holds both, one of them loses.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/postgres/connection.hpp"

namespace mooring::director {

/// One setting of a profile: a key of a payload of which a device has one, or a preference of a domain.
struct Setting {
  std::string payload_type;
  std::string key;
  std::string value_hash;  ///< 16 bytes.
  bool operator==(const Setting&) const = default;
};

/// Of a profile as devices get it; payload types of which a device may hold several (networks, certificates,
/// accounts, ...) have none. Sorted, each once.
std::vector<Setting> settings_of(std::string_view mobileconfig);

/// Remembers what a version sets; once for each version.
void store_settings(pg::Connection& connection, std::int32_t version, const std::vector<Setting>& settings);

struct Conflict {
  std::string payload_type;
  std::string key;
  std::string profile;  ///< That sets it to something else.
};
/// Between this version and the declared ones of other profiles, except of those with the same
/// PayloadIdentifier.
std::vector<Conflict> conflicts_of(pg::Connection& connection, std::int32_t version);

}  // namespace mooring::director

// SPDX-License-Identifier: Apache-2.0
// A device as MDMDirector shows it: its JSON names, its values where nothing is known.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "api/detail/json.hpp"
#include "base/clock.hpp"

namespace mooring::api::mdmdirector {

/// A profile that is declared for one device alone.
struct DeviceProfile {
  std::string identifier;
  std::string payload_uuid;
  bool installed = true;  ///< false: declared absent.
};

struct DeviceRecord {
  std::int64_t id = 0;
  std::string udid, serial_number, device_name, model, model_name, product_name, os_version, build_version;
  bool enrolled = false;
  bool authenticated = false;
  bool has_token = false;
  bool looked_at = false;  ///< What is declared for it was sent at least once.
  std::optional<Time> updated_at, requested_at, next_push_at, seen_at, certificates_at, list_at,
      information_at, security_at;
  std::optional<std::string> facts, security, certificates;  ///< JSON of director/inventory.hpp.
  std::optional<std::string> list;                           ///< Encoded ObservedProfiles.
  std::vector<DeviceProfile> profiles;
};

enum class Nested : std::uint8_t {
  none,      ///< The device's own fields; what hangs below it is empty.
  settings,  ///< Also OSUpdateSettings and SecurityInfo.
  all,       ///< Also certificates and profiles.
};
detail::Json device_json(const DeviceRecord& device, Nested nested);

}  // namespace mooring::api::mdmdirector

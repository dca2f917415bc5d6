// SPDX-License-Identifier: Apache-2.0
// Who a simulated device is.
#pragma once

#include <cstdint>
#include <string>

#include "base/random.hpp"
#include "schema/key.hpp"

namespace mooring::simulator {

enum class Platform : std::uint8_t { mac, iphone, ipad };

struct Identity {
  std::string udid;
  std::string serial;
  std::string model;         ///< Order number style, e.g. "MNEJ3LL/A".
  std::string model_name;    ///< "MacBook Pro".
  std::string product_name;  ///< "Mac14,7".
  std::string os_version;
  std::string build_version;
  std::string device_name;
  Platform platform = Platform::mac;

  bool operator==(const Identity&) const = default;
};

/// A plausible mix of Macs, iPhones and iPads. Equal arguments, equal identity; UDID and serial number are
/// unique within a seed.
Identity make_identity(std::uint64_t seed, std::uint64_t index);

/// What the schema is to be asked for about this device.
schema::Target target_of(const Identity& identity);

/// Version 4 in form, from the given source: repeatable, unlike crypto::Uuid::random.
std::string random_uuid(Random& random);

}  // namespace mooring::simulator

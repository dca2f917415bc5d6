// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "api/detail/endpoint.hpp"
#include "director/devices.hpp"

namespace mooring::api::detail {

/// Which channel of the device {id} a request speaks of: its own, or the one that ?enrollment= names. Errors:
/// device.unknown, device.ambiguous, device.no_channel, enrollment.unknown.
struct NamedChannel {
  std::int64_t id = 0;
  std::string enrollment_id;
};
Result<NamedChannel> channel_of(const Call& call);

}  // namespace mooring::api::detail

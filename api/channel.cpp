// SPDX-License-Identifier: Apache-2.0
#include "api/detail/channel.hpp"

#include <fmt/format.h>

#include "api/detail/text.hpp"

namespace mooring::api::detail {

Result<NamedChannel> channel_of(const Call& call) {
  const auto device = director::find_device(call.db, call.request.param("id"));
  if (!device) return std::unexpected(device.error());
  const auto named = query_text(call.request, "enrollment");
  if (!named) return std::unexpected(named.error());
  const auto own = *named ? Result<std::int64_t>(0) : director::device_channel(call.db, device->id);
  if (!own) return std::unexpected(own.error());
  for (const auto& channel : director::enrollments_of_device(call.db, device->id)) {
    if (*named ? channel.enrollment_id == **named : channel.id == *own) {
      return NamedChannel{channel.id, channel.enrollment_id};
    }
  }
  return fail(Failure::not_found, "enrollment.unknown",
              fmt::format("the device has no channel {}", named->value_or("")));
}

}  // namespace mooring::api::detail

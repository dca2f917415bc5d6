// SPDX-License-Identifier: Apache-2.0
// Who a simulated APNs delivers to.
#pragma once

#include <cstdint>
#include <string>

#include "base/async.hpp"

namespace mooring::simulator {

enum class PushOutcome : std::uint8_t {
  delivered,
  offline,       ///< Known, but not in reach: to be delivered later.
  unregistered,  ///< Was a token once: the device got another one or is no longer enrolled.
  unknown,       ///< Never was a token.
};

struct PushReceiver {
  virtual ~PushReceiver() = default;
  /// `token`: the raw bytes. A device ignores a push with another magic than its own; APNs cannot know that.
  virtual Task<PushOutcome> push(std::string token, std::string magic) = 0;
};

}  // namespace mooring::simulator

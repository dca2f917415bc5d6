// SPDX-License-Identifier: Apache-2.0
// What is done to a payload when a device fetches its command. Late, so that one stored payload serves all
// devices, and what belongs to one device, or is secret, rests nowhere.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/async.hpp"
#include "base/result.hpp"

namespace mooring::core {

/// payloads.rendering. Numbers are stored.
enum class Rendering : std::int16_t {
  none = 0,        ///< Handed out as stored.
  profile = 1,     ///< An InstallProfile command of a declared profile, the same for all devices: signed.
  per_device = 2,  ///< A profile's text with variables: filled in for the device, signed, and put into one.
  sealed = 3,      ///< The Command dictionary is sealed.
};

struct StoredPayload {
  std::string body;
  bool relayed = false;
  Rendering rendering = Rendering::none;
};
using SharedPayload = std::shared_ptr<const StoredPayload>;

class PayloadRenderer {
 public:
  virtual ~PayloadRenderer() = default;
  /// The Command dictionary that this enrollment gets. Failure::invalid: it cannot be made, and trying again
  /// would not help; other failures pass. Used on the io thread.
  virtual Task<Result<SharedPayload>> render(std::int64_t enrollment, std::int32_t payload,
                                             SharedPayload stored) = 0;
};

/// ErrorChain of a command that could not be made, in the place of a device's answer.
inline constexpr const char* kRenderingDomain = "MooringRenderingErrorDomain";
inline constexpr std::int64_t kRenderingFailed = 1;

}  // namespace mooring::core

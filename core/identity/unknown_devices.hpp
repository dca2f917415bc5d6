// SPDX-License-Identifier: Apache-2.0
// What a device hears that is not, or no longer, managed here. By default it hears of a failure and stays
// enrolled; where the operator decides so, it is told to remove its enrollment (Apple:
// mdm/errors/unrecognized.device.yaml; mdm-core.md 1.5).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/async.hpp"
#include "base/http/message.hpp"
#include "base/postgres/pool.hpp"
#include "base/result.hpp"

namespace mooring::core {

enum class UnknownDevicePolicy : std::uint8_t { ignore, unenroll };

/// False for versions that do not know the 403 with a code: before iOS 17, macOS 14, tvOS 17, watchOS 10 and
/// visionOS 1.1. True where either is not known. `product_name`: "iPhone14,5".
bool knows_error_codes(std::string_view product_name, std::string_view os_version);

/// 403 with Apple's code as JSON, or 401.
http::Response unrecognized_device(bool knows_error_codes, std::string_view request_id);

class UnknownDevices {
 public:
  UnknownDevices(UnknownDevicePolicy policy, pg::Pool& pool) : policy_(policy), pool_(pool) {}
  UnknownDevicePolicy policy() const { return policy_; }

  /// `udid`: of the device channel. With `ignore`: `otherwise`, as a 400 or what its failure says.
  Task<http::Response> answer(std::string udid, Error otherwise, std::string request_id);

 private:
  UnknownDevicePolicy policy_;
  pg::Pool& pool_;
};

}  // namespace mooring::core

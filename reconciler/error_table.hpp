// SPDX-License-Identifier: Apache-2.0
// What an attempt failed by, and what that allows: how long until the next one, and how many in all. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/command.hpp"
#include "core/message.hpp"
#include "reconciler/policy.hpp"
#include "reconciler/reason.hpp"

namespace mooring::reconciler {

enum class ErrorClass : std::uint8_t {
  malformed,   ///< The bytes are wrong: only a new version helps.
  impossible,  ///< This device does not know the command: no repetition helps.
  refused,     ///< It may accept the same bytes later. Whatever is not known better.
  no_effect,   ///< Acknowledged, and a list from after it does not show it.
  unmade,      ///< Never sent: its content could not be made for the device.
};

/// By status and by the domains and codes of the ErrorChain: the innermost link that the table knows decides.
ErrorClass classify(core::CommandStatus status, const std::vector<core::ErrorChainItem>& chain);

struct Allowance {
  int attempts = 1;         ///< Commands for one version; then it counts as failed.
  Duration first_wait{};    ///< Before the second one; grows fourfold.
  Duration longest_wait{};  ///< No wait is longer, but for the jitter.
};
Allowance allowance_of(ErrorClass error_class, const Policy& policy);

Reason reason_of(ErrorClass error_class);

/// One line for a person: outermost description, domain and code.
std::string describe(core::CommandStatus status, const std::vector<core::ErrorChainItem>& chain);

}  // namespace mooring::reconciler

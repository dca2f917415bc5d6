// SPDX-License-Identifier: Apache-2.0
// What an answer of APNs means. Pure. Source: Apple, "Handling notification responses from APNs".
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/clock.hpp"

namespace mooring::core {

enum class PushVerdict : std::uint8_t {
  accepted,
  token_dead,     ///< Not to be tried again before the device's next TokenUpdate.
  device_waits,   ///< This device later, the others now.
  service_waits,  ///< Nobody now: the service is in trouble.
  refused,        ///< Not with this certificate: a person has to see to it.
  mistake,        ///< Our request is wrong: trying again would not make it right.
};

struct PushAnswer {
  int status = 0;
  std::string_view body;
  std::string_view retry_after;  ///< The field's value, or empty.
};

struct PushJudgement {
  PushVerdict verdict = PushVerdict::accepted;
  std::string
      reason;  ///< Apple's word where it is known, "Other" where not; empty when accepted. A metric's label.
  std::optional<std::chrono::seconds> retry_after;
};

/// `token_updated_at`: when the token that was pushed to came. A 410 from before it speaks of an older token.
PushJudgement judge_push(const PushAnswer& answer, std::optional<Time> token_updated_at, Time now);

/// Each reason that judge_push names, for series that are to exist from the start.
struct KnownReason {
  int status;
  std::string_view reason;
  PushVerdict verdict;
};
std::span<const KnownReason> known_push_reasons();

/// The value of mooring_pushes_total's label `result`.
std::string_view name_of(PushVerdict verdict);

/// The request's body: {"mdm": magic}.
std::string push_body(std::string_view magic);

}  // namespace mooring::core

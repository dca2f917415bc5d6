// SPDX-License-Identifier: Apache-2.0
// When to try again, when to stop. Pure: jitter comes from the key, so that a story repeats exactly.
#pragma once

#include <chrono>
#include <cstdint>

#include "base/clock.hpp"
#include "core/queue.hpp"

namespace mooring::reconciler {

struct Policy {
  Duration inventory_interval = std::chrono::hours(6);  ///< Between two ProfileLists of a device, +-10 %.
  // Of the other lists; 0: as inventory_interval.
  Duration information_interval{};
  Duration security_interval{};
  Duration certificates_interval{};
  Duration retry_base = std::chrono::minutes(1);  ///< Before the second attempt; grows fourfold.
  Duration retry_max = std::chrono::hours(6);
  int attempts = 5;  ///< Commands for one version before it counts as failed; of errors that may pass.
  int repairs = 5;   ///< Drifts of a verified item within the window.
  Duration repair_window = std::chrono::hours(24);
  Duration push_base = core::kFirstRepush;  ///< Before a silent device with open commands is pushed again.
  Duration push_max = std::chrono::hours(12);
  std::int64_t certificate_rate =
      0;  ///< Devices in a minute that get one profile with a certificate; 0: any.
  Duration verify_patience =
      std::chrono::minutes(10);     ///< A list is asked for although commands are still open.
  bool repush_on_new_build = true;  ///< A device with a higher build gets everything again, once.
  Duration reinstall_interval{};    ///< Since its last proof an item is sent again, +-10 %; 0: never.
};

/// base * 4^(n-1), at most max, +-20 % by `key`; n counts from 1.
Duration backoff(Duration base, Duration max, int n, std::uint64_t key);
/// `interval` +-10 % by `key`.
Duration jittered(Duration interval, std::uint64_t key);

}  // namespace mooring::reconciler

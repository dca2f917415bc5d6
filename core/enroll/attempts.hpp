// SPDX-License-Identifier: Apache-2.0
// How often somebody may be wrong: attempts with credentials, by address and by user. Memory of one process.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>

#include "base/clock.hpp"

namespace mooring::core::enroll {

struct AttemptLimits {
  std::uint32_t by_user = 10;     ///< Wrong attempts within `window`.
  std::uint32_t by_address = 50;  ///< Many devices may share one address.
  std::chrono::seconds window{600};
  std::size_t remembered = 20000;  ///< Beyond, those whose window began first are forgotten.
};

/// For the io thread alone.
class Attempts {
 public:
  explicit Attempts(AttemptLimits limits = {}) : limits_(limits) {}

  /// Counts an attempt before its outcome is known, so that many at once do not all get through. The wait
  /// until the next one is looked at, where there were too many.
  std::optional<std::chrono::seconds> begin(const std::string& address, const std::string& user, Time now);
  /// The credentials were right (or never judged): the attempt does not count.
  void forgive(const std::string& address, const std::string& user);

 private:
  struct Window {
    Time began;
    std::uint32_t attempts = 0;
  };
  Window& window_of(const std::string& key, Time now);
  void make_room(Time now);

  AttemptLimits limits_;
  std::unordered_map<std::string, Window> windows_;
};

}  // namespace mooring::core::enroll

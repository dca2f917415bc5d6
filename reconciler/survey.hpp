// SPDX-License-Identifier: Apache-2.0
// What every enrolled device should hold, before a change and after it, inside the transaction that makes the
// change: which devices it concerns, and from how many it would remove something. Whoever asks may still roll
// back.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/postgres/connection.hpp"
#include "reconciler/desired.hpp"

namespace mooring::reconciler {

/// On devices that take commands.
struct Removals {
  std::int64_t devices = 0;  ///< That would lose something Mooring installed there.
  std::map<std::int32_t, std::int64_t> devices_by_item = {};
};

class Survey {
 public:
  /// Looks at the fleet as it is declared now. From here to the end of the transaction others who declare for
  /// more than one device wait.
  Survey(pg::Connection& connection, Time now);

  std::int64_t generation() const { return generation_; }
  std::int64_t enrolled() const { return static_cast<std::int64_t>(devices_.size()); }

  /// What is to go although the present declarations named it before: present then, not any more, and not
  /// replaced by another profile in its place. Devices of which nobody knows whether it applies keep it.
  Removals removals(pg::Connection& connection, Time now) const;
  /// Devices that should hold something else than before, in portions.
  void for_each_change(pg::Connection& connection, Time now,
                       const std::function<void(std::span<const std::int64_t> devices)>& each) const;

 private:
  /// Slots that are filled, or left as they are.
  using Slots = std::set<std::string>;
  struct Device {
    std::int64_t device = 0;
    const std::pair<const std::string, Slots>* held = nullptr;  ///< By the hash of what is desired.
  };
  struct Change {
    std::int64_t device = 0;
    const Slots* before = nullptr;
    const Slots* after = nullptr;
  };
  static Slots slots_of(const std::vector<Desired>& desired);
  void walk(pg::Connection& connection, Time now,
            const std::function<void(std::span<const Change>)>& each) const;

  std::int64_t generation_ = 0;
  std::map<std::string, Slots> by_hash_;  ///< Most devices share one of a few.
  std::vector<Device> devices_;           ///< In the order of their numbers.
};

}  // namespace mooring::reconciler

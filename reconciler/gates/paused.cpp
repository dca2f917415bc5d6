// SPDX-License-Identifier: Apache-2.0
#include "reconciler/gates/gates.hpp"
#include "reconciler/plan.hpp"

namespace mooring::reconciler {
namespace {

/// A pause of which no end was named is stored with one that nobody lives to see.
constexpr auto kNoEnd = std::chrono::years(100);

bool holds(const Restraints::Until& until, Time now) { return !until || now < *until; }

}  // namespace

std::optional<Closed> paused_gate(const GateInput& input) {
  const auto now = input.context.now;
  const auto& own = input.device.row.paused_until;
  if (own && now < *own) {
    return Closed{.reason = Reason::paused,
                  .opens_at = *own - now > kNoEnd ? std::nullopt : own,
                  .detail = "the device"};
  }
  const auto& declared = input.device.restraints;
  if (!declared) return std::nullopt;
  if (declared->fleet && holds(*declared->fleet, now))
    return Closed{.reason = Reason::paused, .opens_at = *declared->fleet, .detail = "the fleet"};
  const auto item = declared->items.find(input.record.item);
  if (item == declared->items.end() || !holds(item->second, now)) return std::nullopt;
  return Closed{.reason = Reason::paused, .opens_at = item->second, .detail = "the item"};
}

}  // namespace mooring::reconciler

// SPDX-License-Identifier: Apache-2.0
#include "reconciler/item_state.hpp"

#include <array>

namespace mooring::reconciler {
namespace {

using enum ItemState;

constexpr auto kStates = static_cast<std::size_t>(kLastItemState) + 1;
constexpr std::array<std::string_view, kStates> kStateNames{
    "pending", "commanded", "acknowledged", "verified", "backing_off", "failed", "quarantined", "waiting"};

constexpr std::uint32_t bit(ItemState state) { return 1U << static_cast<unsigned>(state); }
template <class... S>
constexpr std::uint32_t any_of(S... states) {
  return (bit(states) | ...);
}

// What a device answers may reach us after its command was given up: from pending, waiting and verified it is
// the late answer that leads to acknowledged, backing_off and failed; and where another command for the same
// version is still open, an answer to the earlier one leads back to commanded.
constexpr std::array<std::uint32_t, kStates> kFollowers{
    /* pending */ any_of(commanded, waiting, acknowledged, backing_off, failed, verified),
    /* commanded */ any_of(acknowledged, backing_off, failed, pending, verified),
    /* acknowledged */ any_of(commanded, backing_off, failed, pending, verified),
    /* verified */ any_of(pending, backing_off, quarantined, failed, acknowledged),
    /* backing_off */ any_of(commanded, pending, verified),
    /* failed */ any_of(commanded, pending, verified),
    /* quarantined */ any_of(pending, verified),
    /* waiting */ any_of(pending, verified, acknowledged, backing_off, failed),
};

}  // namespace

std::string_view name_of(ItemState state) {
  const auto number = static_cast<std::size_t>(state);
  return number < kStates ? kStateNames.at(number) : "unknown";
}

bool may_follow(ItemState from, ItemState to) {
  return (kFollowers.at(static_cast<std::size_t>(from)) & bit(to)) != 0;
}

}  // namespace mooring::reconciler

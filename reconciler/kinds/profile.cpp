// SPDX-License-Identifier: Apache-2.0
#include "reconciler/kinds/profile.hpp"

namespace mooring::reconciler {
namespace {

Presence observe_profile(const Evidence& evidence, const ItemFacts& facts) {
  if (!evidence.profiles) return Presence::unknown;
  const auto* held = evidence.profiles->find(facts.slot);
  if (held == nullptr) return Presence::absent;
  return held->uuid == facts.identity ? Presence::exact : Presence::different;
}

std::string_view held_profile(const Evidence& evidence, const ItemFacts& facts) {
  const auto* held = evidence.profiles ? evidence.profiles->find(facts.slot) : nullptr;
  return held == nullptr ? std::string_view() : held->uuid;
}

}  // namespace

const Kind kProfileKind{.number = director::ItemKind::profile,
                        .observe = &observe_profile,
                        .held = &held_profile,
                        .install_request_type = "InstallProfile",
                        .remove_request_type = "RemoveProfile"};

}  // namespace mooring::reconciler

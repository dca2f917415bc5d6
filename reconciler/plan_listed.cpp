// SPDX-License-Identifier: Apache-2.0
// How a new list changes what the fleet holds, whoever installed it.
#include <algorithm>

#include "base/encoding.hpp"
#include "reconciler/detail/planner.hpp"

namespace mooring::reconciler::detail {
namespace {

constexpr std::size_t kLongestListed = 255;

std::vector<std::string> identifiers_in(const director::ObservedProfiles& list) {
  std::vector<std::string> identifiers;  // sorted, as the list is
  for (const auto& profile : list.all()) {
    if (profile.identifier.size() > kLongestListed || !is_utf8(profile.identifier)) continue;
    if (identifiers.empty() || identifiers.back() != profile.identifier)
      identifiers.push_back(profile.identifier);
  }
  return identifiers;
}

}  // namespace

void Planner::note_listed() {
  if (!plan_.new_list && !plan_.forget_list) return;
  std::vector<std::string> before, after;
  if (snapshot_.own.evidence.profiles) before = identifiers_in(*snapshot_.own.evidence.profiles);
  if (plan_.new_list) after = identifiers_in(director::ObservedProfiles::decode(*plan_.new_list));
  std::ranges::set_difference(after, before, std::back_inserter(plan_.listed));
  std::ranges::set_difference(before, after, std::back_inserter(plan_.unlisted));
}

}  // namespace mooring::reconciler::detail

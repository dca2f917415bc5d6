// SPDX-License-Identifier: Apache-2.0
#include "reconciler/scope.hpp"

#include <fmt/format.h>

namespace mooring::reconciler {
namespace {

using director::Truth;

Truth member_of(const Memberships& groups, std::int32_t group) {
  const auto found = groups.find(group);
  return found == groups.end() ? Truth::no : found->second;
}

}  // namespace

bool Candidate::is_conditional() const {
  return desired.scope == director::ScopeKind::group || percent < 100 || !include_any.empty() ||
         !include_all.empty() || !exclude.empty() || !conditions.empty();
}

Truth truth_of(const Candidate& candidate, const DeviceTraits& device, const Memberships& groups) {
  Truth truth = director::hold_on(candidate.conditions, device.platform, device.os_version);
  if (candidate.desired.scope == director::ScopeKind::group)
    truth = director::both(truth, member_of(groups, candidate.desired.group));
  if (!candidate.include_any.empty()) {
    Truth any = Truth::no;
    for (const auto group : candidate.include_any) any = director::either(any, member_of(groups, group));
    truth = director::both(truth, any);
  }
  for (const auto group : candidate.include_all) truth = director::both(truth, member_of(groups, group));
  for (const auto group : candidate.exclude)
    truth = director::both(truth, director::negated(member_of(groups, group)));
  if (candidate.percent < 100) {
    const bool chosen = bucket_of(candidate.desired.facts.item, device.udid) < candidate.percent;
    truth = director::both(truth, director::truth_of(chosen));
  }
  return truth;
}

int bucket_of(std::int32_t item, std::string_view udid) {
  const auto digest = crypto::sha256(fmt::format("bucket:{}:{}", item, udid));
  std::uint64_t number = 0;
  for (const char c : crypto::bytes_of(digest).substr(0, 8))
    number = number << 8U | static_cast<unsigned char>(c);
  return static_cast<int>(number % 100);
}

}  // namespace mooring::reconciler

// SPDX-License-Identifier: Apache-2.0
#include "reconciler/desired.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace mooring::reconciler {
namespace {

bool wins(const Desired& a, const Desired& b) {
  return std::tie(a.scope, a.declared_at, a.facts.item) > std::tie(b.scope, b.declared_at, b.facts.item);
}

void keep_narrowest(std::map<std::int32_t, const Desired*>& by_item, std::span<const Desired> candidates) {
  for (const auto& candidate : candidates) {
    auto& kept = by_item[candidate.facts.item];
    if (kept == nullptr || candidate.scope > kept->scope) kept = &candidate;
  }
}

}  // namespace

std::vector<Desired> resolve(std::span<const Desired> shared, std::span<const Desired> own) {
  std::map<std::int32_t, const Desired*> by_item;
  keep_narrowest(by_item, shared);
  keep_narrowest(by_item, own);

  std::map<std::pair<director::ItemKind, std::string_view>, const Desired*> by_slot;
  for (const auto& [item, desired] : by_item) {
    if (desired->intent != director::Intent::present) continue;
    auto& holder = by_slot[{desired->facts.kind, desired->facts.slot}];
    if (holder == nullptr || wins(*desired, *holder)) holder = desired;
  }

  std::vector<Desired> resolved;
  for (const auto& [item, desired] : by_item) {
    const auto holder = by_slot.find({desired->facts.kind, desired->facts.slot});
    if (holder == by_slot.end() || holder->second == desired) resolved.push_back(*desired);
  }
  return resolved;
}

std::string hash_of(std::span<const Desired> desired) {
  std::string text;
  for (const auto& entry : desired) {
    fmt::format_to(std::back_inserter(text), "{}/{}/{}/{};", entry.facts.item, entry.facts.version,
                   static_cast<int>(entry.intent), entry.repush);
  }
  const auto digest = crypto::sha256(text);
  return std::string(crypto::bytes_of(digest).substr(0, 16));
}

}  // namespace mooring::reconciler

// SPDX-License-Identifier: Apache-2.0
#include "reconciler/desired.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <tuple>

namespace mooring::reconciler {
namespace {

/// Larger goes first.
auto rank(const Desired& d) { return std::tuple(d.scope, d.priority, -d.group); }

bool wins(const Desired& a, const Desired& b) {
  return std::tuple(rank(a), a.declared_at, a.facts.item) > std::tuple(rank(b), b.declared_at, b.facts.item);
}

using ByItem = std::map<std::int32_t, const Desired*>;

/// The first that applies, or the first of those that may apply and would go before it.
void keep_first(ByItem& by_item, std::span<const Desired> candidates) {
  for (const auto& candidate : candidates) {
    if (candidate.applies == director::Truth::no) continue;
    auto& kept = by_item[candidate.facts.item];
    if (kept == nullptr || rank(candidate) > rank(*kept)) kept = &candidate;
  }
}

}  // namespace

std::vector<Desired> resolve(std::span<const Desired> shared, std::span<const Desired> own) {
  ByItem by_item;
  keep_first(by_item, shared);
  keep_first(by_item, own);

  // What is a user's and what is the device's never meet.
  const auto place_of = [](const ItemFacts& facts) {
    return std::tuple(facts.kind, facts.for_users, std::string_view(facts.slot));
  };
  std::map<std::tuple<director::ItemKind, bool, std::string_view>, const Desired*> by_slot;
  for (const auto& [item, desired] : by_item) {
    if (desired->intent != director::Intent::present && !desired->held()) continue;
    auto& holder = by_slot[place_of(desired->facts)];
    if (holder == nullptr || wins(*desired, *holder)) holder = desired;
  }

  std::vector<Desired> resolved;
  for (const auto& [item, desired] : by_item) {
    const auto holder = by_slot.find(place_of(desired->facts));
    const bool is_held = holder != by_slot.end() && holder->second->held();
    if (holder != by_slot.end() && holder->second != desired && !is_held) continue;
    resolved.push_back(*desired);
    if (is_held) resolved.back().applies = director::Truth::unknown;
  }
  return resolved;
}

std::string hash_of(std::span<const Desired> desired) {
  std::string text;
  for (const auto& entry : desired) {
    if (entry.held()) {
      fmt::format_to(std::back_inserter(text), "{}/held;", entry.facts.item);
      continue;
    }
    fmt::format_to(std::back_inserter(text), "{}/{}/{}/{};", entry.facts.item, entry.facts.version,
                   static_cast<int>(entry.intent), entry.repush);
    if (entry.facts.secrets != 0) fmt::format_to(std::back_inserter(text), "{}/", entry.facts.secrets);
  }
  const auto digest = crypto::sha256(text);
  return std::string(crypto::bytes_of(digest).substr(0, kDesiredHashBytes));
}

}  // namespace mooring::reconciler

// SPDX-License-Identifier: Apache-2.0
#include "tests/model/declared.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "director/profile_document.hpp"
#include "tests/support/world.hpp"

namespace mooring::test {

void Declared::declare(int item, std::int64_t value, Time now) {
  const auto found = items_.find(item);
  if (found == items_.end()) {
    items_[item] = {.value = value, .declared_at = now, .order = ++made_};
  } else if (found->second.value != value) {
    found->second.value = value;
    found->second.declared_at = now;
  }
}

void Declared::remove(int item) {
  items_.erase(item);
  requirements_.erase(item);
  for (auto& [other, required] : requirements_) required.erase(item);
  std::erase_if(assignments_, [&](const auto& entry) { return entry.first.first == item; });
}

void Declared::assign(int item, int scope, bool present, Time now) {
  const auto found = assignments_.find({item, scope});
  if (found != assignments_.end() && found->second.present == present) return;
  assignments_[{item, scope}] = {.present = present, .at = now};
}

bool Declared::is_assigned(int item) const {
  return std::ranges::any_of(assignments_, [&](const auto& entry) { return entry.first.first == item; });
}

bool Declared::is_taken(int item, int scope) const {
  return std::ranges::any_of(assignments_, [&](const auto& entry) {
    return entry.first.first != item && entry.first.second == scope && entry.second.present &&
           slot_of(entry.first.first) == slot_of(item);
  });
}

/// The narrower scope first, then what was declared or assigned later, then the younger item. For one item
/// only the narrowest assignment counts.
std::optional<Winner> Declared::winner(int device, int slot) const {
  std::optional<std::pair<std::tuple<bool, Time, std::int64_t>, Winner>> best;
  for (const auto& [item, declared] : items_) {
    if (slot_of(item) != slot) continue;
    const auto own = assignments_.find({item, device});
    const auto shared = assignments_.find({item, kAllDevices});
    const bool narrow = own != assignments_.end();
    const auto& assignment = narrow ? own : shared;
    if (assignment == assignments_.end() || !assignment->second.present) continue;
    const std::tuple rank{narrow, std::max(declared.declared_at, assignment->second.at), declared.order};
    if (!best || rank > best->first) best = {rank, Winner{item, declared.value}};
  }
  return best ? std::optional(best->second) : std::nullopt;
}

std::set<int> Declared::requirements(int item) const {
  const auto found = requirements_.find(item);
  return found == requirements_.end() ? std::set<int>() : found->second;
}

bool Declared::is_reachable(int device, int item) const {
  const auto here = winner(device, slot_of(item));
  return here && here->item == item &&
         std::ranges::all_of(requirements(item), [&](int other) { return is_reachable(device, other); });
}

std::set<int> Declared::slots_behind(int slot) const {
  std::set<int> slots{slot};
  for (std::size_t before = 0; before != slots.size();) {
    before = slots.size();
    for (const auto& [item, required] : requirements_) {
      const bool behind =
          std::ranges::any_of(required, [&](int other) { return slots.contains(slot_of(other)); });
      if (behind) slots.insert(slot_of(item));
    }
  }
  return slots;
}

std::string identifier_of(int slot) { return fmt::format("com.example.slot{}", slot); }

std::string mobileconfig_of(int item, int slot, std::int64_t value) {
  return profile(identifier_of(slot), fmt::format("{}/{}", item, value));
}

const std::string& identity_of(int item, int slot, std::int64_t value) {
  static std::map<std::tuple<int, int, std::int64_t>, std::string> known;
  auto& identity = known[{item, slot, value}];
  if (identity.empty()) {
    identity = director::read_profile(mobileconfig_of(item, slot, value))->payload_uuid.text();
  }
  return identity;
}

}  // namespace mooring::test

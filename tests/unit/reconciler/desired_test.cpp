// SPDX-License-Identifier: Apache-2.0
#include "reconciler/desired.hpp"

#include <gtest/gtest.h>

namespace mooring::reconciler {
namespace {

using director::Intent;
using director::ScopeKind;

constexpr Time kDay{std::chrono::hours(24)};

Desired entry(std::int32_t item, const char* slot, ScopeKind scope, Intent intent = Intent::present,
              Time at = kDay) {
  return {.facts = {.item = item, .slot = slot, .version = item * 10},
          .intent = intent,
          .scope = scope,
          .declared_at = at};
}

struct Case {
  const char* rule;
  std::vector<Desired> shared;
  std::vector<Desired> own;
  std::vector<std::pair<std::int32_t, Intent>> expected;
};

// covers: state.D3
TEST(Resolve, PrecedenceIsDeviceBeforeAllAndOneItemHoldsASlot) {
  const auto all = ScopeKind::all;
  const auto device = ScopeKind::device;
  const std::vector<Case> cases{
      {"nothing declared", {}, {}, {}},
      {"shared items apply",
       {entry(1, "a", all), entry(2, "b", all)},
       {},
       {{1, Intent::present}, {2, Intent::present}}},
      {"the device's own intent for an item decides",
       {entry(1, "a", all)},
       {entry(1, "a", device, Intent::absent)},
       {{1, Intent::absent}}},
      {"present for one device although absent for all",
       {entry(1, "a", all, Intent::absent)},
       {entry(1, "a", device)},
       {{1, Intent::present}}},
      {"another item with the same slot takes the shared one's place",
       {entry(1, "a", all)},
       {entry(2, "a", device)},
       {{2, Intent::present}}},
      {"an absent item yields to a present one with its slot",
       {entry(1, "a", all)},
       {entry(2, "a", device, Intent::absent)},
       {{1, Intent::present}}},
      {"within one scope the later declaration holds the slot",
       {entry(1, "a", all, Intent::present, kDay),
        entry(2, "a", all, Intent::present, kDay + std::chrono::hours(1))},
       {},
       {{2, Intent::present}}},
  };
  for (const auto& each : cases) {
    std::vector<std::pair<std::int32_t, Intent>> got;
    for (const auto& desired : resolve(each.shared, each.own))
      got.emplace_back(desired.facts.item, desired.intent);
    EXPECT_EQ(got, each.expected) << each.rule;
  }
}

Desired of_group(Desired desired, std::int32_t group, std::int32_t priority = 0) {
  desired.scope = ScopeKind::group;
  desired.group = group;
  desired.priority = priority;
  return desired;
}

Desired maybe(Desired desired, director::Truth applies = director::Truth::unknown) {
  desired.applies = applies;
  return desired;
}

struct GroupCase {
  const char* rule;
  std::vector<Desired> shared;
  std::vector<Desired> own;
  std::string expected;  ///< "item" present, "-item" absent, "item?" held.
};

// covers: state.D3, state.D4, state.D7
TEST(Resolve, PrecedenceIsDeviceThenGroupsByPriorityThenAllAndWhatIsNotKnownIsHeld) {
  const auto all = ScopeKind::all;
  const auto device = ScopeKind::device;
  const auto absent = Intent::absent;
  const std::vector<GroupCase> cases{
      {"a group goes before all", {entry(1, "a", all), of_group(entry(1, "a", all, absent), 1)}, {}, "-1 "},
      {"a device goes before a group",
       {entry(1, "a", all), of_group(entry(1, "a", all, absent), 1, 100)},
       {entry(1, "a", device)},
       "1 "},
      {"the higher priority decides",
       {of_group(entry(1, "a", all), 1, 1), of_group(entry(1, "a", all, absent), 2, 2)},
       {},
       "-1 "},
      {"of one priority the older group decides",
       {of_group(entry(1, "a", all, absent), 2), of_group(entry(1, "a", all), 1)},
       {},
       "1 "},
      {"a group's item takes the slot of the shared one",
       {entry(1, "a", all), of_group(entry(2, "a", all), 1)},
       {},
       "2 "},
      {"of two groups the one with the higher priority holds the slot, whatever was declared last",
       {of_group(entry(1, "a", all), 1, 5),
        of_group(entry(2, "a", all, Intent::present, kDay + std::chrono::hours(1)), 2, 4)},
       {},
       "1 "},
      {"what does not apply is as if it were not declared",
       {entry(1, "a", all), maybe(of_group(entry(2, "a", all), 1), director::Truth::no)},
       {},
       "1 "},
      {"what may apply is held", {maybe(of_group(entry(1, "a", all), 1))}, {}, "1? "},
      {"an item is held where something before it may decide otherwise",
       {entry(1, "a", all), maybe(of_group(entry(1, "a", all, absent), 1))},
       {},
       "1? "},
      {"what applies for certain is not held by what comes after it",
       {maybe(entry(1, "a", all))},
       {entry(1, "a", device)},
       "1 "},
      {"all of a slot is held where its first is",
       {entry(1, "a", all), maybe(of_group(entry(2, "a", all), 1)), entry(3, "b", all)},
       {},
       "1? 2? 3 "},
      {"a held item loses its slot to one that applies and goes before it",
       {maybe(entry(1, "a", all)), of_group(entry(2, "a", all), 1)},
       {},
       "2 "},
  };
  for (const auto& each : cases) {
    std::string got;
    for (const auto& desired : resolve(each.shared, each.own)) {
      got += desired.intent == absent && !desired.held() ? "-" : "";
      got += std::to_string(desired.facts.item) + (desired.held() ? "? " : " ");
    }
    EXPECT_EQ(got, each.expected) << each.rule;
  }
}

TEST(DesiredHash, MovesWithWhatIsHeld) {
  const std::vector<Desired> certain{entry(1, "a", ScopeKind::all)};
  const std::vector<Desired> held{maybe(certain[0])};
  EXPECT_NE(hash_of(certain), hash_of(held));
}

TEST(DesiredHash, MovesWithItemVersionIntentAndRepushOnly) {
  const std::vector<Desired> base{entry(1, "a", ScopeKind::all)};
  auto changed = base;
  EXPECT_EQ(hash_of(changed), hash_of(base));
  changed[0].declared_at += std::chrono::hours(1);
  EXPECT_EQ(hash_of(changed), hash_of(base));
  changed[0].facts.version = 11;
  EXPECT_NE(hash_of(changed), hash_of(base));
  changed = base;
  changed[0].intent = Intent::absent;
  EXPECT_NE(hash_of(changed), hash_of(base));
  changed = base;
  changed[0].repush = 1;
  EXPECT_NE(hash_of(changed), hash_of(base));
  EXPECT_EQ(hash_of(base).size(), 16U);
}

}  // namespace
}  // namespace mooring::reconciler

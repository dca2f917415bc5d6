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

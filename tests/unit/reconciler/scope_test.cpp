// SPDX-License-Identifier: Apache-2.0
#include "reconciler/scope.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace mooring::reconciler {
namespace {

using director::Truth;

struct ScopeCase {
  const char* rule;
  Candidate candidate;
  Truth expected;
};

Candidate of_all(std::vector<std::int32_t> any, std::vector<std::int32_t> every = {},
                 std::vector<std::int32_t> none = {}) {
  return {.desired = {},
          .include_any = std::move(any),
          .include_all = std::move(every),
          .exclude = std::move(none),
          .conditions = {}};
}

// covers: state.D6, state.D7
TEST(Scope, FiltersSayYesNoOrNotKnown) {
  const Memberships groups{{1, Truth::yes}, {2, Truth::yes}, {5, Truth::unknown}};  // not in 3 and 4
  Candidate member;
  member.desired.scope = director::ScopeKind::group;
  member.desired.group = 1;
  Candidate stranger = member;
  stranger.desired.group = 3;
  const std::vector<ScopeCase> cases{
      {"without filters it applies", of_all({}), Truth::yes},
      {"the scope's group", member, Truth::yes},
      {"not the scope's group", stranger, Truth::no},
      {"in one of several", of_all({3, 1}), Truth::yes},
      {"in none of several", of_all({3, 4}), Truth::no},
      {"in one for certain", of_all({5, 1}), Truth::yes},
      {"perhaps in one", of_all({5, 3}), Truth::unknown},
      {"in each", of_all({}, {1, 2}), Truth::yes},
      {"not in each", of_all({}, {1, 3}), Truth::no},
      {"perhaps in each", of_all({}, {1, 5}), Truth::unknown},
      {"not in each, whatever is not known", of_all({}, {5, 3}), Truth::no},
      {"excluded", of_all({1}, {2}, {1}), Truth::no},
      {"not excluded", of_all({1}, {2}, {3}), Truth::yes},
      {"perhaps excluded", of_all({1}, {}, {5}), Truth::unknown},
      {"not included, perhaps excluded", of_all({3}, {}, {5}), Truth::no},
  };
  for (const auto& each : cases)
    EXPECT_EQ(truth_of(each.candidate, {.udid = "udid", .platform = {}, .os_version = {}}, groups),
              each.expected)
        << each.rule;
}

Truth on(const Candidate& candidate, const std::string& udid) {
  return truth_of(candidate, {.udid = udid, .platform = {}, .os_version = {}}, {});
}

struct ConditionCase {
  director::Conditions conditions;
  const char* platform;
  const char* os_version;
  Truth expected;
};

// covers: state.D10, state.D7
TEST(Scope, AnItemsConditionsArePlatformsAndARangeOfVersions) {
  const std::vector<ConditionCase> cases{
      {{}, "", "", Truth::yes},
      {{.platforms = {"macOS"}, .min_os = {}, .max_os = {}}, "macOS", "", Truth::yes},
      {{.platforms = {"macOS"}, .min_os = {}, .max_os = {}}, "iOS", "", Truth::no},
      {{.platforms = {"iOS", "macOS"}, .min_os = {}, .max_os = {}}, "iOS", "", Truth::yes},
      {{.platforms = {"macOS"}, .min_os = {}, .max_os = {}}, "", "", Truth::unknown},
      {{.platforms = {}, .min_os = "14.2", .max_os = {}}, "macOS", "14.2", Truth::yes},
      {{.platforms = {}, .min_os = "14.2", .max_os = {}}, "macOS", "14.10", Truth::yes},
      {{.platforms = {}, .min_os = "14.2", .max_os = {}}, "macOS", "14.1.9", Truth::no},
      {{.platforms = {}, .min_os = "14.2", .max_os = {}}, "macOS", "", Truth::unknown},
      {{.platforms = {}, .min_os = {}, .max_os = "15"}, "macOS", "15.7.1", Truth::yes},
      {{.platforms = {}, .min_os = {}, .max_os = "15"}, "macOS", "16", Truth::no},
      {{.platforms = {}, .min_os = {}, .max_os = "15.1"}, "macOS", "15.1.2", Truth::yes},
      {{.platforms = {}, .min_os = {}, .max_os = "15.1"}, "macOS", "15.2", Truth::no},
      {{.platforms = {}, .min_os = {}, .max_os = "15.1.3"}, "macOS", "15.1", Truth::yes},
      {{.platforms = {}, .min_os = {}, .max_os = "15.0"}, "macOS", "15", Truth::yes},
      {{.platforms = {"iOS"}, .min_os = "14", .max_os = {}}, "macOS", "", Truth::no},
      {{.platforms = {"macOS"}, .min_os = "14", .max_os = "14"}, "macOS", "14.7", Truth::yes},
  };
  for (const auto& each : cases) {
    const Candidate candidate{
        .desired = {}, .include_any = {}, .include_all = {}, .exclude = {}, .conditions = each.conditions};
    const DeviceTraits device{.udid = "udid", .platform = each.platform, .os_version = each.os_version};
    EXPECT_EQ(truth_of(candidate, device, {}), each.expected)
        << each.platform << " " << each.os_version << " from " << each.conditions.min_os.value_or("-")
        << " to " << each.conditions.max_os.value_or("-");
  }
}

TEST(Scope, AnItemsConditionsHoldForMembersOfAGroupToo) {
  Candidate member;
  member.desired.scope = director::ScopeKind::group;
  member.desired.group = 1;
  member.conditions.platforms = {"macOS"};
  const Memberships groups{{1, Truth::yes}};
  EXPECT_EQ(truth_of(member, {.udid = "u", .platform = "macOS", .os_version = "15"}, groups), Truth::yes);
  EXPECT_EQ(truth_of(member, {.udid = "u", .platform = "iOS", .os_version = "18"}, groups), Truth::no);
  EXPECT_EQ(truth_of(member, {.udid = "u", .platform = "", .os_version = ""}, groups), Truth::unknown);
}

// covers: state.D8
TEST(Scope, APercentageIsThatShareOfTheDevicesAlwaysTheSameOnesAndGrows) {
  Candidate tenth;
  tenth.desired.facts.item = 7;
  tenth.percent = 10;
  Candidate half = tenth;
  half.percent = 50;
  Candidate other = tenth;
  other.desired.facts.item = 8;
  int chosen = 0;
  int chosen_by_both = 0;
  for (int i = 0; i < 10000; ++i) {
    const auto udid = fmt::format("00008110-{:016X}", i);
    if (on(tenth, udid) != Truth::yes) continue;
    ++chosen;
    EXPECT_EQ(on(half, udid), Truth::yes) << "who had it keeps it";
    if (on(other, udid) == Truth::yes) ++chosen_by_both;
  }
  EXPECT_GE(chosen, 900);
  EXPECT_LE(chosen, 1100);
  EXPECT_LT(chosen_by_both, chosen / 2) << "another item begins with other devices";
  // The numbers themselves are what a restart and an upgrade must not change.
  EXPECT_EQ(bucket_of(7, "00008110-0000000000000001"), 30);
  Candidate none = tenth;
  none.percent = 0;
  EXPECT_EQ(on(none, "any"), Truth::no);
}

}  // namespace
}  // namespace mooring::reconciler

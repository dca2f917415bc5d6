// SPDX-License-Identifier: Apache-2.0
#include "reconciler/explain.hpp"

#include <gtest/gtest.h>

namespace mooring::reconciler {
namespace {

using director::Truth;

constexpr std::int32_t kLab = 1;
constexpr std::int32_t kStaff = 2;
const GroupNames kGroupNames{{kLab, "lab"}, {kStaff, "staff"}};
const DeviceTraits kObstacleMac{.udid = "U1", .platform = "macOS", .os_version = "14.2"};

struct ObstacleCase {
  const char* name;
  Candidate candidate;
  Memberships groups;
  std::vector<std::string> says;
};

Candidate candidate_with(auto change) {
  Candidate candidate;
  candidate.desired.facts.item = 7;
  change(candidate);
  return candidate;
}

class Obstacle : public ::testing::TestWithParam<ObstacleCase> {};

// covers: state.N7
TEST_P(Obstacle, IsSaidInWords) {
  const auto& given = GetParam();
  EXPECT_EQ(obstacles_of(given.candidate, kObstacleMac, given.groups, kGroupNames), given.says);
  EXPECT_EQ(truth_of(given.candidate, kObstacleMac, given.groups) == Truth::yes, given.says.empty());
}

INSTANTIATE_TEST_SUITE_P(
    Table, Obstacle,
    ::testing::Values(ObstacleCase{"nothing", candidate_with([](Candidate&) {}), {}, {}},
                      ObstacleCase{"scope",
                                   candidate_with([](Candidate& c) {
                                     c.desired.scope = director::ScopeKind::group;
                                     c.desired.group = kLab;
                                   }),
                                   {},
                                   {"the device is not in group lab"}},
                      ObstacleCase{"unknown_scope",
                                   candidate_with([](Candidate& c) {
                                     c.desired.scope = director::ScopeKind::group;
                                     c.desired.group = kLab;
                                   }),
                                   {{kLab, Truth::unknown}},
                                   {"whether the device is in group lab is not known yet"}},
                      ObstacleCase{"any",
                                   candidate_with([](Candidate& c) { c.include_any = {kLab, kStaff}; }),
                                   {},
                                   {"the device is in none of the groups lab, staff"}},
                      ObstacleCase{"one_of_any",
                                   candidate_with([](Candidate& c) { c.include_any = {kLab, kStaff}; }),
                                   {{kStaff, Truth::yes}},
                                   {}},
                      ObstacleCase{"all",
                                   candidate_with([](Candidate& c) { c.include_all = {kLab, kStaff}; }),
                                   {{kStaff, Truth::yes}},
                                   {"the device is not in group lab"}},
                      ObstacleCase{"exclude",
                                   candidate_with([](Candidate& c) { c.exclude = {kLab}; }),
                                   {{kLab, Truth::yes}},
                                   {"it leaves out group lab, and the device is in it"}},
                      ObstacleCase{
                          "platform",
                          candidate_with([](Candidate& c) { c.conditions.platforms = {"iOS", "tvOS"}; }),
                          {},
                          {"it is for iOS, tvOS, and the device is macOS"}},
                      ObstacleCase{"system",
                                   candidate_with([](Candidate& c) { c.conditions.min_os = "15"; }),
                                   {},
                                   {"it is for versions from 15 on of the system, and the device has 14.2"}},
                      ObstacleCase{"nobody",
                                   candidate_with([](Candidate& c) { c.percent = 0; }),
                                   {},
                                   {"it is for 0 percent of the devices, and this one comes at " +
                                    std::to_string(bucket_of(7, "U1") + 1)}}),
    [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace mooring::reconciler

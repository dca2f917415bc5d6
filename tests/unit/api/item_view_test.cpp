// SPDX-License-Identifier: Apache-2.0
#include "api/detail/item_view.hpp"

#include <gtest/gtest.h>

namespace mooring::api::item_view_test {
namespace {

using detail::ItemView;
using detail::view_items;
using reconciler::DeviceSnapshot;
using reconciler::ItemState;
using reconciler::RecordIntent;

constexpr const char* kSlot = "com.example.wifi";

reconciler::ItemFacts facts_of(std::int32_t item, std::int32_t version) {
  return {.item = item,
          .slot = kSlot,
          .version = version,
          .identity = crypto::Uuid::derived("v", std::to_string(version)).text()};
}

DeviceSnapshot declared(std::int32_t version = 10) {
  DeviceSnapshot snapshot;
  snapshot.row.enabled = true;
  reconciler::Desired desired{.facts = facts_of(1, version)};
  snapshot.desired = std::make_shared<const std::vector<reconciler::Desired>>(1, desired);
  return snapshot;
}

reconciler::KnownItem record(ItemState state, reconciler::Reason reason = {}, std::int32_t version = 10) {
  reconciler::KnownItem known{.record = {.item = 1, .version = version},
                              .facts = std::make_shared<const reconciler::ItemFacts>(facts_of(1, version))};
  known.record.state = state;
  known.record.reason = reason;
  return known;
}

ItemView only(const DeviceSnapshot& snapshot) {
  const auto views = view_items(snapshot);
  EXPECT_EQ(views.size(), 1U);
  return views.at(0);
}

TEST(ViewItems, ShowsWhatIsDeclaredBeforeAnyPassSawIt) {
  const auto view = only(declared());
  EXPECT_EQ(view.state, ItemState::pending);
  EXPECT_EQ(view.intent, RecordIntent::present);
  EXPECT_NE(view.reason, "");
  EXPECT_EQ(view.desired_uuid, facts_of(1, 10).identity);
}

TEST(ViewItems, SaysThatADeviceIsNotEnrolled) {
  auto snapshot = declared();
  snapshot.row.enabled = false;
  EXPECT_NE(only(snapshot).reason.find("not enrolled"), std::string::npos);
}

TEST(ViewItems, GivesTheRecordsOwnReason) {
  auto snapshot = declared();
  snapshot.own.items.push_back(record(ItemState::backing_off, reconciler::Reason::refused));
  snapshot.own.items[0].record.detail = "Error: no room";
  const auto view = only(snapshot);
  EXPECT_EQ(view.state, ItemState::backing_off);
  EXPECT_EQ(view.reason, "the device refused it: Error: no room");
}

TEST(ViewItems, ARecordOfAnOlderVersionProvesNothing) {
  auto snapshot = declared(11);
  snapshot.own.items.push_back(record(ItemState::verified));
  const auto view = only(snapshot);
  EXPECT_EQ(view.state, ItemState::pending);
  EXPECT_NE(view.reason, "");
  EXPECT_EQ(view.desired_uuid, facts_of(1, 11).identity);
}

class EveryState : public ::testing::TestWithParam<ItemState> {};

TEST_P(EveryState, HasAReasonUnlessVerified) {
  auto snapshot = declared();
  snapshot.own.items.push_back(record(GetParam()));
  const auto view = only(snapshot);
  EXPECT_EQ(view.state, GetParam());
  EXPECT_EQ(view.reason.empty(), GetParam() == ItemState::verified);
}

INSTANTIATE_TEST_SUITE_P(States, EveryState,
                         ::testing::Values(ItemState::pending, ItemState::commanded, ItemState::acknowledged,
                                           ItemState::verified, ItemState::backing_off, ItemState::failed,
                                           ItemState::quarantined, ItemState::waiting),
                         [](const auto& info) { return std::string(reconciler::name_of(info.param)); });

TEST(ViewItems, ARecordThatNothingDeclaresIsEnded) {
  DeviceSnapshot snapshot;
  snapshot.row.enabled = true;
  snapshot.own.items.push_back(record(ItemState::verified));
  const auto view = only(snapshot);
  EXPECT_EQ(view.intent, RecordIntent::ended);
  EXPECT_EQ(view.state, ItemState::pending);
  EXPECT_NE(view.reason.find("no longer declared"), std::string::npos);
  EXPECT_EQ(view.desired_uuid, "");
  EXPECT_EQ(view.scope, std::nullopt);
}

TEST(ViewItems, ShowsWhatTheDeviceHasAndWhatIsOnItsWay) {
  auto snapshot = declared();
  snapshot.own.items.push_back(record(ItemState::commanded, reconciler::Reason::under_way));
  snapshot.own.evidence.profiles = director::ObservedProfiles({{.identifier = kSlot, .uuid = "OLD"}});
  snapshot.open.push_back({.uuid = "u", .item = 1, .version = 10});
  const auto view = view_items(snapshot).at(0);
  EXPECT_EQ(view.observed_uuid, "OLD");
  ASSERT_NE(view.command, nullptr);
  EXPECT_EQ(view.command->uuid, "u");
}

}  // namespace
}  // namespace mooring::api::item_view_test

// SPDX-License-Identifier: Apache-2.0
// What becomes an event, and what is kept of it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/encoding.hpp"
#include "base/plist/plist.hpp"
#include "tests/support/world.hpp"

namespace mooring::test {
namespace {

using ::testing::HasSubstr;

constexpr const char* kEventsUdid = "4B1F5C5E-8D6E-4A35-9D4E-4D0C8B0F9A11";

struct Events : ::testing::Test {
  World world;

  void enroll() {
    world.put("/mdm",
              {{"MessageType", "Authenticate"}, {"Topic", "com.apple.mgmt.t"}, {"UDID", kEventsUdid}});
    world.put("/mdm", {{"MessageType", "TokenUpdate"},
                       {"Topic", "com.apple.mgmt.t"},
                       {"UDID", kEventsUdid},
                       {"PushMagic", "magic"},
                       {"Token", plist::Data{"token"}}});
  }
  std::int64_t events_of(core::EventKind kind) {
    return world.number("select count(*) from events where kind = " + std::to_string(static_cast<int>(kind)));
  }
};

// covers: seed.02
TEST_F(Events, TheMessageOfAReportIsKeptSealedOnceSomebodyWantsIt) {
  enroll();
  world.enqueue(kEventsUdid, "CMD1");
  world.enqueue(kEventsUdid, "CMD2");
  world.report(kEventsUdid, "Acknowledged", "CMD1");
  EXPECT_EQ(world.number("select count(*) from events where body is not null"), 0) << "nobody listens";

  world.interest().want(core::EventKinds::all_but_idle(), false);
  world.report(kEventsUdid, "Acknowledged", "CMD2");
  const auto hex = world.text("select encode(body, 'hex') from events where kind = 4 and body is not null");
  const auto sealed = from_hex(hex);
  ASSERT_TRUE(sealed && !sealed->empty());
  EXPECT_EQ(sealed->find("Acknowledged"), std::string::npos) << "sealed at rest";
  const auto opened = world.interest().open_body(*sealed);
  ASSERT_TRUE(opened);
  EXPECT_THAT(*opened, HasSubstr("CMD2"));
}

// covers: seed.02
TEST_F(Events, AConnectionWithNothingToReportIsWrittenOnlyForWhoAsksForIt) {
  enroll();
  const auto before = world.number("select count(*) from events");
  world.report(kEventsUdid, "Idle");
  EXPECT_EQ(world.number("select count(*) from events"), before);
  world.interest().want({}, true);
  world.report(kEventsUdid, "Idle");
  world.report("UNKNOWN", "Idle");
  EXPECT_EQ(events_of(core::EventKind::idle), 1);
  world.enqueue(kEventsUdid, "CMD1");
  EXPECT_THAT(world.report(kEventsUdid, "Idle").body, HasSubstr("CMD1")) << "and commands go out as before";
}

TEST_F(Events, TheBellRingsAfterWhatWasRecordedAndNotForNothing) {
  enroll();
  int rung = 0;
  world.interest().on_ring([&] { ++rung; });
  world.report(kEventsUdid, "Idle");
  EXPECT_EQ(rung, 0);
  world.report(kEventsUdid, "Acknowledged", "NEVER-SENT");
  EXPECT_EQ(rung, 1);
  world.interest().on_ring({});
  world.report(kEventsUdid, "Acknowledged", "NEVER-SENT-EITHER");
  EXPECT_EQ(rung, 1);
}

}  // namespace
}  // namespace mooring::test

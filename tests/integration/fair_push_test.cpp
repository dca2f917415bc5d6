// SPDX-License-Identifier: Apache-2.0
// A command for a whole fleet, most of which is away: through the queue, the schedule of re-pushes and the
// pusher to the push service, hours in simulated time.
#include <algorithm>
#include <set>

#include "core/queue.hpp"
#include "tests/integration/push_fixture.hpp"

namespace mooring::core {
namespace {

using namespace std::chrono_literals;

constexpr int kAway = 600;
constexpr int kThere = 20;

class FairPush : public test::PushTest {
 protected:
  FairPush() {
    upload();
    // 1 to 600 were last seen a month ago; the twenty after them are there.
    world.db.connection().script(
        "insert into devices (udid, created_at) select 'D' || g, now() from generate_series(1, 620) g");
    add_enrollments(kAway + kThere);
    world.db.connection().script("update enrollments set authenticated_at = timestamptz '2026-01-01'");
    seen("timestamptz '2026-09-01'", "true");
    seen("timestamptz '" + to_rfc3339(world.clock.now()) + "'", "id > 600");
    world.db.connection().script(
        "insert into reconcile (device_id, due_at, handled, list_at, information_at, security_at, "
        "certificates_at) select id, far, 1, far, far, far, far "
        "from devices, (select now() + interval '20 years' as far) f");
    auto slow = options();
    slow.rate = 1;
    start_pusher(slow);
    world.on_push = [this](std::span<const std::int64_t> ids, PushLane lane) {
      for (const auto id : ids) due.emplace(id, world.clock.now());
      most_at_once = std::max(most_at_once, ids.size());
      pusher->request(ids, lane);
    };
  }
  void seen(const std::string& when, const std::string& which) {
    world.db.connection().script(
        "insert into enrollment_activity select id, " + when + " from enrollments where " + which +
        " on conflict (enrollment_id) do update set last_seen_at = excluded.last_seen_at");
  }
  void enqueue_for_all() {
    const auto payload = store_payload(world.db.connection(),
                                       {.body = "<dict/>", .request_type = "ProfileList"}, world.clock.now());
    std::vector<NewCommand> commands;
    for (const auto id : all_ids())
      commands.push_back({.enrollment = id, .uuid = encode_command_uuid("for-all"), .payload = payload});
    enqueue(world.db.connection(), commands, world.clock.now());
  }
  /// A pass, and then one second of what the push rate lets through.
  void second() {
    world.reconcile();
    ASSERT_TRUE(until([&] { return receiver.order.size() + pusher->waiting() == due.size(); }))
        << "what was asked for is in the queue before time moves on";
    const auto before = receiver.order.size();
    world.advance(1s);
    ASSERT_TRUE(until([&] { return receiver.order.size() > before || pusher->waiting() == 0; }));
    while (arrived.size() < receiver.order.size()) arrived.push_back(world.clock.now());
  }
  std::optional<Time> arrival(const std::string& token) {
    const auto at = std::ranges::find(receiver.order, token) - receiver.order.begin();
    return at < std::ssize(arrived) ? std::optional(arrived[static_cast<std::size_t>(at)]) : std::nullopt;
  }

  std::map<std::int64_t, Time> due;  ///< When the schedule first asked for a push.
  std::size_t most_at_once = 0;
  std::vector<Time> arrived;  ///< By place in the receiver's order.
};

// covers: state.N19, mdm.P04
TEST_F(FairPush, AnOfflineHerdDelaysNobodyWhoIsThere) {
  enqueue_for_all();
  for (int i = 0; i < 8 * 60 - 1; ++i) {
    world.advance(1s);
    if (i % 30 == 0) world.reconcile();
  }
  EXPECT_EQ(due.size(), 0U) << "whoever queued it has pushed";
  for (int i = 0; i < 4 * 60 + 2; ++i) ASSERT_NO_FATAL_FAILURE(second());

  EXPECT_EQ(due.size(), kAway + kThere) << "each once, within the first re-push's jitter";
  EXPECT_LE(most_at_once, 12U) << "and spread over it: 620 in four minutes";
  EXPECT_LE(receiver.order.size(), 245U) << "the rate is kept";
  EXPECT_GE(pusher->waiting(), 350U) << "most of the herd waits";
  for (int id = kAway + 1; id <= kAway + kThere; ++id) {
    const auto came = arrival(token_of(id));
    ASSERT_TRUE(came) << id << " stands behind the herd";
    EXPECT_LE(*came - due.at(id), 5s) << id;
  }
  for (const auto& [token, count] : receiver.counts) EXPECT_EQ(count, 1);

  // The urgent lane: somebody sits before a device that enrolls now.
  const auto device = world.make_device();
  world.enroll(*device);
  const auto began = world.clock.now();
  for (int i = 0; i < 5; ++i) ASSERT_NO_FATAL_FAILURE(second());
  const auto came = arrival(device->push_token());
  ASSERT_TRUE(came);
  EXPECT_LE(*came - began, 3s);
}

}  // namespace
}  // namespace mooring::core

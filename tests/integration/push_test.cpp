// SPDX-License-Identifier: Apache-2.0
// The pusher against a simulated APNs: HTTP/2 over TLS with the push certificate of the database.
#include <gmock/gmock.h>

#include "base/encoding.hpp"
#include "tests/integration/push_fixture.hpp"

namespace mooring::core {
namespace {

using namespace std::chrono_literals;
using simulator::PushOutcome;
using ::testing::HasSubstr;

class Pushes : public test::PushTest {};

// covers: mdm.P02, seed.04
TEST_F(Pushes, SayWhatAppleWantsToHear) {
  upload();
  add_enrollments(1);
  start_pusher();
  const auto pushed = push_now(1);
  ASSERT_TRUE(pushed) << pushed.error().message;
  EXPECT_FALSE(pushed->empty()) << "the apns-id";
  const auto last = gateway->last();
  ASSERT_TRUE(last);
  EXPECT_EQ(last->token, token_of(1));
  EXPECT_EQ(last->magic, "magic1");
  EXPECT_EQ(last->topic, test::kPushTopic);
  EXPECT_EQ(last->push_type, "mdm");
  EXPECT_EQ(last->priority, "10");
  const auto week =
      std::chrono::floor<std::chrono::seconds>(world.clock.now() + 24h * 7).time_since_epoch().count();
  EXPECT_EQ(last->expiration, week);
}

// covers: mdm.C02, mdm.C03, mdm.C06, seed.04
TEST_F(Pushes, GoWhereTheLastTokenUpdateSaidAndOnlyToTheEnrolled) {
  upload();
  start_pusher();
  const auto device = world.make_device();
  ASSERT_EQ(world.put("/mdm", device->authenticate()).status, 200);
  const auto id = world.number("select id from enrollments");
  EXPECT_EQ(push_code(id), "push.not_pushable") << "Authenticate alone enrolls nobody";
  for (int round = 0; round < 2; ++round) {
    ASSERT_EQ(world.put("/mdm", device->token_update()).status, 200);
    EXPECT_EQ(push_code(id), "ok");
    EXPECT_EQ(receiver.counts[device->push_token()], 1) << round;
    device->renew_push_token();
  }
  ASSERT_EQ(world.put("/mdm", device->check_out()).status, 200);
  EXPECT_EQ(push_code(id), "push.not_pushable");
  EXPECT_EQ(gateway->snapshot().requests, 2U);
}

// covers: mdm.P01
TEST_F(Pushes, ThousandsShareOneConnection) {
  upload();
  add_enrollments(3000);
  start_pusher();
  pusher->request(all_ids());
  ASSERT_TRUE(until([&] { return gateway->snapshot().delivered == 3000; }));
  EXPECT_EQ(gateway->snapshot().connections, 1U);
  EXPECT_EQ(receiver.counts.size(), 3000U);
  ASSERT_TRUE(until([&] { return pushes("success") == 3000; }));
}

// covers: mdm.P01
TEST_F(Pushes, ThoseWhoAskAtTheSameMomentShareOneConnection) {
  upload();
  add_enrollments(20);
  start_pusher();
  int done = 0;
  for (std::int64_t id = 1; id <= 20; ++id) {
    boost::asio::co_spawn(io, pusher->push_now(id),
                          [&](const std::exception_ptr&, const Result<std::string>& pushed) {
                            EXPECT_TRUE(pushed);
                            ++done;
                          });
  }
  ASSERT_TRUE(until([&] { return done == 20; }));
  EXPECT_EQ(gateway->snapshot().connections, 1U);
}

// covers: mdm.P01
TEST_F(Pushes, GoAwayInTheMiddleLosesNoneAndDoublesNone) {
  upload();
  add_enrollments(2000);
  gateway->go_away_before(700);
  start_pusher();
  pusher->request(all_ids());
  ASSERT_TRUE(until([&] { return gateway->snapshot().delivered == 2000; }));
  for (const auto& [token, count] : receiver.counts) EXPECT_EQ(count, 1) << to_hex(token);
  EXPECT_EQ(gateway->snapshot().connections, 2U);
}

// covers: mdm.P01
TEST_F(Pushes, AStreamLimitOfOneIsKept) {
  gateway.reset();
  start_gateway({.max_streams = 1});
  upload();
  add_enrollments(200);
  start_pusher();
  pusher->request(all_ids());
  ASSERT_TRUE(until([&] { return gateway->snapshot().delivered == 200; }));
  EXPECT_EQ(gateway->snapshot().connections, 1U);
}

// covers: mdm.P01
TEST_F(Pushes, ALostConnectionIsMadeUpFor) {
  upload();
  add_enrollments(500);
  gateway->cut_before(100);
  start_pusher();
  pusher->request(all_ids());
  // What was on its way when the connection broke is tried again after a while.
  ASSERT_TRUE(until([&] {
    world.advance(50ms);
    return receiver.counts.size() == 500;
  }));
  EXPECT_GT(pushes("unreachable", "ConnectionLost"), 0);
  EXPECT_LE(gateway->snapshot().connections, 4U);
}

// covers: mdm.P04, seed.04
TEST_F(Pushes, RequestsThatWaitAreOnePushForEachDevice) {
  upload();
  add_enrollments(3);
  start_pusher();
  for (int i = 0; i < 20; ++i)
    pusher->request(all_ids(), i % 2 == 0 ? PushLane::background : PushLane::urgent);
  ASSERT_TRUE(until([&] { return receiver.counts.size() == 3; }));
  run_for(100ms);
  for (const auto& [token, count] : receiver.counts) EXPECT_LE(count, 2);
}

// covers: mdm.P04
TEST_F(Pushes, NoneForWhoCannotBePushed) {
  upload();
  add_enrollments(4);
  world.db.connection().script(
      "update enrollments set enabled = false where id = 1; update enrollments set push_token = null where "
      "id = 2; "
      "update enrollments set push_magic = null where id = 3");
  start_pusher();
  pusher->request(all_ids());
  ASSERT_TRUE(until([&] { return gateway->snapshot().requests == 1; }));
  run_for(50ms);
  EXPECT_EQ(gateway->snapshot().requests, 1U);
  EXPECT_EQ(receiver.counts[token_of(4)], 1);
  EXPECT_EQ(pushes("unpushable"), 3);
  EXPECT_EQ(push_code(1), "push.not_pushable");
  EXPECT_EQ(push_code(2), "push.not_pushable");
  EXPECT_EQ(push_code(99), "push.not_pushable");
}

// covers: mdm.P03
TEST_F(Pushes, ADeadTokenStaysDeadUntilTheNextTokenUpdate) {
  upload();
  const auto device = world.make_device();
  world.enroll(*device);
  const auto id = world.number("select id from enrollments");
  start_pusher();
  for (const auto& failure : {simulator::PushFailure{410, "Unregistered", "", world.clock.now() + 1h},
                              simulator::PushFailure{400, "BadDeviceToken"}}) {
    gateway->fail_next(1, failure);
    EXPECT_EQ(push_code(id), "push.unregistered") << failure.reason;
    ASSERT_TRUE(until([&] { return world.text("select push_token is null from enrollments") == "true"; }));
    EXPECT_EQ(push_code(id), "push.not_pushable") << "nothing is sent";
    const auto requests = gateway->snapshot().requests;
    pusher->request(std::vector{id});
    run_for(50ms);
    EXPECT_EQ(gateway->snapshot().requests, requests);
    world.advance(2h);
    world.enroll(*device);
    EXPECT_EQ(push_code(id), "ok") << "the TokenUpdate brought it back";
  }
}

// covers: mdm.P03
TEST_F(Pushes, UnregisteredOfAnOlderTokenKillsNothing) {
  upload();
  add_enrollments(1);
  start_pusher();
  const Time before_the_token = std::chrono::sys_days{std::chrono::year{2025} / 6 / 1};
  gateway->fail_next(1, {410, "Unregistered", "", before_the_token});
  pusher->request(all_ids());
  ASSERT_TRUE(until([&] { return pushes("throttled", "Unregistered") == 1; }));
  run_for(50ms);
  EXPECT_EQ(world.text("select push_token is null from enrollments"), "false");
  world.advance(10min);
  ASSERT_TRUE(until([&] { return receiver.counts.size() == 1; })) << "and it is tried again later";
}

// covers: mdm.P03
TEST_F(Pushes, AThrottledDeviceWaitsAndTheOthersDoNot) {
  upload();
  add_enrollments(3);
  start_pusher();
  gateway->fail_token(token_of(2), simulator::PushFailure{429, "TooManyRequests", "300"});
  pusher->request(all_ids());
  ASSERT_TRUE(
      until([&] { return receiver.counts.size() == 2 && pushes("throttled", "TooManyRequests") == 1; }));
  gateway->fail_token(token_of(2), std::nullopt);
  world.advance(299s);
  run_for(400ms);
  EXPECT_EQ(receiver.counts.size(), 2U) << "Retry-After is honoured";
  world.advance(120s);
  ASSERT_TRUE(until([&] { return receiver.counts.size() == 3; }));
}

// covers: mdm.P03
TEST_F(Pushes, AServiceInTroubleIsLeftAloneAndNothingIsLost) {
  upload();
  add_enrollments(300);
  gateway->fail_next(1'000'000, {503, "ServiceUnavailable"});
  start_pusher();
  pusher->request(all_ids());
  ASSERT_TRUE(until([&] { return pushes("unavailable", "ServiceUnavailable") >= 5; }));
  ASSERT_TRUE(until([&] { return pusher->waiting() == 300; })) << "all are back, and none is on its way";
  const auto hammered = gateway->snapshot().requests;
  EXPECT_LE(hammered, 301U);
  EXPECT_EQ(push_code(1), "push.unavailable") << "people are told at once";
  run_for(300ms);
  EXPECT_EQ(gateway->snapshot().requests, hammered) << "an open breaker sends nothing";
  gateway->fail_next(0, {});
  ASSERT_TRUE(until([&] {
    world.advance(2s);
    return receiver.counts.size() == 300;
  }));
}

TEST_F(Pushes, WhileItFailsOneProbeAtATimeGoesOut) {
  upload();
  add_enrollments(50);
  start_pusher();
  gateway->fail_next(1'000'000, {500, "InternalServerError"});
  pusher->request(all_ids());
  ASSERT_TRUE(until([&] { return gateway->snapshot().requests >= 50; }));
  const auto before = gateway->snapshot().requests;
  for (int i = 0; i < 60; ++i) {  // an hour
    world.advance(1min);
    run_for(10ms);
  }
  EXPECT_LE(gateway->snapshot().requests - before, 30U);
}

// covers: mdm.P03
TEST_F(Pushes, ARefusedCertificateIsAnAlarm) {
  upload();
  add_enrollments(2);
  start_pusher();
  gateway->fail_next(1, {403, "BadCertificate"});
  EXPECT_EQ(push_code(1), "push.certificate_refused");
  EXPECT_EQ(pushes("refused", "BadCertificate"), 1);
  ASSERT_TRUE(until(
      [&] { return !find_push_certificate(world.db.connection(), test::kPushTopic)->failure.empty(); }));
  EXPECT_EQ(find_push_certificate(world.db.connection(), test::kPushTopic)->failure, "403 BadCertificate");
  EXPECT_EQ(push_code(1), "push.unavailable") << "nothing hammers the service";
  upload();
  EXPECT_EQ(push_code(1), "ok") << "a new certificate is tried at once";
  EXPECT_EQ(find_push_certificate(world.db.connection(), test::kPushTopic)->failure, "");
}

// covers: mdm.P03
TEST_F(Pushes, AnAlarmEndsWhenTheServiceTakesAPushAgain) {
  upload();
  add_enrollments(1);
  start_pusher();
  gateway->fail_next(1, {403, "Forbidden"});
  EXPECT_EQ(push_code(1), "push.certificate_refused");
  ASSERT_TRUE(until(
      [&] { return !find_push_certificate(world.db.connection(), test::kPushTopic)->failure.empty(); }));
  world.advance(5min);
  EXPECT_EQ(push_code(1), "ok");
  ASSERT_TRUE(
      until([&] { return find_push_certificate(world.db.connection(), test::kPushTopic)->failure.empty(); }));
}

// covers: mdm.P03, mdm.P05
TEST_F(Pushes, AnExpiredCertificateIsNamedAsSuch) {
  const Time yesterday = SystemClock().now() - 24h;
  const auto pem = gateway->issue_certificate(test::kPushTopic, yesterday);
  const auto bundle = read_push_bundle(pem, "", yesterday - 1h);
  ASSERT_TRUE(bundle) << bundle.error().message;
  put_push_certificate(world.db.connection(), world.secrets(), *bundle, world.clock.now());
  add_enrollments(1);
  start_pusher();
  const auto pushed = push_now(1);
  ASSERT_FALSE(pushed);
  EXPECT_EQ(pushed.error().code, "push.certificate_refused");
  EXPECT_THAT(pushed.error().message, HasSubstr("expired"));
  ASSERT_TRUE(until(
      [&] { return !find_push_certificate(world.db.connection(), test::kPushTopic)->failure.empty(); }));
  EXPECT_THAT(find_push_certificate(world.db.connection(), test::kPushTopic)->failure, HasSubstr("expired"));
}

// covers: mdm.P05
TEST_F(Pushes, ARenewedCertificateIsUsedForTheNextPush) {
  upload();
  add_enrollments(1);
  start_pusher();
  EXPECT_EQ(push_code(1), "ok");
  EXPECT_EQ(push_code(1), "ok");
  EXPECT_EQ(gateway->snapshot().connections, 1U);
  upload();  // as another server on this database would
  EXPECT_EQ(push_code(1), "ok");
  EXPECT_EQ(gateway->snapshot().connections, 2U);
}

// covers: mdm.P05
TEST_F(Pushes, WithoutACertificateTheyWaitForOne) {
  add_enrollments(2);
  start_pusher();
  EXPECT_EQ(push_code(1), "push.no_certificate");
  pusher->request(all_ids());
  ASSERT_TRUE(until([&] { return pusher->waiting() == 2; }));
  EXPECT_EQ(gateway->snapshot().connections, 0U);
  upload();
  ASSERT_TRUE(until([&] {
    world.advance(1s);
    return receiver.counts.size() == 2;
  }));
}

TEST_F(Pushes, OneTopicsTroubleIsNotAnothers) {
  add_enrollments(2, "com.apple.mgmt.External.other");
  add_enrollments(2);
  upload();
  start_pusher();
  const auto results = push_many(all_ids());
  ASSERT_EQ(results.size(), 4U);
  EXPECT_EQ(results[0].apns_id.error().code, "push.no_certificate");
  EXPECT_EQ(results[1].apns_id.error().code, "push.no_certificate");
  EXPECT_TRUE(results[2].apns_id) << results[2].apns_id.error().message;
  EXPECT_TRUE(results[3].apns_id);
}

TEST_F(Pushes, ManyGetAResultEachInTheirOrder) {
  upload();
  add_enrollments(1200);
  world.db.connection().script("update enrollments set enabled = false where id % 3 = 0");
  start_pusher();
  auto ids = all_ids();
  ids.push_back(1);  // named twice
  ids.push_back(5000);
  const auto results = push_many(ids);
  ASSERT_EQ(results.size(), ids.size());
  for (std::size_t i = 0; i < ids.size(); ++i) {
    EXPECT_EQ(results[i].enrollment, ids[i]);
    EXPECT_EQ(results[i].apns_id.has_value(), ids[i] % 3 != 0 && ids[i] != 5000) << ids[i];
  }
  EXPECT_EQ(gateway->snapshot().connections, 1U);
}

// covers: state.N19
TEST_F(Pushes, WhatAPersonAsksForPassesTheHerd) {
  upload();
  add_enrollments(4000);
  world.db.connection().script(
      "insert into enrollment_activity select id, timestamptz '2026-02-01' from enrollments");
  world.db.connection().script(
      "update enrollment_activity set last_seen_at = timestamptz '2026-10-01' where enrollment_id = 777");
  auto slow = options();
  slow.rate = 200;
  start_pusher(slow);
  auto herd = all_ids();
  std::erase(herd, 5);
  pusher->request(herd, PushLane::background);
  ASSERT_TRUE(until([&] {
    world.advance(5ms);
    return receiver.order.size() >= 30;
  }));
  const auto position = [&](std::int64_t id) {
    return std::ranges::find(receiver.order, token_of(id)) - receiver.order.begin();
  };
  EXPECT_LT(position(777), 1050) << "seen lately: first of the first thousand that are looked up";
  const auto before = static_cast<std::int64_t>(receiver.order.size());
  pusher->request(std::vector<std::int64_t>{5}, PushLane::urgent);
  ASSERT_TRUE(until([&] {
    world.advance(5ms);
    return receiver.counts.contains(token_of(5));
  }));
  EXPECT_LT(position(5) - before, 1000) << "not behind the thousands that wait";
}

TEST_F(Pushes, NothingIsSentWhereNoServiceIsSet) {
  add_enrollments(1);
  start_pusher({});
  pusher->request(all_ids());
  EXPECT_EQ(push_code(1), "push.not_configured");
  EXPECT_EQ(pusher->waiting(), 0U);
}

TEST_F(Pushes, AServerThatCannotBeTrustedGetsNothing) {
  upload();
  add_enrollments(1);
  auto distrustful = options();
  distrustful.trust.clear();  // the system's roots
  start_pusher(distrustful);
  const auto pushed = push_now(1);
  ASSERT_FALSE(pushed);
  EXPECT_EQ(pushed.error().code, "push.unavailable");
  EXPECT_THAT(pushed.error().message, HasSubstr("not trusted"));
  EXPECT_EQ(gateway->snapshot().requests, 0U);
}

TEST_F(Pushes, ADatabaseThatIsAwayForAMomentCostsNoPush) {
  upload();
  add_enrollments(10);
  start_pusher();
  world.db.connection().script("alter table enrollments rename to enrollments_away");
  pusher->request(std::vector<std::int64_t>{1, 2, 3});
  run_for(100ms);
  world.db.connection().script("alter table enrollments_away rename to enrollments");
  ASSERT_TRUE(until([&] { return receiver.counts.size() == 3; }));
}

}  // namespace
}  // namespace mooring::core

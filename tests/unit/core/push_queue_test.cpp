// SPDX-License-Identifier: Apache-2.0
#include "core/push_queue.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/random.hpp"

namespace mooring::core {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;

const Time kQueueNow = std::chrono::sys_days{std::chrono::year{2026} / 11 / 1};

std::vector<std::int64_t> ids_of(const std::vector<QueuedPush>& pushes) {
  std::vector<std::int64_t> out;
  for (const auto& push : pushes) out.push_back(push.enrollment);
  return out;
}

QueuedPush last_seen_ago(std::int64_t id, Duration ago, PushLane lane = PushLane::background) {
  return {.enrollment = id, .lane = lane, .last_seen = kQueueNow - ago};
}

// covers: state.N19
TEST(PushQueue, WhoWasSeenLastGoesFirst) {
  PushQueue queue;
  queue.add(last_seen_ago(1, 24h));
  queue.add(last_seen_ago(2, 1min));
  queue.add(last_seen_ago(3, 24h * 90));
  queue.add(last_seen_ago(4, 1h));
  EXPECT_THAT(ids_of(queue.take(3, kQueueNow)), ElementsAre(2, 4, 1));
  EXPECT_THAT(ids_of(queue.take(3, kQueueNow)), ElementsAre(3));
}

// covers: state.N19
TEST(PushQueue, TheUrgentLaneGoesBeforeAllOthersInItsOwnOrder) {
  PushQueue queue;
  queue.add(last_seen_ago(1, 1s));
  queue.add(last_seen_ago(2, 24h * 30, PushLane::urgent));
  queue.add(last_seen_ago(3, 1s, PushLane::urgent));
  EXPECT_THAT(ids_of(queue.take(9, kQueueNow)), ElementsAre(2, 3, 1));
}

// covers: mdm.P04
TEST(PushQueue, WhatIsAskedForAgainWhileItWaitsIsOnePush) {
  PushQueue queue;
  for (int i = 0; i < 5; ++i) queue.add(last_seen_ago(1, 1h));
  queue.add(last_seen_ago(2, 1min));
  queue.add(last_seen_ago(1, 1h, PushLane::urgent));
  queue.add(last_seen_ago(1, 1h));
  EXPECT_EQ(queue.size(), 2U);
  EXPECT_THAT(ids_of(queue.take(9, kQueueNow)), ElementsAre(1, 2)) << "the more urgent request counts";
  EXPECT_EQ(queue.size(), 0U);
}

// covers: mdm.P03
TEST(PushQueue, ADeviceThatIsToWaitWaitsHoweverUrgentItIs) {
  PushQueue queue;
  auto held = last_seen_ago(1, 1h);
  held.not_before = kQueueNow + 60s;
  queue.add(held);
  queue.add(last_seen_ago(1, 1h, PushLane::urgent));
  EXPECT_TRUE(queue.take(9, kQueueNow + 59s).empty());
  EXPECT_EQ(queue.next_due(kQueueNow), kQueueNow + 60s);
  EXPECT_THAT(ids_of(queue.take(9, kQueueNow + 60s)), ElementsAre(1));
  EXPECT_EQ(queue.next_due(kQueueNow + 60s), std::nullopt);
}

TEST(PushQueue, ForgetsWhatWasServedElsewhere) {
  PushQueue queue;
  auto held = last_seen_ago(1, 1h);
  held.not_before = kQueueNow + 60s;
  queue.add(held);
  queue.add(last_seen_ago(2, 1h));
  queue.remove(1);
  queue.remove(2);
  queue.remove(3);
  EXPECT_EQ(queue.size(), 0U);
  EXPECT_TRUE(queue.take(9, kQueueNow + 1h).empty());
}

// covers: state.N19, mdm.P04
TEST(PushQueue, AnOfflineHerdDoesNotDelayAnOnlineDevice) {
  // 100,000 devices that were last seen weeks ago wait for their re-push, at most 100 a second. Every five
  // minutes an online device gets something new. A simulated hour.
  PushQueue queue;
  RateLimit rate(100);
  Random random(1);
  for (int i = 0; i < 100'000; ++i) queue.add(last_seen_ago(1000 + i, 24h * 7 + std::chrono::seconds(i)));
  const std::int64_t online = 1;
  std::optional<Time> asked;
  Duration slowest{0};
  int served = 0;
  std::int64_t sent = 0;
  for (Time now = kQueueNow; now < kQueueNow + 1h; now += 100ms) {
    if ((now - kQueueNow) % Duration(5min) == Duration(0)) {
      queue.add({.enrollment = online, .lane = PushLane::background, .last_seen = now - 1min});
      asked = now;
    }
    const auto taken = queue.take(rate.available(now), now);
    rate.spend(taken.size());
    sent += static_cast<std::int64_t>(taken.size());
    for (const auto& push : taken) {
      if (push.enrollment != online) continue;
      ++served;
      slowest = std::max(slowest, now - *asked);
    }
  }
  EXPECT_EQ(served, 12);
  EXPECT_LE(slowest, 200ms);
  EXPECT_EQ(sent, 100'012) << "and the herd gets through as well";
}

// covers: mdm.P04
TEST(PushRate, IsKeptOverTime) {
  RateLimit rate(50);
  std::int64_t sent = 0;
  for (Time now = kQueueNow; now < kQueueNow + 10s; now += 10ms) {
    const auto count = std::min<std::size_t>(rate.available(now), 20);
    rate.spend(count);
    sent += static_cast<std::int64_t>(count);
  }
  EXPECT_GE(sent, 495);
  EXPECT_LE(sent, 505);
}

TEST(PushRate, AfterAPauseThereIsNoFlood) {
  RateLimit rate(50);
  rate.spend(rate.available(kQueueNow));
  EXPECT_EQ(rate.available(kQueueNow + 1h), 5U);
}

TEST(PushRate, WhatPeopleAskForIsPaidForAfterwards) {
  RateLimit rate(100);
  rate.available(kQueueNow);
  rate.spend(60);
  EXPECT_EQ(rate.available(kQueueNow + 400ms), 0U);
  EXPECT_GT(rate.available(kQueueNow + 600ms), 0U);
  RateLimit without(0);
  without.spend(1'000'000);
  EXPECT_GT(without.available(kQueueNow), 1'000'000U);
}

using State = CircuitBreaker::State;

// covers: mdm.P03
TEST(PushBreaker, OpensAfterFailuresInARowAndProbesOnce) {
  CircuitBreaker breaker;
  for (int i = 0; i < 4; ++i) breaker.failed(kQueueNow, 0, 0.5);
  EXPECT_EQ(breaker.state(kQueueNow), State::closed);
  breaker.failed(kQueueNow, 0, 0.5);
  EXPECT_EQ(breaker.state(kQueueNow), State::open);
  EXPECT_EQ(breaker.state(kQueueNow + 2s), State::half_open);
  breaker.probing();
  EXPECT_EQ(breaker.state(kQueueNow + 2s), State::open) << "one probe at a time";
  breaker.failed(kQueueNow + 2s, 0, 0.5);
  EXPECT_EQ(breaker.state(kQueueNow + 4s), State::open) << "each further wait is longer";
  EXPECT_EQ(breaker.state(kQueueNow + 8s), State::half_open);
  breaker.probing();
  breaker.succeeded();
  EXPECT_EQ(breaker.state(kQueueNow + 8s), State::closed);
}

TEST(PushBreaker, ASuccessBetweenForgetsTheFailures) {
  CircuitBreaker breaker;
  for (int i = 0; i < 20; ++i) {
    breaker.failed(kQueueNow, 0, 0.5);
    if (i % 4 == 3) breaker.succeeded();
  }
  EXPECT_EQ(breaker.state(kQueueNow), State::closed);
}

TEST(PushBreaker, OneLostConnectionIsOneFailureHoweverManyRequestsItTook) {
  CircuitBreaker breaker;
  for (int i = 0; i < 500; ++i) breaker.failed(kQueueNow, 77, 0.5);
  EXPECT_EQ(breaker.state(kQueueNow), State::closed);
  for (std::uint64_t i = 1; i <= 4; ++i) breaker.failed(kQueueNow, i, 0.5);
  EXPECT_EQ(breaker.state(kQueueNow), State::open);
}

TEST(PushBreaker, AFailedProbeCountsWhateverItsIncident) {
  CircuitBreaker breaker;
  for (int i = 0; i < 5; ++i) breaker.failed(kQueueNow, 0, 0);
  breaker.failed(kQueueNow, 9, 0);
  breaker.probing();
  breaker.failed(kQueueNow + 2s, 9, 0);
  EXPECT_EQ(breaker.state(kQueueNow + 2s), State::open);
  EXPECT_EQ(breaker.state(kQueueNow + 1h), State::half_open) << "and it is tried again later";
}

// covers: mdm.P03
TEST(PushBreaker, HonoursRetryAfterAndHasALongestWait) {
  CircuitBreaker breaker;
  breaker.failed(kQueueNow, 0, 0, 600s);
  EXPECT_EQ(breaker.state(kQueueNow + 599s), State::open);
  EXPECT_EQ(breaker.state(kQueueNow + 600s), State::half_open);
  CircuitBreaker long_ill;
  Time now = kQueueNow;
  for (int i = 0; i < 30; ++i) {
    for (int k = 0; k < 5; ++k) long_ill.failed(now, 0, 0.99);
    EXPECT_LE(long_ill.retry_at() - now, 7min);
    now = long_ill.retry_at();
    long_ill.probing();
  }
}

TEST(PushBreaker, ARefusedCertificateOpensAtOnceAndForLonger) {
  CircuitBreaker breaker;
  breaker.refused(kQueueNow, 0);
  EXPECT_EQ(breaker.state(kQueueNow + 59s), State::open);
  EXPECT_EQ(breaker.state(kQueueNow + 60s), State::half_open);
}

// covers: mdm.P03
TEST(PushBackoff, GrowsWithJitterAndHonoursRetryAfter) {
  EXPECT_EQ(push_backoff(1, 0, std::nullopt), 1min);
  EXPECT_EQ(push_backoff(2, 0, std::nullopt), 4min);
  EXPECT_EQ(push_backoff(9, 0, std::nullopt), 1h);
  EXPECT_GT(push_backoff(1, 0.9, std::nullopt), 1min);
  EXPECT_LT(push_backoff(1, 0.9, std::nullopt), 76s);
  EXPECT_EQ(push_backoff(1, 0, 7200s), 2h);
}

}  // namespace
}  // namespace mooring::core

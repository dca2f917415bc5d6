// SPDX-License-Identifier: Apache-2.0
#include "base/metrics.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <thread>

namespace mooring {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(Metrics, ASeriesAskedForTwiceIsTheSame) {
  Metrics metrics;
  auto& first = metrics.counter("mooring_a_total", "A.", {{"x", "1"}});
  EXPECT_EQ(&first, &metrics.counter("mooring_a_total", "A.", {{"x", "1"}}));
  EXPECT_NE(&first, &metrics.counter("mooring_a_total", "A.", {{"x", "2"}}));
  EXPECT_EQ(&metrics.gauge("mooring_g", "G."), &metrics.gauge("mooring_g", "G."));
  EXPECT_EQ(&metrics.histogram("mooring_h_seconds", "H.", latency_buckets()),
            &metrics.histogram("mooring_h_seconds", "H.", latency_buckets()));
}

TEST(Metrics, SeriesAreOnThePageFromZeroOn) {
  Metrics metrics;
  metrics.counter("mooring_a_total", "What a is.", {{"kind", "x\"y\n"}});
  metrics.gauge("mooring_g", "G.").Set(2.5);
  metrics.histogram("mooring_h_seconds", "H.", {0.1, 1}).Observe(0.5);
  const auto page = metrics.text();
  EXPECT_THAT(page, HasSubstr("# HELP mooring_a_total What a is.\n# TYPE mooring_a_total counter\n"
                              "mooring_a_total{kind=\"x\\\"y\\n\"} 0\n"));
  EXPECT_THAT(page, HasSubstr("mooring_g 2.5\n"));
  EXPECT_THAT(page, HasSubstr("mooring_h_seconds_bucket{le=\"0.1\"} 0\n"));
  EXPECT_THAT(page, HasSubstr("mooring_h_seconds_bucket{le=\"1\"} 1\n"));
}

TEST(Metrics, RetainDropsTheSeriesThatAreNotNamed) {
  Metrics metrics;
  metrics.gauge("mooring_g", "G.", {{"p", "a"}}).Set(1);
  metrics.gauge("mooring_g", "G.", {{"p", "b"}}).Set(2);
  metrics.gauge("mooring_other", "O.", {{"p", "b"}}).Set(3);
  metrics.retain_gauges("mooring_g", {{{"p", "a"}}, {{"p", "never"}}});
  metrics.retain_gauges("mooring_unknown", {});
  EXPECT_THAT(metrics.text(), HasSubstr("mooring_g{p=\"a\"} 1\n"));
  EXPECT_THAT(metrics.text(), Not(HasSubstr("mooring_g{p=\"b\"}")));
  EXPECT_THAT(metrics.text(), HasSubstr("mooring_other{p=\"b\"} 3\n"));
  EXPECT_EQ(metrics.gauge("mooring_g", "G.", {{"p", "b"}}).Value(), 0) << "comes back new";
}

TEST(Metrics, OneNameIsOneKind) {
  Metrics metrics;
  metrics.counter("mooring_a_total", "A.");
  EXPECT_THROW(metrics.gauge("mooring_a_total", "A."), std::logic_error);
  EXPECT_THROW(metrics.counter("not a name", "A."), std::logic_error);
  EXPECT_NO_THROW(metrics.counter("mooring_a_total", "A.", {{"x", "1"}}));
}

TEST(Metrics, MayBeUsedFromManyThreads) {
  Metrics metrics;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&metrics] {
      for (int k = 0; k < 200; ++k) {
        metrics.counter("mooring_a_total", "A.", {{"k", std::to_string(k % 10)}}).Increment();
        if (k % 50 == 0) EXPECT_FALSE(metrics.text().empty());
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(metrics.counter("mooring_a_total", "A.", {{"k", "3"}}).Value(), 80);
}

TEST(Metrics, LatencyBucketsGoUpFromOneMillisecondToTenSeconds) {
  EXPECT_EQ(latency_buckets().front(), 0.001);
  EXPECT_EQ(latency_buckets().back(), 10.0);
  EXPECT_TRUE(std::ranges::is_sorted(latency_buckets()));
}

}  // namespace
}  // namespace mooring

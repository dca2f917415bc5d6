// SPDX-License-Identifier: Apache-2.0
#include "core/outbox/consumer_metrics.hpp"

#include <algorithm>

namespace mooring::core {
namespace {

constexpr const char* kLagName = "mooring_event_consumer_lag_seconds";
constexpr const char* kDeadName = "mooring_event_dead_letters";

// The oldest event that readers may not see yet, because a transaction that began before it is under way.
constexpr pg::Statement kHeldBack{"consumer_metrics_held_back", R"(
select created_at from events where xid >= pg_snapshot_xmin(pg_current_snapshot()) order by xid, id limit 1)"};

}  // namespace

ConsumerMetrics::ConsumerMetrics(Metrics& metrics)
    : metrics_(metrics),
      held_back_(metrics.gauge("mooring_events_held_back_seconds",
                               "Age of the oldest event that waits for a transaction under way.")) {}

void ConsumerMetrics::update(pg::Connection& connection, const std::vector<Consumer>& consumers, Time now) {
  const auto lags = consumer_lags(connection, now);
  const auto dead = dead_letter_counts(connection);
  std::vector<Labels> kept, kept_webhooks;
  for (const auto& consumer : consumers) {
    const Labels labels{{"consumer", consumer.name}};
    kept.push_back(labels);
    const auto lag = lags.find(consumer.id);
    metrics_.gauge(kLagName, "Age of the oldest event that a consumer has still to get.", labels)
        .Set(lag == lags.end() ? 0 : lag->second);
    if (consumer.kind != ConsumerKind::webhook) continue;
    kept_webhooks.push_back(labels);
    const auto count = dead.find(consumer.id);
    metrics_.gauge(kDeadName, "Events that a webhook refused for good.", labels)
        .Set(count == dead.end() ? 0 : static_cast<double>(count->second));
  }
  metrics_.retain_gauges(kLagName, kept);
  metrics_.retain_gauges(kDeadName, kept_webhooks);
  const auto oldest = connection.exec(kHeldBack);
  const Duration age =
      oldest.empty() ? Duration{0} : std::max(Duration{0}, Duration(now - oldest[0].get<Time>(0)));
  held_back_.Set(std::chrono::duration<double>(age).count());
}

}  // namespace mooring::core

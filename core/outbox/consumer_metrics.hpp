// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "base/metrics.hpp"
#include "core/outbox/consumers.hpp"

namespace mooring::core {

/// Gauges of the outbox, as the database says them: the same from every process.
class ConsumerMetrics {
 public:
  explicit ConsumerMetrics(Metrics& metrics);
  void update(pg::Connection& connection, const std::vector<Consumer>& consumers, Time now);

 private:
  Metrics& metrics_;
  prometheus::Gauge& held_back_;
};

}  // namespace mooring::core

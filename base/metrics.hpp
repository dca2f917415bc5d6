// SPDX-License-Identifier: Apache-2.0
// The one registry of a process. Metrics are named mooring_*, in base units, and never carry a device label.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>

namespace mooring {

using Labels = std::map<std::string, std::string>;

/// Asking twice for the same name and labels returns the same series. References stay valid for the life of
/// the registry unless removed: keep them instead of looking up on hot paths. Safe from any thread.
/// A name that Prometheus does not allow, or one used for two kinds, is a programming error:
/// std::logic_error.
class Metrics {
 public:
  Metrics();
  ~Metrics();

  prometheus::Counter& counter(const std::string& name, const std::string& help, const Labels& labels = {});
  prometheus::Gauge& gauge(const std::string& name, const std::string& help, const Labels& labels = {});
  prometheus::Histogram& histogram(const std::string& name, const std::string& help,
                                   const std::vector<double>& buckets, const Labels& labels = {});
  /// Drops every series of a gauge family whose labels are not in `keep` (deleted profiles leave the page).
  void retain_gauges(const std::string& name, const std::vector<Labels>& keep);

  /// The page in Prometheus' text format.
  std::string text() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// From 1 ms to 10 s, for requests and transactions.
const std::vector<double>& latency_buckets();

}  // namespace mooring

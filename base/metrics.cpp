// SPDX-License-Identifier: Apache-2.0
#include "base/metrics.hpp"

#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <algorithm>

namespace mooring {
namespace {

/// The families of one kind, by name, with the series handed out so far.
template <class Metric>
struct FamilySet {
  struct Entry {
    prometheus::Family<Metric>* family = nullptr;
    std::map<Labels, Metric*> series;
  };
  std::map<std::string, Entry> entries;

  template <class Builder, class... Args>
  Metric& get(Builder builder, prometheus::Registry& registry, const std::string& name,
              const std::string& help, const Labels& labels, const Args&... args) {
    auto& entry = entries[name];
    if (entry.family == nullptr) {
      try {
        entry.family = &builder().Name(name).Help(help).Register(registry);
      } catch (...) {
        entries.erase(name);
        throw;
      }
    }
    const auto known = entry.series.find(labels);
    if (known != entry.series.end()) return *known->second;
    auto& made = entry.family->Add(labels, args...);
    entry.series.emplace(labels, &made);
    return made;
  }
};

}  // namespace

struct Metrics::Impl {
  mutable std::mutex mutex;
  prometheus::Registry registry;
  FamilySet<prometheus::Counter> counters;
  FamilySet<prometheus::Gauge> gauges;
  FamilySet<prometheus::Histogram> histograms;
};

Metrics::Metrics() : impl_(std::make_unique<Impl>()) {}
Metrics::~Metrics() = default;

prometheus::Counter& Metrics::counter(const std::string& name, const std::string& help,
                                      const Labels& labels) {
  const std::scoped_lock lock(impl_->mutex);
  return impl_->counters.get(&prometheus::BuildCounter, impl_->registry, name, help, labels);
}

prometheus::Gauge& Metrics::gauge(const std::string& name, const std::string& help, const Labels& labels) {
  const std::scoped_lock lock(impl_->mutex);
  return impl_->gauges.get(&prometheus::BuildGauge, impl_->registry, name, help, labels);
}

prometheus::Histogram& Metrics::histogram(const std::string& name, const std::string& help,
                                          const std::vector<double>& buckets, const Labels& labels) {
  const std::scoped_lock lock(impl_->mutex);
  return impl_->histograms.get(&prometheus::BuildHistogram, impl_->registry, name, help, labels, buckets);
}

void Metrics::retain_gauges(const std::string& name, const std::vector<Labels>& keep) {
  const std::scoped_lock lock(impl_->mutex);
  const auto entry = impl_->gauges.entries.find(name);
  if (entry == impl_->gauges.entries.end()) return;
  std::vector<Labels> kept = keep;
  std::ranges::sort(kept);
  std::erase_if(entry->second.series, [&](const auto& series) {
    if (std::ranges::binary_search(kept, series.first)) return false;
    entry->second.family->Remove(series.second);
    return true;
  });
}

std::string Metrics::text() const {
  // The registry and its families have locks of their own: a scrape stops nobody.
  return prometheus::TextSerializer().Serialize(impl_->registry.Collect());
}

const std::vector<double>& latency_buckets() {
  static const std::vector<double> kBuckets{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
                                            0.25,  0.5,    1.0,   2.5,  5.0,   10.0};
  return kBuckets;
}

}  // namespace mooring

// SPDX-License-Identifier: Apache-2.0
#include "base/http/detail/request_metrics.hpp"

#include <algorithm>

namespace mooring::http::detail {
namespace {

constexpr std::array<std::string_view, 8> kMethods{"GET",   "PUT",  "POST",    "DELETE",
                                                   "PATCH", "HEAD", "OPTIONS", "other"};

std::size_t method_index(std::string_view method) {
  const auto known = std::ranges::find(kMethods, method);
  return known == kMethods.end() ? kMethods.size() - 1 : static_cast<std::size_t>(known - kMethods.begin());
}

}  // namespace

RequestMetrics::RequestMetrics(Metrics& metrics, std::string listener,
                               const std::vector<std::pair<std::string, std::string>>& routes)
    : metrics_(metrics),
      listener_(std::move(listener)),
      connections_(
          metrics.gauge("mooring_http_connections", "Open connections.", {{"listener", listener_}})) {
  const auto add = [&](const std::string& label) {
    auto& duration =
        metrics_.histogram("mooring_http_request_duration_seconds",
                           "Time from the last byte of the request header to the written answer.",
                           latency_buckets(), {{"listener", listener_}, {"route", label}});
    routes_.push_back({label, &duration, {}});
  };
  for (const auto& [method, pattern] : routes) {
    add(pattern);
    counter(routes_.size() - 1, method_index(method), 200);
    counter(routes_.size() - 1, method_index(method), 500);
  }
  add("none");
}

void RequestMetrics::add_tls() {
  constexpr std::array<const char*, 3> kOutcomes{"full", "resumed", "failed"};
  for (std::size_t i = 0; i < kOutcomes.size(); ++i) {
    handshakes_[i] = &metrics_.counter("mooring_http_tls_handshakes_total", "TLS handshakes.",
                                       {{"listener", listener_}, {"outcome", kOutcomes[i]}});
  }
}

void RequestMetrics::record(std::size_t route, std::string_view method, int status,
                            std::chrono::steady_clock::duration took) {
  counter(route, method_index(method), status).Increment();
  routes_[route].duration->Observe(std::chrono::duration<double>(took).count());
}

prometheus::Counter& RequestMetrics::counter(std::size_t route, std::size_t method, int status) {
  auto& series = routes_[route].series;
  for (const auto& known : series) {
    if (known.method == method && known.status == status) return *known.counter;
  }
  auto& made = metrics_.counter("mooring_http_requests_total", "Answered requests.",
                                {{"listener", listener_},
                                 {"route", routes_[route].label},
                                 {"method", std::string(kMethods[method])},
                                 {"status", std::to_string(status)}});
  series.push_back({method, status, &made});
  return made;
}

}  // namespace mooring::http::detail

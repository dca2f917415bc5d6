// SPDX-License-Identifier: Apache-2.0
// mooring_http_* of one listener. Series are looked up once and kept: a request costs no string.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/metrics.hpp"

namespace mooring::http::detail {

enum class TlsHandshake : std::uint8_t { full, resumed, failed };

class RequestMetrics {
 public:
  /// `routes`: method and pattern of each; their successes and failures exist from zero on.
  RequestMetrics(Metrics& metrics, std::string listener,
                 const std::vector<std::pair<std::string, std::string>>& routes);
  /// Makes the series of a listener that speaks TLS.
  void add_tls();
  void handshake(TlsHandshake outcome) { handshakes_[static_cast<std::size_t>(outcome)]->Increment(); }

  /// For `route` of requests that reached none.
  std::size_t no_route() const { return routes_.size() - 1; }
  void record(std::size_t route, std::string_view method, int status,
              std::chrono::steady_clock::duration took);
  prometheus::Gauge& connections() { return connections_; }

 private:
  struct Series {
    std::size_t method;  ///< Index into kMethods: whatever a client invents is "other".
    int status;
    prometheus::Counter* counter;
  };
  struct PerRoute {
    std::string label;
    prometheus::Histogram* duration;
    std::vector<Series> series;  ///< A handful: searched from the front.
  };
  prometheus::Counter& counter(std::size_t route, std::size_t method, int status);

  Metrics& metrics_;
  std::string listener_;
  std::vector<PerRoute> routes_;
  prometheus::Gauge& connections_;
  std::array<prometheus::Counter*, 3> handshakes_{};
};

}  // namespace mooring::http::detail

// SPDX-License-Identifier: Apache-2.0
#include "core/push_metrics.hpp"

#include <array>

namespace mooring::core {
namespace {

constexpr std::array kConnectionTroubles{
    std::pair<std::string_view, std::string_view>{"http2.certificate_refused", "CertificateRefused"},
    std::pair<std::string_view, std::string_view>{"http2.connect", "Connect"},
    std::pair<std::string_view, std::string_view>{"http2.connection_lost", "ConnectionLost"},
    std::pair<std::string_view, std::string_view>{"http2.server_untrusted", "ServerUntrusted"},
    std::pair<std::string_view, std::string_view>{"http2.timeout", "Timeout"},
    std::pair<std::string_view, std::string_view>{"http2.tls", "Tls"},
};
constexpr std::string_view kOtherTrouble = "Other";

}  // namespace

PushMetrics::PushMetrics(Metrics& metrics)
    : metrics_(metrics),
      waiting_(metrics.gauge("mooring_push_waiting", "Pushes that wait in this process.")),
      connections_(
          metrics.counter("mooring_push_connections_total", "Connections made to the push service.")) {
  create("success", "");
  for (const char* result : {"no_certificate", "unpushable", "dropped"}) create(result, "");
  for (const auto& known : known_push_reasons()) create(name_of(known.verdict), known.reason);
  for (const auto verdict : {PushVerdict::token_dead, PushVerdict::device_waits, PushVerdict::service_waits,
                             PushVerdict::refused, PushVerdict::mistake}) {
    create(name_of(verdict), kOtherTrouble);
  }
  // What is dead by its reason may turn out to be an older token.
  for (const char* reason : {"Unregistered", "ExpiredToken"})
    create(name_of(PushVerdict::device_waits), reason);
  for (const auto& [code, reason] : kConnectionTroubles) create("unreachable", reason);
  create("unreachable", kOtherTrouble);
}

void PushMetrics::create(std::string_view result, std::string_view reason) {
  auto& counter = metrics_.counter("mooring_pushes_total", "Pushes by what became of them.",
                                   {{"result", std::string(result)}, {"reason", std::string(reason)}});
  counters_[{std::string(result), std::string(reason)}] = &counter;
}

void PushMetrics::count(std::string_view result, std::string_view reason, std::size_t pushes) {
  if (pushes == 0) return;
  const auto found = counters_.find({std::string(result), std::string(reason)});
  if (found != counters_.end()) found->second->Increment(static_cast<double>(pushes));
}

void PushMetrics::unreachable(std::string_view code) {
  for (const auto& [known, reason] : kConnectionTroubles) {
    if (known == code) return count("unreachable", reason);
  }
  count("unreachable", kOtherTrouble);
}

}  // namespace mooring::core

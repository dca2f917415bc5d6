// SPDX-License-Identifier: Apache-2.0
// The certificates that the listeners show: from files, read again when they change; or, for the device
// listener without files, one that the device authority issues and renews by itself.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/http/tls.hpp"
#include "base/log.hpp"
#include "base/metrics.hpp"
#include "base/options.hpp"
#include "core/scep/certificate_authority.hpp"

namespace mooring::app {

class ListenerTls {
 public:
  /// Where a certificate comes from that no file of the operator holds. Asked whether the present one still
  /// serves (a new one, or nothing).
  using Issuer = std::function<Result<std::optional<http::TlsIdentity>>(bool first)>;

  static Result<std::unique_ptr<ListenerTls>> from_files(std::string listener, http::TlsFiles files,
                                                         bool ask_for_client_certificate, Logger& log,
                                                         Metrics& metrics);
  static Result<std::unique_ptr<ListenerTls>> issued(std::string listener, Issuer issuer,
                                                     bool ask_for_client_certificate, Logger& log,
                                                     Metrics& metrics);

  const std::shared_ptr<http::TlsContext>& context() const { return context_; }
  /// Takes a new certificate where there is one. A broken one is logged, and the present one stays.
  /// `anyway`: files are read also where they look as before.
  void look(bool anyway);

 private:
  ListenerTls(std::string listener, Logger& log, Metrics& metrics);
  Result<> begin(const Result<http::TlsIdentity>& identity, bool ask_for_client_certificate);
  bool is_due();
  void show() const;

  std::string listener_;
  Logger& log_;
  prometheus::Gauge& expiry_;
  std::optional<http::TlsFiles> files_;
  Issuer issuer_;
  std::chrono::steady_clock::time_point next_question_;
  std::shared_ptr<http::TlsContext> context_;
};

/// Null where the options say off. `authority` must outlive it.
Result<std::unique_ptr<ListenerTls>> open_device_tls(const Options& options,
                                                     const core::CertificateAuthority& authority,
                                                     const Clock& clock, Logger& log, Metrics& metrics);
/// Null where the options name no certificate.
Result<std::unique_ptr<ListenerTls>> open_api_tls(const Options& options, Logger& log, Metrics& metrics);

/// Names under which devices may reach the listener: of --device-url, of --device-listen, and this machine's.
std::vector<std::string> device_names(const Options& options);
/// Errors: options.device_url.
Result<> check_device_url(const std::string& url);

}  // namespace mooring::app

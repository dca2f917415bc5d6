// SPDX-License-Identifier: Apache-2.0
// A server certificate of the device authority, kept in a file so that a restart shows the same one.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/http/tls.hpp"
#include "core/scep/certificate_authority.hpp"

namespace mooring::app {

class IssuedCertificate {
 public:
  /// `file`: PEM of chain and key, mode 0600. `authority` and `clock` must outlive it.
  IssuedCertificate(std::filesystem::path file, std::vector<std::string> names,
                    const core::CertificateAuthority& authority, const Clock& clock)
      : file_(std::move(file)), names_(std::move(names)), authority_(&authority), clock_(&clock) {}

  /// `first`: what the file holds where that still serves, otherwise a new one. Later: a new one where the
  /// present one comes to its end, otherwise nothing. Errors: tls.file and those of the authority.
  Result<std::optional<http::TlsIdentity>> look(bool first) const;

 private:
  /// Of this authority, for these names, and with time left; otherwise nothing.
  std::optional<http::TlsIdentity> kept() const;
  std::string names_line() const;
  Result<> keep(const http::TlsIdentity& identity) const;

  std::filesystem::path file_;
  std::vector<std::string> names_;
  const core::CertificateAuthority* authority_;
  const Clock* clock_;
};

}  // namespace mooring::app

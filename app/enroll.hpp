// SPDX-License-Identifier: Apache-2.0
// Enrollment's part of the composition root: what the options say of it, whom devices must trust, who signs
// profiles.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/crypto/secret_box.hpp"
#include "base/options.hpp"
#include "core/enroll/endpoint.hpp"
#include "core/scep/certificate_authority.hpp"

namespace mooring::app {

/// What devices must trust, and who signs: both follow the certificate of the device listener. Thread-safe.
class EnrollTrust {
 public:
  /// `tls_certificate`, `tls_key`: files of the listener; empty: its certificate is the authority's. Errors:
  /// certificate.issue, crypto.*.
  static Result<std::unique_ptr<EnrollTrust>> make(std::string tls_certificate, std::string tls_key,
                                                   const core::CertificateAuthority& authority,
                                                   const Clock& clock);

  /// The device authority, and what is above a listener's certificate that is not publicly known.
  std::vector<crypto::Certificate> trust();
  /// The listener's certificate where it comes from files, since devices trust that; otherwise one that the
  /// authority issued for signing profiles.
  std::shared_ptr<const crypto::Signer> signer();

 private:
  EnrollTrust(std::string tls_certificate, std::string tls_key, const core::CertificateAuthority& authority,
              const Clock& clock);
  Result<> read(Time now);
  Result<> issue(Time now);
  void look();

  std::string tls_certificate_;
  std::string tls_key_;
  const core::CertificateAuthority& authority_;
  const Clock& clock_;
  std::mutex mutex_;
  http::TlsFiles files_;
  std::vector<crypto::Certificate> trust_;
  std::shared_ptr<const crypto::Signer> signer_;
};

/// What can fail before the server listens.
struct EnrollmentSetup {
  std::unique_ptr<EnrollTrust> trust;
  core::enroll::CredentialOptions credentials;
  std::vector<std::string> ota_roots;
  std::chrono::seconds challenge_lifetime{};
};
/// Errors: options.file, options.ldap, options.ota_device_ca, and those of EnrollTrust::make.
Result<EnrollmentSetup> prepare_enrollment(const Options& options, const crypto::SecretBox::Key& key,
                                           const core::CertificateAuthority& authority, const Clock& clock);

struct EnrollmentDependencies {
  pg::Pool& pool;
  crypto::CryptoPool& crypto;
  const crypto::SecretBox& secrets;
  const Clock& clock;
  Logger& log;
  Metrics& metrics;
  std::function<std::string()> device_url;  ///< What devices are told; known once the listener is up.
};

/// The parts of enrollment, wired.
class Enrollment {
 public:
  Enrollment(EnrollmentSetup setup, const EnrollmentDependencies& dependencies);
  const core::enroll::Profiles& profiles() const { return profiles_; }
  /// Who signs profiles.
  std::shared_ptr<const crypto::Signer> signer() const { return trust_->signer(); }
  std::vector<http::Route> routes() { return endpoint_.routes(); }

 private:
  std::unique_ptr<EnrollTrust> trust_;
  core::enroll::Profiles profiles_;
  core::enroll::Credentials credentials_;
  core::enroll::EnrollEndpoint endpoint_;
};

}  // namespace mooring::app

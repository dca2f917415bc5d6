// SPDX-License-Identifier: Apache-2.0
#include "app/enroll.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/encoding.hpp"
#include "core/push_certificates.hpp"

namespace mooring::app {
namespace {

constexpr const char* kSystemRoots = "/etc/ssl/certs/ca-certificates.crt";
constexpr std::chrono::hours kSigningLifetime{24 * 365};
constexpr std::chrono::hours kBackdated{24};

Result<std::string> read_file(const char* option, const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  std::ostringstream text;
  text << stream.rdbuf();
  if (!stream) {
    return fail(Failure::invalid, "options.file", fmt::format("--{}: cannot read {}", option, path));
  }
  return text.str();
}

/// Whether devices may know the chain's root without being told: the system's roots stand for Apple's.
bool is_public(const std::vector<crypto::Certificate>& chain, Time now) {
  const auto pem = read_file("", kSystemRoots);
  const auto roots = pem ? crypto::Certificate::parse_all(*pem) : std::unexpected(pem.error());
  if (!roots) return false;
  std::vector<std::string> anchors;
  std::vector<std::string> between;
  for (const auto& root : *roots) anchors.push_back(root.der);
  for (const auto& certificate : chain) between.push_back(certificate.der);
  return crypto::check_chain(
             chain.front().der,
             {.roots = anchors, .intermediates = between, .purpose = crypto::Purpose::server_auth, .at = now})
      .has_value();
}

Result<core::enroll::CredentialOptions> credential_options(const Options& options,
                                                           const crypto::SecretBox::Key& key) {
  core::enroll::CredentialOptions made{.password_file = options.text("enroll-password-file"),
                                       .realm = options.text("enroll-realm")};
  const auto secret = crypto::sha256("digest nonces of enrollment" +
                                     std::string(reinterpret_cast<const char*>(key.data()), key.size()));
  made.nonce_key = crypto::bytes_of(secret);
  if (options.text("enroll-ldap-url").empty()) return made;
  core::enroll::DirectoryOptions directory{.url = options.text("enroll-ldap-url"),
                                           .start_tls = options.boolean("enroll-ldap-start-tls"),
                                           .trust_file = options.text("enroll-ldap-trust-file"),
                                           .bind_dn = options.text("enroll-ldap-bind-dn"),
                                           .search_base = options.text("enroll-ldap-search-base"),
                                           .search_filter = options.text("enroll-ldap-filter"),
                                           .service_dn = options.text("enroll-ldap-service-dn"),
                                           .timeout = options.duration("enroll-ldap-timeout")};
  if (auto good = core::enroll::check_options(directory); !good) return std::unexpected(good.error());
  if (const auto& file = options.text("enroll-ldap-service-password-file"); !file.empty()) {
    const auto text = read_file("enroll-ldap-service-password-file", file);
    if (!text) return std::unexpected(text.error());
    directory.service_password = text->substr(0, text->find_first_of("\r\n"));
  }
  made.directory = std::move(directory);
  return made;
}

/// Of --ota-device-ca.
Result<std::vector<std::string>> ota_roots(const Options& options) {
  std::vector<std::string> roots;
  const auto& file = options.text("ota-device-ca");
  if (file.empty()) return roots;
  const auto pem = read_file("ota-device-ca", file);
  if (!pem) return std::unexpected(pem.error());
  const auto certificates = crypto::Certificate::parse_all(*pem);
  if (!certificates) {
    return fail(Failure::invalid, "options.ota_device_ca",
                "--ota-device-ca: " + certificates.error().message);
  }
  for (const auto& certificate : *certificates) roots.push_back(certificate.der);
  return roots;
}

/// Topic of the push certificate that was uploaded last and is not refused; empty where there is none.
std::string default_topic(pg::Connection& db) {
  const core::PushCertificate* best = nullptr;
  const auto all = core::list_push_certificates(db);
  for (const auto& certificate : all) {
    const auto rank = [](const core::PushCertificate& c) {
      return std::pair(c.failure.empty(), c.uploaded_at);
    };
    if (best == nullptr || rank(*best) < rank(certificate)) best = &certificate;
  }
  return best == nullptr ? std::string() : best->topic;
}

}  // namespace

EnrollTrust::EnrollTrust(std::string tls_certificate, std::string tls_key,
                         const core::CertificateAuthority& authority, const Clock& clock)
    : tls_certificate_(std::move(tls_certificate)),
      tls_key_(std::move(tls_key)),
      authority_(authority),
      clock_(clock),
      files_(tls_certificate_, tls_key_) {}

Result<std::unique_ptr<EnrollTrust>> EnrollTrust::make(std::string tls_certificate, std::string tls_key,
                                                       const core::CertificateAuthority& authority,
                                                       const Clock& clock) {
  std::unique_ptr<EnrollTrust> made(
      new EnrollTrust(std::move(tls_certificate), std::move(tls_key), authority, clock));
  auto ready = made->tls_certificate_.empty() ? made->issue(clock.now()) : made->read(clock.now());
  if (!ready) return std::unexpected(ready.error());
  return made;
}

Result<> EnrollTrust::issue(Time now) {
  const auto key = crypto::PrivateKey::generate(crypto::KeyType::rsa_2048);
  auto certificate = authority_.issue({.subject = {{"O", "Mooring"}, {"CN", "Mooring enrollment profiles"}},
                                       .public_key = key.public_key(),
                                       .not_before = now - kBackdated,
                                       .not_after = now + kSigningLifetime});
  if (!certificate) return std::unexpected(certificate.error());
  std::vector<crypto::Certificate> chain{authority_.certificate()};
  chain.insert(chain.end(), authority_.chain().begin(), authority_.chain().end());
  trust_ = chain;
  signer_ = std::make_shared<const crypto::Signer>(
      crypto::Signer{.certificate = std::move(*certificate), .key = key, .chain = std::move(chain)});
  return {};
}

Result<> EnrollTrust::read(Time now) {
  auto identity = files_.read();
  if (!identity) return std::unexpected(identity.error());
  auto chain = crypto::Certificate::parse_all(identity->certificate_chain);
  if (!chain) return std::unexpected(chain.error());
  auto key = crypto::PrivateKey::parse(identity->private_key);
  if (!key) return std::unexpected(key.error());
  trust_ = {authority_.certificate()};
  trust_.insert(trust_.end(), authority_.chain().begin(), authority_.chain().end());
  if (!is_public(*chain, now)) {
    // The leaf itself only where it stands alone: it is renewed, and devices would not know the next one.
    trust_.insert(trust_.end(), chain->begin() + (chain->size() > 1 ? 1 : 0), chain->end());
  }
  auto leaf = chain->front();
  chain->erase(chain->begin());
  signer_ = std::make_shared<const crypto::Signer>(
      crypto::Signer{.certificate = std::move(leaf), .key = *key, .chain = std::move(*chain)});
  return {};
}

/// Renewed files count at the next profile; broken ones leave things as they are, as on the listener.
void EnrollTrust::look() {
  const auto now = clock_.now();
  if (!tls_certificate_.empty()) {
    if (files_.changed()) std::ignore = read(now);
  } else if (signer_->certificate.not_after - now < kSigningLifetime / 4) {
    std::ignore = issue(now);
  }
}

std::vector<crypto::Certificate> EnrollTrust::trust() {
  const std::lock_guard lock(mutex_);
  look();
  return trust_;
}

std::shared_ptr<const crypto::Signer> EnrollTrust::signer() {
  const std::lock_guard lock(mutex_);
  return signer_;
}

Result<EnrollmentSetup> prepare_enrollment(const Options& options, const crypto::SecretBox::Key& key,
                                           const core::CertificateAuthority& authority, const Clock& clock) {
  auto credentials = credential_options(options, key);
  if (!credentials) return std::unexpected(credentials.error());
  auto roots = ota_roots(options);
  if (!roots) return std::unexpected(roots.error());
  const bool plain = options.text("device-tls") == "off";
  auto trust = EnrollTrust::make(plain ? "" : options.text("device-tls-cert"),
                                 plain ? "" : options.text("device-tls-key"), authority, clock);
  if (!trust) return std::unexpected(trust.error());
  return EnrollmentSetup{.trust = std::move(*trust),
                         .credentials = std::move(*credentials),
                         .ota_roots = std::move(*roots),
                         .challenge_lifetime = std::chrono::duration_cast<std::chrono::seconds>(
                             options.duration("enroll-challenge-lifetime"))};
}

Enrollment::Enrollment(EnrollmentSetup setup, const EnrollmentDependencies& d)
    : trust_(std::move(setup.trust)),
      profiles_(
          d.secrets,
          [this, url = d.device_url](pg::Connection& db) -> Result<core::enroll::Surroundings> {
            return core::enroll::Surroundings{
                .device_url = url(), .topic = default_topic(db), .trust = trust_->trust()};
          },
          setup.challenge_lifetime),
      credentials_(std::move(setup.credentials), d.pool, d.clock, d.log),
      endpoint_({.pool = d.pool,
                 .crypto = d.crypto,
                 .profiles = profiles_,
                 .credentials = credentials_,
                 .clock = d.clock,
                 .log = d.log,
                 .metrics = d.metrics,
                 .device_url = d.device_url,
                 .signer = [this] { return trust_->signer(); },
                 .ota_roots = std::move(setup.ota_roots)}) {}

}  // namespace mooring::app

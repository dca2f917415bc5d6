// SPDX-License-Identifier: Apache-2.0
#include "app/scep.hpp"

#include <chrono>

namespace mooring::app {
namespace {

crypto::KeyType authority_key(const std::string& name) {
  if (name == "rsa-3072") return crypto::KeyType::rsa_3072;
  if (name == "rsa-4096") return crypto::KeyType::rsa_4096;
  if (name == "ec-p256") return crypto::KeyType::ec_p256;
  return crypto::KeyType::rsa_2048;
}

void show_expiry(Metrics& metrics, const char* which, const crypto::Certificate& certificate) {
  metrics
      .gauge("mooring_certificate_expiry_timestamp_seconds", "When a certificate of this server expires.",
             {{"certificate", which}})
      .Set(static_cast<double>(certificate.not_after.time_since_epoch() / std::chrono::seconds(1)));
}

}  // namespace

Result<core::CertificateAuthority> open_authority(const std::string& conninfo, const Options& options,
                                                  const crypto::SecretBox& secrets, const Clock& clock,
                                                  Logger& log, Metrics& metrics) {
  try {
    pg::Connection connection({.conninfo = conninfo, .application_name = "mooring setup"});
    auto authority =
        core::CertificateAuthority::open(connection,
                                         {.key = authority_key(options.text("scep-ca-key")),
                                          .certificate_file = options.text("scep-ca-cert"),
                                          .key_file = options.text("scep-ca-key-file"),
                                          .key_password_file = options.text("scep-ca-key-password-file")},
                                         secrets, clock.now());
    if (!authority) return authority;
    log.info("device authority", {{"subject", authority->certificate().subject},
                                  {"sha256", authority->fingerprint()},
                                  {"not_after", to_rfc3339(authority->certificate().not_after)}});
    show_expiry(metrics, "device_ca", authority->certificate());
    if (!(authority->registrar().certificate == authority->certificate())) {
      show_expiry(metrics, "scep_ra", authority->registrar().certificate);
    }
    return authority;
  } catch (const pg::SqlError& error) {
    return std::unexpected(pg::to_error(error));
  }
}

core::ScepOptions scep_options(const Options& options) {
  using std::chrono::duration_cast;
  using std::chrono::seconds;
  return {.static_challenge = options.text("scep-challenge"),
          .validity = duration_cast<seconds>(options.duration("scep-validity")),
          .renewal_grace = duration_cast<seconds>(options.duration("scep-renewal-grace"))};
}

Result<std::unique_ptr<core::scep::LegacyCiphers>> load_legacy_ciphers(const Options& options, Logger& log) {
  if (!options.boolean("scep-legacy-algorithms")) return nullptr;
  log.warning(
      "scep-legacy-algorithms is on: challenges that old clients send can be read by whoever records the "
      "messages and breaks single DES");
  return core::scep::LegacyCiphers::load();
}

}  // namespace mooring::app

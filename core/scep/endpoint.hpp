// SPDX-License-Identifier: Apache-2.0
// SCEP over HTTP (RFC 8894 section 4) at /scep, and the CRL at /scep/crl.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/crypto/crypto_pool.hpp"
#include "base/http/server.hpp"
#include "base/log.hpp"
#include "base/metrics.hpp"
#include "base/postgres/pool.hpp"
#include "core/scep/certificate_authority.hpp"
#include "core/scep/store.hpp"

namespace mooring::core {

struct ScepOptions {
  std::string static_challenge = {};  ///< Good for any device at any time; empty: none is.
  std::chrono::seconds validity{std::chrono::hours(24 * 365)};
  std::chrono::seconds renewal_grace{0};  ///< After the end of a certificate that may still renew itself.
};

class ScepEndpoint {
 public:
  /// `legacy`: allows DES, 3DES, SHA-1 and RSA keys below 2048 bits; null: not allowed. References must
  /// outlive it.
  ScepEndpoint(ScepOptions options, const CertificateAuthority& authority,
               std::unique_ptr<scep::LegacyCiphers> legacy, const pg::ConnectOptions& connect, pg::Pool& pool,
               crypto::CryptoPool& crypto, const Clock& clock, Logger& log, Metrics& metrics);

  std::vector<http::Route> routes();

 private:
  using Message = std::shared_ptr<const scep::Message>;
  /// What a message becomes: a CertRep and how the metrics call it.
  struct Answer {
    std::string result;
    std::string body;
  };

  Task<http::Response> serve(http::Request request);
  http::Response capabilities() const;
  http::Response certificates() const;
  Task<http::Response> pki_operation(std::string body, std::string request_id);
  Task<http::Response> crl(http::Request request);

  Task<Result<Answer>> answer(Message message);
  Task<Result<Answer>> enroll(Message message);
  Task<Result<Answer>> grant(Message message, std::shared_ptr<const scep::Known> known, scep::Grant granted);
  Task<Result<Answer>> find(Message message);
  Task<Result<Answer>> succeed(Message message, scep::Issued issued);
  Task<Result<Answer>> refuse(Message message, scep::Refusal refusal);

  struct Ready;
  Result<Ready> make(const scep::Message& message, const scep::Known& known,
                     const scep::Grant& granted) const;
  scep::Party party() const { return {.registrar = authority_.registrar(), .legacy = legacy_.get()}; }
  void count(std::string_view operation, std::string_view result);
  http::Response bad_request(const Error& error, std::string_view operation, std::string_view request_id);

  ScepOptions options_;
  const CertificateAuthority& authority_;
  std::unique_ptr<scep::LegacyCiphers> legacy_;
  pg::Pool& pool_;
  crypto::CryptoPool& crypto_;
  const Clock& clock_;
  Logger& log_;
  Metrics& metrics_;
  scep::Store store_;
  std::string capabilities_;
  http::Response published_;
};

}  // namespace mooring::core

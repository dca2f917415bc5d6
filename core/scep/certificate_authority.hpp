// SPDX-License-Identifier: Apache-2.0
// The authority that devices get their identity from: made at the first start, or imported. All servers of a
// database share it; its key is sealed there with the master key.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/crypto/cms.hpp"
#include "base/crypto/secret_box.hpp"
#include "base/crypto/x509.hpp"
#include "base/http/tls.hpp"
#include "base/postgres/connection.hpp"
#include "base/result.hpp"

namespace mooring::core {

struct AuthorityOptions {
  crypto::KeyType key = crypto::KeyType::rsa_2048;  ///< Of an authority that is made here.
  // Of one that is imported; all empty: none is.
  std::filesystem::path certificate_file = {};  ///< PEM: the authority, then what is above it; or one DER.
  std::filesystem::path key_file = {};
  std::filesystem::path key_password_file = {};  ///< Its first line; empty: the key is not encrypted.
};

/// Immutable; may be used from any thread.
class CertificateAuthority {
 public:
  /// Loads the authority of the database, or makes it; servers that start together agree on one. An imported
  /// one takes the place of another: certificates of the former are still trusted. Errors: ca.file,
  /// ca.mismatch, ca.not_authority, ca.expired, ca.chain, key.*, certificate.*, secret.damaged.
  static Result<CertificateAuthority> open(pg::Connection& connection, const AuthorityOptions& options,
                                           const crypto::SecretBox& secrets, Time now);

  const crypto::Certificate& certificate() const { return authority_.certificate; }
  /// What is above certificate(), nearest first; empty for a self-signed one.
  const std::vector<crypto::Certificate>& chain() const { return authority_.chain; }
  /// Who issued the identities of this server's devices, now and before: certificate(), then former ones.
  const std::vector<crypto::Certificate>& trusted() const { return trusted_; }
  /// Speaks SCEP: messages are encrypted to its key (RSA) and answers signed by it. The authority itself
  /// where its key is RSA, otherwise a certificate of its own (RFC 8894 section 2.1.2).
  const crypto::Signer& registrar() const { return registrar_; }
  /// What GetCACert answers: the registrar where it is another, the authority, and its chain.
  std::vector<crypto::Certificate> published() const;
  std::string fingerprint() const { return certificate().hash(); }  ///< SHA-256, lower-case hex.

  /// Signs `content` with the authority's key. Costs a private key operation: run it on a crypto thread.
  Result<crypto::Certificate> issue(const crypto::NewCertificate& content) const;
  /// For a listener without a certificate of its own: P-256, 398 days, with the chain up to the authority.
  Result<http::TlsIdentity> issue_server_certificate(const std::vector<std::string>& names, Time now) const;

  /// DER. Made anew after a revocation and twice a day, with a number that grows; kept in the database, so
  /// that all servers answer the same. In a transaction of its own.
  Result<std::string> crl(pg::Connection& connection, Time now) const;

 private:
  CertificateAuthority(crypto::Signer authority, crypto::Signer registrar,
                       std::vector<crypto::Certificate> trusted)
      : authority_(std::move(authority)), registrar_(std::move(registrar)), trusted_(std::move(trusted)) {}

  crypto::Signer authority_;
  crypto::Signer registrar_;
  std::vector<crypto::Certificate> trusted_;
};

}  // namespace mooring::core

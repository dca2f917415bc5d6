// SPDX-License-Identifier: Apache-2.0
// Who sent a message: a certificate, proven and believed, that speaks for the enrollment which the message
// names.
#pragma once

#include <array>
#include <map>
#include <string>

#include "base/async.hpp"
#include "base/http/message.hpp"
#include "base/log.hpp"
#include "base/metrics.hpp"
#include "core/identity/associations.hpp"
#include "core/identity/sender.hpp"
#include "core/identity/trust.hpp"

namespace mooring::core {

struct IdentityOptions {
  TrustOptions trust = {};
  SenderOptions sender = {};
  AssociationOptions association = {};
};

/// What identity knows of an admitted message.
struct ProvenSender {
  std::string certificate_hash;  ///< Lower-case hex.
  Admission admission;
};

class Identity {
 public:
  Identity(IdentityOptions options, const pg::ConnectOptions& connect, crypto::CryptoPool& crypto,
           const Clock& clock, Logger& log, Metrics& metrics);

  /// `request` must live until the task ends. Refusals are logged here, with their reason; each is
  /// Failure::invalid. Errors: those of Senders and of judge(); Failure::busy and others where a part of ours
  /// does not answer.
  Task<Result<ProvenSender>> check(const http::Request* request, Claim claim);
  /// Only by the certificate: the device channel that it speaks for.
  Task<Result<std::string>> enrollment_of(const http::Request* request);
  /// After revoke_identities, so that this server notices at once.
  void forget(const std::string& certificate_hash);
  void forget(std::span<const std::string> hashes);  ///< As bytes.
  /// Headers that are for Mooring alone.
  bool is_own_header(std::string_view name) const;

 private:
  void count(IdentitySource source, const std::string& result);
  void refuse(IdentitySource source, const http::Request& request, std::string_view enrollment,
              const std::string& hash, const Error& error);

  std::string header_;
  Senders senders_;
  Associations associations_;
  Logger& log_;
  std::map<std::pair<IdentitySource, std::string>, prometheus::Counter*> checks_;
};

}  // namespace mooring::core

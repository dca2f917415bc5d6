// SPDX-License-Identifier: Apache-2.0
// From a request to the certificate whose holder sent it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/async.hpp"
#include "base/clock.hpp"
#include "base/crypto/crypto_pool.hpp"
#include "base/http/message.hpp"
#include "base/result.hpp"
#include "core/identity/trust.hpp"
#include "core/identity/trusted_proxies.hpp"

namespace mooring::core {

enum class IdentitySource : std::uint8_t { none, signature, header, tls };
std::string_view name_of(IdentitySource source);

struct SenderOptions {
  std::string header;  ///< Of trusted proxies, by name; empty: none is looked at.
  TrustedProxies proxies;
};

/// The first of these that a request has decides; where it is bad, the next is not asked:
///  1. Mdm-Signature: base64 of a detached CMS signature over the exact body (white space tolerated).
///  2. The configured header, from a trusted proxy: a proxy's own TLS certificate is not the device's. From
///     anybody else the header counts as absent.
///  3. The client certificate of the TLS connection.
IdentitySource source_of(const http::Request& request, const SenderOptions& options);

class Senders {
 public:
  Senders(SenderOptions options, std::shared_ptr<Trust> trust, crypto::CryptoPool& pool, const Clock& clock)
      : options_(std::move(options)), trust_(std::move(trust)), pool_(pool), clock_(clock) {}

  IdentitySource source_of(const http::Request& request) const { return core::source_of(request, options_); }
  /// `request` must live until the task ends. Errors: identity.missing, identity.signature, identity.header,
  /// cms.*, certificate.*, crypto.busy.
  Task<Result<TrustedCertificate>> certificate_of(const http::Request* request);

 private:
  SenderOptions options_;
  std::shared_ptr<Trust> trust_;  ///< Shared with jobs that outlive this.
  crypto::CryptoPool& pool_;
  const Clock& clock_;
};

}  // namespace mooring::core

// SPDX-License-Identifier: Apache-2.0
// What TlsContext and the client hold of OpenSSL: for sources that include it anyway.
#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <mutex>

#include "base/http/tls.hpp"

namespace mooring::http {

using SslContext = std::shared_ptr<SSL_CTX>;

struct TlsContext::Impl {
  bool asks_for_certificate = false;
  mutable std::mutex mutex;  ///< Guards what follows; held for a copy only.
  SslContext context;
  Time not_after;

  SslContext current() const {
    const std::scoped_lock lock(mutex);
    return context;
  }
};

namespace detail {

/// Certificate chain and key into `context`; until when the certificate is good. Errors: tls.certificate,
/// tls.private_key, tls.mismatch.
Result<Time> use_identity(SSL_CTX* context, const TlsIdentity& identity);
/// The only trust of `context`: PEM certificates, which need not be roots. Errors: tls.trust.
Result<> trust_these(SSL_CTX* context, const std::string& pem);
/// For connections of a client. Errors: tls.certificate, tls.private_key, tls.mismatch, tls.trust.
Result<SslContext> make_client_context(const ClientTls& tls);

}  // namespace detail
}  // namespace mooring::http

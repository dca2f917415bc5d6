// SPDX-License-Identifier: Apache-2.0
// TLS contexts that speak HTTP/2 by ALPN.
#pragma once

#include <string>

#include "base/http/tls.hpp"
#include "base/http2/detail/transport.hpp"

namespace mooring::http2::detail {

/// Errors: tls.certificate, tls.private_key, tls.mismatch, tls.trust.
Result<SslContext> client_context(const http::ClientTls& options);
/// `client_trust`: PEM of the roots that client certificates must lead to; a client without one is refused.
Result<SslContext> server_context(const http::TlsIdentity& identity, const std::string& client_trust);

}  // namespace mooring::http2::detail

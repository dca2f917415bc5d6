// SPDX-License-Identifier: Apache-2.0
#include "base/http2/detail/tls.hpp"

#include <openssl/ssl.h>

#include <array>

#include "base/http/detail/tls_context.hpp"

namespace mooring::http2::detail {
namespace {

constexpr std::array<unsigned char, 3> kAlpn{2, 'h', '2'};

Result<SslContext> base_context(const SSL_METHOD* method) {
  SslContext context(SSL_CTX_new(method), &SSL_CTX_free);
  if (!context) return fail(Failure::internal, "tls.openssl", "OpenSSL cannot make a TLS context");
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS);
  return context;
}

int choose_h2(SSL*, const unsigned char** out, unsigned char* length, const unsigned char* offered,
              unsigned int offered_length, void*) {
  unsigned char* chosen = nullptr;
  if (SSL_select_next_proto(&chosen, length, kAlpn.data(), kAlpn.size(), offered, offered_length) !=
      OPENSSL_NPN_NEGOTIATED) {
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  }
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

}  // namespace

Result<SslContext> client_context(const http::ClientTls& options) {
  auto context = base_context(TLS_client_method());
  if (!context) return context;
  SSL_CTX_set_alpn_protos(context->get(), kAlpn.data(), kAlpn.size());
  SSL_CTX_set_verify(context->get(), options.verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nullptr);
  if (options.trust.empty()) {
    SSL_CTX_set_default_verify_paths(context->get());
  } else if (auto trusted = http::detail::trust_these(context->get(), options.trust); !trusted) {
    return std::unexpected(trusted.error());
  }
  if (!options.identity.certificate_chain.empty()) {
    if (auto used = http::detail::use_identity(context->get(), options.identity); !used)
      return std::unexpected(used.error());
  }
  return context;
}

Result<SslContext> server_context(const http::TlsIdentity& identity, const std::string& client_trust) {
  auto context = base_context(TLS_server_method());
  if (!context) return context;
  SSL_CTX_set_alpn_select_cb(context->get(), choose_h2, nullptr);
  if (auto used = http::detail::use_identity(context->get(), identity); !used)
    return std::unexpected(used.error());
  if (client_trust.empty()) return context;
  if (auto trusted = http::detail::trust_these(context->get(), client_trust); !trusted)
    return std::unexpected(trusted.error());
  SSL_CTX_set_verify(context->get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  // Sessions would have to name the context they belong to; connections are few and long.
  SSL_CTX_set_session_cache_mode(context->get(), SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(context->get(), 0);
  return context;
}

}  // namespace mooring::http2::detail

// SPDX-License-Identifier: Apache-2.0
#include "base/http2/detail/tls.hpp"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include <array>

namespace mooring::http2::detail {
namespace {

constexpr std::array<unsigned char, 3> kAlpn{2, 'h', '2'};

using Bio = std::unique_ptr<BIO, decltype(&BIO_free)>;
using X509Ptr = std::unique_ptr<X509, decltype(&X509_free)>;
using KeyPtr = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;

std::unexpected<Error> bad_options(std::string what) {
  ERR_clear_error();
  return fail(Failure::invalid, "http2.tls_options", std::move(what));
}

Bio bio_of(const std::string& text) {
  return {BIO_new_mem_buf(text.data(), static_cast<int>(text.size())), &BIO_free};
}

X509Ptr next_certificate(BIO* bio) { return {PEM_read_bio_X509(bio, nullptr, nullptr, nullptr), &X509_free}; }

Result<SslContext> base_context(const SSL_METHOD* method) {
  SslContext context(SSL_CTX_new(method), &SSL_CTX_free);
  if (!context) return bad_options("OpenSSL cannot make a TLS context");
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS);
  return context;
}

Result<> use_identity(SSL_CTX* context, const http::TlsIdentity& identity) {
  const auto chain = bio_of(identity.certificate_chain);
  const auto leaf = next_certificate(chain.get());
  if (!leaf || SSL_CTX_use_certificate(context, leaf.get()) != 1) {
    return bad_options("the certificate is not PEM of an X.509 certificate");
  }
  while (const auto above = next_certificate(chain.get())) {
    if (SSL_CTX_add1_chain_cert(context, above.get()) != 1) return bad_options("a chain certificate is bad");
  }
  ERR_clear_error();  // The end of the text is reported as an error.
  const auto bio = bio_of(identity.private_key);
  const KeyPtr key(PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr), &EVP_PKEY_free);
  if (!key || SSL_CTX_use_PrivateKey(context, key.get()) != 1) {
    return bad_options("the private key is not PEM, or not the one of the certificate");
  }
  return {};
}

Result<> trust(SSL_CTX* context, const std::string& roots) {
  const auto bio = bio_of(roots);
  X509_STORE* store = SSL_CTX_get_cert_store(context);
  int found = 0;
  while (const auto root = next_certificate(bio.get())) found += X509_STORE_add_cert(store, root.get());
  ERR_clear_error();
  if (found == 0) return bad_options("the trusted roots hold no PEM certificate");
  return {};
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
  } else if (auto trusted = trust(context->get(), options.trust); !trusted) {
    return std::unexpected(trusted.error());
  }
  if (!options.identity.certificate_chain.empty()) {
    if (auto used = use_identity(context->get(), options.identity); !used)
      return std::unexpected(used.error());
  }
  return context;
}

Result<SslContext> server_context(const http::TlsIdentity& identity, const std::string& client_trust) {
  auto context = base_context(TLS_server_method());
  if (!context) return context;
  SSL_CTX_set_alpn_select_cb(context->get(), choose_h2, nullptr);
  if (auto used = use_identity(context->get(), identity); !used) return std::unexpected(used.error());
  if (client_trust.empty()) return context;
  if (auto trusted = trust(context->get(), client_trust); !trusted) return std::unexpected(trusted.error());
  SSL_CTX_set_verify(context->get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  // Sessions would have to name the context they belong to; connections are few and long.
  SSL_CTX_set_session_cache_mode(context->get(), SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(context->get(), 0);
  return context;
}

}  // namespace mooring::http2::detail

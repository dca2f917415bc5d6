// SPDX-License-Identifier: Apache-2.0
#include "base/http/tls.hpp"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <array>
#include <ctime>
#include <string_view>
#include <vector>

#include "base/http/detail/tls_context.hpp"
#include "base/http/detail/transport.hpp"

namespace mooring::http {
namespace {

using X509Handle = std::unique_ptr<X509, decltype(&X509_free)>;
using KeyHandle = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using BioHandle = std::unique_ptr<BIO, decltype(&BIO_free)>;

/// App Transport Security asks for forward secrecy; everything that speaks TLS 1.2 today has these.
constexpr const char* kCiphers12 = "ECDHE+AESGCM:ECDHE+CHACHA20";
constexpr const char* kGroups = "X25519:P-256:P-384";
/// Long enough for a device that comes back within the day. What a resumed session shows is judged anew.
constexpr long kSessionSeconds = 8L * 3600;
constexpr std::array<unsigned char, 18> kProtocols{8, 'h', 't', 't', 'p', '/', '1', '.', '1',
                                                   8, 'h', 't', 't', 'p', '/', '1', '.', '0'};
constexpr unsigned char kSessionScope[] = "mooring";

std::string openssl_reason() {
  const auto error = ERR_peek_last_error();
  const char* reason = error != 0 ? ERR_reason_error_string(error) : nullptr;
  return reason != nullptr ? reason : "no reason given";
}

BioHandle reader_of(std::string_view text) {
  return {BIO_new_mem_buf(text.data(), static_cast<int>(text.size())), &BIO_free};
}

int no_password(char*, int, int, void*) { return -1; }

std::vector<X509Handle> certificates_in(std::string_view pem) {
  std::vector<X509Handle> found;
  const auto reader = reader_of(pem);
  for (;;) {
    X509Handle next(PEM_read_bio_X509(reader.get(), nullptr, &no_password, nullptr), &X509_free);
    if (!next) break;
    found.push_back(std::move(next));
  }
  return found;
}

int choose_protocol(SSL*, const unsigned char** chosen, unsigned char* size, const unsigned char* offered,
                    unsigned int offered_size, void*) {
  unsigned char* out = nullptr;
  const int outcome =
      SSL_select_next_proto(&out, size, kProtocols.data(), kProtocols.size(), offered, offered_size);
  if (outcome != OPENSSL_NPN_NEGOTIATED) return SSL_TLSEXT_ERR_ALERT_FATAL;  // RFC 7301 section 3.2
  *chosen = out;
  return SSL_TLSEXT_ERR_OK;
}

/// Who handles the request judges the certificate; TLS has proven by then that the client holds its key.
int accept_any(X509_STORE_CTX*, void*) { return 1; }

SslContext make_context(const SSL_METHOD* method) {
  SslContext context(SSL_CTX_new(method), &SSL_CTX_free);
  if (!context) return context;
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_cipher_list(context.get(), kCiphers12);
  SSL_CTX_set1_groups_list(context.get(), kGroups);
  SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  // Idle connections give their buffers back; reads take all that came in one call.
  SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_read_ahead(context.get(), 1);
  return context;
}

Error no_context() {
  return {Failure::internal, "tls.openssl", "OpenSSL makes no TLS context: " + openssl_reason() + "."};
}

struct ServerSide {
  SslContext context;
  Time not_after;
};

Result<ServerSide> make_server_side(const TlsIdentity& identity, bool asks) {
  auto context = make_context(TLS_server_method());
  if (!context) return std::unexpected(no_context());
  SSL_CTX_set_options(context.get(), SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
  // Tickets only: nothing is kept here for a session, and they work across connections without a lock.
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
  SSL_CTX_set_session_id_context(context.get(), kSessionScope, sizeof kSessionScope - 1);
  SSL_CTX_set_timeout(context.get(), kSessionSeconds);
  SSL_CTX_set_num_tickets(context.get(),
                          1);  // Each holds the client's certificate; a resumption brings a new.
  SSL_CTX_set_alpn_select_cb(context.get(), &choose_protocol, nullptr);
  if (asks) {
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
    SSL_CTX_set_cert_verify_callback(context.get(), &accept_any, nullptr);
  }
  auto not_after = detail::use_identity(context.get(), identity);
  if (!not_after) return std::unexpected(not_after.error());
  return ServerSide{std::move(context), *not_after};
}

}  // namespace

TlsContext::TlsContext(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
TlsContext::~TlsContext() = default;

Result<std::shared_ptr<TlsContext>> TlsContext::make(const TlsIdentity& identity,
                                                     bool ask_for_client_certificate) {
  auto impl = std::make_unique<Impl>();
  impl->asks_for_certificate = ask_for_client_certificate;
  auto made = std::make_shared<TlsContext>(std::move(impl));
  if (auto used = made->replace(identity); !used) return std::unexpected(used.error());
  return made;
}

Result<> TlsContext::replace(const TlsIdentity& identity) {
  auto side = make_server_side(identity, impl_->asks_for_certificate);
  if (!side) return std::unexpected(side.error());
  const std::scoped_lock lock(impl_->mutex);
  impl_->context = std::move(side->context);
  impl_->not_after = side->not_after;
  return {};
}

Time TlsContext::not_after() const {
  const std::scoped_lock lock(impl_->mutex);
  return impl_->not_after;
}

namespace detail {

Result<Time> use_identity(SSL_CTX* context, const TlsIdentity& identity) {
  ERR_clear_error();
  auto chain = certificates_in(identity.certificate_chain);
  if (chain.empty()) {
    return fail(Failure::invalid, "tls.certificate",
                "There is no PEM certificate where the TLS certificate should be.");
  }
  ERR_clear_error();
  if (SSL_CTX_use_certificate(context, chain.front().get()) != 1) {
    return fail(Failure::invalid, "tls.certificate",
                "The TLS certificate cannot be used: " + openssl_reason() + ".");
  }
  for (std::size_t i = 1; i < chain.size(); ++i) {
    if (SSL_CTX_add1_chain_cert(context, chain[i].get()) != 1) {
      return fail(Failure::invalid, "tls.certificate",
                  "A certificate above the TLS certificate cannot be used: " + openssl_reason() + ".");
    }
  }
  const auto reader = reader_of(identity.private_key);
  const KeyHandle key(PEM_read_bio_PrivateKey(reader.get(), nullptr, &no_password, nullptr), &EVP_PKEY_free);
  if (!key) {
    return fail(Failure::invalid, "tls.private_key",
                "There is no readable PEM private key for the TLS certificate (one with a password cannot be "
                "used): " +
                    openssl_reason() + ".");
  }
  if (X509_check_private_key(chain.front().get(), key.get()) != 1) {
    return fail(Failure::invalid, "tls.mismatch",
                "The TLS private key does not belong to the first certificate of the chain.");
  }
  ERR_clear_error();
  if (SSL_CTX_use_PrivateKey(context, key.get()) != 1) {
    return fail(Failure::invalid, "tls.private_key",
                "The TLS private key cannot be used: " + openssl_reason() + ".");
  }
  std::tm end{};
  ASN1_TIME_to_tm(X509_get0_notAfter(chain.front().get()), &end);
  return std::chrono::time_point_cast<Duration>(std::chrono::system_clock::from_time_t(::timegm(&end)));
}

Result<> trust_these(SSL_CTX* context, const std::string& pem) {
  auto* store = SSL_CTX_get_cert_store(context);
  const auto roots = certificates_in(pem);
  if (roots.empty()) {
    return fail(Failure::invalid, "tls.trust", "There is no PEM certificate in what a client is to trust.");
  }
  for (const auto& root : roots) X509_STORE_add_cert(store, root.get());
  X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN);  // What is trusted need not be self-signed.
  return {};
}

Result<SslContext> make_client_context(const ClientTls& tls) {
  auto context = make_context(TLS_client_method());
  if (!context) return std::unexpected(no_context());
  SSL_CTX_set_alpn_protos(context.get(), kProtocols.data(), 9);  // http/1.1 alone
  if (!tls.identity.certificate_chain.empty()) {
    if (auto used = use_identity(context.get(), tls.identity); !used) return std::unexpected(used.error());
  }
  if (tls.resume) keep_client_sessions(context.get());
  if (!tls.verify) return context;
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  if (tls.trust.empty()) {
    SSL_CTX_set_default_verify_paths(context.get());
  } else if (auto trusted = trust_these(context.get(), tls.trust); !trusted) {
    return std::unexpected(trusted.error());
  }
  return context;
}

}  // namespace detail
}  // namespace mooring::http

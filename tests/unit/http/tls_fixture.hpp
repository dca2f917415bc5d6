// SPDX-License-Identifier: Apache-2.0
// Certificates made on the spot, and a blocking TLS client that shows what it is told.
#pragma once

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <atomic>
#include <memory>
#include <string>

#include "base/http/tls.hpp"
#include "tests/unit/http/http_fixture.hpp"

namespace mooring::http::test {

inline std::string bio_text(BIO* bio) {
  char* data = nullptr;
  const auto size = BIO_get_mem_data(bio, &data);
  std::string text(data, static_cast<std::size_t>(size));
  BIO_free(bio);
  return text;
}

/// A P-256 key and a certificate for it; an issuer where asked.
class TestCertificate {
 public:
  struct Form {
    std::string name = "Test";
    std::string alternative = "";  ///< As OpenSSL writes it: "DNS:localhost,IP:127.0.0.1".
    bool ca = false;
    int days_from = -1;
    int days_to = 30;
  };
  explicit TestCertificate(const Form& form, const TestCertificate* issuer = nullptr)
      : key_(EVP_EC_gen("P-256"), &EVP_PKEY_free), certificate_(X509_new(), &X509_free) {
    static std::atomic<long> serial{1000};
    X509* x = certificate_.get();
    X509_set_version(x, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(x), serial++);
    X509_gmtime_adj(X509_getm_notBefore(x), form.days_from * 86400L);
    X509_gmtime_adj(X509_getm_notAfter(x), form.days_to * 86400L);
    X509_set_pubkey(x, key_.get());
    const auto* name = reinterpret_cast<const unsigned char*>(form.name.c_str());
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_UTF8, name, -1, -1, 0);
    const auto& by = issuer != nullptr ? *issuer : *this;
    X509_set_issuer_name(x, X509_get_subject_name(by.certificate_.get()));
    if (form.ca) extend(NID_basic_constraints, "critical,CA:TRUE");
    if (!form.alternative.empty()) extend(NID_subject_alt_name, form.alternative);
    X509_sign(x, by.key_.get(), EVP_sha256());
  }

  std::string pem() const {
    BIO* bio = BIO_new(BIO_s_mem());
    PEM_write_bio_X509(bio, certificate_.get());
    return bio_text(bio);
  }
  std::string key_pem() const {
    BIO* bio = BIO_new(BIO_s_mem());
    PEM_write_bio_PKCS8PrivateKey(bio, key_.get(), nullptr, nullptr, 0, nullptr, nullptr);
    return bio_text(bio);
  }
  std::string der() const {
    BIO* bio = BIO_new(BIO_s_mem());
    i2d_X509_bio(bio, certificate_.get());
    return bio_text(bio);
  }
  TlsIdentity identity() const { return {pem(), key_pem()}; }
  X509* handle() const { return certificate_.get(); }
  EVP_PKEY* key() const { return key_.get(); }

 private:
  void extend(int nid, const std::string& value) {
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, nid, value.c_str());
    X509_add_ext(certificate_.get(), extension, -1);
    X509_EXTENSION_free(extension);
  }
  std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key_;
  std::unique_ptr<X509, decltype(&X509_free)> certificate_;
};

/// A root, and a server certificate of it for this machine.
struct TestTrust {
  TestCertificate root{{.name = "Root", .ca = true}};
  TestCertificate server{{.name = "server", .alternative = "DNS:localhost,IP:127.0.0.1"}, &root};
};

inline std::shared_ptr<TlsContext> must_make(const TlsIdentity& identity, bool ask = false) {
  auto made = TlsContext::make(identity, ask);
  if (!made) throw std::runtime_error(made.error().message);
  return *made;
}

/// What a TlsConnection offers.
struct TlsWish {
  int version = TLS1_3_VERSION;
  const TestCertificate* certificate = nullptr;
  std::string protocols = "\x08http/1.1";  ///< ALPN as on the wire; empty: none.
  SSL_SESSION* resume = nullptr;
};

/// TLS over a RawConnection's descriptor. No trust is checked: these tests are about the server.
class TlsConnection {
 public:
  explicit TlsConnection(std::uint16_t port, const TlsWish& wish = {})
      : raw_(port), context_(SSL_CTX_new(TLS_client_method()), &SSL_CTX_free), ssl_(nullptr, &SSL_free) {
    SSL_CTX_set_min_proto_version(context_.get(), wish.version);
    SSL_CTX_set_max_proto_version(context_.get(), wish.version);
    if (wish.certificate != nullptr) {
      SSL_CTX_use_certificate(context_.get(), wish.certificate->handle());
      SSL_CTX_use_PrivateKey(context_.get(), wish.certificate->key());
    }
    ssl_.reset(SSL_new(context_.get()));
    SSL_set_tlsext_host_name(ssl_.get(), "localhost");
    if (!wish.protocols.empty()) {
      SSL_set_alpn_protos(ssl_.get(), reinterpret_cast<const unsigned char*>(wish.protocols.data()),
                          static_cast<unsigned>(wish.protocols.size()));
    }
    if (wish.resume != nullptr) SSL_set_session(ssl_.get(), wish.resume);
    SSL_set_fd(ssl_.get(), raw_.descriptor());
    connected_ = SSL_connect(ssl_.get()) == 1;
    ERR_clear_error();
  }

  bool connected() const { return connected_; }
  SSL* ssl() { return ssl_.get(); }
  RawConnection& raw() { return raw_; }
  bool resumed() const { return SSL_session_reused(ssl_.get()) == 1; }
  std::string protocol() const {
    const unsigned char* name = nullptr;
    unsigned size = 0;
    SSL_get0_alpn_selected(ssl_.get(), &name, &size);
    return {reinterpret_cast<const char*>(name), size};
  }
  std::string server_name() const {
    char name[64] = {};
    std::unique_ptr<X509, decltype(&X509_free)> shown(SSL_get1_peer_certificate(ssl_.get()), &X509_free);
    X509_NAME_get_text_by_NID(X509_get_subject_name(shown.get()), NID_commonName, name, sizeof name);
    return name;
  }
  std::shared_ptr<SSL_SESSION> session() { return {SSL_get1_session(ssl_.get()), &SSL_SESSION_free}; }

  bool send(std::string_view bytes) {
    std::size_t count = 0;
    const bool sent = SSL_write_ex(ssl_.get(), bytes.data(), bytes.size(), &count) == 1;
    ERR_clear_error();
    return sent;
  }
  /// One response whose length is announced, or all until the end.
  std::string response() {
    while (!whole()) {
      if (!fill()) break;
    }
    return std::exchange(buffer_, {});
  }
  /// Reads until at least `text` has come; false at the end.
  bool read_until(std::string_view text) {
    while (!buffer_.contains(text)) {
      if (!fill()) return false;
    }
    return true;
  }
  std::string take() { return std::exchange(buffer_, {}); }
  /// True where the server said that it ends, and did not just vanish.
  bool said_goodbye() {
    while (fill()) {
    }
    return last_error_ == SSL_ERROR_ZERO_RETURN;
  }
  std::string get(std::string_view target) {
    send("GET " + std::string(target) + " HTTP/1.1\r\nHost: x\r\n\r\n");
    return response();
  }

 private:
  bool whole() const {
    const auto head = buffer_.find("\r\n\r\n");
    if (head == std::string::npos) return false;
    const auto at = buffer_.find("Content-Length: ");
    return at < head && buffer_.size() >= head + 4 + std::stoul(buffer_.substr(at + 16));
  }
  bool fill() {
    char bytes[16384];
    const int count = SSL_read(ssl_.get(), bytes, sizeof bytes);
    last_error_ = SSL_get_error(ssl_.get(), count);
    ERR_clear_error();
    if (count <= 0) return false;
    buffer_.append(bytes, static_cast<std::size_t>(count));
    return true;
  }
  RawConnection raw_;
  std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context_;
  std::unique_ptr<SSL, decltype(&SSL_free)> ssl_;
  bool connected_ = false;
  int last_error_ = 0;
  std::string buffer_;
};

}  // namespace mooring::http::test

// SPDX-License-Identifier: Apache-2.0
#include "simulator/scep_client.hpp"

#include <openssl/cms.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/x509.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>

#include "base/crypto/crypto.hpp"

namespace mooring::simulator {
namespace {

template <auto Free>
struct Freed {
  template <class T>
  void operator()(T* object) const {
    Free(object);
  }
};
using CmsMessage = std::unique_ptr<CMS_ContentInfo, Freed<CMS_ContentInfo_free>>;
using BioBuffer = std::unique_ptr<BIO, Freed<BIO_free_all>>;
using X509Object = std::unique_ptr<X509, Freed<X509_free>>;

struct FreeStack {
  void operator()(STACK_OF(X509) * stack) const { sk_X509_pop_free(stack, X509_free); }
};
using X509Stack = std::unique_ptr<STACK_OF(X509), FreeStack>;

constexpr const char* kMessageType = "2.16.840.1.113733.1.9.2";
constexpr const char* kPkiStatus = "2.16.840.1.113733.1.9.3";
constexpr const char* kFailInfo = "2.16.840.1.113733.1.9.4";
constexpr const char* kSenderNonce = "2.16.840.1.113733.1.9.5";
constexpr const char* kRecipientNonce = "2.16.840.1.113733.1.9.6";
constexpr const char* kTransactionId = "2.16.840.1.113733.1.9.7";
constexpr const char* kPkcsReq = "19";
constexpr const char* kCertRep = "3";
constexpr std::size_t kNonceBytes = 16;

std::unexpected<Error> bad_answer(std::string what) {
  ERR_clear_error();
  return fail(Failure::invalid, "scep.answer", "the SCEP answer " + std::move(what));
}

BioBuffer reading(std::string_view bytes) {
  return BioBuffer(BIO_new_mem_buf(bytes.data(), static_cast<int>(bytes.size())));
}

std::string text_of(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<std::size_t>(size)};
}

X509Object to_x509(const crypto::Certificate& certificate) {
  const auto* at = reinterpret_cast<const unsigned char*>(certificate.der.data());
  return X509Object(d2i_X509(nullptr, &at, static_cast<long>(certificate.der.size())));
}

CmsMessage read_cms_message(std::string_view der) {
  const auto* at = reinterpret_cast<const unsigned char*>(der.data());
  return CmsMessage(d2i_CMS_ContentInfo(nullptr, &at, static_cast<long>(der.size())));
}

std::string der_of(CMS_ContentInfo* message) {
  unsigned char* bytes = nullptr;
  const int size = i2d_CMS_ContentInfo(message, &bytes);
  std::string der(reinterpret_cast<char*>(bytes), size > 0 ? static_cast<std::size_t>(size) : 0);
  OPENSSL_free(bytes);
  return der;
}

Result<std::vector<crypto::Certificate>> certificates_in(CMS_ContentInfo* message) {
  const X509Stack stack(CMS_get1_certs(message));
  std::vector<crypto::Certificate> found;
  for (int i = 0; stack && i < sk_X509_num(stack.get()); ++i) {
    unsigned char* bytes = nullptr;
    const int size = i2d_X509(sk_X509_value(stack.get(), i), &bytes);
    const std::string der(reinterpret_cast<char*>(bytes), static_cast<std::size_t>(std::max(size, 0)));
    OPENSSL_free(bytes);
    auto certificate = crypto::Certificate::from_der(der);
    if (!certificate) return std::unexpected(certificate.error());
    found.push_back(std::move(*certificate));
  }
  return found;
}

bool may_encipher(const crypto::Certificate& certificate) {
  const auto x509 = to_x509(certificate);
  if (!x509 || EVP_PKEY_get_base_id(X509_get0_pubkey(x509.get())) != EVP_PKEY_RSA) return false;
  return (X509_get_key_usage(x509.get()) & X509v3_KU_KEY_ENCIPHERMENT) != 0;
}

/// An authority that names no such usage is its own recipient.
const crypto::Certificate& recipient_of(std::span<const crypto::Certificate> authority) {
  const auto found = std::ranges::find_if(authority, may_encipher);
  return found == authority.end() ? authority.front() : *found;
}

bool add_attribute(CMS_SignerInfo* signer, const char* oid, int type, std::string_view value) {
  return CMS_signed_add1_attr_by_txt(signer, oid, type, value.data(), static_cast<int>(value.size())) == 1;
}

std::optional<std::string> attribute_of(CMS_SignerInfo* signer, const char* oid, int type) {
  const std::unique_ptr<ASN1_OBJECT, Freed<ASN1_OBJECT_free>> object(OBJ_txt2obj(oid, 1));
  const auto* value =
      static_cast<const ASN1_STRING*>(CMS_signed_get0_data_by_OBJ(signer, object.get(), -3, type));
  if (value == nullptr) return std::nullopt;
  return std::string(reinterpret_cast<const char*>(ASN1_STRING_get0_data(value)),
                     static_cast<std::size_t>(ASN1_STRING_length(value)));
}

std::string enciphered(std::string_view request, const crypto::Certificate& recipient, bool aes) {
  const auto certificate = to_x509(recipient);
  const std::unique_ptr<STACK_OF(X509), Freed<[](STACK_OF(X509) * s) { sk_X509_free(s); }>> recipients(
      sk_X509_new_null());
  sk_X509_push(recipients.get(), certificate.get());
  const auto content = reading(request);
  const CmsMessage envelope(
      CMS_encrypt(recipients.get(), content.get(), aes ? EVP_aes_128_cbc() : EVP_des_ede3_cbc(), CMS_BINARY));
  return envelope ? der_of(envelope.get()) : std::string();
}

/// SignedData over `envelope` with the attributes of a PKCSReq.
std::string signed_request(std::string_view envelope, const crypto::PrivateKey& key,
                           const crypto::Certificate& certificate, std::string_view transaction_id,
                           std::string_view nonce, bool sha256) {
  const CmsMessage message(CMS_sign(nullptr, nullptr, nullptr, nullptr, CMS_PARTIAL | CMS_BINARY));
  const auto x509 = to_x509(certificate);
  if (!message || !x509) return {};
  auto* signer = CMS_add1_signer(message.get(), x509.get(), key.handle(), sha256 ? EVP_sha256() : EVP_sha1(),
                                 CMS_BINARY | CMS_NOSMIMECAP);
  const auto content = reading(envelope);
  const bool made = signer != nullptr &&
                    add_attribute(signer, kMessageType, V_ASN1_PRINTABLESTRING, kPkcsReq) &&
                    add_attribute(signer, kTransactionId, V_ASN1_PRINTABLESTRING, transaction_id) &&
                    add_attribute(signer, kSenderNonce, V_ASN1_OCTET_STRING, nonce) &&
                    CMS_final(message.get(), content.get(), nullptr, CMS_BINARY) == 1;
  return made ? der_of(message.get()) : std::string();
}

}  // namespace

ScepCapabilities ScepCapabilities::parse(std::string_view text) {
  const auto lists = [&](std::string_view word) {
    for (std::size_t at = text.find(word); at != std::string_view::npos; at = text.find(word, at + 1)) {
      const auto end = at + word.size();
      const bool begins = at == 0 || text[at - 1] == '\n';
      if (begins && (end == text.size() || text[end] == '\n' || text[end] == '\r')) return true;
    }
    return false;
  };
  const bool standard = lists("SCEPStandard");
  return {.aes = standard || lists("AES"),
          .sha256 = standard || lists("SHA-256"),
          .post = standard || lists("POSTPKIOperation")};
}

Result<std::vector<crypto::Certificate>> parse_ca_answer(std::string_view body) {
  if (auto one = crypto::Certificate::from_der(body)) {
    return std::vector<crypto::Certificate>{std::move(*one)};
  }
  const auto message = read_cms_message(body);
  if (!message) return bad_answer("to GetCACert is neither a certificate nor SignedData");
  auto all = certificates_in(message.get());
  if (all && all->empty()) return bad_answer("to GetCACert holds no certificate");
  return all;
}

Result<ScepRequest> ScepRequest::make(const ScepOrder& order, const crypto::PrivateKey& key,
                                      std::span<const crypto::Certificate> authority,
                                      const ScepCapabilities& capabilities) {
  const auto now = std::chrono::time_point_cast<Time::duration>(std::chrono::system_clock::now());
  auto signer = crypto::issue({.subject = {{"CN", "SCEP request"}},
                               .public_key = key.public_key(),
                               .serial = {},
                               .not_before = now - std::chrono::hours(24),
                               .not_after = now + std::chrono::hours(24),
                               .dns_names = {}},
                              {.certificate = nullptr, .key = key});
  if (!signer) return std::unexpected(signer.error());
  const auto request = crypto::make_request(order.subject, key, order.challenge);
  if (!request) return std::unexpected(request.error());
  ScepRequest made(key, std::move(*signer));
  made.authority_.assign(authority.begin(), authority.end());
  made.transaction_id_ = order.transaction_id;
  made.nonce_ = crypto::random_bytes(kNonceBytes);
  const auto envelope = enciphered(*request, recipient_of(authority), capabilities.aes);
  if (!envelope.empty()) {
    made.message_ =
        signed_request(envelope, key, made.signer_, made.transaction_id_, made.nonce_, capabilities.sha256);
  }
  ERR_clear_error();
  if (made.message_.empty()) {
    return fail(Failure::internal, "scep.request", "the SCEP request could not be made");
  }
  return made;
}

Result<crypto::Certificate> ScepRequest::finish(std::string_view answer) const {
  const auto message = read_cms_message(answer);
  if (!message) return bad_answer("is not a CMS message");
  const BioBuffer content(BIO_new(BIO_s_mem()));
  if (CMS_verify(message.get(), nullptr, nullptr, nullptr, content.get(),
                 CMS_BINARY | CMS_NO_SIGNER_CERT_VERIFY) != 1) {
    return bad_answer("carries no good signature");
  }
  auto* signer = sk_CMS_SignerInfo_value(CMS_get0_SignerInfos(message.get()), 0);
  const auto signed_by_authority = std::ranges::any_of(authority_, [&](const crypto::Certificate& known) {
    const auto x509 = to_x509(known);
    return x509 && CMS_SignerInfo_cert_cmp(signer, x509.get()) == 0;
  });
  if (!signed_by_authority) return bad_answer("is not signed by the authority");
  const auto text = [&](const char* oid) { return attribute_of(signer, oid, V_ASN1_PRINTABLESTRING); };
  if (text(kMessageType) != kCertRep) return bad_answer("is no CertRep");
  if (text(kTransactionId) != transaction_id_) return bad_answer("is of another transaction");
  if (attribute_of(signer, kRecipientNonce, V_ASN1_OCTET_STRING) != nonce_) {
    return bad_answer("does not repeat the nonce");
  }
  const auto status = text(kPkiStatus);
  if (status == "3")
    return fail(Failure::unavailable, "scep.pending", "the authority wants to be asked later");
  if (status != "0") {
    return fail(Failure::forbidden, "scep.refused",
                "the authority refused the request, failInfo " + text(kFailInfo).value_or("missing"));
  }
  const auto envelope = read_cms_message(text_of(content.get()));
  const BioBuffer plain(BIO_new(BIO_s_mem()));
  const auto recipient = to_x509(signer_);
  if (!envelope ||
      CMS_decrypt(envelope.get(), key_.handle(), recipient.get(), nullptr, plain.get(), CMS_BINARY) != 1) {
    return bad_answer("cannot be deciphered");
  }
  const auto degenerate = read_cms_message(text_of(plain.get()));
  if (!degenerate) return bad_answer("holds no SignedData");
  auto certificates = certificates_in(degenerate.get());
  if (!certificates) return std::unexpected(certificates.error());
  if (certificates->empty() || !certificates->front().matches(key_)) {
    return bad_answer("does not begin with a certificate for the key");
  }
  ERR_clear_error();
  return std::move(certificates->front());
}

}  // namespace mooring::simulator

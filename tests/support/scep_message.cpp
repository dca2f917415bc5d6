// SPDX-License-Identifier: Apache-2.0
#include "tests/support/scep_message.hpp"

#include "base/crypto/detail/openssl.hpp"

namespace mooring::test {
namespace {

using crypto::detail::BioPtr;
using crypto::detail::CmsPtr;
using crypto::detail::Free;
using crypto::detail::X509Ptr;
using crypto::detail::X509Stack;
using ObjectPtr = std::unique_ptr<ASN1_OBJECT, Free<ASN1_OBJECT_free>>;

constexpr const char* kMessageTypeOid = "2.16.840.1.113733.1.9.2";
constexpr const char* kStatusOid = "2.16.840.1.113733.1.9.3";
constexpr const char* kFailInfoOid = "2.16.840.1.113733.1.9.4";
constexpr const char* kSenderNonceOid = "2.16.840.1.113733.1.9.5";
constexpr const char* kRecipientNonceOid = "2.16.840.1.113733.1.9.6";
constexpr const char* kTransactionOid = "2.16.840.1.113733.1.9.7";

std::unexpected<Error> scep_client_failed(const char* what) {
  return fail(Failure::internal, "scep.client", std::string(what) + ": " + crypto::detail::take_error());
}
std::unexpected<Error> bad_reply(const char* what) {
  return fail(Failure::invalid, "scep.reply", std::string(what) + ": " + crypto::detail::take_error());
}

bool add_attribute(CMS_SignerInfo* signer, const char* oid, int type, std::string_view value) {
  const ObjectPtr object(OBJ_txt2obj(oid, 1));
  return CMS_signed_add1_attr_by_OBJ(signer, object.get(), type, value.data(),
                                     static_cast<int>(value.size())) == 1;
}

std::string attribute(CMS_SignerInfo* signer, const char* oid) {
  const ObjectPtr object(OBJ_txt2obj(oid, 1));
  for (const int type : {V_ASN1_PRINTABLESTRING, V_ASN1_OCTET_STRING, V_ASN1_UTF8STRING}) {
    const auto* value =
        static_cast<const ASN1_STRING*>(CMS_signed_get0_data_by_OBJ(signer, object.get(), -3, type));
    if (value != nullptr) return crypto::detail::octets_of(value);
  }
  crypto::detail::take_error();
  return {};
}

CmsPtr read_message(std::string_view der) {
  const auto* at = reinterpret_cast<const unsigned char*>(der.data());
  return CmsPtr(d2i_CMS_ContentInfo(nullptr, &at, static_cast<long>(der.size())));
}

std::string dotted(const ASN1_OBJECT* object) {
  char text[128] = {};
  OBJ_obj2txt(text, sizeof text, object, 1);
  return text;
}

Result<std::string> seal_content(const ScepRequest& request, X509* recipient) {
  using CipherPtr = std::unique_ptr<EVP_CIPHER, Free<EVP_CIPHER_free>>;
  const CipherPtr cipher(EVP_CIPHER_fetch(nullptr, request.cipher.c_str(), nullptr));
  const X509Stack recipients(sk_X509_new_null());
  if (cipher == nullptr) return scep_client_failed("no such cipher");
  X509_up_ref(recipient);
  sk_X509_push(recipients.get(), recipient);
  const CmsPtr cms(CMS_encrypt(recipients.get(), crypto::detail::read_from(request.content).get(),
                               cipher.get(), CMS_BINARY));
  if (cms == nullptr) return scep_client_failed("the content cannot be encrypted");
  return crypto::detail::der_of(cms.get(), i2d_CMS_ContentInfo);
}

bool add_attributes(CMS_SignerInfo* info, const ScepRequest& request) {
  if (!add_attribute(info, kMessageTypeOid, V_ASN1_PRINTABLESTRING, std::to_string(request.message_type)))
    return false;
  if (!request.transaction_id.empty() &&
      !add_attribute(info, kTransactionOid, V_ASN1_PRINTABLESTRING, request.transaction_id)) {
    return false;
  }
  if (!request.sender_nonce.empty() &&
      !add_attribute(info, kSenderNonceOid, V_ASN1_OCTET_STRING, request.sender_nonce)) {
    return false;
  }
  if (!request.signing_time) return true;
  using TimePtr = std::unique_ptr<ASN1_TIME, Free<ASN1_TIME_free>>;
  const TimePtr time(
      ASN1_TIME_set(nullptr, request.signing_time->time_since_epoch() / std::chrono::seconds(1)));
  return CMS_signed_add1_attr_by_NID(info, NID_pkcs9_signingTime, time->type, time.get(), -1) == 1;
}

/// What is in the certificates of a SignedData without a signer.
std::vector<std::string> certificates_of(CMS_ContentInfo* cms) {
  std::vector<std::string> all;
  const X509Stack certificates(CMS_get1_certs(cms));
  for (int i = 0; i < sk_X509_num(certificates.get()); ++i) {
    all.push_back(crypto::detail::der_of(sk_X509_value(certificates.get(), i), i2d_X509));
  }
  return all;
}

Result<> open_content(std::string_view envelope, const crypto::Signer& device, ScepReply& reply) {
  const auto sealed = read_message(envelope);
  if (sealed == nullptr) return bad_reply("its content is no EnvelopedData");
  const auto certificate = crypto::detail::read_x509(device.certificate.der, nullptr);
  const BioPtr out(BIO_new(BIO_s_mem()));
  if (CMS_decrypt(sealed.get(), device.key.handle(), certificate.get(), nullptr, out.get(), 0) != 1) {
    return bad_reply("its content does not open");
  }
  const auto inner = read_message(crypto::detail::bytes_of(out.get()));
  if (inner == nullptr) return bad_reply("its content holds no certificates");
  reply.certificates = certificates_of(inner.get());
  using CrlStack =
      std::unique_ptr<STACK_OF(X509_CRL),
                      decltype([](STACK_OF(X509_CRL) * crls) { sk_X509_CRL_pop_free(crls, X509_CRL_free); })>;
  const CrlStack crls(CMS_get1_crls(inner.get()));
  if (sk_X509_CRL_num(crls.get()) > 0) {
    reply.crl = crypto::detail::der_of(sk_X509_CRL_value(crls.get(), 0), i2d_X509_CRL);
  }
  return {};
}

}  // namespace

Result<crypto::Certificate> self_signed(const crypto::PrivateKey& key, Time now) {
  return crypto::issue({.subject = {{"CN", "SCEP SIGNER"}},
                        .public_key = key.public_key(),
                        .not_before = now - std::chrono::minutes(1),
                        .not_after = now + std::chrono::hours(1),
                        .key_encipherment = true},
                       {.certificate = nullptr, .key = key});
}

Result<std::string> make_scep_message(const ScepRequest& request, const crypto::Signer& signer,
                                      const crypto::Certificate& recipient) {
  const auto to = crypto::detail::read_x509(recipient.der, nullptr);
  const auto from = crypto::detail::read_x509(signer.certificate.der, nullptr);
  if (to == nullptr || from == nullptr) return scep_client_failed("a certificate cannot be read");
  const auto sealed = seal_content(request, to.get());
  if (!sealed) return sealed;
  constexpr unsigned kFlags = CMS_BINARY | CMS_PARTIAL;
  const auto content = crypto::detail::read_from(*sealed);
  const CmsPtr cms(CMS_sign(nullptr, nullptr, nullptr, content.get(), kFlags));
  CMS_SignerInfo* info =
      cms == nullptr ? nullptr
                     : CMS_add1_signer(cms.get(), from.get(), signer.key.handle(),
                                       EVP_get_digestbyname(request.digest.c_str()), kFlags | CMS_NOSMIMECAP);
  if (info == nullptr || !add_attributes(info, request) ||
      CMS_final(cms.get(), content.get(), nullptr, kFlags) != 1) {
    return scep_client_failed("the message cannot be signed");
  }
  return crypto::detail::der_of(cms.get(), i2d_CMS_ContentInfo);
}

std::string issuer_and_serial(const crypto::Certificate& certificate) {
  using BothPtr = std::unique_ptr<PKCS7_ISSUER_AND_SERIAL, Free<PKCS7_ISSUER_AND_SERIAL_free>>;
  const auto x509 = crypto::detail::read_x509(certificate.der, nullptr);
  const BothPtr both(PKCS7_ISSUER_AND_SERIAL_new());
  X509_NAME_set(&both->issuer, X509_get_issuer_name(x509.get()));
  ASN1_STRING_copy(both->serial, X509_get0_serialNumber(x509.get()));
  return crypto::detail::der_of(both.get(), i2d_PKCS7_ISSUER_AND_SERIAL);
}

Result<ScepReply> read_scep_reply(std::string_view der, const crypto::Certificate& authority,
                                  const crypto::Signer& device) {
  const auto cms = read_message(der);
  if (cms == nullptr) return bad_reply("no CMS message");
  const auto root = crypto::detail::read_x509(authority.der, nullptr);
  using StorePtr = std::unique_ptr<X509_STORE, Free<X509_STORE_free>>;
  const StorePtr store(X509_STORE_new());
  X509_STORE_add_cert(store.get(), root.get());
  X509_VERIFY_PARAM_set_flags(X509_STORE_get0_param(store.get()),
                              X509_V_FLAG_NO_CHECK_TIME | X509_V_FLAG_PARTIAL_CHAIN);
  X509_VERIFY_PARAM_set_purpose(X509_STORE_get0_param(store.get()), X509_PURPOSE_ANY);
  auto** const octets = CMS_get0_content(cms.get());
  const std::string content = octets == nullptr ? "" : crypto::detail::octets_of(*octets);
  if (CMS_verify(cms.get(), nullptr, store.get(), nullptr, nullptr, CMS_BINARY) != 1) {
    return bad_reply("its signature does not hold");
  }
  CMS_SignerInfo* const info = sk_CMS_SignerInfo_value(CMS_get0_SignerInfos(cms.get()), 0);
  X509_ALGOR* digest = nullptr;
  X509_ALGOR* signature = nullptr;
  CMS_SignerInfo_get0_algs(info, nullptr, nullptr, &digest, &signature);
  ScepReply reply{.status = attribute(info, kStatusOid),
                  .fail_info = attribute(info, kFailInfoOid),
                  .message_type = attribute(info, kMessageTypeOid),
                  .transaction_id = attribute(info, kTransactionOid),
                  .sender_nonce = attribute(info, kSenderNonceOid),
                  .recipient_nonce = attribute(info, kRecipientNonceOid),
                  .digest = OBJ_nid2sn(OBJ_obj2nid(digest->algorithm)),
                  .signature_algorithm = dotted(signature->algorithm),
                  .attached = certificates_of(cms.get())};
  if (!content.empty()) {
    if (auto opened = open_content(content, device, reply); !opened) return std::unexpected(opened.error());
  }
  return reply;
}

Result<std::vector<crypto::Certificate>> read_ca_certificates(std::string_view content_type,
                                                              std::string_view body) {
  if (content_type == "application/x-x509-ca-cert") return crypto::Certificate::parse_all(body);
  if (content_type != "application/x-x509-ca-ra-cert")
    return bad_reply("GetCACert answers with another content type");
  const auto cms = read_message(body);
  if (cms == nullptr) return bad_reply("GetCACert answers with no SignedData");
  std::vector<crypto::Certificate> certificates;
  for (const auto& der : certificates_of(cms.get())) {
    auto certificate = crypto::Certificate::from_der(der);
    if (!certificate) return std::unexpected(certificate.error());
    certificates.push_back(std::move(*certificate));
  }
  return certificates;
}

}  // namespace mooring::test

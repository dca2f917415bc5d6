// SPDX-License-Identifier: Apache-2.0
// Always with CMS_BINARY: without it OpenSSL turns line ends into CRLF before it digests.
#include <openssl/cms.h>

#include <fmt/format.h>

#include "base/crypto/cms.hpp"
#include "base/crypto/detail/openssl.hpp"
#include "base/crypto/detail/quick_signature.hpp"

namespace mooring::crypto {
namespace {

constexpr std::size_t kLargestSignedMessage = std::size_t{16} << 20U;

std::unexpected<Error> malformed_cms(const char* why) { return fail(Failure::invalid, "cms.malformed", why); }

detail::CmsPtr read_signed(std::string_view der) {
  if (der.size() > kLargestSignedMessage) return nullptr;
  CMS_ContentInfo* raw = CMS_ContentInfo_new_ex(detail::context(), nullptr);
  const auto* at = reinterpret_cast<const unsigned char*>(der.data());
  const auto* const end = at + der.size();
  if (raw != nullptr && d2i_CMS_ContentInfo(&raw, &at, static_cast<long>(der.size())) == nullptr)
    raw = nullptr;
  detail::CmsPtr cms(raw);
  if (cms == nullptr || at != end || OBJ_obj2nid(CMS_get0_type(cms.get())) != NID_pkcs7_signed)
    return nullptr;
  return cms;
}

/// The certificate that the signer names; null where the message does not hold it.
X509* signer_certificate(CMS_SignerInfo* signer, STACK_OF(X509) * certificates) {
  for (int i = 0; i < sk_X509_num(certificates); ++i) {
    X509* candidate = sk_X509_value(certificates, i);
    if (CMS_SignerInfo_cert_cmp(signer, candidate) == 0) return candidate;
  }
  return nullptr;
}

/// Its short name; nullopt for algorithms that no device uses.
std::optional<std::string> digest_of(CMS_SignerInfo* signer) {
  X509_ALGOR* algorithm = nullptr;
  CMS_SignerInfo_get0_algs(signer, nullptr, nullptr, &algorithm, nullptr);
  const ASN1_OBJECT* type = nullptr;
  X509_ALGOR_get0(&type, nullptr, nullptr, algorithm);
  switch (const int nid = OBJ_obj2nid(type)) {
    case NID_sha1:
    case NID_sha224:
    case NID_sha256:
    case NID_sha384:
    case NID_sha512:
      return OBJ_nid2sn(nid);
    default:
      return std::nullopt;
  }
}

std::optional<Time> signing_time_of(CMS_SignerInfo* signer) {
  const int at = CMS_signed_get_attr_by_NID(signer, NID_pkcs9_signingTime, -1);
  if (at < 0) return std::nullopt;
  const ASN1_TYPE* value = X509_ATTRIBUTE_get0_type(CMS_signed_get_attr(signer, at), 0);
  if (value == nullptr) return std::nullopt;
  const int type = ASN1_TYPE_get(value);
  if (type != V_ASN1_UTCTIME && type != V_ASN1_GENERALIZEDTIME) return std::nullopt;
  return detail::time_of(value->value.asn1_string);
}

std::vector<std::string> ders_of(STACK_OF(X509) * certificates) {
  std::vector<std::string> ders;
  for (int i = 0; i < sk_X509_num(certificates); ++i) {
    ders.push_back(detail::der_of(sk_X509_value(certificates, i), i2d_X509));
  }
  return ders;
}

/// What the message says before anything is verified.
Result<Signed> describe(CMS_ContentInfo* cms) {
  auto* signers = CMS_get0_SignerInfos(cms);
  if (signers == nullptr || sk_CMS_SignerInfo_num(signers) != 1) {
    return fail(Failure::invalid, "cms.signers",
                fmt::format("the message has {} signers: it must have exactly one",
                            signers == nullptr ? 0 : sk_CMS_SignerInfo_num(signers)));
  }
  CMS_SignerInfo* signer = sk_CMS_SignerInfo_value(signers, 0);
  const detail::X509Stack certificates(CMS_get1_certs(cms));
  X509* certificate = signer_certificate(signer, certificates.get());
  if (certificate == nullptr) {
    return fail(Failure::invalid, "cms.no_certificate", "the message does not hold its signer's certificate");
  }
  auto digest = digest_of(signer);
  if (!digest || !detail::is_usable(X509_get0_pubkey(certificate))) {
    return fail(
        Failure::invalid, "cms.algorithm",
        "the signature is of another kind than SHA-1 or SHA-2 with RSA of 1024 to 8192 bits, P-256, P-384 "
        "or P-521");
  }
  CMS_SignerInfo_set1_signer_cert(signer, certificate);
  return Signed{.signer = detail::der_of(certificate, i2d_X509),
                .certificates = ders_of(certificates.get()),
                .signing_time = signing_time_of(signer),
                .digest = std::move(*digest),
                .content = {}};
}

Result<Signed> verify(std::string_view der, const std::string_view* detached) {
  const auto cms = read_signed(der);
  detail::take_error();
  if (cms == nullptr) return malformed_cms("not a signed CMS message in DER form");
  if (detached != nullptr && detached->size() > kLargestSignedMessage) {
    return malformed_cms("the signed content is larger than 16 MiB");
  }
  ASN1_OCTET_STRING** attached = CMS_get0_content(cms.get());
  if (detached == nullptr && (attached == nullptr || *attached == nullptr)) {
    return malformed_cms("the signature is detached: its content is missing");
  }
  auto described = describe(cms.get());
  detail::take_error();
  if (!described) return described;
  const auto content = detached == nullptr ? nullptr : detail::read_from(*detached);
  const detail::BioPtr out(detached == nullptr ? BIO_new(BIO_s_mem()) : nullptr);
  const bool good = CMS_verify(cms.get(), nullptr, nullptr, content.get(), out.get(),
                               CMS_BINARY | CMS_NO_SIGNER_CERT_VERIFY) == 1;
  detail::take_error();
  if (!good) {
    return fail(Failure::invalid, "cms.signature",
                "the signature does not fit the content or the certificate");
  }
  if (out != nullptr) described->content = detail::bytes_of(out.get());
  return described;
}

Result<std::string> sign(std::string_view content, const Signer& signer, Digest digest, unsigned flags) {
  flags |= CMS_BINARY | CMS_NOSMIMECAP;
  const auto certificate = detail::read_x509(signer.certificate.der, nullptr);
  const detail::X509Stack chain(sk_X509_new_null());
  for (const auto& above : signer.chain) {
    auto one = detail::read_x509(above.der, nullptr);
    if (one == nullptr || sk_X509_push(chain.get(), one.get()) <= 0) {
      return fail(
          Failure::invalid, "cms.chain",
          fmt::format("a certificate of the signer's chain cannot be read: {}", detail::take_error()));
    }
    (void)one.release();
  }
  const auto in = detail::read_from(content);
  const detail::CmsPtr cms(CMS_sign(nullptr, nullptr, chain.get(), nullptr, flags | CMS_PARTIAL));
  const EVP_MD* method = digest == Digest::sha1 ? EVP_sha1() : EVP_sha256();
  if (certificate == nullptr || cms == nullptr || in == nullptr ||
      CMS_add1_signer(cms.get(), certificate.get(), signer.key.handle(), method, flags) == nullptr ||
      CMS_final(cms.get(), in.get(), nullptr, flags) != 1) {
    return fail(Failure::invalid, "cms.sign",
                fmt::format("the message cannot be signed: {}", detail::take_error()));
  }
  return detail::der_of(cms.get(), i2d_CMS_ContentInfo);
}

}  // namespace

Result<Signed> detail::verify_wholly(std::string_view der, std::string_view content) {
  return verify(der, &content);
}

Result<Signed> verify_detached(std::string_view der, std::string_view content) {
  if (der.size() <= kLargestSignedMessage && content.size() <= kLargestSignedMessage) {
    if (auto proven = detail::verify_quickly(der, content)) return std::move(*proven);
  }
  return detail::verify_wholly(der, content);
}
Result<Signed> verify_attached(std::string_view der) { return verify(der, nullptr); }

Result<std::string> sign_attached(std::string_view content, const Signer& signer, Digest digest) {
  return sign(content, signer, digest, 0);
}
Result<std::string> sign_detached(std::string_view content, const Signer& signer, Digest digest) {
  return sign(content, signer, digest, CMS_DETACHED);
}

}  // namespace mooring::crypto

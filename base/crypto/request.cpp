// SPDX-License-Identifier: Apache-2.0
#include <openssl/pem.h>

#include <fmt/format.h>

#include "base/crypto/detail/openssl.hpp"
#include "base/crypto/x509.hpp"

namespace mooring::crypto {
namespace {

constexpr std::size_t kLargestRequest = std::size_t{1} << 20U;

detail::RequestPtr read_request_der(std::string_view der) {
  X509_REQ* raw = X509_REQ_new_ex(detail::context(), nullptr);
  const auto* at = reinterpret_cast<const unsigned char*>(der.data());
  const auto* const end = at + der.size();
  if (raw != nullptr && d2i_X509_REQ(&raw, &at, static_cast<long>(der.size())) == nullptr) raw = nullptr;
  detail::RequestPtr request(raw);
  if (request == nullptr || at != end) return nullptr;
  return request;
}

detail::RequestPtr read_request(std::string_view pem_or_der) {
  if (pem_or_der.size() > kLargestRequest) return nullptr;
  if (pem_or_der.find("-----BEGIN ") == std::string_view::npos) return read_request_der(pem_or_der);
  return detail::RequestPtr(
      PEM_read_bio_X509_REQ(detail::read_from(pem_or_der).get(), nullptr, nullptr, nullptr));
}

std::string challenge_of(const X509_REQ* request) {
  const int at = X509_REQ_get_attr_by_NID(request, NID_pkcs9_challengePassword, -1);
  if (at < 0) return {};
  X509_ATTRIBUTE* attribute = X509_REQ_get_attr(request, at);
  const ASN1_TYPE* value = X509_ATTRIBUTE_get0_type(attribute, 0);
  if (value == nullptr) return {};
  const int type = ASN1_TYPE_get(value);
  // The DirectoryString of RFC 2985; anything else is no text.
  if (type != V_ASN1_UTF8STRING && type != V_ASN1_PRINTABLESTRING && type != V_ASN1_T61STRING &&
      type != V_ASN1_IA5STRING && type != V_ASN1_BMPSTRING && type != V_ASN1_UNIVERSALSTRING) {
    return {};
  }
  return detail::text_of(value->value.asn1_string);
}

}  // namespace

Result<CertificateRequest> parse_request(std::string_view pem_or_der) {
  const auto request = read_request(pem_or_der);
  EVP_PKEY* const key = request == nullptr ? nullptr : X509_REQ_get0_pubkey(request.get());
  if (key == nullptr) {
    detail::take_error();
    return fail(Failure::invalid, "csr.malformed", "not a certificate request (PKCS#10) in PEM or DER form");
  }
  if (!detail::is_usable(key)) {
    return fail(Failure::invalid, "csr.malformed",
                "the request's key is of another kind than RSA of 1024 to 8192 bits, P-256, P-384 or P-521");
  }
  const bool good = X509_REQ_verify_ex(request.get(), key, detail::context(), nullptr) == 1;
  detail::take_error();
  if (!good) return fail(Failure::invalid, "csr.signature", "the request is not signed by its own key");
  CertificateRequest content{
      .der = detail::der_of(request.get(), i2d_X509_REQ),
      .subject = detail::attributes_of(X509_REQ_get_subject_name(request.get())),
      .public_key = detail::der_of(X509_REQ_get_X509_PUBKEY(request.get()), i2d_X509_PUBKEY),
      .challenge_password = challenge_of(request.get()),
  };
  detail::take_error();
  return content;
}

Result<std::string> make_request(std::span<const NameAttribute> subject, const PrivateKey& key,
                                 std::string_view challenge_password) {
  const detail::RequestPtr request(X509_REQ_new());
  const auto* challenge = reinterpret_cast<const unsigned char*>(challenge_password.data());
  if (request == nullptr || X509_REQ_set_version(request.get(), X509_REQ_VERSION_1) != 1 ||
      !detail::add_attributes(X509_REQ_get_subject_name(request.get()), subject) ||
      X509_REQ_set_pubkey(request.get(), key.handle()) != 1 ||
      (!challenge_password.empty() &&
       X509_REQ_add1_attr_by_NID(request.get(), NID_pkcs9_challengePassword, MBSTRING_UTF8, challenge,
                                 static_cast<int>(challenge_password.size())) != 1) ||
      X509_REQ_sign(request.get(), key.handle(), EVP_sha256()) <= 0) {
    return fail(Failure::invalid, "csr.malformed",
                fmt::format("the certificate request cannot be made: {}", detail::take_error()));
  }
  return detail::der_of(request.get(), i2d_X509_REQ);
}

}  // namespace mooring::crypto

// SPDX-License-Identifier: Apache-2.0
// Making certificates. In the default context, as the key that signs lives there.
#include <openssl/x509v3.h>

#include <arpa/inet.h>
#include <fmt/format.h>

#include <array>

#include "base/crypto/crypto.hpp"
#include "base/crypto/detail/openssl.hpp"
#include "base/crypto/x509.hpp"

namespace mooring::crypto {
namespace {

using detail::X509Ptr;
using NamesPtr = std::unique_ptr<GENERAL_NAMES, detail::Free<GENERAL_NAMES_free>>;
using GeneralNamePtr = std::unique_ptr<GENERAL_NAME, detail::Free<GENERAL_NAME_free>>;
using NumberPtr = std::unique_ptr<BIGNUM, detail::Free<BN_free>>;

bool set_serial(X509* x509, std::string bytes) {
  if (bytes.size() > 20) return false;
  if (bytes.empty()) {
    bytes = random_bytes(16);
    bytes[0] =
        static_cast<char>((static_cast<unsigned char>(bytes[0]) & 0x3FU) | 0x40U);  // Positive, 16 long.
  }
  const NumberPtr number(BN_bin2bn(reinterpret_cast<const unsigned char*>(bytes.data()),
                                   static_cast<int>(bytes.size()), nullptr));
  return number != nullptr && BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(x509)) != nullptr;
}

bool set_validity(X509* x509, Time not_before, Time not_after) {
  const auto set = [](ASN1_TIME* field, Time time) {
    return ASN1_TIME_adj(field,
                         std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count(), 0,
                         0) != nullptr;
  };
  return set(X509_getm_notBefore(x509), not_before) && set(X509_getm_notAfter(x509), not_after);
}

/// Only for values of our own: the text is a small language.
bool add_extension(X509* x509, X509* issuer, int nid, const char* value) {
  X509V3_CTX context{};
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, x509, nullptr, nullptr, 0);
  using ExtensionPtr = std::unique_ptr<X509_EXTENSION, detail::Free<X509_EXTENSION_free>>;
  const ExtensionPtr extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value));
  return extension != nullptr && X509_add_ext(x509, extension.get(), -1) == 1;
}

GeneralNamePtr general_name(const std::string& name) {
  std::array<unsigned char, 16> address{};
  int length = 0;
  if (::inet_pton(AF_INET, name.c_str(), address.data()) == 1) length = 4;
  if (::inet_pton(AF_INET6, name.c_str(), address.data()) == 1) length = 16;
  using StringPtr = std::unique_ptr<ASN1_STRING, detail::Free<ASN1_STRING_free>>;
  StringPtr value(ASN1_STRING_type_new(length > 0 ? V_ASN1_OCTET_STRING : V_ASN1_IA5STRING));
  const void* bytes = length > 0 ? static_cast<const void*>(address.data()) : name.data();
  if (value == nullptr ||
      ASN1_STRING_set(value.get(), bytes, length > 0 ? length : static_cast<int>(name.size())) != 1) {
    return nullptr;
  }
  GeneralNamePtr general(GENERAL_NAME_new());
  if (general != nullptr)
    GENERAL_NAME_set0_value(general.get(), length > 0 ? GEN_IPADD : GEN_DNS, value.release());
  return general;
}

bool add_names(X509* x509, const std::vector<std::string>& names) {
  if (names.empty()) return true;
  const NamesPtr list(GENERAL_NAMES_new());
  for (const auto& name : names) {
    auto general = general_name(name);
    if (general == nullptr || sk_GENERAL_NAME_push(list.get(), general.get()) <= 0) return false;
    (void)general.release();
  }
  return X509_add1_ext_i2d(x509, NID_subject_alt_name, list.get(), 0, X509V3_ADD_DEFAULT) == 1;
}

bool add_extensions(X509* x509, X509* issuer, const NewCertificate& content) {
  std::string usage = "critical,digitalSignature";
  if (content.key_encipherment) usage += ",keyEncipherment";
  if (content.ca) usage += ",keyCertSign,cRLSign";
  const char* purpose = content.purpose == Purpose::client_auth   ? "clientAuth"
                        : content.purpose == Purpose::server_auth ? "serverAuth"
                                                                  : nullptr;
  return add_extension(x509, issuer, NID_basic_constraints,
                       content.ca ? "critical,CA:TRUE" : "critical,CA:FALSE") &&
         add_extension(x509, issuer, NID_key_usage, usage.c_str()) &&
         (purpose == nullptr || add_extension(x509, issuer, NID_ext_key_usage, purpose)) &&
         add_extension(x509, issuer, NID_subject_key_identifier, "hash") &&
         (issuer == x509 || add_extension(x509, issuer, NID_authority_key_identifier, "keyid")) &&
         add_names(x509, content.dns_names);
}

}  // namespace

Result<Certificate> issue(const NewCertificate& content, const Issuer& issuer) {
  const auto failed = [] {
    return fail(Failure::invalid, "certificate.issue",
                fmt::format("the certificate cannot be made: {}", detail::take_error()));
  };
  const X509Ptr x509(X509_new());
  const auto key = detail::read_public_key(content.public_key);
  const auto above =
      issuer.certificate == nullptr ? nullptr : detail::read_x509(issuer.certificate->der, nullptr);
  X509* const issuing = issuer.certificate == nullptr ? x509.get() : above.get();
  if (x509 == nullptr || key == nullptr || issuing == nullptr) return failed();
  if (X509_set_version(x509.get(), X509_VERSION_3) != 1 || !set_serial(x509.get(), content.serial) ||
      !set_validity(x509.get(), content.not_before, content.not_after) ||
      !detail::add_attributes(X509_get_subject_name(x509.get()), content.subject) ||
      X509_set_issuer_name(x509.get(), X509_get_subject_name(issuing)) != 1 ||
      X509_set_pubkey(x509.get(), key.get()) != 1 || !add_extensions(x509.get(), issuing, content) ||
      X509_sign(x509.get(), issuer.key.handle(), EVP_sha256()) <= 0) {
    return failed();
  }
  return Certificate::from_der(detail::der_of(x509.get(), i2d_X509));
}

}  // namespace mooring::crypto

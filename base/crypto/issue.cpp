// SPDX-License-Identifier: Apache-2.0
// Making certificates. In the default context, as the key that signs lives there.
#include <openssl/sha.h>
#include <openssl/x509v3.h>

#include <arpa/inet.h>
#include <fmt/format.h>

#include <array>

#include "base/crypto/crypto.hpp"
#include "base/crypto/detail/certificate_fields.hpp"
#include "base/crypto/detail/der.hpp"
#include "base/crypto/detail/openssl.hpp"
#include "base/crypto/detail/public_key.hpp"
#include "base/crypto/x509.hpp"

namespace mooring::crypto {
namespace {

using detail::X509Ptr;
using NamesPtr = std::unique_ptr<GENERAL_NAMES, detail::Free<GENERAL_NAMES_free>>;
using GeneralNamePtr = std::unique_ptr<GENERAL_NAME, detail::Free<GENERAL_NAME_free>>;
using NamePtr = std::unique_ptr<X509_NAME, detail::Free<X509_NAME_free>>;
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

/// Of a usual key, as it stands: X509_set_pubkey would encode what was decoded, and decode it once more.
bool set_public_key(X509* x509, std::string_view der) {
  detail::DerReader outer(der);
  detail::DerReader info(outer.content(detail::der_tag::kSequence));
  const auto algorithm = info.take(detail::der_tag::kSequence);
  const auto bits = info.content(detail::der_tag::kBits);
  if (!algorithm || bits.empty()) return false;
  const auto* at = reinterpret_cast<const unsigned char*>(algorithm->whole.data());
  using AlgorithmPtr = std::unique_ptr<X509_ALGOR, detail::Free<X509_ALGOR_free>>;
  const AlgorithmPtr read(d2i_X509_ALGOR(nullptr, &at, static_cast<long>(algorithm->whole.size())));
  if (read == nullptr) return false;
  const ASN1_OBJECT* type = nullptr;
  int kind = 0;
  const void* value = nullptr;
  X509_ALGOR_get0(&type, &kind, &value, read.get());
  void* const curve = kind == V_ASN1_OBJECT ? OBJ_dup(static_cast<const ASN1_OBJECT*>(value)) : nullptr;
  auto* const key = static_cast<unsigned char*>(OPENSSL_memdup(bits.data() + 1, bits.size() - 1));
  return X509_PUBKEY_set0_param(X509_get_X509_PUBKEY(x509), OBJ_dup(type), kind, curve, key,
                                static_cast<int>(bits.size()) - 1) == 1;
}

/// What a new certificate takes from the one above it.
struct Above {
  NamePtr subject;
  std::string key_identifier;
};

std::optional<Above> read_above(std::string_view certificate) {
  const auto fields = detail::read_fields(certificate);
  if (!fields) return std::nullopt;
  const auto* at = reinterpret_cast<const unsigned char*>(fields->subject.data());
  Above above{.subject = NamePtr(d2i_X509_NAME(nullptr, &at, static_cast<long>(fields->subject.size()))),
              .key_identifier = std::string(detail::subject_key_identifier(*fields))};
  if (above.subject == nullptr) return std::nullopt;
  if (above.key_identifier.empty()) {  // RFC 5280 section 4.2.1.2: then by method (1)
    above.key_identifier.resize(SHA_DIGEST_LENGTH);
    SHA1(reinterpret_cast<const unsigned char*>(fields->key_bits.data()), fields->key_bits.size(),
         reinterpret_cast<unsigned char*>(above.key_identifier.data()));
  }
  return above;
}

bool add_authority_key(X509* x509, std::string_view key_identifier) {
  using AuthorityKeyPtr = std::unique_ptr<AUTHORITY_KEYID, detail::Free<AUTHORITY_KEYID_free>>;
  const AuthorityKeyPtr authority(AUTHORITY_KEYID_new());
  if (authority == nullptr) return false;
  authority->keyid = ASN1_OCTET_STRING_new();
  return authority->keyid != nullptr &&
         ASN1_OCTET_STRING_set(authority->keyid,
                               reinterpret_cast<const unsigned char*>(key_identifier.data()),
                               static_cast<int>(key_identifier.size())) == 1 &&
         X509_add1_ext_i2d(x509, NID_authority_key_identifier, authority.get(), 0, X509V3_ADD_DEFAULT) == 1;
}

/// Only for values of our own: the text is a small language.
bool add_extension(X509* x509, int nid, const char* value) {
  X509V3_CTX context{};
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, nullptr, x509, nullptr, nullptr, 0);
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

bool add_extensions(X509* x509, const Above* above, const NewCertificate& content) {
  std::string usage = "critical,digitalSignature";
  if (content.key_encipherment) usage += ",keyEncipherment";
  if (content.ca) usage += ",keyCertSign,cRLSign";
  const char* purpose = content.purpose == Purpose::client_auth   ? "clientAuth"
                        : content.purpose == Purpose::server_auth ? "serverAuth"
                                                                  : nullptr;
  return add_extension(x509, NID_basic_constraints, content.ca ? "critical,CA:TRUE" : "critical,CA:FALSE") &&
         add_extension(x509, NID_key_usage, usage.c_str()) &&
         (purpose == nullptr || add_extension(x509, NID_ext_key_usage, purpose)) &&
         add_extension(x509, NID_subject_key_identifier, "hash") &&
         (above == nullptr || add_authority_key(x509, above->key_identifier)) &&
         add_names(x509, content.dns_names);
}

}  // namespace

Result<Certificate> issue(const NewCertificate& content, const Issuer& issuer) {
  const auto failed = [] {
    return fail(Failure::invalid, "certificate.issue",
                fmt::format("the certificate cannot be made: {}", detail::take_error()));
  };
  const X509Ptr x509(X509_new());
  std::optional<Above> above;
  if (issuer.certificate != nullptr) above = read_above(issuer.certificate->der);
  if (x509 == nullptr || detail::read_usual_key(content.public_key) == nullptr ||
      (issuer.certificate != nullptr && !above)) {
    return failed();
  }
  X509_NAME* const subject = X509_get_subject_name(x509.get());
  if (X509_set_version(x509.get(), X509_VERSION_3) != 1 || !set_serial(x509.get(), content.serial) ||
      !set_validity(x509.get(), content.not_before, content.not_after) ||
      !detail::add_attributes(subject, content.subject) ||
      X509_set_issuer_name(x509.get(), above ? above->subject.get() : subject) != 1 ||
      !set_public_key(x509.get(), content.public_key) ||
      !add_extensions(x509.get(), above ? &*above : nullptr, content) ||
      X509_sign(x509.get(), issuer.key.handle(), EVP_sha256()) <= 0) {
    return failed();
  }
  return detail::describe(x509.get(), detail::der_of(x509.get(), i2d_X509));
}

}  // namespace mooring::crypto

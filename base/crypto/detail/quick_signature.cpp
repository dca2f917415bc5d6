// SPDX-License-Identifier: Apache-2.0
#include "base/crypto/detail/quick_signature.hpp"

#include <openssl/err.h>

#include <algorithm>
#include <array>

#include "base/crypto/detail/certificate_fields.hpp"
#include "base/crypto/detail/der.hpp"
#include "base/crypto/detail/openssl.hpp"
#include "base/crypto/detail/public_key.hpp"

namespace mooring::crypto::detail {
namespace {

using namespace std::string_view_literals;

constexpr std::uint8_t kContext0 = 0xA0;
constexpr std::uint8_t kContext1 = 0xA1;

constexpr auto kSignedData = "\x2A\x86\x48\x86\xF7\x0D\x01\x07\x02"sv;
constexpr auto kContentType = "\x2A\x86\x48\x86\xF7\x0D\x01\x09\x03"sv;
constexpr auto kMessageDigest = "\x2A\x86\x48\x86\xF7\x0D\x01\x09\x04"sv;
constexpr auto kSigningTime = "\x2A\x86\x48\x86\xF7\x0D\x01\x09\x05"sv;
constexpr auto kRsaKey = "\x2A\x86\x48\x86\xF7\x0D\x01\x01\x01"sv;
constexpr auto kEcKey = "\x2A\x86\x48\xCE\x3D\x02\x01"sv;

struct Named {
  std::string_view oid;
  const char* name;
};
constexpr std::array kDigests{
    Named{"\x2B\x0E\x03\x02\x1A"sv, "SHA1"},
    Named{"\x60\x86\x48\x01\x65\x03\x04\x02\x04"sv, "SHA224"},
    Named{"\x60\x86\x48\x01\x65\x03\x04\x02\x01"sv, "SHA256"},
    Named{"\x60\x86\x48\x01\x65\x03\x04\x02\x02"sv, "SHA384"},
    Named{"\x60\x86\x48\x01\x65\x03\x04\x02\x03"sv, "SHA512"},
};

/// PKCS #1 v1.5: rsaEncryption, and with SHA-1 or SHA-2. Not PSS, whose parameters matter.
constexpr std::array kRsaSignatures{
    kRsaKey,
    "\x2A\x86\x48\x86\xF7\x0D\x01\x01\x05"sv,
    "\x2A\x86\x48\x86\xF7\x0D\x01\x01\x0E"sv,
    "\x2A\x86\x48\x86\xF7\x0D\x01\x01\x0B"sv,
    "\x2A\x86\x48\x86\xF7\x0D\x01\x01\x0C"sv,
    "\x2A\x86\x48\x86\xF7\x0D\x01\x01\x0D"sv,
};
constexpr std::array kEcSignatures{
    kEcKey,
    "\x2A\x86\x48\xCE\x3D\x04\x01"sv,
    "\x2A\x86\x48\xCE\x3D\x04\x03\x01"sv,
    "\x2A\x86\x48\xCE\x3D\x04\x03\x02"sv,
    "\x2A\x86\x48\xCE\x3D\x04\x03\x03"sv,
    "\x2A\x86\x48\xCE\x3D\x04\x03\x04"sv,
};

const char* name_in(std::span<const Named> known, std::string_view oid) {
  const auto found = std::ranges::find(known, oid, &Named::oid);
  return found == known.end() ? nullptr : found->name;
}

struct Attributes {
  std::string_view whole;  ///< As sent, with the tag [0].
  std::string_view content_type;
  std::string_view message_digest;
  std::string_view signing_time;  ///< With its tag; empty where absent.
};

struct Parts {
  std::string_view content_type;
  std::vector<std::string_view> certificates;
  std::string_view certificate;  ///< Of these, the signer's.
  std::string_view issuer;       ///< With tag.
  std::string_view serial;
  std::string_view digest_oid;
  const char* digest = nullptr;
  Attributes attributes;
  std::string_view signature_algorithm;
  std::string_view signature;
};

bool read_attributes(const DerElement& element, Attributes& out) {
  out.whole = element.whole;
  DerReader attributes(element.content);
  while (!attributes.at_end()) {
    DerReader attribute(attributes.content(der_tag::kSequence));
    const auto type = attribute.content(der_tag::kOid);
    const auto values = attribute.content(der_tag::kSet);
    if (attributes.failed() || attribute.failed() || !attribute.at_end()) return false;
    DerReader value(values);
    auto* const known = type == kContentType     ? &out.content_type
                        : type == kMessageDigest ? &out.message_digest
                                                 : nullptr;
    if (known != nullptr) {
      if (!known->empty()) return false;
      *known = value.content(type == kContentType ? der_tag::kOid : der_tag::kOctets);
      if (value.failed() || !value.at_end() || known->empty()) return false;
    } else if (type == kSigningTime) {
      if (!out.signing_time.empty() || values.empty()) return false;
      out.signing_time = values;
    }
  }
  return !out.content_type.empty() && !out.message_digest.empty();
}

bool read_signer(std::string_view bytes, Parts& parts) {
  DerReader info(bytes);
  info.content(der_tag::kInteger);
  DerReader name(info.content(der_tag::kSequence));
  const auto issuer = name.take(der_tag::kSequence);
  parts.serial = name.content(der_tag::kInteger);
  DerReader digest(info.content(der_tag::kSequence));
  parts.digest_oid = digest.content(der_tag::kOid);
  parts.digest = name_in(kDigests, parts.digest_oid);
  const auto attributes = info.take(kContext0);
  DerReader algorithm(info.content(der_tag::kSequence));
  parts.signature_algorithm = algorithm.content(der_tag::kOid);
  parts.signature = info.content(der_tag::kOctets);
  info.skip_optional(kContext1);
  if (info.failed() || !info.at_end() || name.failed() || !name.at_end() || digest.failed() ||
      algorithm.failed() || parts.digest == nullptr) {
    return false;
  }
  parts.issuer = issuer->whole;
  return read_attributes(*attributes, parts.attributes);
}

std::optional<Parts> read_parts(std::string_view der) {
  DerReader outer(der);
  DerReader info(outer.content(der_tag::kSequence));
  const bool is_signed = info.content(der_tag::kOid) == kSignedData;
  DerReader explicit_content(info.content(kContext0));
  DerReader data(explicit_content.content(der_tag::kSequence));
  data.content(der_tag::kInteger);
  DerReader digests(data.content(der_tag::kSet));
  DerReader encapsulated(data.content(der_tag::kSequence));
  Parts parts;
  parts.content_type = encapsulated.content(der_tag::kOid);
  DerReader certificates(data.content(kContext0));
  while (!certificates.at_end()) {
    if (const auto one = certificates.take(der_tag::kSequence)) parts.certificates.push_back(one->whole);
  }
  DerReader signers(data.content(der_tag::kSet));
  const auto signer = signers.content(der_tag::kSequence);
  const bool whole = !outer.failed() && outer.at_end() && info.at_end() && explicit_content.at_end() &&
                     data.at_end() && !data.failed() && encapsulated.at_end() && !encapsulated.failed() &&
                     certificates.at_end() && !certificates.failed() && signers.at_end() && !signers.failed();
  if (!is_signed || !whole) return std::nullopt;
  if (!read_signer(signer, parts)) return std::nullopt;
  while (!digests.at_end()) {
    DerReader digest(digests.content(der_tag::kSequence));
    if (digest.content(der_tag::kOid) == parts.digest_oid) return parts;
  }
  return std::nullopt;
}

/// The certificate's key, where issuer and serial number are those that the signer names.
KeyPtr key_of(std::string_view certificate, const Parts& parts) {
  const auto fields = read_fields(certificate);
  if (!fields || fields->serial != parts.serial || fields->issuer != parts.issuer) return nullptr;
  auto key = read_usual_key(fields->public_key);
  const auto signs_as = [&](const auto& known) {
    return std::ranges::find(known, parts.signature_algorithm) != known.end();
  };
  if (key == nullptr) return nullptr;
  const bool rsa = EVP_PKEY_get_base_id(key.get()) == EVP_PKEY_RSA;
  return (rsa ? signs_as(kRsaSignatures) : signs_as(kEcSignatures)) ? std::move(key) : nullptr;
}

KeyPtr signer_key(Parts& parts) {
  for (const auto certificate : parts.certificates) {
    if (auto key = key_of(certificate, parts)) {
      parts.certificate = certificate;
      return key;
    }
  }
  return nullptr;
}

bool digest_fits(const Parts& parts, std::string_view content) {
  const std::unique_ptr<EVP_MD, Free<EVP_MD_free>> method(EVP_MD_fetch(context(), parts.digest, nullptr));
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned length = 0;
  return method != nullptr &&
         EVP_Digest(content.data(), content.size(), digest.data(), &length, method.get(), nullptr) == 1 &&
         parts.attributes.message_digest ==
             std::string_view(reinterpret_cast<const char*>(digest.data()), length);
}

bool signature_fits(const Parts& parts, EVP_PKEY* key) {
  // What is signed is the SET, not the [0] that stands in its place (RFC 5652 section 5.4).
  std::string signed_bytes(parts.attributes.whole);
  signed_bytes[0] = static_cast<char>(der_tag::kSet);
  const std::unique_ptr<EVP_MD_CTX, Free<EVP_MD_CTX_free>> verification(EVP_MD_CTX_new());
  return verification != nullptr &&
         EVP_DigestVerifyInit_ex(verification.get(), nullptr, parts.digest, context(), nullptr, key,
                                 nullptr) == 1 &&
         EVP_DigestVerify(verification.get(), reinterpret_cast<const unsigned char*>(parts.signature.data()),
                          parts.signature.size(), reinterpret_cast<const unsigned char*>(signed_bytes.data()),
                          signed_bytes.size()) == 1;
}

std::optional<Time> read_time(std::string_view bytes) {
  const auto* at = reinterpret_cast<const unsigned char*>(bytes.data());
  const std::unique_ptr<ASN1_TIME, Free<ASN1_TIME_free>> time(
      d2i_ASN1_TIME(nullptr, &at, static_cast<long>(bytes.size())));
  return time_of(time.get());
}

}  // namespace

std::optional<Signed> verify_quickly(std::string_view der, std::string_view content) {
  auto parts = read_parts(der);
  if (!parts || parts->attributes.content_type != parts->content_type || !digest_fits(*parts, content)) {
    return std::nullopt;
  }
  const auto key = signer_key(*parts);
  std::optional<Signed> proven;
  if (is_usable(key.get()) && signature_fits(*parts, key.get())) {
    proven = Signed{.signer = std::string(parts->certificate),
                    .certificates = {parts->certificates.begin(), parts->certificates.end()},
                    .signing_time = read_time(parts->attributes.signing_time),
                    .digest = parts->digest,
                    .content = {}};
  }
  ERR_clear_error();
  return proven;
}

}  // namespace mooring::crypto::detail

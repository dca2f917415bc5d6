// SPDX-License-Identifier: Apache-2.0
#include "base/crypto/detail/certificate_fields.hpp"

#include "base/crypto/detail/der.hpp"

namespace mooring::crypto::detail {
namespace {

using namespace std::string_view_literals;

constexpr std::uint8_t kVersion = 0xA0;
constexpr std::uint8_t kIssuerId = 0x81;
constexpr std::uint8_t kSubjectId = 0x82;
constexpr std::uint8_t kExtensions = 0xA3;
constexpr auto kSubjectKeyIdentifier = "\x55\x1D\x0E"sv;

}  // namespace

std::optional<CertificateFields> read_fields(std::string_view bytes) {
  DerReader outer(bytes);
  DerReader certificate(outer.content(der_tag::kSequence));
  DerReader content(certificate.content(der_tag::kSequence));
  content.skip_optional(kVersion);
  CertificateFields fields;
  fields.serial = content.content(der_tag::kInteger);
  content.take(der_tag::kSequence);
  const auto issuer = content.take(der_tag::kSequence);
  content.take(der_tag::kSequence);
  const auto subject = content.take(der_tag::kSequence);
  const auto key = content.take(der_tag::kSequence);
  if (outer.failed() || !outer.at_end() || content.failed()) return std::nullopt;
  fields.issuer = issuer->whole;
  fields.subject = subject->whole;
  fields.public_key = key->whole;
  DerReader info(key->content);
  info.take(der_tag::kSequence);
  fields.key_bits = info.content(der_tag::kBits);
  if (info.failed() || !info.at_end() || !fields.key_bits.starts_with('\0')) return std::nullopt;
  fields.key_bits.remove_prefix(1);
  content.skip_optional(kIssuerId);
  content.skip_optional(kSubjectId);
  if (content.next_is(kExtensions)) {
    DerReader extensions(content.content(kExtensions));
    fields.extensions = extensions.content(der_tag::kSequence);
    if (extensions.failed() || !extensions.at_end()) return std::nullopt;
  }
  if (content.failed() || !content.at_end()) return std::nullopt;
  return fields;
}

std::string_view subject_key_identifier(const CertificateFields& fields) {
  DerReader extensions(fields.extensions);
  while (!extensions.at_end()) {
    DerReader extension(extensions.content(der_tag::kSequence));
    const auto type = extension.content(der_tag::kOid);
    extension.skip_optional(der_tag::kBoolean);  // critical
    DerReader value(extension.content(der_tag::kOctets));
    if (type == kSubjectKeyIdentifier) return value.content(der_tag::kOctets);
  }
  return {};
}

}  // namespace mooring::crypto::detail

// SPDX-License-Identifier: Apache-2.0
// The SignedData of a message: structure and attributes (RFC 8894 section 3.2.1, RFC 5652 section 5).
#include <openssl/asn1.h>

#include <charconv>

#include "core/scep/detail/parts.hpp"

namespace mooring::core::scep {
namespace detail {
namespace {

constexpr std::size_t kLongestTransactionId = 255;
constexpr std::size_t kLongestNonce = 64;

std::unexpected<Error> malformed(std::string_view what) {
  return fail(Failure::invalid, "scep.malformed", "not a SCEP message: " + std::string(what));
}

/// What names a certificate and its holder.
struct Names {
  std::string_view issuer;
  std::string_view serial;
  std::string_view subject;
};

std::optional<Names> names_in(std::string_view certificate) {
  const auto whole = BerReader(certificate).next(tag::kSequence);
  const auto tbs = whole ? BerReader(whole->content).next(tag::kSequence) : std::nullopt;
  if (!tbs) return std::nullopt;
  BerReader reader(tbs->content);
  reader.next(tag::kContext0);  // version
  const auto serial = reader.next(tag::kInteger);
  const auto algorithm = reader.next(tag::kSequence);
  const auto issuer = reader.next(tag::kSequence);
  const auto validity = reader.next(tag::kSequence);
  const auto subject = reader.next(tag::kSequence);
  if (!serial || !algorithm || !issuer || !validity || !subject) return std::nullopt;
  return Names{.issuer = issuer->whole, .serial = serial->whole, .subject = subject->whole};
}

struct SignerInfo {
  Element id;
  Element digest;
  std::optional<Element> attributes;
  Element signature_algorithm;
  Element signature;
};

std::optional<SignerInfo> read_signer_info(std::string_view content) {
  BerReader reader(content);
  SignerInfo info;
  const auto version = reader.next(tag::kInteger);
  const auto id = reader.next();
  const auto digest = reader.next(tag::kSequence);
  info.attributes = reader.next(tag::kContext0);
  const auto algorithm = reader.next(tag::kSequence);
  const auto signature = reader.next();
  if (!version || !id || !digest || !algorithm || !signature) return std::nullopt;
  info.id = *id;
  info.digest = *digest;
  info.signature_algorithm = *algorithm;
  info.signature = *signature;
  return info;
}

/// The OID of an AlgorithmIdentifier.
std::string_view oid_in(const Element& algorithm) {
  const auto oid = BerReader(algorithm.content).next(tag::kOid);
  return oid ? oid->content : std::string_view();
}

/// The one that the signer's identifier names; where only one is there, that.
std::string choose_signer(const Element& id, std::string_view certificates) {
  std::string only;
  int count = 0;
  BerReader reader(certificates);
  while (const auto certificate = reader.next()) {
    if (certificate->tag != tag::kSequence) continue;
    ++count;
    only = certificate->whole;
    if (issuer_and_serial(certificate->whole) == id.whole) return only;
  }
  return count == 1 ? only : std::string();
}

std::optional<Time> read_time(const Element& element) {
  const auto* at = raw(element.whole);
  using TimePtr = std::unique_ptr<ASN1_TIME, Free<ASN1_TIME_free>>;
  const TimePtr time(d2i_ASN1_TIME(nullptr, &at, static_cast<long>(element.whole.size())));
  return time == nullptr ? std::nullopt : crypto::detail::time_of(time.get());
}

MessageType type_of(std::string_view text) {
  int number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  for (const auto type :
       {MessageType::cert_rep, MessageType::renewal_req, MessageType::update_req, MessageType::pkcs_req,
        MessageType::cert_poll, MessageType::get_cert, MessageType::get_crl}) {
    if (number == static_cast<int>(type)) return type;
  }
  return MessageType::unknown;
}

bool is_printable_ascii(std::string_view text) {
  for (const char c : text) {
    if (c < 0x20 || c > 0x7E) return false;
  }
  return true;
}

void take_attribute(std::string_view oid, const Element& value, Message& message, Outer& outer) {
  if (oid == oid::kMessageType) message.type = type_of(value.content);
  if (oid == oid::kMessageDigest) outer.content_digest = value.content;
  if (oid == oid::kSigningTime) outer.signing_time = read_time(value);
  if (oid == oid::kSenderNonce && value.content.size() <= kLongestNonce) message.sender_nonce = value.content;
  if (oid == oid::kTransactionId && value.content.size() <= kLongestTransactionId &&
      is_printable_ascii(value.content) && (value.tag & tag::kConstructed) == 0) {
    message.transaction_id = value.content;
    message.transaction_value = value.whole;
  }
}

/// False where they are no attributes.
bool take_attributes(std::string_view attributes, Message& message, Outer& outer) {
  BerReader reader(attributes);
  while (const auto attribute = reader.next(tag::kSequence)) {
    BerReader inner(attribute->content);
    const auto type = inner.next(tag::kOid);
    const auto values = inner.next(tag::kSet);
    if (!type || !values) return false;
    if (const auto value = BerReader(values->content).next())
      take_attribute(type->content, *value, message, outer);
  }
  return reader.done();
}

struct SignedData {
  Element encapsulated;
  std::optional<Element> certificates;
  Element signer_infos;
};

std::optional<SignedData> read_signed_data(std::string_view bytes) {
  const auto info = BerReader(bytes).next(tag::kSequence);
  if (!info) return std::nullopt;
  BerReader outer(info->content);
  const auto type = outer.next(tag::kOid);
  const auto explicit_content = outer.next(tag::kContext0);
  if (!type || type->content != oid::kSignedData || !explicit_content) return std::nullopt;
  const auto body = BerReader(explicit_content->content).next(tag::kSequence);
  if (!body) return std::nullopt;
  BerReader reader(body->content);
  const auto version = reader.next(tag::kInteger);
  const auto digests = reader.next(tag::kSet);
  const auto encapsulated = reader.next(tag::kSequence);
  SignedData data;
  data.certificates = reader.next(tag::kContext0);
  reader.next(tag::kContext0 + 1);  // revocation lists say nothing here
  const auto signers = reader.next(tag::kSet);
  if (!version || !digests || !encapsulated || !signers) return std::nullopt;
  data.encapsulated = *encapsulated;
  data.signer_infos = *signers;
  return data;
}

/// The signed octets; empty where there are none.
std::optional<std::string> read_content(const Element& encapsulated) {
  BerReader reader(encapsulated.content);
  if (!reader.next(tag::kOid)) return std::nullopt;
  const auto explicit_content = reader.next(tag::kContext0);
  if (!explicit_content) return std::string();
  const auto octets = BerReader(explicit_content->content).next();
  if (!octets || (octets->tag & ~tag::kConstructed) != tag::kOctets) return std::nullopt;
  return octets_of(*octets);
}

}  // namespace

std::optional<std::string> issuer_and_serial(std::string_view certificate) {
  const auto names = names_in(certificate);
  if (!names) return std::nullopt;
  return der(tag::kSequence, {names->issuer, names->serial});
}

Result<Outer> read_outer(std::string_view bytes, Message& message) {
  const auto signed_data = read_signed_data(bytes);
  if (!signed_data) return malformed("no SignedData (RFC 5652)");
  BerReader signers(signed_data->signer_infos.content);
  const auto one = signers.next(tag::kSequence);
  const auto info = one ? read_signer_info(one->content) : std::nullopt;
  if (!info || !signers.done()) return malformed("it must have exactly one signer");
  if (!info->attributes) return malformed("it has no signed attributes");
  Outer outer;
  if (!take_attributes(info->attributes->content, message, outer))
    return malformed("its attributes cannot be read");
  if (message.transaction_id.empty())
    return malformed("it has no transactionID, or one that is no plain text");
  auto content = read_content(signed_data->encapsulated);
  auto signature = octets_of(info->signature);
  if (!content || !signature) return malformed("its content or its signature is no string of octets");
  outer.content = std::move(*content);
  outer.signature = std::move(*signature);
  outer.digest_oid = oid_in(info->digest);
  outer.signature_oid = oid_in(info->signature_algorithm);
  outer.attributes = der(tag::kSet, info->attributes->content);
  if (signed_data->certificates) message.signer = choose_signer(info->id, signed_data->certificates->content);
  return outer;
}

}  // namespace detail

std::string subject_name(std::string_view certificate) {
  const auto names = detail::names_in(certificate);
  return names ? std::string(names->subject) : std::string();
}

}  // namespace mooring::core::scep

// SPDX-License-Identifier: Apache-2.0
// The EnvelopedData of a message (RFC 5652 section 6), by RSA key transport.
#include "base/crypto/crypto.hpp"
#include "core/scep/detail/parts.hpp"

namespace mooring::core::scep::detail {
namespace {

struct Sealed {
  std::string cipher_oid;
  std::string iv;
  std::string content;
  std::string encrypted_key;
  bool rsa_key_transport = false;
};

struct Recipient {
  std::string_view id;
  std::string_view algorithm;
  std::string_view encrypted_key;
};

std::optional<Recipient> read_recipient(const Element& element) {
  if (element.tag != tag::kSequence) return std::nullopt;  // key agreement, password and the like
  BerReader reader(element.content);
  const auto version = reader.next(tag::kInteger);
  const auto id = reader.next();
  const auto algorithm = reader.next(tag::kSequence);
  const auto key = reader.next(tag::kOctets);
  const auto oid = algorithm ? BerReader(algorithm->content).next(tag::kOid) : std::nullopt;
  if (!version || !id || !oid || !key) return std::nullopt;
  return Recipient{.id = id->whole, .algorithm = oid->content, .encrypted_key = key->content};
}

/// Ours; where only one recipient is named, that: its key either opens the content or does not.
std::optional<Recipient> choose_recipient(std::string_view recipients, std::string_view ours) {
  std::optional<Recipient> chosen;
  int count = 0;
  BerReader reader(recipients);
  while (const auto element = reader.next()) {
    ++count;
    const auto recipient = read_recipient(*element);
    if (!recipient) continue;
    if (recipient->id == ours) return recipient;
    chosen = recipient;
  }
  return count == 1 ? chosen : std::nullopt;
}

bool read_encrypted_content(const Element& element, Sealed& sealed) {
  BerReader reader(element.content);
  const auto type = reader.next(tag::kOid);
  const auto algorithm = reader.next(tag::kSequence);
  const auto content = reader.next();
  if (!type || !algorithm || !content || (content->tag & ~tag::kConstructed) != tag::kPrimitive0)
    return false;
  BerReader inner(algorithm->content);
  const auto oid = inner.next(tag::kOid);
  const auto iv = inner.next(tag::kOctets);
  auto octets = octets_of(*content);
  if (!oid || !octets) return false;
  sealed.cipher_oid = oid->content;
  if (iv) sealed.iv = iv->content;
  sealed.content = std::move(*octets);
  return true;
}

std::optional<Sealed> read_envelope(std::string_view content_info, std::string_view ours) {
  const auto info = BerReader(content_info).next(tag::kSequence);
  if (!info) return std::nullopt;
  BerReader outer(info->content);
  const auto type = outer.next(tag::kOid);
  const auto explicit_content = outer.next(tag::kContext0);
  if (!type || type->content != oid::kEnvelopedData || !explicit_content) return std::nullopt;
  const auto body = BerReader(explicit_content->content).next(tag::kSequence);
  if (!body) return std::nullopt;
  BerReader reader(body->content);
  const auto version = reader.next(tag::kInteger);
  reader.next(tag::kContext0);  // originatorInfo
  const auto recipients = reader.next(tag::kSet);
  const auto encrypted = reader.next(tag::kSequence);
  Sealed sealed;
  if (!version || !recipients || !encrypted || !read_encrypted_content(*encrypted, sealed))
    return std::nullopt;
  const auto recipient = choose_recipient(recipients->content, ours);
  if (!recipient) return std::nullopt;
  sealed.encrypted_key = recipient->encrypted_key;
  sealed.rsa_key_transport = recipient->algorithm == oid::kRsa;
  return sealed;
}

}  // namespace

std::expected<std::string, Refusal> open_envelope(std::string_view content_info, const Party& party,
                                                  Cipher& cipher) {
  const auto ours = issuer_and_serial(party.registrar.certificate.der);
  const auto sealed = read_envelope(content_info, ours.value_or(""));
  if (!sealed)
    return refuse(FailInfo::bad_message_check, "its content is no EnvelopedData for this server's key");
  const auto known = cipher_of(sealed->cipher_oid);
  const bool weak = known == Cipher::des || known == Cipher::des3;
  if (!known || (weak && party.legacy == nullptr)) {
    return refuse(FailInfo::bad_alg, "its content is encrypted with an algorithm that is not allowed");
  }
  if (!sealed->rsa_key_transport)
    return refuse(FailInfo::bad_alg, "its key transport is not RSA PKCS#1 v1.5");
  cipher = *known;
  // Where the key does not open, go on with one that fits nothing: from our answer nobody shall learn what
  // was wrong (RFC 3218).
  auto key = unwrap(party.registrar.key, sealed->encrypted_key);
  std::string other = crypto::random_bytes(key_size(cipher));
  const bool fits = key && key->size() == key_size(cipher);
  auto content = decrypt(cipher, party.legacy, fits ? *key : other, sealed->iv, sealed->content);
  if (!content)
    return refuse(FailInfo::bad_message_check, "its content does not open with this server's key");
  return std::move(*content);
}

std::optional<std::string> make_envelope(std::string_view content, const ReplyKey& key,
                                         const LegacyCiphers* legacy) {
  const std::string iv = crypto::random_bytes(block_size(key.cipher));
  const auto encrypted = encrypt(key.cipher, legacy, key.key, iv, content);
  if (!encrypted) return std::nullopt;
  const std::string recipient = der(
      tag::kSequence,
      {der_integer(0), key.recipient, der_algorithm(oid::kRsa, kDerNull), der(tag::kOctets, key.encrypted)});
  const std::string sealed = der(
      tag::kSequence, {der(tag::kOid, oid::kData), der_algorithm(oid_of(key.cipher), der(tag::kOctets, iv)),
                       der(tag::kPrimitive0, *encrypted)});
  const std::string envelope = der(tag::kSequence, {der_integer(0), der(tag::kSet, recipient), sealed});
  return der(tag::kSequence, {der(tag::kOid, oid::kEnvelopedData), der(tag::kContext0, envelope)});
}

}  // namespace mooring::core::scep::detail

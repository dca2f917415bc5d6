// SPDX-License-Identifier: Apache-2.0
// What a PKCS#10 (RFC 2986) asks for. Read here rather than by OpenSSL because reading a key costs more than
// checking a signature with it, and the message's signer has the same one.
#include <openssl/objects.h>
#include <openssl/x509.h>

#include "base/crypto/detail/public_key.hpp"
#include "core/scep/detail/parts.hpp"

namespace mooring::core::scep::detail {
namespace {

using namespace std::string_view_literals;
constexpr auto kChallengePassword = "\x2A\x86\x48\x86\xF7\x0D\x01\x09\x07"sv;
constexpr auto kExtensionRequest = "\x2A\x86\x48\x86\xF7\x0D\x01\x09\x0E"sv;
constexpr auto kKeyUsage = "\x55\x1D\x0F"sv;
constexpr std::uint8_t kBitString = 0x03;
constexpr std::uint8_t kKeyEncipherment = 0x20;  // bit 2 of KeyUsage
constexpr int kLeastBits = 2048;

std::unexpected<Refusal> no_request(std::string why) {
  return refuse(FailInfo::bad_request, "PKCS#10: " + why);
}

struct Request {
  Element info;
  Element name;
  Element key;
  std::optional<Element> attributes;
  std::string_view signature_oid;
  std::string_view signature;
};

std::optional<Request> read_request(std::string_view pkcs10) {
  const auto whole = BerReader(pkcs10).next(tag::kSequence);
  if (!whole) return std::nullopt;
  BerReader reader(whole->content);
  const auto info = reader.next(tag::kSequence);
  const auto algorithm = reader.next(tag::kSequence);
  const auto signature = reader.next(kBitString);
  if (!info || !algorithm || !signature || signature->content.empty()) return std::nullopt;
  BerReader inner(info->content);
  const auto version = inner.next(tag::kInteger);
  const auto name = inner.next(tag::kSequence);
  const auto key = inner.next(tag::kSequence);
  const auto oid = BerReader(algorithm->content).next(tag::kOid);
  if (!version || !name || !key || !oid) return std::nullopt;
  return Request{.info = *info,
                 .name = *name,
                 .key = *key,
                 .attributes = inner.next(tag::kContext0),
                 .signature_oid = oid->content,
                 .signature = signature->content.substr(1)};
}

/// The hash of a signature algorithm of RSA (PKCS#1 v1.5) or ECDSA.
std::optional<Hash> signature_hash(std::string_view oid) {
  const std::string whole = der(tag::kOid, oid);
  const auto* at = raw(whole);
  using ObjectPtr = std::unique_ptr<ASN1_OBJECT, Free<ASN1_OBJECT_free>>;
  const ObjectPtr object(d2i_ASN1_OBJECT(nullptr, &at, static_cast<long>(whole.size())));
  int digest_nid = NID_undef;
  int key_nid = NID_undef;
  if (object == nullptr || OBJ_find_sigid_algs(OBJ_obj2nid(object.get()), &digest_nid, &key_nid) != 1) {
    return std::nullopt;
  }
  if (key_nid != NID_rsaEncryption && key_nid != NID_X9_62_id_ecPublicKey) return std::nullopt;
  switch (digest_nid) {
    case NID_sha1:
      return Hash::sha1;
    case NID_sha256:
      return Hash::sha256;
    case NID_sha384:
      return Hash::sha384;
    case NID_sha512:
      return Hash::sha512;
    default:
      return std::nullopt;
  }
}

std::optional<std::vector<crypto::NameAttribute>> read_name(const Element& element) {
  const auto* at = raw(element.whole);
  using NamePtr = std::unique_ptr<X509_NAME, Free<X509_NAME_free>>;
  const NamePtr name(d2i_X509_NAME(nullptr, &at, static_cast<long>(element.whole.size())));
  if (name == nullptr) return std::nullopt;
  return crypto::detail::attributes_of(name.get());
}

std::string read_challenge(const Element& value) {
  const auto* at = raw(value.whole);
  using AnyPtr = std::unique_ptr<ASN1_TYPE, Free<ASN1_TYPE_free>>;
  const AnyPtr any(d2i_ASN1_TYPE(nullptr, &at, static_cast<long>(value.whole.size())));
  if (any == nullptr) return {};
  switch (ASN1_TYPE_get(any.get())) {
    case V_ASN1_UTF8STRING:
    case V_ASN1_PRINTABLESTRING:
    case V_ASN1_T61STRING:
    case V_ASN1_IA5STRING:
    case V_ASN1_BMPSTRING:
    case V_ASN1_UNIVERSALSTRING:
      return crypto::detail::text_of(any->value.asn1_string);
    default:
      return {};
  }
}

bool wants_key_encipherment(const Element& extensions) {
  BerReader reader(extensions.content);
  while (const auto extension = reader.next(tag::kSequence)) {
    BerReader inner(extension->content);
    const auto oid = inner.next(tag::kOid);
    inner.next(std::uint8_t{0x01});  // critical
    const auto value = inner.next(tag::kOctets);
    if (!oid || !value || oid->content != kKeyUsage) continue;
    const auto bits = BerReader(value->content).next(kBitString);
    return bits && bits->content.size() > 1 &&
           (static_cast<std::uint8_t>(bits->content[1]) & kKeyEncipherment) != 0;
  }
  return false;
}

void take_attributes_of_request(const Element& attributes, CertificateAsk& ask) {
  BerReader reader(attributes.content);
  while (const auto attribute = reader.next(tag::kSequence)) {
    BerReader inner(attribute->content);
    const auto type = inner.next(tag::kOid);
    const auto values = inner.next(tag::kSet);
    const auto value = values ? BerReader(values->content).next() : std::nullopt;
    if (!type || !value) continue;
    if (type->content == kChallengePassword) ask.challenge = read_challenge(*value);
    if (type->content == kExtensionRequest) ask.key_encipherment = wants_key_encipherment(*value);
  }
}

}  // namespace

std::optional<Refusal> reason_against(const EVP_PKEY* key, const Party& party) {
  if (!crypto::detail::is_usable(key)) {
    return Refusal{FailInfo::bad_alg, "the key is not RSA of up to 8192 bits, P-256, P-384 or P-521"};
  }
  if (EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA && EVP_PKEY_get_bits(key) < kLeastBits &&
      party.legacy == nullptr) {
    return Refusal{FailInfo::bad_alg, "an RSA key of less than 2048 bits"};
  }
  return std::nullopt;
}

std::expected<CertificateAsk, Refusal> read_ask(std::string_view pkcs10, EVP_PKEY* signer,
                                                std::string_view signer_key, const Party& party) {
  const auto request = read_request(pkcs10);
  if (!request) return no_request("not in DER form");
  crypto::detail::KeyPtr own;
  EVP_PKEY* key = signer;
  if (request->key.whole != signer_key) {
    own = crypto::detail::read_usual_key(request->key.whole);
    key = own.get();
  }
  if (auto reason = reason_against(key, party)) return std::unexpected(std::move(*reason));
  const auto hash = signature_hash(request->signature_oid);
  if (!hash || (*hash == Hash::sha1 && party.legacy == nullptr)) {
    return refuse(FailInfo::bad_alg, "PKCS#10: it is signed with an algorithm that is not allowed");
  }
  if (!verify(key, *hash, request->info.whole, request->signature)) {
    return refuse(FailInfo::bad_message_check, "PKCS#10: it is not signed by its own key");
  }
  CertificateAsk ask;
  auto subject = read_name(request->name);
  if (!subject) return no_request("its subject cannot be read");
  ask.subject = std::move(*subject);
  ask.public_key = request->key.whole;
  if (request->attributes) take_attributes_of_request(*request->attributes, ask);
  return ask;
}

}  // namespace mooring::core::scep::detail

// SPDX-License-Identifier: Apache-2.0
#include "core/scep/message.hpp"

#include "base/crypto/crypto.hpp"
#include "base/crypto/detail/certificate_fields.hpp"
#include "base/crypto/detail/public_key.hpp"
#include "core/scep/detail/parts.hpp"

namespace mooring::core::scep {

using detail::Outer;
using detail::refuse;

namespace {

/// The key of the signer's certificate.
std::expected<crypto::detail::KeyPtr, Refusal> read_signer(Message& message, const Party& party) {
  const auto fields = crypto::detail::read_fields(message.signer);
  if (!fields) {
    return refuse(FailInfo::bad_message_check,
                  "the signer's certificate is not in the message, or cannot be read");
  }
  message.signer_key = fields->public_key;
  auto key = crypto::detail::read_usual_key(message.signer_key);
  if (auto reason = detail::reason_against(key.get(), party)) return std::unexpected(std::move(*reason));
  return key;
}

std::optional<Refusal> check_signature(const Outer& outer, Message& message, EVP_PKEY* key,
                                       const Party& party, Time now) {
  const auto hash = detail::hash_of(outer.digest_oid);
  if (!hash || (*hash == Hash::sha1 && party.legacy == nullptr) ||
      outer.signature_oid == core::detail::oid::kRsaPss) {
    return Refusal{FailInfo::bad_alg, "it is signed with an algorithm that is not allowed"};
  }
  message.hash = *hash;
  if (detail::digest(*hash, outer.content) != outer.content_digest ||
      !detail::verify(key, *hash, outer.attributes, outer.signature)) {
    return Refusal{FailInfo::bad_message_check, "its signature does not hold"};
  }
  if (message.sender_nonce.empty()) return Refusal{FailInfo::bad_request, "it has no senderNonce"};
  if (!outer.signing_time) return std::nullopt;
  const auto off = *outer.signing_time > now ? *outer.signing_time - now : now - *outer.signing_time;
  if (off > kSigningTimeSkew) return Refusal{FailInfo::bad_time, "its signingTime is more than a day off"};
  return std::nullopt;
}

bool asks_for_certificate(MessageType type) {
  return type == MessageType::pkcs_req || type == MessageType::renewal_req || type == MessageType::update_req;
}

bool has_answer(MessageType type) {
  return asks_for_certificate(type) || type == MessageType::cert_poll || type == MessageType::get_cert ||
         type == MessageType::get_crl;
}

std::optional<Refusal> prepare_reply(Message& message, EVP_PKEY* key) {
  auto& reply = message.reply_key;
  reply.key = crypto::random_bytes(detail::key_size(reply.cipher));
  auto wrapped = EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA ? detail::wrap(key, reply.key) : std::nullopt;
  auto recipient = detail::issuer_and_serial(message.signer);
  if (!wrapped || !recipient) {
    return Refusal{FailInfo::bad_alg,
                   "the signer's key is not RSA: the answer could not be encrypted for it"};
  }
  reply.encrypted = std::move(*wrapped);
  reply.recipient = std::move(*recipient);
  return std::nullopt;
}

/// IssuerAndSerialNumber.
std::optional<Refusal> read_wanted(std::string_view content, Message& message) {
  using namespace core::detail;
  const auto both = BerReader(content).next(tag::kSequence);
  BerReader reader(both ? both->content : std::string_view());
  const auto issuer = reader.next(tag::kSequence);
  const auto serial = reader.next(tag::kInteger);
  if (!issuer || !serial) return Refusal{FailInfo::bad_request, "its content is no issuer and serial number"};
  message.wanted_issuer = issuer->whole;
  message.wanted_serial = serial->content.substr(serial->content.starts_with('\0') ? 1 : 0);
  return std::nullopt;
}

std::optional<Refusal> read_message(const Outer& outer, Message& message, const Party& party, Time now) {
  const auto signer = read_signer(message, party);
  if (!signer) return signer.error();
  if (auto refused = check_signature(outer, message, signer->get(), party, now)) return refused;
  if (!has_answer(message.type))
    return Refusal{FailInfo::bad_request, "its messageType is none that a client sends"};
  const auto content = detail::open_envelope(outer.content, party, message.reply_key.cipher);
  if (!content) return content.error();
  if (auto refused = prepare_reply(message, signer->get())) return refused;
  if (message.type == MessageType::get_cert || message.type == MessageType::get_crl)
    return read_wanted(*content, message);
  if (!asks_for_certificate(message.type)) return std::nullopt;  // CertPoll: the transactionID says it all
  auto ask = detail::read_ask(*content, signer->get(), message.signer_key, party);
  if (!ask) return ask.error();
  message.ask = std::move(*ask);
  return std::nullopt;
}

}  // namespace

std::string_view name_of(MessageType type) {
  switch (type) {
    case MessageType::cert_rep:
      return "CertRep";
    case MessageType::renewal_req:
      return "RenewalReq";
    case MessageType::update_req:
      return "UpdateReq";
    case MessageType::pkcs_req:
      return "PKCSReq";
    case MessageType::cert_poll:
      return "CertPoll";
    case MessageType::get_cert:
      return "GetCert";
    case MessageType::get_crl:
      return "GetCRL";
    case MessageType::unknown:
      break;
  }
  return "unknown";
}

std::string_view name_of(FailInfo info) {
  switch (info) {
    case FailInfo::bad_alg:
      return "badAlg";
    case FailInfo::bad_message_check:
      return "badMessageCheck";
    case FailInfo::bad_time:
      return "badTime";
    case FailInfo::bad_cert_id:
      return "badCertID";
    case FailInfo::bad_request:
      break;
  }
  return "badRequest";
}

Result<Message> receive(std::string_view bytes, const Party& party, Time now) {
  Message message;
  const auto outer = detail::read_outer(bytes, message);
  if (!outer) return std::unexpected(outer.error());
  message.refusal = read_message(*outer, message, party, now);
  crypto::detail::take_error();
  return message;
}

}  // namespace mooring::core::scep

// SPDX-License-Identifier: Apache-2.0
// CertRep (RFC 8894 section 3.3.2). Written by hand rather than by OpenSSL: clients take the first
// certificate for theirs, so the order counts, and strongSwan knows only plain OIDs of signature algorithms.
#include <algorithm>

#include "base/crypto/crypto.hpp"
#include "core/scep/detail/parts.hpp"

namespace mooring::core::scep {
namespace {

using namespace core::detail;

constexpr std::size_t kNonceBytes = 16;

std::string attribute(std::string_view type, std::string_view value) {
  return der(tag::kSequence, {der(tag::kOid, type), der(tag::kSet, value)});
}

std::string printable(std::string_view text) { return der(tag::kPrintable, text); }

/// Sorted, as DER wants a SET OF.
std::string set_of(std::vector<std::string> values) {
  std::ranges::sort(values);
  std::string all;
  for (const auto& value : values) all += value;
  return all;
}

std::unexpected<Error> reply_failed() {
  return fail(Failure::internal, "scep.internal",
              "the answer cannot be made: " + crypto::detail::take_error());
}

struct Reply {
  std::optional<FailInfo> failure;
  std::string content;  ///< EnvelopedData; empty in a failure.
};

std::string attributes_of_reply(const Message& message, const Reply& reply, std::string_view digest) {
  std::vector<std::string> attributes{
      attribute(oid::kContentType, der(tag::kOid, oid::kData)),
      attribute(oid::kMessageDigest, der(tag::kOctets, digest)),
      attribute(oid::kMessageType, printable("3")),
      attribute(oid::kPkiStatus, printable(reply.failure ? "2" : "0")),
      attribute(oid::kSenderNonce, der(tag::kOctets, crypto::random_bytes(kNonceBytes))),
      attribute(oid::kTransactionId, message.transaction_value),
  };
  if (!message.sender_nonce.empty()) {
    attributes.push_back(attribute(oid::kRecipientNonce, der(tag::kOctets, message.sender_nonce)));
  }
  if (reply.failure) {
    attributes.push_back(
        attribute(oid::kFailInfo, printable(std::to_string(static_cast<int>(*reply.failure)))));
  }
  return set_of(std::move(attributes));
}

Result<std::string> sign_reply(const Message& message, const Reply& reply, const Party& party,
                               const crypto::Certificate& authority) {
  const auto& registrar = party.registrar;
  const auto digest = detail::digest(message.hash, reply.content);
  const auto signer = detail::issuer_and_serial(registrar.certificate.der);
  if (!digest || !signer) return reply_failed();
  const std::string attributes = attributes_of_reply(message, reply, *digest);
  const auto signature = detail::sign(registrar.key, message.hash, der(tag::kSet, attributes));
  if (!signature) return reply_failed();

  const std::string digest_algorithm = der_algorithm(detail::oid_of(message.hash), {});
  const std::string signer_info =
      der(tag::kSequence, {der_integer(1), *signer, digest_algorithm, der(tag::kContext0, attributes),
                           der_algorithm(oid::kRsa, kDerNull), der(tag::kOctets, *signature)});
  // Empty where there is none to give, not absent: certmonger does not verify what has no content.
  const std::string content = der(tag::kContext0, der(tag::kOctets, reply.content));
  std::string certificates = registrar.certificate.der;
  if (!(registrar.certificate == authority)) certificates += authority.der;
  const std::string signed_data =
      der(tag::kSequence, {der_integer(1), der(tag::kSet, digest_algorithm),
                           der(tag::kSequence, {der(tag::kOid, oid::kData), content}),
                           der(tag::kContext0, certificates), der(tag::kSet, signer_info)});
  return der(tag::kSequence, {der(tag::kOid, oid::kSignedData), der(tag::kContext0, signed_data)});
}

}  // namespace

std::string certificates_only(const std::vector<std::string>& certificates, std::string_view crl) {
  std::string all;
  for (const auto& certificate : certificates) all += certificate;
  const std::string degenerate = der(
      tag::kSequence, {der_integer(1), der(tag::kSet, ""), der(tag::kSequence, der(tag::kOid, oid::kData)),
                       all.empty() ? std::string() : der(tag::kContext0, all),
                       crl.empty() ? std::string() : der(tag::kContext0 + 1, crl), der(tag::kSet, "")});
  return der(tag::kSequence, {der(tag::kOid, oid::kSignedData), der(tag::kContext0, degenerate)});
}

Result<std::string> make_success(const Message& message, const Issued& issued, const Party& party,
                                 const crypto::Certificate& authority) {
  auto content = detail::make_envelope(certificates_only(issued.certificates, issued.crl), message.reply_key,
                                       party.legacy);
  if (!content) return reply_failed();
  return sign_reply(message, {.failure = std::nullopt, .content = std::move(*content)}, party, authority);
}

Result<std::string> make_failure(const Message& message, FailInfo info, const Party& party,
                                 const crypto::Certificate& authority) {
  return sign_reply(message, {.failure = info, .content = {}}, party, authority);
}

}  // namespace mooring::core::scep

// SPDX-License-Identifier: Apache-2.0
// The steps of receive(), each a file of its own. Only for .cpp files of this folder.
#pragma once

#include <expected>
#include <string>
#include <string_view>

#include "core/scep/detail/algorithms.hpp"
#include "core/scep/detail/der.hpp"
#include "core/scep/message.hpp"

namespace mooring::core::scep::detail {

using namespace core::detail;  // NOLINT(google-build-using-namespace): DER is the language of this folder

inline std::unexpected<Refusal> refuse(FailInfo info, std::string why) {
  return std::unexpected(Refusal{info, std::move(why)});
}

/// What of a certificate names it: DER IssuerAndSerialNumber.
std::optional<std::string> issuer_and_serial(std::string_view certificate);

/// The SignedData around everything, its signature not checked yet.
struct Outer {
  std::string content;  ///< What is signed: a DER or BER ContentInfo; empty where there is none.
  std::string digest_oid;
  std::string attributes;  ///< As they are signed: DER SET.
  std::string signature_oid;
  std::string signature;
  std::string content_digest;  ///< Attribute messageDigest.
  std::optional<Time> signing_time;
};
/// Fills the attributes of `message` as well. Errors: scep.malformed.
Result<Outer> read_outer(std::string_view bytes, Message& message);

/// Decrypts an EnvelopedData; tells the cipher that it used.
std::expected<std::string, Refusal> open_envelope(std::string_view content_info, const Party& party,
                                                  Cipher& cipher);
/// DER ContentInfo with an EnvelopedData.
std::optional<std::string> make_envelope(std::string_view content, const ReplyKey& key,
                                         const LegacyCiphers* legacy);

/// Reads a PKCS#10. `signer` verifies it where it has the same key (the usual case: a key is dear to read).
std::expected<CertificateAsk, Refusal> read_ask(std::string_view pkcs10, EVP_PKEY* signer,
                                                std::string_view signer_key, const Party& party);
/// Why a key is not good enough, or nullopt.
std::optional<Refusal> reason_against(const EVP_PKEY* key, const Party& party);

}  // namespace mooring::core::scep::detail

// SPDX-License-Identifier: Apache-2.0
// Signatures over messages and profiles (CMS, RFC 5652).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/crypto/x509.hpp"
#include "base/result.hpp"

namespace mooring::crypto {

/// What a good signature proves: that the holder of `signer` signed the content. Whether to trust `signer` is
/// another question (check_chain).
struct Signed {
  std::string signer;                     ///< DER of the one signer's certificate, from the message.
  std::vector<std::string> certificates;  ///< DER, all in the message.
  std::optional<Time> signing_time;
  std::string digest;   ///< "SHA256", "SHA1", ...
  std::string content;  ///< Of attached messages.
};

/// Exactly one signer; SHA-1, SHA-224, SHA-256, SHA-384, SHA-512; RSA or ECDSA; signed attributes or not. The
/// content is taken byte for byte. Errors: cms.malformed, cms.signers, cms.no_certificate, cms.algorithm,
/// cms.signature.
Result<Signed> verify_detached(std::string_view der, std::string_view content);
Result<Signed> verify_attached(std::string_view der);

struct Signer {
  Certificate certificate;
  PrivateKey key;
  std::vector<Certificate> chain = {};  ///< Sent along.
};
enum class Digest : std::uint8_t { sha1, sha256 };
/// DER with signed attributes and signing time.
Result<std::string> sign_attached(std::string_view content, const Signer& signer,
                                  Digest digest = Digest::sha256);
Result<std::string> sign_detached(std::string_view content, const Signer& signer,
                                  Digest digest = Digest::sha256);

}  // namespace mooring::crypto

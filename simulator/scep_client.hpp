// SPDX-License-Identifier: Apache-2.0
// A device's side of SCEP (RFC 8894), written apart from the server's so that each is a check on the other.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/crypto/x509.hpp"
#include "base/result.hpp"

namespace mooring::simulator {

/// What GetCACaps said; Apple's devices take the best that is listed.
struct ScepCapabilities {
  bool aes = false;
  bool sha256 = false;
  bool post = false;
  static ScepCapabilities parse(std::string_view text);
};

/// Certificates of a GetCACert answer: one as DER, or several in a degenerate SignedData.
Result<std::vector<crypto::Certificate>> parse_ca_answer(std::string_view body);

struct ScepOrder {
  std::vector<crypto::NameAttribute> subject;
  std::string challenge;
  std::string transaction_id;
};

/// One request for a certificate: make the message, send it, and hand the answer to `finish`.
class ScepRequest {
 public:
  /// `authority`: of GetCACert; the first that may encipher keys gets the request. Errors: scep.request.
  static Result<ScepRequest> make(const ScepOrder& order, const crypto::PrivateKey& key,
                                  std::span<const crypto::Certificate> authority,
                                  const ScepCapabilities& capabilities);

  const std::string& message() const { return message_; }  ///< DER, for PKIOperation.
  /// The certificate. Errors: scep.refused (with failInfo), scep.pending, scep.answer where the message is
  /// not what RFC 8894 demands of the answer to this request.
  Result<crypto::Certificate> finish(std::string_view answer) const;

 private:
  ScepRequest(crypto::PrivateKey key, crypto::Certificate signer)
      : key_(std::move(key)), signer_(std::move(signer)) {}

  crypto::PrivateKey key_;
  crypto::Certificate signer_;  ///< Self-signed: who the answer is enciphered to.
  std::vector<crypto::Certificate> authority_;
  std::string transaction_id_;
  std::string nonce_;
  std::string message_;
};

}  // namespace mooring::simulator

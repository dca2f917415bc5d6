// SPDX-License-Identifier: Apache-2.0
// The way to a push certificate: the request for it, and what an MDM vendor makes of that for Apple's portal
// (identity.apple.com/pushcert). Source: Apple, "Setting up push notifications for your MDM customers".
#pragma once

#include <string>
#include <string_view>

#include "base/crypto/x509.hpp"
#include "base/result.hpp"

namespace mooring::core {

struct PushCsrSubject {
  std::string common_name;
  std::string country;  ///< Two letters.
  std::string email;
};
/// PEM of the request. Errors: push_request.subject, csr.*.
Result<std::string> make_push_csr(const PushCsrSubject& subject, const crypto::PrivateKey& key);

/// PEM (PKCS#8), encrypted with AES-256 where `password` is not empty. Errors: key.encrypt.
Result<std::string> key_pem(const crypto::PrivateKey& key, std::string_view password);

/// What is uploaded to the portal: a property list with the request, the chain of the vendor's certificate
/// and the vendor's signature over the request (RSA, SHA-256), as base64. `vendor_chain`: PEM, the vendor's
/// own certificate first, then Apple's intermediate and root. Errors: csr.*, push_request.vendor_certificate,
/// push_request.vendor_key (not RSA, or of another certificate).
Result<std::string> make_vendor_request(std::string_view csr, std::string_view vendor_chain,
                                        const crypto::PrivateKey& vendor_key);

}  // namespace mooring::core

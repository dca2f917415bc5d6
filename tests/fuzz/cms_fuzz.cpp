// SPDX-License-Identifier: Apache-2.0
// Any bytes as a signature over a message, as a signed message, as a certificate and as a request: an error,
// or what holds together. Seeds: made with the openssl command over the content below.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/crypto/cms.hpp"
#include "base/crypto/crypto.hpp"
#include "base/crypto/detail/quick_signature.hpp"
#include "base/crypto/x509.hpp"
#include "tests/fuzz/require.hpp"

namespace {

namespace crypto = mooring::crypto;
constexpr std::string_view kSignedContent = "<plist/>\r\n";

using mooring::fuzz::require;

void check_signed(const crypto::Signed& proven) {
  require(!proven.signer.empty() && !proven.certificates.empty() && !proven.digest.empty(),
          "a signature without signer, certificate or digest");
  (void)crypto::Certificate::from_der(proven.signer);
}

void check_certificate(const crypto::Certificate& certificate) {
  require(!certificate.der.empty() && certificate.hash().size() == 64, "a certificate of nothing");
  require(crypto::Certificate::from_pem(certificate.pem()) == certificate, "another certificate in PEM");
  (void)crypto::check_chain(certificate.der, {.roots = {&certificate.der, 1}, .intermediates = {}, .at = {}});
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (const auto proven = crypto::verify_detached(bytes, kSignedContent)) {
    check_signed(*proven);
    require(!crypto::verify_detached(bytes, "other"), "one signature over two contents");
  }
  if (const auto quick = crypto::detail::verify_quickly(bytes, kSignedContent)) {
    const auto whole = crypto::detail::verify_wholly(bytes, kSignedContent);
    // What neither the signature nor the key covers may be damaged: the certificate's chain is judged later.
    require(whole || whole.error().code != "cms.signature", "a signature that OpenSSL does not find good");
    require(!whole || whole->digest == quick->digest, "another digest");
  }
  if (const auto proven = crypto::verify_attached(bytes)) {
    check_signed(*proven);
    require(crypto::cms_content(bytes) == proven->content, "another content than the signed one");
  }
  (void)crypto::cms_content(bytes);
  if (const auto all = crypto::Certificate::parse_all(bytes)) {
    for (const auto& certificate : *all) check_certificate(certificate);
  }
  if (const auto request = crypto::parse_request(bytes)) {
    require(!request->public_key.empty(), "a request without a key");
  }
  return 0;
}

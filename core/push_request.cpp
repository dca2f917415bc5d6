// SPDX-License-Identifier: Apache-2.0
#include "core/push_request.hpp"

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "base/encoding.hpp"
#include "base/plist/plist.hpp"

namespace mooring::core {
namespace {

using BioPtr = std::unique_ptr<BIO, decltype(&BIO_free)>;
using DigestContext = std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)>;

std::unexpected<Error> unusable(const char* what, std::string message) {
  return fail(Failure::invalid, std::string("push_request.") + what, std::move(message));
}

std::string rsa_sha256(std::string_view bytes, const crypto::PrivateKey& key) {
  const DigestContext context(EVP_MD_CTX_new(), &EVP_MD_CTX_free);
  std::size_t size = 0;
  const auto* data = reinterpret_cast<const unsigned char*>(bytes.data());
  if (EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, key.handle()) != 1 ||
      EVP_DigestSign(context.get(), nullptr, &size, data, bytes.size()) != 1) {
    return {};
  }
  std::string signature(size, '\0');
  auto* out = reinterpret_cast<unsigned char*>(signature.data());
  if (EVP_DigestSign(context.get(), out, &size, data, bytes.size()) != 1) return {};
  signature.resize(size);
  return signature;
}

}  // namespace

Result<std::string> make_push_csr(const PushCsrSubject& subject, const crypto::PrivateKey& key) {
  const bool country = subject.country.size() == 2 &&
                       std::ranges::all_of(subject.country, [](char c) { return c >= 'A' && c <= 'Z'; });
  if (subject.common_name.empty() || !country || subject.email.find('@') == std::string::npos) {
    return unusable(
        "subject",
        "a push certificate request needs a common name, a country of two capital letters and an e-mail "
        "address");
  }
  const std::vector<crypto::NameAttribute> name{
      {"C", subject.country}, {"CN", subject.common_name}, {"emailAddress", subject.email}};
  const auto der = crypto::make_request(name, key);
  if (!der) return std::unexpected(der.error());
  return crypto::pem_of("CERTIFICATE REQUEST", *der);
}

Result<std::string> key_pem(const crypto::PrivateKey& key, std::string_view password) {
  if (password.empty()) return key.pem();
  const BioPtr bio(BIO_new(BIO_s_mem()), &BIO_free);
  if (PEM_write_bio_PKCS8PrivateKey(bio.get(), key.handle(), EVP_aes_256_cbc(), password.data(),
                                    static_cast<int>(password.size()), nullptr, nullptr) != 1) {
    return fail(Failure::internal, "key.encrypt", "the private key cannot be encrypted with this password");
  }
  char* text = nullptr;
  const auto size = BIO_get_mem_data(bio.get(), &text);
  return std::string(text, static_cast<std::size_t>(size));
}

Result<std::string> make_vendor_request(std::string_view csr, std::string_view vendor_chain,
                                        const crypto::PrivateKey& vendor_key) {
  const auto request = crypto::parse_request(csr);
  if (!request) return std::unexpected(request.error());
  const auto chain = crypto::Certificate::parse_all(vendor_chain);
  if (!chain)
    return unusable("vendor_certificate", "the vendor's certificate is not PEM: " + chain.error().message);
  if (!vendor_key.is_rsa() || !chain->front().matches(vendor_key)) {
    return unusable("vendor_key",
                    fmt::format("the vendor's key is not the RSA key of the first certificate, {}",
                                chain->front().subject));
  }
  std::string pem;
  for (const auto& certificate : *chain) pem += certificate.pem();
  const auto signature = rsa_sha256(request->der, vendor_key);
  if (signature.empty()) return unusable("vendor_key", "the vendor's key cannot sign");
  const plist::Dict upload{{"PushCertRequestCSR", to_base64(request->der)},
                           {"PushCertCertificateChain", pem},
                           {"PushCertSignature", to_base64(signature)}};
  return to_base64(plist::to_xml(upload));
}

}  // namespace mooring::core

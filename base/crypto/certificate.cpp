// SPDX-License-Identifier: Apache-2.0
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "base/crypto/crypto.hpp"
#include "base/crypto/detail/openssl.hpp"
#include "base/crypto/x509.hpp"
#include "base/encoding.hpp"

namespace mooring::crypto {
namespace {

constexpr std::size_t kLargestPemText = std::size_t{16} << 20U;

std::unexpected<Error> malformed_certificate(const char* why) {
  return fail(Failure::invalid, "certificate.malformed", why);
}

std::string name_for_people(const X509_NAME* name) {
  const detail::BioPtr out(BIO_new(BIO_s_mem()));
  // RFC 2253, but letters outside ASCII as they are.
  X509_NAME_print_ex(out.get(), name, 0, XN_FLAG_RFC2253 & ~static_cast<unsigned long>(ASN1_STRFLGS_ESC_MSB));
  return detail::bytes_of(out.get());
}

/// One block of PEM: its label and bytes.
struct Block {
  std::string label;
  std::string der;
};

std::optional<Block> next_block(BIO* in) {
  char* name = nullptr;
  char* header = nullptr;
  unsigned char* data = nullptr;
  long length = 0;
  if (PEM_read_bio(in, &name, &header, &data, &length) != 1) {
    detail::take_error();
    return std::nullopt;
  }
  Block block{.label = name, .der = {reinterpret_cast<const char*>(data), static_cast<std::size_t>(length)}};
  OPENSSL_free(name);
  OPENSSL_free(header);
  OPENSSL_free(data);
  return block;
}

bool is_certificate(const Block& block) {
  return block.label == PEM_STRING_X509 || block.label == PEM_STRING_X509_OLD;
}

}  // namespace

Result<Certificate> detail::describe(X509* x509, std::string_view der) {
  const auto not_before = detail::time_of(X509_get0_notBefore(x509));
  const auto not_after = detail::time_of(X509_get0_notAfter(x509));
  if (!not_before || !not_after) return malformed_certificate("the certificate's validity cannot be read");
  Certificate certificate;
  certificate.der = der;
  certificate.subject = name_for_people(X509_get_subject_name(x509));
  certificate.issuer = name_for_people(X509_get_issuer_name(x509));
  certificate.serial = detail::octets_of(X509_get0_serialNumber(x509));
  certificate.public_key = detail::der_of(X509_get_X509_PUBKEY(x509), i2d_X509_PUBKEY);
  certificate.name = detail::attributes_of(X509_get_subject_name(x509));
  certificate.not_before = *not_before;
  certificate.not_after = *not_after;
  const auto flags = X509_get_extension_flags(x509);
  certificate.is_ca = (flags & EXFLAG_CA) != 0;
  certificate.self_issued = (flags & EXFLAG_SI) != 0;
  detail::take_error();
  return certificate;
}

Result<Certificate> Certificate::from_der(std::string_view der) {
  const auto x509 = detail::read_x509(der, detail::context());
  detail::take_error();
  if (x509 == nullptr) return malformed_certificate("not a certificate in DER form");
  return detail::describe(x509.get(), der);
}

Result<Certificate> Certificate::from_pem(std::string_view pem) {
  if (pem.size() > kLargestPemText) return malformed_certificate("the PEM text is larger than 16 MiB");
  const auto in = detail::read_from(pem);
  while (const auto block = next_block(in.get())) {
    if (is_certificate(*block)) return from_der(block->der);
  }
  return malformed_certificate("no certificate in PEM form");
}

Result<std::vector<Certificate>> Certificate::parse_all(std::string_view pem_or_der) {
  if (pem_or_der.size() > kLargestPemText) return malformed_certificate("the text is larger than 16 MiB");
  std::vector<Certificate> certificates;
  if (pem_or_der.find("-----BEGIN ") == std::string_view::npos) {
    if (trim(pem_or_der).empty()) return fail(Failure::invalid, "certificate.none", "no certificate");
    auto one = from_der(pem_or_der);
    if (!one) return std::unexpected(one.error());
    certificates.push_back(std::move(*one));
    return certificates;
  }
  const auto in = detail::read_from(pem_or_der);
  while (const auto block = next_block(in.get())) {
    if (!is_certificate(*block)) continue;
    auto one = from_der(block->der);
    if (!one) return std::unexpected(one.error());
    certificates.push_back(std::move(*one));
  }
  if (certificates.empty())
    return fail(Failure::invalid, "certificate.none", "the PEM text has no certificate");
  return certificates;
}

std::string Certificate::pem() const { return pem_of(PEM_STRING_X509, der); }
std::string Certificate::hash() const { return to_hex(crypto::bytes_of(sha256(der))); }

std::optional<std::string> Certificate::attribute(std::string_view type) const {
  for (const auto& [held, value] : name) {
    if (held == type) return value;
  }
  return std::nullopt;
}

bool Certificate::matches(const PrivateKey& key) const { return public_key == key.public_key(); }

std::string pem_of(std::string_view label, std::string_view der) {
  const detail::BioPtr out(BIO_new(BIO_s_mem()));
  PEM_write_bio(out.get(), std::string(label).c_str(), "", reinterpret_cast<const unsigned char*>(der.data()),
                static_cast<long>(der.size()));
  return detail::bytes_of(out.get());
}

}  // namespace mooring::crypto

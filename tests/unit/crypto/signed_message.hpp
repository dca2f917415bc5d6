// SPDX-License-Identifier: Apache-2.0
// Signs with a key made on the spot, as an administrator's tool would sign a profile.
#pragma once

#include <openssl/pem.h>  // Before cms.h, which declares its PEM functions only then.

#include <openssl/bio.h>
#include <openssl/cms.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include <memory>
#include <string>
#include <string_view>

namespace mooring::test {

struct SignedAs {
  bool pem = false;
  bool detached = false;
};

inline std::string signed_message(std::string_view content, SignedAs as = {}) {
  const std::unique_ptr<EVP_PKEY, void (*)(EVP_PKEY*)> key(EVP_EC_gen("P-256"), EVP_PKEY_free);
  const std::unique_ptr<X509, void (*)(X509*)> certificate(X509_new(), X509_free);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), 0);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 3600);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate.get()), "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>("signer"), -1, -1, 0);
  X509_set_issuer_name(certificate.get(), X509_get_subject_name(certificate.get()));
  X509_set_pubkey(certificate.get(), key.get());
  X509_sign(certificate.get(), key.get(), EVP_sha256());

  using Bio = std::unique_ptr<BIO, int (*)(BIO*)>;
  const Bio in(BIO_new_mem_buf(content.data(), static_cast<int>(content.size())), BIO_free);
  const unsigned flags = CMS_BINARY | (as.detached ? CMS_DETACHED : 0U);
  const std::unique_ptr<CMS_ContentInfo, void (*)(CMS_ContentInfo*)> cms(
      CMS_sign(certificate.get(), key.get(), nullptr, in.get(), flags), CMS_ContentInfo_free);
  const Bio out(BIO_new(BIO_s_mem()), BIO_free);
  if (as.pem) {
    PEM_write_bio_CMS(out.get(), cms.get());
  } else {
    i2d_CMS_bio(out.get(), cms.get());
  }
  char* bytes = nullptr;
  const long length = BIO_get_mem_data(out.get(), &bytes);
  return {bytes, static_cast<std::size_t>(length)};
}

}  // namespace mooring::test

// SPDX-License-Identifier: Apache-2.0
// Taking the content out of a signed message. Only the structure is read, nothing is verified.
#include <openssl/pem.h>  // Before cms.h, which declares its PEM functions only then.

#include <openssl/bio.h>
#include <openssl/cms.h>
#include <openssl/err.h>
#include <openssl/objects.h>

#include <memory>

#include "base/crypto/crypto.hpp"

namespace mooring::crypto {
namespace {

constexpr std::size_t kLargestCms = std::size_t{16} << 20U;

using Bio = std::unique_ptr<BIO, int (*)(BIO*)>;
using Cms = std::unique_ptr<CMS_ContentInfo, void (*)(CMS_ContentInfo*)>;

// PEM text may claim to be encrypted; without this OpenSSL would ask for a password on the terminal.
int no_password(char* /*buffer*/, int /*size*/, int /*writing*/, void* /*context*/) { return -1; }

std::string_view without_leading_space(std::string_view text) {
  const std::size_t at = text.find_first_not_of(" \t\r\n");
  return at == std::string_view::npos ? std::string_view() : text.substr(at);
}

bool is_pem(std::string_view bytes) {
  bytes = without_leading_space(bytes);
  return bytes.starts_with("-----BEGIN CMS-----") || bytes.starts_with("-----BEGIN PKCS7-----") ||
         bytes.starts_with("-----BEGIN PKCS #7 SIGNED DATA-----");
}

Cms read_cms(std::string_view bytes) {
  const Bio bio(BIO_new_mem_buf(bytes.data(), static_cast<int>(bytes.size())), BIO_free);
  CMS_ContentInfo* raw = nullptr;
  if (bio != nullptr) {
    raw = is_pem(bytes) ? PEM_read_bio_CMS(bio.get(), nullptr, no_password, nullptr)
                        : d2i_CMS_bio(bio.get(), nullptr);
  }
  ERR_clear_error();
  return {raw, CMS_ContentInfo_free};
}

}  // namespace

Result<std::string> cms_content(std::string_view der_or_pem) {
  if (der_or_pem.size() > kLargestCms) {
    return fail(Failure::too_large, "cms.too_large", "the signed message is larger than 16 MiB");
  }
  const Cms cms = read_cms(der_or_pem);
  if (cms == nullptr) {
    return fail(Failure::invalid, "cms.malformed", "not a CMS message in DER or PEM form");
  }
  if (OBJ_obj2nid(CMS_get0_type(cms.get())) != NID_pkcs7_signed) {
    return fail(Failure::invalid, "cms.malformed", "the CMS message is of another type than SignedData");
  }
  ASN1_OCTET_STRING** content = CMS_get0_content(cms.get());
  ERR_clear_error();
  if (content == nullptr || *content == nullptr) {
    return fail(Failure::invalid, "cms.no_content", "the signature is detached: send it with its content");
  }
  return std::string(reinterpret_cast<const char*>(ASN1_STRING_get0_data(*content)),
                     static_cast<std::size_t>(ASN1_STRING_length(*content)));
}

bool looks_like_cms(std::string_view bytes) {
  if (is_pem(bytes)) return true;
  // SEQUENCE with a long or an indefinite length, then the object identifier of the content type.
  if (bytes.size() < 4 || bytes[0] != '\x30') return false;
  const auto length = static_cast<unsigned char>(bytes[1]);
  if (length < 0x80 || length > 0x84) return false;
  const std::size_t at = 2 + (length & 0x0FU);
  return at < bytes.size() && bytes[at] == '\x06';
}

}  // namespace mooring::crypto

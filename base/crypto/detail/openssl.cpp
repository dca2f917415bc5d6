// SPDX-License-Identifier: Apache-2.0
#include "base/crypto/detail/openssl.hpp"

#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/provider.h>

#include <array>
#include <ctime>
#include <utility>
#include <vector>

namespace mooring::crypto::detail {
namespace {

thread_local OSSL_LIB_CTX* own_context = nullptr;
thread_local OSSL_PROVIDER* own_provider = nullptr;

thread_local std::vector<std::pair<std::string, X509Ptr>> remembered;

constexpr std::size_t kRemembered = 32;
constexpr std::size_t kLargestCertificate = std::size_t{1} << 20U;

}  // namespace

void free_certificates(STACK_OF(X509) * certificates) { sk_X509_pop_free(certificates, X509_free); }

OSSL_LIB_CTX* context() { return own_context; }

ThreadContext::ThreadContext() {
  remembered.clear();
  own_context = OSSL_LIB_CTX_new();
  // By name: once any provider is loaded OpenSSL no longer loads this one by itself.
  if (own_context != nullptr) own_provider = OSSL_PROVIDER_load(own_context, "default");
}

ThreadContext::~ThreadContext() {
  remembered.clear();
  OPENSSL_thread_stop_ex(own_context);
  if (own_provider != nullptr) OSSL_PROVIDER_unload(own_provider);
  OSSL_LIB_CTX_free(own_context);
  own_provider = nullptr;
  own_context = nullptr;
}

std::string take_error() {
  const unsigned long code = ERR_peek_error();
  ERR_clear_error();
  if (code == 0) return {};
  std::array<char, 256> text{};
  ERR_error_string_n(code, text.data(), text.size());
  return text.data();
}

BioPtr read_from(std::string_view bytes) {
  return BioPtr(BIO_new_mem_buf(bytes.data(), static_cast<int>(bytes.size())));
}

std::string bytes_of(BIO* memory) {
  char* bytes = nullptr;
  const long length = BIO_get_mem_data(memory, &bytes);
  if (length <= 0) return {};
  return {bytes, static_cast<std::size_t>(length)};
}

std::string text_of(const ASN1_STRING* value) {
  unsigned char* utf8 = nullptr;
  const int length = ASN1_STRING_to_UTF8(&utf8, value);
  if (length < 0) return {};
  std::string text(reinterpret_cast<const char*>(utf8), static_cast<std::size_t>(length));
  OPENSSL_free(utf8);
  return text;
}

std::string octets_of(const ASN1_STRING* value) {
  if (value == nullptr) return {};
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(value)),
          static_cast<std::size_t>(ASN1_STRING_length(value))};
}

std::optional<Time> time_of(const ASN1_TIME* time) {
  std::tm broken_down{};
  if (time == nullptr || ASN1_TIME_to_tm(time, &broken_down) != 1) return std::nullopt;
  return Time{std::chrono::seconds{::timegm(&broken_down)}};
}

X509Ptr read_x509(std::string_view der, OSSL_LIB_CTX* context) {
  if (der.size() > kLargestCertificate) return nullptr;
  X509* raw = X509_new_ex(context, nullptr);
  const auto* at = reinterpret_cast<const unsigned char*>(der.data());
  const auto* const end = at + der.size();
  if (raw != nullptr && d2i_X509(&raw, &at, static_cast<long>(der.size())) == nullptr) raw = nullptr;
  X509Ptr certificate(raw);
  if (certificate == nullptr || at != end) return nullptr;
  return certificate;
}

X509* remembered_x509(std::string_view der) {
  for (const auto& [known, x509] : remembered) {
    if (known == der) return x509.get();
  }
  auto x509 = read_x509(der, context());
  if (x509 == nullptr) return nullptr;
  if (remembered.size() == kRemembered) remembered.erase(remembered.begin());
  return remembered.emplace_back(der, std::move(x509)).second.get();
}

bool is_usable(const EVP_PKEY* key) {
  if (key == nullptr) return false;
  const int bits = EVP_PKEY_get_bits(key);
  if (EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA) return bits >= 1024 && bits <= 8192;
  if (EVP_PKEY_get_base_id(key) != EVP_PKEY_EC) return false;
  std::array<char, 64> group{};
  if (EVP_PKEY_get_group_name(key, group.data(), group.size(), nullptr) != 1) return false;
  const int nid = OBJ_txt2nid(group.data());
  return nid == NID_X9_62_prime256v1 || nid == NID_secp384r1 || nid == NID_secp521r1;
}

std::vector<NameAttribute> attributes_of(const X509_NAME* name) {
  std::vector<NameAttribute> attributes;
  for (int i = 0; i < X509_NAME_entry_count(name); ++i) {
    const X509_NAME_ENTRY* entry = X509_NAME_get_entry(name, i);
    const ASN1_OBJECT* type = X509_NAME_ENTRY_get_object(entry);
    const int nid = OBJ_obj2nid(type);
    std::array<char, 128> oid{};
    if (nid == NID_undef) OBJ_obj2txt(oid.data(), oid.size(), type, 1);
    attributes.emplace_back(nid == NID_undef ? oid.data() : OBJ_nid2sn(nid),
                            text_of(X509_NAME_ENTRY_get_data(entry)));
  }
  return attributes;
}

bool add_attributes(X509_NAME* name, std::span<const NameAttribute> attributes) {
  for (const auto& [type, value] : attributes) {
    if (X509_NAME_add_entry_by_txt(name, type.c_str(), MBSTRING_UTF8,
                                   reinterpret_cast<const unsigned char*>(value.data()),
                                   static_cast<int>(value.size()), -1, 0) != 1) {
      return false;
    }
  }
  return true;
}

}  // namespace mooring::crypto::detail

// SPDX-License-Identifier: Apache-2.0
// OpenSSL's objects with owners, and the library context of the calling thread. Only for .cpp files of this
// folder and of rooms that speak OpenSSL themselves.
//
// Checking signatures uses the thread's context: on the default one OpenSSL 3.0 takes so many locks for its
// fetches that two threads are no faster than one. Private keys live in the default context and sign there,
// which scales: a key that was exported to a thread's context would outlive it.
#pragma once

#include <openssl/asn1.h>
#include <openssl/bio.h>
#include <openssl/cms.h>
#include <openssl/evp.h>
#include <openssl/types.h>
#include <openssl/x509.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/crypto/x509.hpp"
#include "base/result.hpp"

namespace mooring::crypto::detail {

template <auto kFree>
struct Free {
  template <class T>
  void operator()(T* object) const {
    kFree(object);
  }
};
void free_certificates(STACK_OF(X509) * certificates);

using BioPtr = std::unique_ptr<BIO, Free<BIO_free>>;
using CmsPtr = std::unique_ptr<CMS_ContentInfo, Free<CMS_ContentInfo_free>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, Free<EVP_PKEY_free>>;
using X509Ptr = std::unique_ptr<X509, Free<X509_free>>;
using X509Stack = std::unique_ptr<STACK_OF(X509), Free<free_certificates>>;
using RequestPtr = std::unique_ptr<X509_REQ, Free<X509_REQ_free>>;

/// Of the calling thread: its own on a thread of CryptoPool, otherwise null, which is the default one.
OSSL_LIB_CTX* context();

/// Gives the calling thread a context for as long as this lives.
class ThreadContext {
 public:
  ThreadContext();
  ~ThreadContext();
  ThreadContext(const ThreadContext&) = delete;
  ThreadContext& operator=(const ThreadContext&) = delete;
};

/// Takes OpenSSL's queue of errors: its oldest, in words; empty where there was none.
std::string take_error();

BioPtr read_from(std::string_view bytes);  ///< `bytes` must outlive it.
std::string bytes_of(BIO* memory);
std::string text_of(const ASN1_STRING* value);  ///< As UTF-8; empty where it cannot be.
std::string octets_of(const ASN1_STRING* value);
std::optional<Time> time_of(const ASN1_TIME* time);

/// What i2d_* writes.
template <class Object, class Write>
std::string der_of(Object* object, Write write) {
  unsigned char* out = nullptr;
  const int length = write(object, &out);
  if (length <= 0) return {};
  std::string der(reinterpret_cast<const char*>(out), static_cast<std::size_t>(length));
  OPENSSL_free(out);
  return der;
}

/// Null where the bytes are not exactly one certificate. In `context`: context(), or null to sign with.
X509Ptr read_x509(std::string_view der, OSSL_LIB_CTX* context);
/// In the thread's context and owned by it, which remembers the last few: for authorities, which are asked
/// for again and again, and are dear to read. Null where malformed. Good until the next call.
X509* remembered_x509(std::string_view der);
/// What a certificate says, from OpenSSL's object of it and the bytes it was read from or written to.
Result<Certificate> describe(X509* x509, std::string_view der);
/// RSA of 1024 to 8192 bits, or EC on P-256, P-384, P-521: what devices have, and what costs little to check.
bool is_usable(const EVP_PKEY* key);

std::vector<NameAttribute> attributes_of(const X509_NAME* name);
/// False where OpenSSL refuses a name or a value (unknown, too long, not UTF-8).
bool add_attributes(X509_NAME* name, std::span<const NameAttribute> attributes);

}  // namespace mooring::crypto::detail

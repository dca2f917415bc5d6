// SPDX-License-Identifier: Apache-2.0
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include <fmt/format.h>

#include <algorithm>

#include "base/crypto/detail/openssl.hpp"
#include "base/crypto/x509.hpp"

namespace mooring::crypto {
namespace {

using detail::X509Ptr;
using StorePtr = std::unique_ptr<X509_STORE, detail::Free<X509_STORE_free>>;
using StoreContextPtr = std::unique_ptr<X509_STORE_CTX, detail::Free<X509_STORE_CTX_free>>;

/// 80 bits: keeps SHA-1 out of the chain, and lets the RSA keys of 1024 bits in that Apple's SCEP payload
/// makes where it is not told otherwise.
constexpr int kSecurityLevel = 1;

StorePtr store_of(std::span<const std::string> roots) {
  StorePtr store(X509_STORE_new());
  if (store == nullptr) return nullptr;
  for (const auto& der : roots) {
    X509* const root = detail::remembered_x509(der);
    if (root != nullptr) X509_STORE_add_cert(store.get(), root);
  }
  return store;
}

/// Without the leaf, which a signed message holds as well.
detail::X509Stack stack_of(std::span<const std::string> ders, std::string_view leaf) {
  detail::X509Stack stack(sk_X509_new_null());
  for (const auto& der : ders) {
    if (der == leaf) continue;
    auto one = detail::read_x509(der, detail::context());
    if (one != nullptr && sk_X509_push(stack.get(), one.get()) > 0) (void)one.release();
  }
  return stack;
}

/// X509_V_OK or why not.
int verify_at(X509* leaf, X509_STORE* store, STACK_OF(X509) * intermediates, Time at) {
  const StoreContextPtr verification(X509_STORE_CTX_new_ex(detail::context(), nullptr));
  if (verification == nullptr || X509_STORE_CTX_init(verification.get(), store, leaf, intermediates) != 1) {
    return X509_V_ERR_OUT_OF_MEM;
  }
  X509_VERIFY_PARAM* param = X509_STORE_CTX_get0_param(verification.get());
  X509_VERIFY_PARAM_set_time(param,
                             std::chrono::duration_cast<std::chrono::seconds>(at.time_since_epoch()).count());
  X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN);
  X509_VERIFY_PARAM_set_auth_level(param, kSecurityLevel);
  if (X509_verify_cert(verification.get()) == 1) return X509_V_OK;
  const int why = X509_STORE_CTX_get_error(verification.get());
  return why == X509_V_OK ? X509_V_ERR_UNSPECIFIED : why;
}

bool serves(X509* leaf, Purpose purpose) {
  if (purpose == Purpose::any) return true;
  const auto usages = X509_get_extended_key_usage(leaf);
  const unsigned wanted = purpose == Purpose::client_auth ? XKU_SSL_CLIENT : XKU_SSL_SERVER;
  // All bits are set where the certificate has no such extension.
  const bool named = usages != UINT32_MAX && (usages & (wanted | XKU_ANYEKU)) != 0;
  return named && (X509_get_key_usage(leaf) & (KU_DIGITAL_SIGNATURE | KU_KEY_AGREEMENT)) != 0;
}

std::unexpected<Error> refused(int why) {
  const char* words = X509_verify_cert_error_string(why);
  switch (why) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return fail(Failure::invalid, "certificate.expired",
                  fmt::format("the certificate was refused: {}", words));
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return fail(Failure::invalid, "certificate.not_yet_valid",
                  fmt::format("the certificate was refused: {}", words));
    default:
      return fail(Failure::invalid, "certificate.untrusted",
                  fmt::format("the certificate was refused: {}", words));
  }
}

}  // namespace

Result<Certificate> read_checked(std::string_view leaf_der, const ChainCheck& check) {
  const auto leaf = detail::read_x509(leaf_der, detail::context());
  auto certificate = leaf ? detail::describe(leaf.get(), leaf_der)
                          : fail(Failure::invalid, "certificate.malformed", "not a certificate in DER form");
  if (!certificate) {
    detail::take_error();
    return certificate;
  }
  const auto store = store_of(check.roots);
  const auto intermediates = stack_of(check.intermediates, leaf_der);
  if (store == nullptr) return refused(X509_V_ERR_OUT_OF_MEM);
  // Within the tolerance the chain is judged as of the nearest moment at which the leaf was valid.
  Time at = check.at;
  if (at < certificate->not_before && certificate->not_before - at <= check.skew)
    at = certificate->not_before;
  const Time last =
      certificate->not_after - std::chrono::seconds(1);  // OpenSSL takes not_after itself for too late.
  if (at > last && at - last <= check.skew + check.grace) at = last;
  const int why = verify_at(leaf.get(), store.get(), intermediates.get(), at);
  detail::take_error();
  if (why != X509_V_OK) return refused(why);
  if (!serves(leaf.get(), check.purpose)) {
    return fail(
        Failure::invalid, "certificate.purpose",
        check.purpose == Purpose::client_auth
            ? "the certificate was not issued for client authentication (extended key usage clientAuth)"
            : "the certificate was not issued for server authentication (extended key usage serverAuth)");
  }
  return certificate;
}

Result<> check_chain(std::string_view leaf_der, const ChainCheck& check) {
  const auto checked = read_checked(leaf_der, check);
  if (checked) return {};
  if (checked.error().code != "certificate.malformed") return std::unexpected(checked.error());
  return fail(Failure::invalid, "certificate.untrusted", "the certificate cannot be read");
}

}  // namespace mooring::crypto

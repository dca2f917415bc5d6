// SPDX-License-Identifier: Apache-2.0
#include "base/crypto/detail/public_key.hpp"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/param_build.h>

#include <algorithm>
#include <array>

#include "base/crypto/detail/der.hpp"

namespace mooring::crypto::detail {
namespace {

using namespace std::string_view_literals;

constexpr auto kRsaEncryption = "\x2A\x86\x48\x86\xF7\x0D\x01\x01\x01"sv;
constexpr auto kEcPublicKey = "\x2A\x86\x48\xCE\x3D\x02\x01"sv;

struct Curve {
  std::string_view oid;
  const char* name;
};
constexpr std::array kUsualCurves{
    Curve{"\x2A\x86\x48\xCE\x3D\x03\x01\x07"sv, "P-256"},
    Curve{"\x2B\x81\x04\x00\x22"sv, "P-384"},
    Curve{"\x2B\x81\x04\x00\x23"sv, "P-521"},
};

using Params = std::unique_ptr<OSSL_PARAM, Free<OSSL_PARAM_free>>;
using ParamBuilder = std::unique_ptr<OSSL_PARAM_BLD, Free<OSSL_PARAM_BLD_free>>;
using KeyContext = std::unique_ptr<EVP_PKEY_CTX, Free<EVP_PKEY_CTX_free>>;
using Number = std::unique_ptr<BIGNUM, Free<BN_free>>;

KeyPtr make_key(const char* type, const ParamBuilder& builder) {
  const Params params(OSSL_PARAM_BLD_to_param(builder.get()));
  const KeyContext maker(EVP_PKEY_CTX_new_from_name(context(), type, nullptr));
  EVP_PKEY* key = nullptr;
  if (params == nullptr || maker == nullptr || EVP_PKEY_fromdata_init(maker.get()) != 1 ||
      EVP_PKEY_fromdata(maker.get(), &key, EVP_PKEY_PUBLIC_KEY, params.get()) != 1) {
    return nullptr;
  }
  return KeyPtr(key);
}

KeyPtr rsa_key(std::string_view bytes) {
  DerReader outer(bytes);
  DerReader numbers(outer.content(der_tag::kSequence));
  const auto n = numbers.content(der_tag::kInteger);
  const auto e = numbers.content(der_tag::kInteger);
  if (outer.failed() || numbers.failed() || !numbers.at_end() || n.size() > 1025 || e.size() > 8 ||
      e.empty() || n.empty() || (n[0] & 0x80) != 0 || (e[0] & 0x80) != 0) {
    return nullptr;
  }
  const auto number = [](std::string_view big_endian) {
    return Number(BN_bin2bn(reinterpret_cast<const unsigned char*>(big_endian.data()),
                            static_cast<int>(big_endian.size()), nullptr));
  };
  const Number modulus = number(n);
  const Number exponent = number(e);
  const ParamBuilder builder(OSSL_PARAM_BLD_new());
  if (OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, modulus.get()) != 1 ||
      OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, exponent.get()) != 1) {
    return nullptr;
  }
  return make_key("RSA", builder);
}

const char* curve_name(std::string_view oid) {
  const auto* found = std::ranges::find(kUsualCurves, oid, &Curve::oid);
  return found == kUsualCurves.end() ? nullptr : found->name;
}

KeyPtr ec_key(const char* curve, std::string_view point) {
  const ParamBuilder builder(OSSL_PARAM_BLD_new());
  if (curve == nullptr ||
      OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, curve, 0) != 1 ||
      OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size()) !=
          1) {
    return nullptr;
  }
  return make_key("EC", builder);
}

}  // namespace

KeyPtr read_usual_key(std::string_view der) {
  DerReader outer(der);
  DerReader info(outer.content(der_tag::kSequence));
  DerReader algorithm(info.content(der_tag::kSequence));
  const auto type = algorithm.content(der_tag::kOid);
  const auto curve = algorithm.next_is(der_tag::kOid) ? algorithm.content(der_tag::kOid) : std::string_view();
  algorithm.skip_optional(der_tag::kNull);
  auto bits = info.content(der_tag::kBits);
  if (outer.failed() || !outer.at_end() || info.failed() || !info.at_end() || algorithm.failed() ||
      !algorithm.at_end() || !bits.starts_with('\0')) {
    return nullptr;
  }
  bits.remove_prefix(1);
  KeyPtr key;
  if (type == kRsaEncryption && curve.empty()) key = rsa_key(bits);
  if (type == kEcPublicKey) key = ec_key(curve_name(curve), bits);
  ERR_clear_error();
  return is_usable(key.get()) ? std::move(key) : nullptr;
}

}  // namespace mooring::crypto::detail

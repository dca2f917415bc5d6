// SPDX-License-Identifier: Apache-2.0
#include "core/identity/trust.hpp"

#include <algorithm>

#include "base/crypto/crypto.hpp"
#include "base/crypto/x509.hpp"

namespace mooring::core {
namespace {

constexpr std::chrono::hours kCheckedAgain{1};

}  // namespace

Result<TrustedCertificate> Trust::check(std::string_view der, std::span<const std::string> others, Time now) {
  std::string hash(crypto::bytes_of(crypto::sha256(der)));
  if (auto known = known_.get(hash); known && known->from <= now && now < known->until) {
    return std::move(known->certificate);
  }
  const auto certificate = options_.chain
                               ? crypto::read_checked(der, {.roots = options_.anchors,
                                                            .intermediates = others,
                                                            .purpose = crypto::Purpose::client_auth,
                                                            .at = now,
                                                            .skew = options_.skew,
                                                            .grace = options_.expired_grace})
                               : crypto::Certificate::from_der(der);
  if (!certificate) return std::unexpected(certificate.error());
  Known known{
      .certificate = {.hash = hash, .serial = certificate->serial, .not_after = certificate->not_after},
      .from = now,
      .until = now + kCheckedAgain};
  if (options_.chain) {
    known.until =
        std::min<Time>(known.until, certificate->not_after + options_.skew + options_.expired_grace);
  }
  auto result = known.certificate;
  known_.put(std::move(hash), std::move(known));
  return result;
}

}  // namespace mooring::core

// SPDX-License-Identifier: Apache-2.0
// Whose certificates are believed: each is judged once and remembered.
#pragma once

#include <chrono>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "core/identity/bounded_cache.hpp"

namespace mooring::core {

struct TrustOptions {
  bool chain = true;  ///< False: any certificate that can be read, whoever issued it, whenever it expires.
  std::vector<std::string> anchors = {};          ///< DER: our own authority, and those of --device-ca.
  std::chrono::seconds skew{0};                   ///< Tolerated at both ends of the validity.
  std::chrono::seconds expired_grace{0};          ///< Tolerated, besides, after its end.
  std::size_t remembered = std::size_t{100'000};  ///< Certificates.
};

/// What messages say of their sender, once it is proven.
struct TrustedCertificate {
  std::string hash;    ///< SHA-256 of the DER, 32 bytes.
  std::string serial;  ///< Big endian.
  Time not_after;
};

class Trust {
 public:
  explicit Trust(TrustOptions options) : options_(std::move(options)), known_(options_.remembered) {}

  /// `others`: certificates that came along and may help to find a path. From any thread; costs a few hundred
  /// microseconds for a certificate that is new here. Errors: those of crypto::check_chain and
  /// Certificate::from_der.
  Result<TrustedCertificate> check(std::string_view der, std::span<const std::string> others, Time now);

 private:
  struct Known {
    TrustedCertificate certificate;
    Time from;
    Time until;  ///< At most an hour from the check: an authority above may expire.
  };
  TrustOptions options_;
  BoundedCache<Known> known_;
};

}  // namespace mooring::core

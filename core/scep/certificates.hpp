// SPDX-License-Identifier: Apache-2.0
// The certificates that the device authority issued: list, find, revoke.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/postgres/connection.hpp"

namespace mooring::core {

/// RFC 5280 section 5.3.1, without those that this server has no use for.
enum class RevocationReason : std::int16_t {
  unspecified = 0,
  key_compromise = 1,
  affiliation_changed = 3,
  superseded = 4,
  cessation_of_operation = 5,
};
std::string_view name_of(RevocationReason reason);  ///< "keyCompromise", as in RFC 5280.
std::optional<RevocationReason> parse_revocation_reason(std::string_view name);

struct IssuedCertificate {
  std::string serial;  ///< Bytes, big endian.
  std::string hash;    ///< SHA-256 of the DER, bytes.
  std::string der;
  std::string subject;
  Time not_before;
  Time not_after;
  Time issued_at;
  std::optional<std::string> renews;  ///< Hash of the certificate that it took the place of, bytes.
  std::optional<std::string> udid;
  std::optional<std::string> serial_number;
  std::optional<std::string> user_name;
  std::optional<std::string> enrollment_profile;
  std::optional<Time> revoked_at;
  std::optional<RevocationReason> revocation_reason;
};

/// In the order of their serials, after `after` (empty: from the first).
std::vector<IssuedCertificate> list_certificates(pg::Connection& connection, std::string_view after,
                                                 int limit);
std::optional<IssuedCertificate> find_certificate(pg::Connection& connection, std::string_view serial);

/// Revokes what `hashes` (SHA-256 of the DER, bytes) name: the certificates are no identities from then on,
/// and stand in the next CRL. Those revoked before stay as they are. Returns how many were revoked now. Works
/// inside a transaction.
std::int64_t revoke_certificates(pg::Connection& connection, std::span<const std::string> hashes,
                                 RevocationReason reason, Time now);

}  // namespace mooring::core

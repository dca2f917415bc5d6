// SPDX-License-Identifier: Apache-2.0
#include "core/scep/certificates.hpp"

#include <array>
#include <utility>

namespace mooring::core {
namespace {

constexpr pg::Statement kListCertificates{"certificates_list", R"(
select serial, hash, der, subject, not_before, not_after, issued_at, renews, udid, serial_number, user_name,
       enrollment_profile, revoked_at, revocation_reason
from certificates where serial > $1 order by serial limit $2)"};
constexpr pg::Statement kFindCertificate{"certificates_find", R"(
select serial, hash, der, subject, not_before, not_after, issued_at, renews, udid, serial_number, user_name,
       enrollment_profile, revoked_at, revocation_reason
from certificates where serial = $1)"};

// The update of the authority waits for whoever makes a CRL (see crl.cpp), so that none is stored that lacks
// these.
constexpr pg::Statement kRevokeCertificates{"certificates_revoke", R"(
with revoked as (
  update certificates set revoked_at = $2, revocation_reason = $3
  where hash = any ($1::bytea[]) and revoked_at is null returning hash
), no_identity as (
  update identities set revoked_at = $2 where hash = any ($1::bytea[]) and revoked_at is null
), stale as (
  update certificate_authorities set crl = null where name = 'device' and exists (select from revoked)
)
select count(*) from revoked)"};

constexpr std::array kReasons{
    std::pair{RevocationReason::unspecified, std::string_view("unspecified")},
    std::pair{RevocationReason::key_compromise, std::string_view("keyCompromise")},
    std::pair{RevocationReason::affiliation_changed, std::string_view("affiliationChanged")},
    std::pair{RevocationReason::superseded, std::string_view("superseded")},
    std::pair{RevocationReason::cessation_of_operation, std::string_view("cessationOfOperation")},
};

IssuedCertificate certificate_of(const pg::Row& row) {
  const auto bytes = [&](int column) { return std::string(row.get<pg::Bytes>(column).view); };
  const auto text = [&](int column) { return row.get<std::optional<std::string>>(column); };
  IssuedCertificate certificate{.serial = bytes(0),
                                .hash = bytes(1),
                                .der = bytes(2),
                                .subject = row.text(3),
                                .not_before = row.get<Time>(4),
                                .not_after = row.get<Time>(5),
                                .issued_at = row.get<Time>(6),
                                .udid = text(8),
                                .serial_number = text(9),
                                .user_name = text(10),
                                .enrollment_profile = text(11),
                                .revoked_at = row.get<std::optional<Time>>(12)};
  if (!row.is_null(7)) certificate.renews = bytes(7);
  if (!row.is_null(13)) {
    certificate.revocation_reason = static_cast<RevocationReason>(row.get<std::int16_t>(13));
  }
  return certificate;
}

}  // namespace

std::string_view name_of(RevocationReason reason) {
  for (const auto& [known, name] : kReasons) {
    if (known == reason) return name;
  }
  return "unspecified";
}

std::optional<RevocationReason> parse_revocation_reason(std::string_view name) {
  for (const auto& [reason, known] : kReasons) {
    if (known == name) return reason;
  }
  return std::nullopt;
}

std::vector<IssuedCertificate> list_certificates(pg::Connection& connection, std::string_view after,
                                                 int limit) {
  std::vector<IssuedCertificate> certificates;
  for (const auto row : connection.exec(kListCertificates, pg::Bytes{after}, std::int64_t{limit})) {
    certificates.push_back(certificate_of(row));
  }
  return certificates;
}

std::optional<IssuedCertificate> find_certificate(pg::Connection& connection, std::string_view serial) {
  const auto rows = connection.exec(kFindCertificate, pg::Bytes{serial});
  if (rows.empty()) return std::nullopt;
  return certificate_of(rows[0]);
}

std::int64_t revoke_certificates(pg::Connection& connection, std::span<const std::string> hashes,
                                 RevocationReason reason, Time now) {
  std::vector<pg::Bytes> values;
  for (const auto& hash : hashes) values.push_back({hash});
  return connection.exec(kRevokeCertificates, values, now, static_cast<std::int16_t>(reason))[0].int64(0);
}

}  // namespace mooring::core

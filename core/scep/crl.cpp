// SPDX-License-Identifier: Apache-2.0
// The certificate revocation list (RFC 5280 section 5).
#include <openssl/x509v3.h>

#include <fmt/format.h>

#include "base/crypto/detail/openssl.hpp"
#include "core/scep/certificate_authority.hpp"

namespace mooring::core {
namespace {

using crypto::detail::Free;
using CrlPtr = std::unique_ptr<X509_CRL, Free<X509_CRL_free>>;
using RevokedPtr = std::unique_ptr<X509_REVOKED, Free<X509_REVOKED_free>>;
using IntegerPtr = std::unique_ptr<ASN1_INTEGER, Free<ASN1_INTEGER_free>>;
using TimePtr = std::unique_ptr<ASN1_TIME, Free<ASN1_TIME_free>>;
using EnumPtr = std::unique_ptr<ASN1_ENUMERATED, Free<ASN1_ENUMERATED_free>>;

constexpr auto kFresh = std::chrono::hours(12);
constexpr auto kValid = std::chrono::hours(24 * 7);

constexpr pg::Statement kCrlStored{"crl_stored", R"(
select crl from certificate_authorities where name = 'device' and certificate = $1 and crl is not null and crl_at > $2)"};
constexpr pg::Statement kCrlTurn{"crl_turn", R"(
update certificate_authorities set crl_number = crl_number + 1 where name = 'device' and certificate = $1
returning crl_number)"};
constexpr pg::Statement kCrlRevoked{"crl_revoked", R"(
select serial, revoked_at, revocation_reason from certificates
where revoked_at is not null and not_after > $1 order by revoked_at)"};
constexpr pg::Statement kCrlStore{
    "crl_store", "update certificate_authorities set crl = $1, crl_at = $2 where name = 'device'"};

std::unexpected<Error> crl_failed() {
  return fail(Failure::internal, "crl.failed",
              fmt::format("the revocation list cannot be made: {}", crypto::detail::take_error()));
}

TimePtr crl_time(Time time) {
  return TimePtr(ASN1_TIME_adj(
      nullptr, std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count(), 0, 0));
}

IntegerPtr crl_serial(std::string_view bytes) {
  using NumberPtr = std::unique_ptr<BIGNUM, Free<BN_free>>;
  const NumberPtr number(BN_bin2bn(reinterpret_cast<const unsigned char*>(bytes.data()),
                                   static_cast<int>(bytes.size()), nullptr));
  return IntegerPtr(number == nullptr ? nullptr : BN_to_ASN1_INTEGER(number.get(), nullptr));
}

bool add_revoked(X509_CRL* crl, const pg::Row& row) {
  RevokedPtr revoked(X509_REVOKED_new());
  const auto serial = crl_serial(row.get<pg::Bytes>(0).view);
  const auto at = crl_time(row.get<Time>(1));
  if (revoked == nullptr || serial == nullptr || at == nullptr ||
      X509_REVOKED_set_serialNumber(revoked.get(), serial.get()) != 1 ||
      X509_REVOKED_set_revocationDate(revoked.get(), at.get()) != 1) {
    return false;
  }
  // RFC 5280 section 5.3.1: an unspecified reason is left out.
  if (const auto code = row.is_null(2) ? std::int16_t{0} : row.get<std::int16_t>(2); code != 0) {
    const EnumPtr reason(ASN1_ENUMERATED_new());
    if (reason == nullptr || ASN1_ENUMERATED_set(reason.get(), code) != 1 ||
        X509_REVOKED_add1_ext_i2d(revoked.get(), NID_crl_reason, reason.get(), 0, 0) != 1) {
      return false;
    }
  }
  return X509_CRL_add0_revoked(crl, revoked.release()) == 1;
}

bool add_crl_extensions(X509_CRL* crl, X509* issuer, std::int64_t number) {
  X509V3_CTX context{};
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, nullptr, nullptr, crl, 0);
  using ExtensionPtr = std::unique_ptr<X509_EXTENSION, Free<X509_EXTENSION_free>>;
  const ExtensionPtr key(X509V3_EXT_conf_nid(nullptr, &context, NID_authority_key_identifier, "keyid"));
  const IntegerPtr value(ASN1_INTEGER_new());
  // An imported authority may lack a key identifier; then the issuer's name must do.
  if (key != nullptr && X509_CRL_add_ext(crl, key.get(), -1) != 1) return false;
  return value != nullptr && ASN1_INTEGER_set_int64(value.get(), number) == 1 &&
         X509_CRL_add1_ext_i2d(crl, NID_crl_number, value.get(), 0, 0) == 1;
}

Result<std::string> make_crl(const crypto::Signer& authority, const pg::Rows& revoked, std::int64_t number,
                             Time now) {
  const CrlPtr crl(X509_CRL_new());
  const auto issuer = crypto::detail::read_x509(authority.certificate.der, nullptr);
  const auto this_update = crl_time(now);
  const auto next_update = crl_time(now + kValid);
  if (crl == nullptr || issuer == nullptr || this_update == nullptr || next_update == nullptr ||
      X509_CRL_set_version(crl.get(), X509_CRL_VERSION_2) != 1 ||
      X509_CRL_set_issuer_name(crl.get(), X509_get_subject_name(issuer.get())) != 1 ||
      X509_CRL_set1_lastUpdate(crl.get(), this_update.get()) != 1 ||
      X509_CRL_set1_nextUpdate(crl.get(), next_update.get()) != 1) {
    return crl_failed();
  }
  for (const auto row : revoked) {
    if (!add_revoked(crl.get(), row)) return crl_failed();
  }
  if (!add_crl_extensions(crl.get(), issuer.get(), number) || X509_CRL_sort(crl.get()) != 1 ||
      X509_CRL_sign(crl.get(), authority.key.handle(), EVP_sha256()) <= 0) {
    return crl_failed();
  }
  crypto::detail::take_error();
  return crypto::detail::der_of(crl.get(), i2d_X509_CRL);
}

}  // namespace

Result<std::string> CertificateAuthority::crl(pg::Connection& connection, Time now) const {
  const auto stored = [&](pg::Connection& c) -> std::optional<std::string> {
    const auto rows = c.exec(kCrlStored, pg::Bytes{certificate().der}, now - kFresh);
    if (rows.empty()) return std::nullopt;
    return std::string(rows[0].get<pg::Bytes>(0).view);
  };
  if (auto current = stored(connection)) return std::move(*current);
  return pg::in_transaction(connection, [&](pg::Connection& c) -> Result<std::string> {
    // The row is ours from here on: whoever revokes waits, and then finds this list stale.
    const auto turn = c.exec(kCrlTurn, pg::Bytes{certificate().der});
    if (turn.empty()) {
      return fail(Failure::unavailable, "crl.other_authority",
                  "another authority was imported into this database: restart this server");
    }
    auto made = make_crl(authority_, c.exec(kCrlRevoked, now), turn[0].int64(0), now);
    if (made) c.exec(kCrlStore, pg::Bytes{*made}, now);
    return made;
  });
}

}  // namespace mooring::core

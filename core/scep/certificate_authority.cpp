// SPDX-License-Identifier: Apache-2.0
#include "core/scep/certificate_authority.hpp"

#include <fmt/format.h>

#include <fstream>
#include <iterator>
#include <optional>

#include "base/crypto/crypto.hpp"

namespace mooring::core {
namespace {

namespace fs = std::filesystem;
using crypto::Certificate;
using crypto::PrivateKey;
using crypto::Signer;

constexpr auto kBackdated = std::chrono::minutes(10);
constexpr auto kAuthorityValidity = std::chrono::hours(24 * 3652);
constexpr auto kServerValidity = std::chrono::hours(24 * 398);  // the most that Apple's platforms accept
constexpr auto kRegistrarRest = std::chrono::hours(24 * 90);
constexpr std::string_view kDevice = "device";
constexpr std::string_view kRegistrar = "device-ra";

// Servers that start together take turns, so that only one of them makes the authority.
constexpr pg::Statement kAuthorityTurn{"ca_turn",
                                       "select pg_advisory_xact_lock(hashtext('mooring.ca'))::text"};
constexpr pg::Statement kAuthorityFind{
    "ca_find", "select certificate, chain, private_key from certificate_authorities where name = $1"};
constexpr pg::Statement kAuthorityStore{"ca_store", R"(
insert into certificate_authorities (name, certificate, chain, private_key, created_at) values ($1, $2, $3, $4, $5)
on conflict (name) do update set certificate = excluded.certificate, chain = excluded.chain,
  private_key = excluded.private_key, created_at = excluded.created_at)"};
constexpr pg::Statement kAuthorityRetire{"ca_retire", R"(
with former as (delete from certificate_authorities where name = $1 returning *)
insert into certificate_authorities (name, certificate, chain, private_key, crl_number, created_at)
select $2, certificate, chain, private_key, crl_number, created_at from former
on conflict (name) do nothing)"};
constexpr pg::Statement kAuthorityFormer{
    "ca_former",
    "select certificate from certificate_authorities where name like 'device:%' order by created_at desc"};

std::string sealed_for(const Certificate& certificate) {
  return "certificate-authority:" + certificate.hash();
}

std::string pem_of_all(const std::vector<Certificate>& certificates) {
  std::string pem;
  for (const auto& certificate : certificates) pem += certificate.pem();
  return pem;
}

Result<std::string> read_ca_file(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) {
    return fail(Failure::invalid, "ca.file",
                fmt::format("cannot read {}: check the scep-ca options", file.string()));
  }
  return std::string(std::istreambuf_iterator<char>(in), {});
}

Result<PrivateKey> read_ca_key(const AuthorityOptions& options) {
  const auto bytes = read_ca_file(options.key_file);
  if (!bytes) return std::unexpected(bytes.error());
  std::string password;
  if (!options.key_password_file.empty()) {
    const auto text = read_ca_file(options.key_password_file);
    if (!text) return std::unexpected(text.error());
    password = text->substr(0, text->find_first_of("\r\n"));
  }
  return PrivateKey::parse(*bytes, password);
}

std::optional<Error> reason_against(const Signer& authority, Time now) {
  const auto refused = [](std::string code, std::string message) {
    return Error{Failure::invalid, std::move(code), std::move(message)};
  };
  const auto& certificate = authority.certificate;
  if (!certificate.matches(authority.key)) {
    return refused("ca.mismatch", "scep-ca-key-file is not the key of the first certificate in scep-ca-cert");
  }
  if (!certificate.is_ca) {
    return refused("ca.not_authority",
                   fmt::format("{} may not issue certificates: it is no authority", certificate.subject));
  }
  if (certificate.not_after <= now) {
    return refused("ca.expired", fmt::format("the authority {} expired at {}", certificate.subject,
                                             to_rfc3339(certificate.not_after)));
  }
  const auto* below = &certificate;
  for (const auto& above : authority.chain) {
    if (below->issuer != above.subject) {
      return refused("ca.chain",
                     fmt::format("scep-ca-cert must hold the authority first, then each one's issuer: "
                                 "{} did not issue {}",
                                 above.subject, below->subject));
    }
    below = &above;
  }
  return std::nullopt;
}

Result<std::optional<Signer>> imported_authority(const AuthorityOptions& options, Time now) {
  if (options.certificate_file.empty() && options.key_file.empty()) return std::nullopt;
  if (options.certificate_file.empty() || options.key_file.empty()) {
    return fail(Failure::invalid, "ca.file", "scep-ca-cert and scep-ca-key-file belong together: give both");
  }
  const auto bytes = read_ca_file(options.certificate_file);
  if (!bytes) return std::unexpected(bytes.error());
  auto certificates = Certificate::parse_all(*bytes);
  if (!certificates) return std::unexpected(certificates.error());
  auto key = read_ca_key(options);
  if (!key) return std::unexpected(key.error());
  Signer authority{.certificate = certificates->front(), .key = std::move(*key)};
  authority.chain.assign(certificates->begin() + 1, certificates->end());
  if (auto reason = reason_against(authority, now)) return std::unexpected(std::move(*reason));
  return authority;
}

/// Self-signed where `issuer` is null.
Result<Signer> make_signer(std::string_view title, crypto::KeyType type, const Signer* issuer, Time now) {
  auto key = PrivateKey::generate(type);
  crypto::NewCertificate content{
      .subject = {{"O", "Mooring"},
                  {"CN", fmt::format("{} {}", title, crypto::Uuid::random().text().substr(0, 8))}},
      .public_key = key.public_key(),
      .not_before = now - kBackdated,
      .not_after = issuer == nullptr ? now + kAuthorityValidity : issuer->certificate.not_after,
      .ca = issuer == nullptr,
      .key_encipherment = key.is_rsa()};
  auto certificate = issuer == nullptr
                         ? crypto::issue(content, {.certificate = nullptr, .key = key})
                         : crypto::issue(content, {.certificate = &issuer->certificate, .key = issuer->key});
  if (!certificate) return std::unexpected(certificate.error());
  return Signer{.certificate = std::move(*certificate), .key = std::move(key)};
}

void store_signer(pg::Connection& connection, std::string_view name, const Signer& signer,
                  const crypto::SecretBox& secrets, Time now) {
  const std::string sealed = secrets.seal(signer.key.pem(), sealed_for(signer.certificate));
  connection.exec(kAuthorityStore, name, pg::Bytes{signer.certificate.der}, pem_of_all(signer.chain),
                  pg::Bytes{sealed}, now);
}

Result<std::optional<Signer>> stored_signer(pg::Connection& connection, std::string_view name,
                                            const crypto::SecretBox& secrets) {
  const auto rows = connection.exec(kAuthorityFind, name);
  if (rows.empty()) return std::nullopt;
  auto certificate = Certificate::from_der(rows[0].get<pg::Bytes>(0).view);
  if (!certificate) return std::unexpected(certificate.error());
  const auto pem = secrets.open(rows[0].get<pg::Bytes>(2).view, sealed_for(*certificate));
  if (!pem) return std::unexpected(pem.error());
  auto key = PrivateKey::parse(*pem);
  if (!key) return std::unexpected(key.error());
  Signer signer{.certificate = std::move(*certificate), .key = std::move(*key)};
  if (const auto chain = rows[0].text(1); !chain.empty()) {
    auto above = Certificate::parse_all(chain);
    if (!above) return std::unexpected(above.error());
    signer.chain = std::move(*above);
  }
  return signer;
}

Result<Signer> agree_on_authority(pg::Connection& connection, const AuthorityOptions& options,
                                  const crypto::SecretBox& secrets, Time now) {
  auto imported = imported_authority(options, now);
  if (!imported) return std::unexpected(imported.error());
  auto stored = stored_signer(connection, kDevice, secrets);
  if (!stored) return std::unexpected(stored.error());
  if (*stored && (!*imported || (*stored)->certificate == (*imported)->certificate))
    return std::move(**stored);
  if (*stored) connection.exec(kAuthorityRetire, kDevice, "device:" + (*stored)->certificate.hash());
  auto authority = *imported ? Result<Signer>(std::move(**imported))
                             : make_signer("Mooring Device CA", options.key, nullptr, now);
  if (authority) store_signer(connection, kDevice, *authority, secrets, now);
  return authority;
}

Result<Signer> agree_on_registrar(pg::Connection& connection, const Signer& authority,
                                  const crypto::SecretBox& secrets, Time now) {
  if (authority.key.is_rsa()) return authority;
  auto stored = stored_signer(connection, kRegistrar, secrets);
  if (!stored) return std::unexpected(stored.error());
  const bool lasts = *stored && ((*stored)->certificate.not_after > now + kRegistrarRest ||
                                 (*stored)->certificate.not_after == authority.certificate.not_after);
  if (lasts && (*stored)->certificate.issuer == authority.certificate.subject) return std::move(**stored);
  auto registrar = make_signer("Mooring SCEP RA", crypto::KeyType::rsa_2048, &authority, now);
  if (registrar) store_signer(connection, kRegistrar, *registrar, secrets, now);
  return registrar;
}

}  // namespace

Result<CertificateAuthority> CertificateAuthority::open(pg::Connection& connection,
                                                        const AuthorityOptions& options,
                                                        const crypto::SecretBox& secrets, Time now) {
  try {
    return pg::in_transaction(connection, [&](pg::Connection& c) -> Result<CertificateAuthority> {
      c.exec(kAuthorityTurn);
      auto authority = agree_on_authority(c, options, secrets, now);
      if (!authority) return std::unexpected(authority.error());
      auto registrar = agree_on_registrar(c, *authority, secrets, now);
      if (!registrar) return std::unexpected(registrar.error());
      std::vector<Certificate> trusted{authority->certificate};
      for (const auto row : c.exec(kAuthorityFormer)) {
        auto former = Certificate::from_der(row.get<pg::Bytes>(0).view);
        if (!former) return std::unexpected(former.error());
        trusted.push_back(std::move(*former));
      }
      return CertificateAuthority(std::move(*authority), std::move(*registrar), std::move(trusted));
    });
  } catch (const pg::SqlError& error) {
    return std::unexpected(pg::to_error(error));
  }
}

std::vector<Certificate> CertificateAuthority::published() const {
  std::vector<Certificate> all;
  if (!(registrar_.certificate == certificate())) all.push_back(registrar_.certificate);
  all.push_back(certificate());
  all.insert(all.end(), chain().begin(), chain().end());
  return all;
}

Result<Certificate> CertificateAuthority::issue(const crypto::NewCertificate& content) const {
  return crypto::issue(content, {.certificate = &certificate(), .key = authority_.key});
}

Result<http::TlsIdentity> CertificateAuthority::issue_server_certificate(
    const std::vector<std::string>& names, Time now) const {
  const auto key = PrivateKey::generate(crypto::KeyType::ec_p256);
  const auto issued = issue({.subject = {{"CN", names.empty() ? "mooring" : names.front().substr(0, 64)}},
                             .public_key = key.public_key(),
                             .not_before = now - kBackdated,
                             .not_after = std::min<Time>(now + kServerValidity, certificate().not_after),
                             .purpose = crypto::Purpose::server_auth,
                             .dns_names = names});
  if (!issued) return std::unexpected(issued.error());
  return http::TlsIdentity{.certificate_chain = issued->pem() + certificate().pem() + pem_of_all(chain()),
                           .private_key = key.pem()};
}

}  // namespace mooring::core

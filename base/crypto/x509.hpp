// SPDX-License-Identifier: Apache-2.0
// Keys, certificates and requests (RFC 5280, RFC 2986) as plain values. Certificates are kept as DER: an
// OpenSSL object belongs to the library context of one thread (see crypto_pool.hpp).
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"

struct evp_pkey_st;

namespace mooring::crypto {

enum class KeyType : std::uint8_t { rsa_2048, rsa_3072, rsa_4096, ec_p256, ec_p384 };

/// A private key, shared and never changed. Copies are cheap; may be used from any thread.
class PrivateKey {
 public:
  static PrivateKey generate(KeyType type);
  /// PEM or DER (PKCS#8, PKCS#1, SEC 1). Errors: key.malformed, key.password.
  static Result<PrivateKey> parse(std::string_view bytes, std::string_view password = {});
  std::string pem() const;         ///< PKCS#8, not encrypted.
  std::string public_key() const;  ///< DER SubjectPublicKeyInfo.
  bool is_rsa() const;
  int bits() const;
  evp_pkey_st* handle() const { return key_.get(); }

 private:
  explicit PrivateKey(std::shared_ptr<evp_pkey_st> key) : key_(std::move(key)) {}
  std::shared_ptr<evp_pkey_st> key_;
};

/// One attribute of a name: short name ("CN", "O", "UID") or dotted OID, and value.
using NameAttribute = std::pair<std::string, std::string>;

/// What a certificate says, read once.
struct Certificate {
  std::string der;
  std::string subject;              ///< RFC 2253 form, for people.
  std::string issuer;               ///< As subject.
  std::string serial;               ///< Bytes, big endian.
  std::string public_key;           ///< DER SubjectPublicKeyInfo.
  std::vector<NameAttribute> name;  ///< Subject's attributes in order.
  Time not_before;
  Time not_after;
  bool is_ca = false;
  bool self_issued = false;  ///< Subject equals issuer.

  /// Errors: certificate.malformed.
  static Result<Certificate> from_der(std::string_view der);
  /// The first certificate of a PEM text.
  static Result<Certificate> from_pem(std::string_view pem);
  /// PEM with any number of certificates, or one DER. Errors also: certificate.none.
  static Result<std::vector<Certificate>> parse_all(std::string_view pem_or_der);
  std::string pem() const;
  std::string hash() const;                                           ///< Lower-case hex SHA-256 of the DER.
  std::optional<std::string> attribute(std::string_view name) const;  ///< First value, e.g. "CN" or "UID".
  bool matches(const PrivateKey& key) const;
  bool operator==(const Certificate& other) const { return der == other.der; }
};

enum class Purpose : std::uint8_t { any, client_auth, server_auth };

struct ChainCheck {
  std::span<const std::string> roots;          ///< DER; each a trust anchor, self-signed or not.
  std::span<const std::string> intermediates;  ///< DER; help to find a path.
  Purpose purpose = Purpose::client_auth;
  Time at;
  std::chrono::seconds skew{0};   ///< Tolerated at both ends of the leaf's validity.
  std::chrono::seconds grace{0};  ///< Tolerated, besides, after its end.
};
/// The leaf must name the purpose (or any) in its extended key usage. Signatures in the chain: SHA-256 and
/// better, RSA keys of 1024 bits and more.
/// Errors: certificate.untrusted, certificate.expired, certificate.not_yet_valid, certificate.purpose.
Result<> check_chain(std::string_view leaf_der, const ChainCheck& check);
/// Certificate::from_der and check_chain, reading the certificate once. Errors of both.
Result<Certificate> read_checked(std::string_view leaf_der, const ChainCheck& check);

struct NewCertificate {
  std::vector<NameAttribute> subject;
  std::string public_key;  ///< DER SubjectPublicKeyInfo.
  std::string serial;      ///< Up to 20 bytes; made at random where empty.
  Time not_before;
  Time not_after;
  bool ca = false;
  Purpose purpose = Purpose::any;
  bool key_encipherment = false;
  std::vector<std::string> dns_names;  ///< An address literal becomes an iPAddress name.
};
struct Issuer {
  const Certificate* certificate = nullptr;  ///< Null: self-signed.
  PrivateKey key;
};
/// Signed with SHA-256, with SKI and AKI. Errors: certificate.issue.
Result<Certificate> issue(const NewCertificate& content, const Issuer& issuer);

struct CertificateRequest {
  std::string der;
  std::vector<NameAttribute> subject;
  std::string public_key;
  std::string challenge_password;  ///< PKCS#9; empty where absent.
};
/// Checks the request's own signature. Errors: csr.malformed, csr.signature.
Result<CertificateRequest> parse_request(std::string_view pem_or_der);
/// DER PKCS#10, SHA-256.
Result<std::string> make_request(std::span<const NameAttribute> subject, const PrivateKey& key,
                                 std::string_view challenge_password = {});
std::string pem_of(std::string_view label, std::string_view der);  ///< label: "CERTIFICATE REQUEST"

}  // namespace mooring::crypto

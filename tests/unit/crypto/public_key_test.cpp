// SPDX-License-Identifier: Apache-2.0
// The short ways to a key and to the parts of a certificate must never see what OpenSSL sees otherwise.
#include "base/crypto/detail/public_key.hpp"

#include <gtest/gtest.h>
#include <openssl/x509.h>

#include "base/crypto/detail/certificate_fields.hpp"
#include "tests/support/openssl_command.hpp"
#include "tests/support/pki.hpp"

namespace mooring::crypto::test {
namespace {

using mooring::test::kPkiNow;
using mooring::test::make_authority;
using mooring::test::OpensslCommand;

detail::KeyPtr read_by_openssl(std::string_view der) {
  const auto* at = reinterpret_cast<const unsigned char*>(der.data());
  return detail::KeyPtr(d2i_PUBKEY(nullptr, &at, static_cast<long>(der.size())));
}

class UsualKey : public testing::TestWithParam<KeyType> {};

TEST_P(UsualKey, IsTheOneThatOpensslReads) {
  const auto der = PrivateKey::generate(GetParam()).public_key();
  const auto key = detail::read_usual_key(der);
  ASSERT_NE(key, nullptr);
  EXPECT_EQ(EVP_PKEY_eq(key.get(), read_by_openssl(der).get()), 1);
}

TEST_P(UsualKey, IsNeverReadWhereOpensslReadsAnotherOrNone) {
  const auto der = PrivateKey::generate(GetParam()).public_key();
  int read = 0;
  for (std::size_t i = 0; i < der.size(); ++i) {
    for (const unsigned flip : {0x01U, 0x80U, 0xFFU}) {
      auto changed = der;
      changed[i] = static_cast<char>(static_cast<unsigned char>(changed[i]) ^ flip);
      const auto key = detail::read_usual_key(changed);
      if (key == nullptr) continue;
      ++read;
      const auto same = read_by_openssl(changed);
      ASSERT_NE(same, nullptr) << "byte " << i;
      EXPECT_EQ(EVP_PKEY_eq(key.get(), same.get()), 1) << "byte " << i;
    }
    EXPECT_EQ(detail::read_usual_key(std::string_view(der).substr(0, i)), nullptr);
  }
  if (GetParam() == KeyType::rsa_2048) EXPECT_GT(read, 500);  // another modulus is a key as well
  EXPECT_EQ(detail::read_usual_key(der + "x"), nullptr);
}
INSTANTIATE_TEST_SUITE_P(Types, UsualKey,
                         testing::Values(KeyType::rsa_2048, KeyType::ec_p256, KeyType::ec_p384));

TEST(CertificateFields, AreThoseThatOpensslReads) {
  const auto authority = make_authority();
  const auto x509 = detail::read_x509(authority.certificate.der, nullptr);
  const auto fields = detail::read_fields(authority.certificate.der);
  ASSERT_TRUE(fields);
  EXPECT_EQ(fields->serial, authority.certificate.serial);
  EXPECT_EQ(fields->public_key, authority.certificate.public_key);
  EXPECT_EQ(fields->issuer, detail::der_of(X509_get_issuer_name(x509.get()), i2d_X509_NAME));
  EXPECT_EQ(fields->subject, detail::der_of(X509_get_subject_name(x509.get()), i2d_X509_NAME));
  EXPECT_EQ(detail::subject_key_identifier(*fields), detail::octets_of(X509_get0_subject_key_id(x509.get())));
}

TEST(CertificateFields, NeedTheWholeCertificate) {
  const auto der = make_authority().certificate.der;
  for (std::size_t i = 0; i < der.size(); ++i) {
    EXPECT_FALSE(detail::read_fields(std::string_view(der).substr(0, i))) << i;
  }
  EXPECT_FALSE(detail::read_fields(der + "x"));
}

TEST(IssueCertificate, BelowAnAuthorityWithoutKeyIdentifierNamesItsKeyByHash) {
  const OpensslCommand openssl;
  ASSERT_TRUE(
      openssl.run("req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -subj /CN=old -days 9 "
                  "-addext subjectKeyIdentifier=none -addext authorityKeyIdentifier=none"));
  const auto authority = Certificate::from_pem(openssl.read("ca.pem"));
  const auto key = PrivateKey::parse(openssl.read("ca.key"));
  ASSERT_TRUE(authority && key);
  const auto fields = detail::read_fields(authority->der);
  ASSERT_TRUE(fields);
  ASSERT_TRUE(detail::subject_key_identifier(*fields).empty());
  const auto issued = issue({.subject = {{"CN", "below"}},
                             .public_key = PrivateKey::generate(KeyType::ec_p256).public_key(),
                             .not_before = authority->not_before,
                             .not_after = authority->not_after,
                             .purpose = Purpose::client_auth},
                            {.certificate = &*authority, .key = *key});
  ASSERT_TRUE(issued) << issued.error().message;
  openssl.write("below.pem", issued->pem());
  EXPECT_TRUE(openssl.run("verify -CAfile ca.pem below.pem")) << openssl.errors();
  ASSERT_TRUE(openssl.run("x509 -in below.pem -noout -ext authorityKeyIdentifier"));
  EXPECT_NE(openssl.read("out").find(':'), std::string::npos);
}

TEST(IssueCertificate, ForNoUsualKeyIsRefused) {
  const auto key = PrivateKey::generate(KeyType::rsa_2048);
  const auto issued = issue({.subject = {{"CN", "x"}},
                             .public_key = "nonsense",
                             .not_before = kPkiNow,
                             .not_after = kPkiNow + std::chrono::hours(1)},
                            {.key = key});
  ASSERT_FALSE(issued);
  EXPECT_EQ(issued.error().code, "certificate.issue");
}

}  // namespace
}  // namespace mooring::crypto::test

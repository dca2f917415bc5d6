// SPDX-License-Identifier: Apache-2.0
// The device authority and its challenges on a real database; openssl judges what it makes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fmt/format.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <future>
#include <set>

#include "base/crypto/crypto.hpp"
#include "base/encoding.hpp"
#include "core/janitor.hpp"
#include "core/scep/certificate_authority.hpp"
#include "core/scep/certificates.hpp"
#include "core/scep/challenges.hpp"
#include "tests/support/test_database.hpp"

namespace mooring {
namespace {

namespace fs = std::filesystem;
using core::AuthorityOptions;
using core::CertificateAuthority;

constexpr Time kAuthorityNow{std::chrono::microseconds{1'793'000'000'000'000}};

class ScepAuthority : public testing::Test {
 protected:
  ScepAuthority() : folder_(fs::temp_directory_path() / ("mooring-ca-" + crypto::Uuid::random().text())) {
    fs::create_directories(folder_);
  }
  ~ScepAuthority() override { fs::remove_all(folder_); }

  CertificateAuthority open(const AuthorityOptions& options = {}) {
    auto authority = CertificateAuthority::open(db_.connection(), options, secrets_, kAuthorityNow);
    if (!authority) throw std::runtime_error(authority.error().code + ": " + authority.error().message);
    return std::move(*authority);
  }
  std::string refused(const AuthorityOptions& options) {
    auto authority = CertificateAuthority::open(db_.connection(), options, secrets_, kAuthorityNow);
    return authority ? "" : authority.error().code;
  }
  std::string file(const std::string& name, const std::string& content) {
    std::ofstream(folder_ / name, std::ios::binary) << content;
    return folder_ / name;
  }
  /// What `command` prints, run in the folder.
  std::string shell(const std::string& command) {
    const std::string whole = fmt::format("cd {} && ({}) 2>&1", folder_.string(), command);
    FILE* pipe = ::popen(whole.c_str(), "r");
    std::string out;
    char buffer[4096];
    while (const auto count = std::fread(buffer, 1, sizeof buffer, pipe)) out.append(buffer, count);
    ::pclose(pipe);
    return out;
  }
  std::string text(const std::string& sql) {
    const auto rows = db_.connection().script(sql);
    return rows.empty() || rows[0].is_null(0) ? "" : rows[0].text(0);
  }
  /// Issues for a fresh key and stores the row, as SCEP does.
  crypto::Certificate store_issued(const CertificateAuthority& authority, const std::string& name) {
    const auto key = crypto::PrivateKey::generate(crypto::KeyType::ec_p256);
    auto certificate = *authority.issue({.subject = {{"CN", name}},
                                         .public_key = key.public_key(),
                                         .not_before = kAuthorityNow,
                                         .not_after = kAuthorityNow + std::chrono::hours(24 * 365),
                                         .purpose = crypto::Purpose::client_auth});
    db_.connection().script(fmt::format(
        "insert into certificates (serial, hash, key_hash, transaction_id, der, subject, not_before, "
        "not_after, "
        "issued_at) values ('\\x{}', '\\x{}', '\\x00', 't', '\\x{}', '{}', now(), '2100-01-01', now())",
        to_hex(certificate.serial), certificate.hash(), to_hex(certificate.der), certificate.subject));
    return certificate;
  }

  test::TestDatabase db_;
  crypto::SecretBox secrets_{crypto::SecretBox::Key{}};
  fs::path folder_;
};

// covers: mdm.S09
TEST_F(ScepAuthority, IsMadeOnceAndKeptWithItsKeySealed) {
  const auto first = open();
  const auto second = open();
  EXPECT_EQ(first.certificate(), second.certificate());
  EXPECT_TRUE(first.certificate().is_ca);
  EXPECT_EQ(first.registrar().certificate, first.certificate());
  EXPECT_EQ(
      text("select (position('PRIVATE KEY'::bytea in private_key) > 0)::text from certificate_authorities"),
      "false");
  const crypto::SecretBox other(crypto::SecretBox::Key{1});
  const auto stolen = CertificateAuthority::open(db_.connection(), {}, other, kAuthorityNow);
  ASSERT_FALSE(stolen);
  EXPECT_EQ(stolen.error().code, "secret.damaged");
}

TEST_F(ScepAuthority, ServersThatStartTogetherAgreeOnOne) {
  std::vector<std::future<std::string>> starts;
  for (int i = 0; i < 6; ++i) {
    starts.push_back(std::async(std::launch::async, [this] {
      pg::Connection own(db_.connect_options());
      return CertificateAuthority::open(own, {}, secrets_, kAuthorityNow)->fingerprint();
    }));
  }
  std::set<std::string> fingerprints;
  for (auto& start : starts) fingerprints.insert(start.get());
  EXPECT_EQ(fingerprints.size(), 1U);
}

TEST_F(ScepAuthority, WithAnEllipticKeyHasAnRsaRegistrar) {
  const auto authority = open({.key = crypto::KeyType::ec_p256});
  EXPECT_TRUE(authority.registrar().key.is_rsa());
  ASSERT_EQ(authority.published().size(), 2U);
  EXPECT_EQ(authority.published()[1], authority.certificate());
  EXPECT_EQ(open().registrar().certificate, authority.registrar().certificate);
  file("ca.pem", authority.certificate().pem());
  file("ra.pem", authority.registrar().certificate.pem());
  EXPECT_EQ(shell("openssl verify -no_check_time -CAfile ca.pem ra.pem"), "ra.pem: OK\n");
}

TEST_F(ScepAuthority, IsImportedWithItsChainAndAnEncryptedKey) {
  shell(
      "openssl req -x509 -newkey rsa:2048 -nodes -keyout root.key -out root.pem -subj /CN=Root -days 3650 && "
      "openssl req -newkey rsa:2048 -passout pass:secret -keyout sub.key -out sub.csr -subj /CN=Sub && "
      "printf 'basicConstraints=critical,CA:TRUE\\nkeyUsage=keyCertSign,cRLSign,digitalSignature\\n"
      "subjectKeyIdentifier=hash\\n' > ext && "
      "openssl x509 -req -in sub.csr -CA root.pem -CAkey root.key -days 3000 -extfile ext -out sub.pem && "
      "cat sub.pem root.pem > chain.pem && echo secret > password && cat root.pem sub.pem > wrong.pem");
  const AuthorityOptions options{.certificate_file = folder_ / "chain.pem",
                                 .key_file = folder_ / "sub.key",
                                 .key_password_file = folder_ / "password"};
  const auto made = open();
  const auto authority = open(options);
  EXPECT_EQ(authority.certificate().subject, "CN=Sub");
  EXPECT_EQ(authority.published().size(), 2U);
  // Its files are needed once; identities from the one before are still good.
  EXPECT_EQ(open().certificate(), authority.certificate());
  ASSERT_EQ(open().trusted().size(), 2U);
  EXPECT_EQ(open().trusted()[1], made.certificate());

  auto bad = options;
  bad.key_password_file.clear();
  EXPECT_EQ(refused(bad), "key.password");
  bad = options;
  bad.key_file = folder_ / "root.key";
  EXPECT_EQ(refused(bad), "ca.mismatch");
  bad = {.certificate_file = folder_ / "wrong.pem", .key_file = folder_ / "root.key"};
  EXPECT_EQ(refused(bad), "ca.chain");
  bad = {.certificate_file = folder_ / "none.pem", .key_file = folder_ / "root.key"};
  EXPECT_EQ(refused(bad), "ca.file");
  bad = {.certificate_file = folder_ / "chain.pem"};
  EXPECT_EQ(refused(bad), "ca.file");
  shell(
      "openssl req -x509 -newkey rsa:2048 -nodes -keyout leaf.key -out leaf.pem -subj /CN=Leaf "
      "-addext basicConstraints=critical,CA:FALSE");
  bad = {.certificate_file = folder_ / "leaf.pem", .key_file = folder_ / "leaf.key"};
  EXPECT_EQ(refused(bad), "ca.not_authority");
  EXPECT_EQ(open().certificate(), authority.certificate()) << "a refused import changed something";
}

TEST_F(ScepAuthority, IssuesServerCertificatesThatItsRootProves) {
  const auto authority = open();
  const auto identity = authority.issue_server_certificate({"mdm.example.org", "127.0.0.1"}, kAuthorityNow);
  ASSERT_TRUE(identity) << identity.error().message;
  file("ca.pem", authority.certificate().pem());
  file("server.pem", identity->certificate_chain);
  EXPECT_EQ(
      shell(
          "openssl verify -no_check_time -purpose sslserver -verify_hostname mdm.example.org -CAfile ca.pem "
          "server.pem"),
      "server.pem: OK\n");
  EXPECT_EQ(
      shell(
          "openssl verify -no_check_time -purpose sslserver -verify_ip 127.0.0.1 -CAfile ca.pem server.pem"),
      "server.pem: OK\n");
}

// covers: mdm.S09
TEST_F(ScepAuthority, ListsRevokedCertificatesInACrlWhoseNumberGrows) {
  const auto authority = open();
  const auto good = store_issued(authority, "good");
  const auto bad = store_issued(authority, "bad");
  file("ca.pem", authority.certificate().pem());
  file("good.pem", good.pem());
  file("bad.pem", bad.pem());
  const auto check = [&](const std::string& leaf) {
    file("crl.der", *authority.crl(db_.connection(), kAuthorityNow));
    return shell(fmt::format(
        "openssl crl -inform DER -in crl.der -out crl.pem && openssl verify -attime {} -crl_check "
        "-CAfile ca.pem -CRLfile crl.pem {}.pem",
        kAuthorityNow.time_since_epoch() / std::chrono::seconds(1) + 60, leaf));
  };
  EXPECT_EQ(check("bad"), "bad.pem: OK\n");
  const auto before = *authority.crl(db_.connection(), kAuthorityNow);
  EXPECT_EQ(*authority.crl(db_.connection(), kAuthorityNow), before) << "it is kept";

  const std::vector<std::string> hashes{*from_hex(bad.hash())};
  EXPECT_EQ(core::revoke_certificates(db_.connection(), hashes, core::RevocationReason::key_compromise,
                                      kAuthorityNow),
            1);
  EXPECT_EQ(
      core::revoke_certificates(db_.connection(), hashes, core::RevocationReason::superseded, kAuthorityNow),
      0);
  EXPECT_THAT(check("bad"), testing::HasSubstr("certificate revoked"));
  EXPECT_EQ(check("good"), "good.pem: OK\n");
  const auto shown = shell("openssl crl -in crl.pem -noout -text -crlnumber");
  EXPECT_THAT(shown, testing::HasSubstr("Key Compromise"));
  EXPECT_THAT(shown, testing::HasSubstr("crlNumber=0x02"));
  const auto present = *authority.crl(db_.connection(), kAuthorityNow);
  EXPECT_NE(*authority.crl(db_.connection(), kAuthorityNow + std::chrono::hours(13)), present);
  EXPECT_EQ(core::find_certificate(db_.connection(), bad.serial)->revocation_reason,
            core::RevocationReason::key_compromise);
  EXPECT_EQ(core::list_certificates(db_.connection(), "", 10).size(), 2U);
  EXPECT_EQ(core::list_certificates(db_.connection(), std::max(good.serial, bad.serial), 10).size(), 0U);
}

// covers: mdm.S04
TEST_F(ScepAuthority, ChallengesAreKeptAsHashesAndPruned) {
  const auto challenge = core::create_challenge(
      db_.connection(), {.lifetime = std::chrono::minutes(5), .udid = "U", .user_name = "ann"},
      kAuthorityNow);
  EXPECT_EQ(challenge.size(), 32U);
  EXPECT_TRUE(from_base64url(challenge));
  EXPECT_NE(challenge, core::create_challenge(db_.connection(), {}, kAuthorityNow));
  EXPECT_EQ(
      text(fmt::format("select count(*)::text from scep_challenges c where c::text like '%{}%'", challenge)),
      "0");
  EXPECT_EQ(text("select udid || user_name from scep_challenges where serial_number is null and udid = 'U'"),
            "Uann");

  EXPECT_EQ(core::tidy(db_.connection(), {}, kAuthorityNow + std::chrono::hours(24)).challenges, 0);
  EXPECT_EQ(core::tidy(db_.connection(), {}, kAuthorityNow + std::chrono::minutes(24 * 60 + 6)).challenges,
            1);
}

}  // namespace
}  // namespace mooring

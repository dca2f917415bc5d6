// SPDX-License-Identifier: Apache-2.0
#include "base/crypto/x509.hpp"

#include <gtest/gtest.h>

#include "tests/support/openssl_command.hpp"
#include "tests/support/pki.hpp"

namespace mooring::crypto::test {
namespace {

using mooring::test::code_of;
using mooring::test::Holder;
using mooring::test::kPkiNow;
using mooring::test::make_authority;
using mooring::test::make_holder;
using mooring::test::OpensslCommand;
using std::chrono::hours;

class KeyTest : public testing::TestWithParam<KeyType> {};

TEST_P(KeyTest, SurvivesPemAndProvesItself) {
  const auto key = PrivateKey::generate(GetParam());
  const auto again = PrivateKey::parse(key.pem());
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(again->public_key(), key.public_key());
  EXPECT_EQ(again->bits(), key.bits());
  EXPECT_EQ(again->is_rsa(), key.is_rsa());
  EXPECT_TRUE(make_request(std::vector<NameAttribute>{{"CN", "x"}}, *again));
}
INSTANTIATE_TEST_SUITE_P(Types, KeyTest,
                         testing::Values(KeyType::rsa_2048, KeyType::ec_p256, KeyType::ec_p384));

TEST(PrivateKeyParse, ReadsWhatOpensslWrites) {
  const OpensslCommand openssl;
  ASSERT_TRUE(openssl.run("genrsa -traditional -out rsa1.pem 2048"));
  ASSERT_TRUE(openssl.run("ecparam -name prime256v1 -genkey -noout -out sec1.pem"));
  ASSERT_TRUE(openssl.run("pkcs8 -topk8 -nocrypt -in rsa1.pem -out rsa8.pem"));
  ASSERT_TRUE(openssl.run("pkcs8 -topk8 -nocrypt -in sec1.pem -outform DER -out ec8.der"));
  ASSERT_TRUE(openssl.run("rsa -traditional -in rsa1.pem -outform DER -out rsa1.der"));
  ASSERT_TRUE(openssl.run("pkcs8 -topk8 -passout pass:secret -in rsa1.pem -out locked.pem"));
  ASSERT_TRUE(openssl.run("pkcs8 -topk8 -passout pass:secret -in sec1.pem -outform DER -out locked.der"));
  ASSERT_TRUE(openssl.run("ec -in sec1.pem -pubout -out public.pem"));
  for (const char* file : {"rsa1.pem", "sec1.pem", "rsa8.pem", "ec8.der", "rsa1.der"}) {
    EXPECT_EQ(code_of(PrivateKey::parse(openssl.read(file))), "ok") << file;
  }
  for (const char* file : {"locked.pem", "locked.der"}) {
    EXPECT_EQ(code_of(PrivateKey::parse(openssl.read(file), "secret")), "ok") << file;
    EXPECT_EQ(code_of(PrivateKey::parse(openssl.read(file), "wrong")), "key.password") << file;
    EXPECT_EQ(code_of(PrivateKey::parse(openssl.read(file))), "key.password") << file;
  }
  EXPECT_EQ(code_of(PrivateKey::parse(openssl.read("public.pem"))), "key.malformed");
  EXPECT_EQ(code_of(PrivateKey::parse("")), "key.malformed");
  EXPECT_EQ(code_of(PrivateKey::parse("nonsense")), "key.malformed");
}

TEST(CertificateParse, ReadsWhatItSays) {
  const auto authority = make_authority();
  const auto key = PrivateKey::generate(KeyType::ec_p256);
  const auto issued = issue({.subject = {{"CN", "Größe"}, {"UID", "someone"}, {"1.2.3.4", "odd"}},
                             .public_key = key.public_key(),
                             .serial = std::string("\x01\x02\xFF", 3),
                             .not_before = kPkiNow,
                             .not_after = kPkiNow + hours(1),
                             .dns_names = {}},
                            {.certificate = &authority.certificate, .key = authority.key});
  ASSERT_TRUE(issued) << issued.error().message;
  EXPECT_EQ(issued->serial, std::string("\x01\x02\xFF", 3));
  EXPECT_EQ(issued->not_before, kPkiNow);
  EXPECT_EQ(issued->not_after, kPkiNow + hours(1));
  EXPECT_EQ(issued->attribute("CN"), "Größe");
  EXPECT_EQ(issued->attribute("UID"), "someone");
  EXPECT_EQ(issued->attribute("1.2.3.4"), "odd");
  EXPECT_EQ(issued->attribute("O"), std::nullopt);
  EXPECT_NE(issued->subject.find("CN=Größe"), std::string::npos) << issued->subject;
  EXPECT_EQ(issued->issuer, authority.certificate.subject);
  EXPECT_EQ(issued->public_key, key.public_key());
  EXPECT_TRUE(issued->matches(key));
  EXPECT_FALSE(issued->matches(authority.key));
  EXPECT_FALSE(issued->is_ca);
  EXPECT_FALSE(issued->self_issued);
  EXPECT_TRUE(authority.certificate.is_ca);
  EXPECT_TRUE(authority.certificate.self_issued);
  EXPECT_EQ(Certificate::from_pem(issued->pem()), *issued);
  EXPECT_EQ(issued->hash().size(), 64U);
}

TEST(CertificateParse, TakesAllOfAPemAndOneDer) {
  const auto one = make_authority("One");
  const auto two = make_authority("Two");
  const auto all =
      Certificate::parse_all("words\n" + one.certificate.pem() + one.key.pem() + two.certificate.pem());
  ASSERT_TRUE(all) << all.error().message;
  ASSERT_EQ(all->size(), 2U);
  EXPECT_EQ((*all)[1], two.certificate);
  const auto der = Certificate::parse_all(one.certificate.der);
  ASSERT_TRUE(der);
  EXPECT_EQ(der->front(), one.certificate);
  EXPECT_EQ(code_of(Certificate::parse_all("")), "certificate.none");
  EXPECT_EQ(code_of(Certificate::parse_all(one.key.pem())), "certificate.none");
  EXPECT_EQ(code_of(Certificate::parse_all("text")), "certificate.malformed");
  EXPECT_EQ(code_of(Certificate::from_der(one.certificate.der + "x")), "certificate.malformed");
  EXPECT_EQ(code_of(Certificate::from_der(one.certificate.der.substr(0, 100))), "certificate.malformed");
  EXPECT_EQ(code_of(Certificate::from_pem("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")),
            "certificate.malformed");
}

TEST(CertificateIssue, OpensslSeesWhatWasAsked) {
  const auto authority = make_authority();
  const auto key = PrivateKey::generate(KeyType::rsa_2048);
  const auto issued = issue({.subject = {{"O", "Harbour"}, {"CN", "mdm.example.com"}},
                             .public_key = key.public_key(),
                             .serial = {},
                             .not_before = kPkiNow,
                             .not_after = kPkiNow + hours(24),
                             .purpose = Purpose::server_auth,
                             .key_encipherment = true,
                             .dns_names = {"mdm.example.com", "192.0.2.7", "2001:db8::7"}},
                            {.certificate = &authority.certificate, .key = authority.key});
  ASSERT_TRUE(issued) << issued.error().message;
  EXPECT_EQ(issued->serial.size(), 16U);
  const OpensslCommand openssl;
  openssl.write("leaf.pem", issued->pem());
  openssl.write("ca.pem", authority.certificate.pem());
  const std::string at = std::to_string(1'793'000'100);
  EXPECT_TRUE(
      openssl.run("verify -attime " + at + " -x509_strict -purpose sslserver -CAfile ca.pem leaf.pem"))
      << openssl.errors();
  EXPECT_FALSE(openssl.run("verify -attime " + at + " -purpose sslclient -CAfile ca.pem leaf.pem"));
  ASSERT_TRUE(openssl.run("x509 -in leaf.pem -noout -text"));
  const std::string text = openssl.read("out");
  for (const char* expected :
       {"DNS:mdm.example.com", "IP Address:192.0.2.7", "IP Address:2001:DB8:0:0:0:0:0:7", "CA:FALSE",
        "Digital Signature, Key Encipherment", "TLS Web Server Authentication", "ecdsa-with-SHA256",
        "X509v3 Authority Key"}) {
    EXPECT_NE(text.find(expected), std::string::npos) << expected << "\n" << text;
  }
}

TEST(CertificateIssue, RefusesWhatNoCertificateCanSay) {
  const auto key = PrivateKey::generate(KeyType::ec_p256);
  const NewCertificate good{.subject = {{"CN", "x"}},
                            .public_key = key.public_key(),
                            .serial = {},
                            .not_before = kPkiNow,
                            .not_after = kPkiNow + hours(1),
                            .dns_names = {}};
  const auto with = [&](auto change) {
    auto content = good;
    change(content);
    return code_of(issue(content, {.certificate = nullptr, .key = key}));
  };
  EXPECT_EQ(with([](auto&) {}), "ok");
  EXPECT_EQ(with([](auto& c) { c.subject = {{"CN", std::string(65, 'x')}}; }), "certificate.issue");
  EXPECT_EQ(with([](auto& c) { c.subject = {{"NoSuchType", "x"}}; }), "certificate.issue");
  EXPECT_EQ(with([](auto& c) { c.subject = {{"CN", "\xFF\xFE"}}; }), "certificate.issue");
  EXPECT_EQ(with([](auto& c) { c.public_key = "x"; }), "certificate.issue");
  EXPECT_EQ(with([](auto& c) { c.serial = std::string(21, '\x01'); }), "certificate.issue");
}

TEST(CertificateRequestTest, BothWaysWithOpenssl) {
  const OpensslCommand openssl;
  const auto key = PrivateKey::generate(KeyType::rsa_2048);
  const auto made =
      make_request(std::vector<NameAttribute>{{"O", "Harbour"}, {"CN", "device"}}, key, "ch4llenge");
  ASSERT_TRUE(made);
  openssl.write("ours.pem", pem_of("CERTIFICATE REQUEST", *made));
  ASSERT_TRUE(openssl.run("req -in ours.pem -verify -noout -text")) << openssl.errors();
  EXPECT_NE(openssl.read("out").find("ch4llenge"), std::string::npos);

  openssl.write("req.conf",
                "[req]\nprompt=no\ndistinguished_name=dn\nattributes=at\nstring_mask=default\n[dn]\nCN=their "
                "device\n[at]\nchallengePassword=from openssl\n");
  ASSERT_TRUE(openssl.run("req -new -newkey rsa:2048 -nodes -keyout k.pem -config req.conf -out theirs.pem"))
      << openssl.errors();
  const auto theirs = parse_request(openssl.read("theirs.pem"));
  ASSERT_TRUE(theirs) << theirs.error().message;
  EXPECT_EQ(theirs->challenge_password, "from openssl");
  EXPECT_EQ(theirs->subject, (std::vector<NameAttribute>{{"CN", "their device"}}));
  EXPECT_EQ(PrivateKey::parse(openssl.read("k.pem"))->public_key(), theirs->public_key);
}

TEST(CertificateRequestTest, RefusesOthersSignaturesAndNonsense) {
  const auto key = PrivateKey::generate(KeyType::ec_p256);
  const auto made = make_request(std::vector<NameAttribute>{{"CN", "device"}}, key);
  ASSERT_TRUE(made);
  EXPECT_EQ(parse_request(*made)->challenge_password, "");
  EXPECT_EQ(parse_request(*made)->public_key, key.public_key());
  auto tampered = *made;
  tampered[tampered.find("device")] = 'D';
  EXPECT_EQ(code_of(parse_request(tampered)), "csr.signature");
  EXPECT_EQ(code_of(parse_request(*made + "x")), "csr.malformed");
  EXPECT_EQ(code_of(parse_request("")), "csr.malformed");
  EXPECT_EQ(code_of(parse_request(make_authority().certificate.der)), "csr.malformed");
}

class ChainTest : public testing::Test {
 protected:
  std::string check(const Holder& leaf, ChainCheck with = {}) {
    if (with.at == Time{}) with.at = kPkiNow;
    if (with.roots.empty()) with.roots = roots_;
    return code_of(check_chain(leaf.certificate.der, with));
  }
  Holder root_ = make_authority("Root");
  std::vector<std::string> roots_{root_.certificate.der};
};

// covers: mdm.A04
TEST_F(ChainTest, TrustsOnlyItsRootsForTheirPurpose) {
  EXPECT_EQ(check(make_holder("device", &root_)), "ok");
  const auto foreign = make_authority("Root");
  EXPECT_EQ(check(make_holder("device", &foreign)), "certificate.untrusted");
  EXPECT_EQ(check(make_holder("self-signed")), "certificate.untrusted");
  const auto server = make_holder("server", &root_, {.purpose = Purpose::server_auth});
  EXPECT_EQ(check(server), "certificate.purpose");
  EXPECT_EQ(check(server, {.roots = {}, .intermediates = {}, .purpose = Purpose::server_auth, .at = {}}),
            "ok");
  EXPECT_EQ(check(make_holder("none", &root_, {.purpose = Purpose::any})), "certificate.purpose");
  const auto leaf_as_authority = make_holder("leaf", &root_);
  EXPECT_EQ(check(make_holder("below a leaf", &leaf_as_authority),
                  {.roots = {}, .intermediates = std::vector{leaf_as_authority.certificate.der}, .at = {}}),
            "certificate.untrusted");
}

TEST_F(ChainTest, FindsAWayThroughIntermediates) {
  const auto middle = make_authority("Middle", &root_);
  const auto leaf = make_holder("device", &middle);
  EXPECT_EQ(check(leaf), "certificate.untrusted");
  const std::vector<std::string> intermediates{middle.certificate.der};
  EXPECT_EQ(check(leaf, {.roots = {}, .intermediates = intermediates, .at = {}}), "ok");
  EXPECT_EQ(check(leaf, {.roots = intermediates, .intermediates = {}, .at = {}}), "ok")
      << "an anchor need not be a root";
  EXPECT_EQ(check(leaf, {.roots = {}, .intermediates = std::vector<std::string>{"rubbish"}, .at = {}}),
            "certificate.untrusted");
}

// covers: mdm.A08
TEST_F(ChainTest, ToleratesClocksAndNoMore) {
  const auto leaf = make_holder("device", &root_, {.not_before = kPkiNow, .not_after = kPkiNow + hours(48)});
  const auto at = [&](Time when, hours skew, hours grace = hours(0)) {
    return check(leaf, {.roots = {}, .intermediates = {}, .at = when, .skew = skew, .grace = grace});
  };
  EXPECT_EQ(at(kPkiNow - hours(1), hours(0)), "certificate.not_yet_valid");
  EXPECT_EQ(at(kPkiNow - hours(1), hours(1)), "ok");
  EXPECT_EQ(at(kPkiNow - hours(2), hours(1), hours(9)), "certificate.not_yet_valid");
  EXPECT_EQ(at(kPkiNow + hours(49), hours(0)), "certificate.expired");
  EXPECT_EQ(at(kPkiNow + hours(48) + std::chrono::minutes(59), hours(1)), "ok");
  EXPECT_EQ(at(kPkiNow + hours(52), hours(1)), "certificate.expired");
  EXPECT_EQ(at(kPkiNow + hours(51), hours(1), hours(3)), "ok");
}

TEST_F(ChainTest, RefusesSha1InTheChainAndTakesShortRsaOfDevices) {
  const OpensslCommand openssl;
  openssl.write("ca.pem", root_.certificate.pem());
  openssl.write("ca.key", root_.key.pem());
  openssl.write("ext", "extendedKeyUsage=clientAuth\n");
  ASSERT_TRUE(openssl.run("req -new -newkey rsa:1024 -nodes -keyout k.pem -subj /CN=device -out r.pem"));
  for (const auto& [digest, expected] :
       {std::pair{"sha1", "certificate.untrusted"}, std::pair{"sha256", "ok"}}) {
    ASSERT_TRUE(
        openssl.run(std::string("x509 -req -in r.pem -CA ca.pem -CAkey ca.key -CAcreateserial -extfile ext "
                                "-out leaf.pem -") +
                    digest))
        << openssl.errors();
    const auto leaf = Certificate::from_pem(openssl.read("leaf.pem"));
    ASSERT_TRUE(leaf);
    EXPECT_EQ(code_of(check_chain(leaf->der, {.roots = roots_, .intermediates = {}, .at = leaf->not_before})),
              expected);
  }
}

}  // namespace
}  // namespace mooring::crypto::test

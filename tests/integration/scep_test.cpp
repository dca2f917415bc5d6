// SPDX-License-Identifier: Apache-2.0
// SCEP's rules, asked with openssl-made messages.
#include <openssl/x509v3.h>

#include <future>
#include <set>

#include "base/crypto/detail/openssl.hpp"
#include "tests/integration/scep_fixture.hpp"

namespace mooring::scep_test {
namespace {

using test::ScepReply;
using test::ScepRequest;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr const char* kBadAlg = "0";
constexpr const char* kBadMessageCheck = "1";
constexpr const char* kBadRequest = "2";
constexpr const char* kBadTime = "3";
constexpr const char* kBadCertId = "4";

testing::AssertionResult succeeded(const ScepReply& reply) {
  if (reply.status == "0") return testing::AssertionSuccess();
  return testing::AssertionFailure() << "status " << reply.status << ", failInfo " << reply.fail_info;
}
testing::AssertionResult refused(const ScepReply& reply, const std::string& fail_info) {
  if (reply.status == "2" && reply.fail_info == fail_info && reply.certificates.empty()) {
    return testing::AssertionSuccess();
  }
  return testing::AssertionFailure() << "status " << reply.status << ", failInfo " << reply.fail_info;
}

std::string percent_encoded(std::string_view text) {
  std::string out;
  for (const char c : text) out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  return out;
}

// covers: mdm.S01
TEST(Scep, SaysWhatItIsAndWhatItCan) {
  ScepServer server;
  const auto capabilities = server.get("?operation=GetCACaps");
  EXPECT_EQ(capabilities.headers.get("Content-Type"), "text/plain");
  EXPECT_EQ(capabilities.body,
            "AES\nPOSTPKIOperation\nRenewal\nSCEPStandard\nSHA-256\nSHA-384\nSHA-512\nUpdate\n");
  const auto certificate = server.get("?operation=GetCACert&message=any");
  EXPECT_EQ(certificate.headers.get("Content-Type"), "application/x-x509-ca-cert");
  EXPECT_EQ(certificate.body, server.authority().certificate().der);

  ScepServer old({.legacy = true});
  EXPECT_THAT(old.get("?operation=GetCACaps").body, HasSubstr("\nDES3\n"));
  EXPECT_THAT(old.get("?operation=GetCACaps").body, HasSubstr("\nSHA-1\n"));

  ScepServer elliptic({.authority = {.key = crypto::KeyType::ec_p256}});
  const auto chain = elliptic.get("?operation=GetCACert");
  EXPECT_EQ(chain.headers.get("Content-Type"), "application/x-x509-ca-ra-cert");
  const auto certificates = test::read_ca_certificates(chain.headers.get("Content-Type"), chain.body);
  ASSERT_TRUE(certificates);
  EXPECT_THAT(*certificates,
              ElementsAre(elliptic.authority().registrar().certificate, elliptic.authority().certificate()));
}

// covers: mdm.S03, mdm.S07, mdm.S08
TEST(Scep, IssuesForAOneTimeChallengeAndAnswersAsRfc8894Says) {
  ScepServer server;
  ScepDevice device(server);
  const auto reply = device.enroll(server.challenge(), "T/+=");
  ASSERT_TRUE(succeeded(reply));
  EXPECT_EQ(reply.message_type, "3");
  EXPECT_EQ(reply.transaction_id, "T/+=");
  EXPECT_EQ(reply.recipient_nonce, std::string(16, 'n'));
  EXPECT_EQ(reply.sender_nonce.size(), 16U);
  EXPECT_EQ(reply.digest, "SHA256");
  EXPECT_EQ(reply.signature_algorithm, "1.2.840.113549.1.1.1");
  EXPECT_THAT(reply.attached, ElementsAre(server.authority().certificate().der));
  ASSERT_EQ(reply.certificates.size(), 2U);
  EXPECT_EQ(reply.certificates[1], server.authority().certificate().der) << "the leaf comes first";

  const auto leaf = *crypto::Certificate::from_der(reply.certificates[0]);
  EXPECT_EQ(leaf.attribute("CN"), "device");
  EXPECT_EQ(leaf.public_key, rsa_key().public_key());
  EXPECT_EQ(leaf.serial.size(), 16U);
  const auto now = std::chrono::floor<std::chrono::seconds>(server.clock.now());
  EXPECT_EQ(leaf.not_before, now - std::chrono::minutes(10));
  EXPECT_EQ(leaf.not_after, now + std::chrono::hours(24 * 365));
  const auto x509 = crypto::detail::read_x509(leaf.der, nullptr);
  EXPECT_EQ(X509_get_extended_key_usage(x509.get()), static_cast<std::uint32_t>(XKU_SSL_CLIENT));
  EXPECT_EQ(X509_get_key_usage(x509.get()), static_cast<std::uint32_t>(KU_DIGITAL_SIGNATURE));
  EXPECT_NE(X509_get0_subject_key_id(x509.get()), nullptr);
  EXPECT_NE(X509_get0_authority_key_id(x509.get()), nullptr);
  const std::vector<std::string> roots{server.authority().certificate().der};
  EXPECT_TRUE(crypto::check_chain(leaf.der, {.roots = roots, .at = server.clock.now()}));
}

// covers: mdm.S02
TEST(Scep, TakesMessagesByGetInBothAlphabetsAndIgnoresTheQueryOfAPost) {
  ScepServer server;
  ScepDevice device(server);
  // Until the base64 has what the two alphabets write differently.
  std::string message, base64;
  const auto challenge = server.challenge();
  do {
    message = device.message({.content = device.csr(challenge)});
    base64 = to_base64(message);
  } while (base64.find('+') == std::string::npos || base64.find('/') == std::string::npos);
  const std::string get = "?operation=PKIOperation&message=";
  EXPECT_TRUE(succeeded(device.read(server.get(get + percent_encoded(base64)))));
  EXPECT_TRUE(succeeded(device.read(server.get(get + base64)))) << "a + that means a space";
  EXPECT_TRUE(succeeded(device.read(server.get(get + to_base64url(message)))));
  EXPECT_EQ(server.text("select count(*) from certificates"), "1") << "one transaction";

  const std::string repeated = "&message=" + percent_encoded(message);
  EXPECT_GT(repeated.size(), 5000U);
  EXPECT_TRUE(succeeded(device.read(server.post(message, repeated))));
  EXPECT_TRUE(succeeded(device.read(server.post(message, "&message=" + std::string(60000, 'x')))));
}

// covers: mdm.S04
TEST(Scep, AChallengeIsGoodOnceAndForItsTime) {
  ScepServer server;
  ScepDevice device(server, rsa_key(0));
  ScepDevice other(server, rsa_key(1));
  const auto challenge = server.challenge({.lifetime = std::chrono::minutes(5)});
  EXPECT_TRUE(succeeded(device.enroll(challenge)));
  EXPECT_TRUE(refused(other.enroll(challenge, "2"), kBadRequest));
  EXPECT_TRUE(refused(device.enroll(challenge, "3"), kBadRequest))
      << "another transaction of the same device";

  const auto expired = server.challenge({.lifetime = std::chrono::minutes(5)});
  server.clock.advance(std::chrono::minutes(6));
  EXPECT_TRUE(refused(device.enroll(expired, "4"), kBadRequest));
  EXPECT_TRUE(refused(device.enroll("", "5"), kBadRequest));
  EXPECT_TRUE(refused(device.enroll("no such challenge", "6"), kBadRequest));
  EXPECT_EQ(server.text("select count(*) from certificates"), "1");

  const auto many = server.challenge({.one_time = false});
  EXPECT_TRUE(succeeded(device.enroll(many, "7")));
  EXPECT_TRUE(succeeded(other.enroll(many, "8")));
}

// covers: mdm.S04
TEST(Scep, AStaticChallengeIsOffUntilItIsSet) {
  ScepServer off;
  EXPECT_TRUE(refused(ScepDevice(off).enroll("secret"), kBadRequest));
  ScepServer server({.options = {.static_challenge = "secret"}});
  EXPECT_TRUE(succeeded(ScepDevice(server, rsa_key(0)).enroll("secret")));
  EXPECT_TRUE(succeeded(ScepDevice(server, rsa_key(1)).enroll("secret")));
  EXPECT_TRUE(refused(ScepDevice(server, rsa_key(2)).enroll("secret2"), kBadRequest));
}

// covers: mdm.S04
TEST(Scep, AChallengeBoundToADeviceIsForThatDeviceOnly) {
  ScepServer server;
  const std::string udid = "00008030-001C2D223456802E";
  const auto bound = [&] {
    return server.challenge(
        {.udid = udid, .serial_number = "C02XYZ", .user_name = "ann", .enrollment_profile = "p"});
  };
  ScepDevice device(server);
  device.subject = {{"CN", "00008030-FFFFFFFFFFFFFFFF"}};
  EXPECT_TRUE(refused(device.enroll(bound(), "1"), kBadRequest));
  device.subject = {{"CN", "MDM"}, {"serialNumber", "C02OTHER"}};
  EXPECT_TRUE(refused(device.enroll(bound(), "2"), kBadRequest));
  const auto challenge = bound();
  EXPECT_TRUE(refused(device.enroll(challenge, "3"), kBadRequest));
  device.subject = {{"CN", udid}, {"serialNumber", "C02XYZ"}};
  EXPECT_TRUE(succeeded(device.enroll(challenge, "4"))) << "a refusal uses nothing";
  EXPECT_EQ(
      server.text(
          "select concat_ws(' ', udid, serial_number, user_name, enrollment_profile) from certificates"),
      udid + " C02XYZ ann p");
}

// covers: mdm.S09
TEST(Scep, ARepeatedTransactionGetsTheSameCertificate) {
  ScepServer server;
  ScepDevice device(server);
  const auto challenge = server.challenge();
  const auto first = device.enroll(challenge);
  const auto second = device.enroll(challenge);
  ASSERT_TRUE(succeeded(second));
  EXPECT_EQ(first.certificates, second.certificates);
  EXPECT_EQ(server.text("select count(*) from certificates"), "1");
  const auto polled = device.send({.message_type = 20, .content = "\x30\x00", .transaction_id = "1"});
  ASSERT_TRUE(succeeded(polled));
  EXPECT_EQ(polled.certificates[0], first.certificates[0]);
  server.clock.advance(std::chrono::hours(25));
  EXPECT_TRUE(refused(device.enroll(challenge), kBadRequest)) << "a day later it is no repetition";
}

// covers: mdm.S05
TEST(Scep, RenewalNeedsACertificateOfOursAndNoChallenge) {
  ScepServer server(
      {.options = {.validity = std::chrono::hours(24), .renewal_grace = std::chrono::hours(2)}});
  const std::string udid = "00008030-001C2D223456802E";
  ScepDevice device(server, rsa_key(0));
  const auto first = device.enroll(server.challenge({.udid = udid, .user_name = "ann"}));
  ScepDevice foreign(server, rsa_key(1));
  const auto renew = [&](ScepDevice& who, const std::string& transaction) {
    return who.send({.message_type = 17, .content = who.csr(""), .transaction_id = transaction});
  };
  EXPECT_TRUE(refused(renew(foreign, "f"), kBadMessageCheck));

  device.adopt(first);
  // A fresh key, signed for by the old one.
  const auto csr = *crypto::make_request(device.subject, rsa_key(2));
  const auto second = device.send({.message_type = 17, .content = csr, .transaction_id = "r1"});
  ASSERT_TRUE(succeeded(second));
  EXPECT_EQ(crypto::Certificate::from_der(second.certificates[0])->public_key, rsa_key(2).public_key());
  EXPECT_EQ(
      server.text(
          "select count(*) from certificates n join certificates o on n.renews = o.hash where n.udid = '" +
          udid + "' and n.user_name = 'ann'"),
      "1");
  EXPECT_EQ(device.send({.message_type = 17, .content = csr, .transaction_id = "r1"}).certificates,
            second.certificates);
  device.subject = {{"CN", "another"}};
  EXPECT_TRUE(refused(renew(device, "r2"), kBadRequest)) << "another subject";
  device.subject = {{"CN", "device"}};

  server.clock.advance(std::chrono::hours(25));
  EXPECT_TRUE(succeeded(renew(device, "r3"))) << "within the grace";
  server.clock.advance(std::chrono::hours(2));
  EXPECT_TRUE(refused(renew(device, "r4"), kBadRequest)) << "too late";

  ScepDevice revoked(server, rsa_key(1));
  revoked.adopt(revoked.enroll(server.challenge(), "v"));
  const std::vector<std::string> hashes{*from_hex(revoked.signer().certificate.hash())};
  core::revoke_certificates(server.db.connection(), hashes, core::RevocationReason::key_compromise,
                            server.clock.now());
  EXPECT_TRUE(refused(renew(revoked, "r5"), kBadRequest));
}

// covers: mdm.S06
TEST(Scep, RefusesWithTheRightReason) {
  ScepServer server({.options = {.static_challenge = "secret"}});
  ScepDevice device(server);
  const auto csr = device.csr("secret");
  EXPECT_TRUE(refused(device.send({.content = csr, .digest = "SHA1"}), kBadAlg));
  EXPECT_TRUE(refused(device.send({.content = csr, .cipher = "DES-EDE3-CBC"}), kBadAlg));
  static const auto kWeak = *crypto::PrivateKey::parse(Scratch().run("openssl genrsa 1024 2>/dev/null"));
  EXPECT_TRUE(refused(ScepDevice(server, kWeak).enroll("secret"), kBadAlg));

  auto message = device.message({.content = csr});
  message[message.size() - 5] ^= 1;
  EXPECT_TRUE(refused(device.read(server.post(message)), kBadMessageCheck)) << "a broken signature";
  auto broken = csr;
  broken[broken.size() - 5] ^= 1;
  EXPECT_TRUE(refused(device.send({.content = broken}), kBadMessageCheck)) << "a CSR with a broken signature";

  EXPECT_TRUE(refused(
      device.send({.content = csr, .signing_time = server.clock.now() - std::chrono::hours(25)}), kBadTime));
  EXPECT_TRUE(refused(
      device.send({.content = csr, .signing_time = server.clock.now() + std::chrono::hours(25)}), kBadTime));
  EXPECT_TRUE(refused(device.send({.content = "no PKCS#10"}), kBadRequest));
  EXPECT_TRUE(refused(device.send({.message_type = 3, .content = csr}), kBadRequest));
  EXPECT_TRUE(refused(device.send({.message_type = 99, .content = csr}), kBadRequest));
  EXPECT_TRUE(refused(device.send({.content = csr, .sender_nonce = ""}), kBadRequest));
  EXPECT_EQ(server.text("select count(*) from certificates"), "0");

  EXPECT_TRUE(succeeded(device.send({.content = csr,
                                     .transaction_id = "a",
                                     .cipher = "AES-256-CBC",
                                     .digest = "SHA512",
                                     .signing_time = server.clock.now()})));
  ScepServer old({.options = {.static_challenge = "secret"}, .legacy = true});
  ScepDevice mac(old);
  EXPECT_TRUE(
      succeeded(mac.send({.content = mac.csr("secret"), .cipher = "DES-EDE3-CBC", .digest = "SHA1"})));
}

// covers: mdm.S06
TEST(Scep, CertificatesAndCrlAreGivenOnRequest) {
  ScepServer server({.options = {.static_challenge = "secret"}});
  ScepDevice device(server);
  const auto issued = device.enroll("secret");
  const auto leaf = *crypto::Certificate::from_der(issued.certificates.at(0));
  const auto got = device.send({.message_type = 21, .content = test::issuer_and_serial(leaf)});
  ASSERT_TRUE(succeeded(got));
  EXPECT_EQ(got.certificates, std::vector<std::string>{leaf.der});
  const auto crl = device.send({.message_type = 22, .content = test::issuer_and_serial(leaf)});
  ASSERT_TRUE(succeeded(crl));
  EXPECT_EQ(crl.crl, server.get("/crl").body);
  EXPECT_EQ(server.get("/crl").headers.get("Content-Type"), "application/pkix-crl");

  EXPECT_TRUE(refused(
      device.send({.message_type = 21, .content = test::issuer_and_serial(device.signer().certificate)}),
      kBadCertId));
  EXPECT_TRUE(refused(device.send({.message_type = 20, .content = "\x30\x00", .transaction_id = "unknown"}),
                      kBadCertId));
}

// covers: mdm.S06
TEST(Scep, GarbageIsAProblemAndNothingMore) {
  ScepServer server({.options = {.static_challenge = "secret"}});
  ScepDevice device(server);
  const auto whole = device.message({.content = device.csr("secret")});
  EXPECT_EQ(server.post("").status, 400);
  EXPECT_EQ(server.post("garbage").status, 400);
  EXPECT_EQ(server.post(std::string(100000, '\x30')).status, 400);
  EXPECT_EQ(server.post(std::string(300000, 'x')).status, 413);
  for (std::size_t cut = 1; cut < whole.size(); cut += 97)
    EXPECT_EQ(server.post(whole.substr(0, cut)).status, 400);
  EXPECT_EQ(server.post(device.message({.content = "x", .transaction_id = ""})).status, 400);
  EXPECT_EQ(server.get("").status, 400);
  EXPECT_EQ(server.get("?operation=Nothing").status, 400);
  EXPECT_EQ(server.get("?operation=GetNextCACert").status, 400);
  EXPECT_EQ(server.get("?operation=PKIOperation").status, 400);
  EXPECT_EQ(server.get("?operation=PKIOperation&message=%%%").status, 400);
  EXPECT_EQ(server.get("?operation=GetNextCACert").headers.get("Content-Type"), "application/problem+json");
  EXPECT_TRUE(succeeded(device.read(server.post(whole)))) << "and it still serves";
}

// covers: mdm.S08
TEST(Scep, ParallelRequestsGetSerialsOfTheirOwn) {
  ScepServer server;
  constexpr int kRequests = 200;
  std::vector<std::string> messages;
  ScepDevice device(server);
  for (int i = 0; i < kRequests; ++i) {
    messages.push_back(
        device.message({.content = device.csr(server.challenge()), .transaction_id = std::to_string(i)}));
  }
  std::vector<std::future<std::vector<http::Response>>> lanes;
  for (int lane = 0; lane < 8; ++lane) {
    lanes.push_back(std::async(std::launch::async, [&, lane] {
      std::vector<http::Response> responses;
      for (int i = lane; i < kRequests; i += 8)
        responses.push_back(server.post(messages[static_cast<std::size_t>(i)]));
      return responses;
    }));
  }
  std::set<std::string> serials;
  for (auto& lane : lanes) {
    for (const auto& response : lane.get()) {
      const auto reply = device.read(response);
      ASSERT_TRUE(succeeded(reply));
      serials.insert(crypto::Certificate::from_der(reply.certificates[0])->serial);
    }
  }
  EXPECT_EQ(serials.size(), static_cast<std::size_t>(kRequests)) << "of equal subjects";
  EXPECT_EQ(server.text("select count(*) from certificates"), std::to_string(kRequests));
}

// covers: mdm.S04
TEST(Scep, OneChallengeInManyHandsAtOnceIsOneCertificate) {
  ScepServer server;
  const auto challenge = server.challenge();
  ScepDevice device(server);
  std::vector<std::future<http::Response>> answers;
  for (int i = 0; i < 12; ++i) {
    answers.push_back(std::async(std::launch::async,
                                 [&server, message = device.message({.content = device.csr(challenge),
                                                                     .transaction_id = std::to_string(i)})] {
                                   return server.post(message);
                                 }));
  }
  int good = 0;
  for (auto& answer : answers) {
    const auto reply = device.read(answer.get());
    if (reply.status == "0") ++good;
  }
  EXPECT_EQ(good, 1);
  EXPECT_EQ(server.text("select count(*) from certificates"), "1");
}

}  // namespace
}  // namespace mooring::scep_test

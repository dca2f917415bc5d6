// SPDX-License-Identifier: Apache-2.0
// Who sent a message, and whom it may speak for: through the endpoint, on a real database.
#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include "core/identity/associations.hpp"
#include "core/scep/certificates.hpp"
#include "tests/integration/identity_fixture.hpp"

namespace mooring::test {
namespace {

using std::chrono::hours;

struct IdentityTest : testing::Test, IdentityWorld {};

// ---- where the certificate comes from

// covers: mdm.A01
TEST_F(IdentityTest, ASignatureOverTheExactBodyProvesTheSender) {
  for (const auto key : {crypto::KeyType::rsa_2048, crypto::KeyType::ec_p256}) {
    for (const auto digest : {crypto::Digest::sha1, crypto::Digest::sha256}) {
      const auto holder = make_identity({.key = key});
      const auto udid = fmt::format("PHONE-{}-{}", static_cast<int>(key), static_cast<int>(digest));
      enroll(holder, udid);
      auto request = IdentityWorld::request(idle_message(udid));
      // Line ends as some devices write them.
      std::string crlf;
      for (const char c : request.body) crlf += c == '\n' ? std::string("\r\n") : std::string(1, c);
      request.body = crlf;
      sign(request, holder, digest);
      EXPECT_EQ(world.send(request).status, 200);

      auto wrapped = request;
      wrapped.headers.set("Mdm-Signature", " " + request.headers.all().back().second.substr(0, 40) + " \t " +
                                               request.headers.all().back().second.substr(40));
      EXPECT_EQ(world.send(wrapped).status, 200) << "white space in base64 means nothing";

      auto tampered = request;
      tampered.body += "\n";
      const auto refused = world.send(tampered);
      EXPECT_EQ(refused.status, 400);
      EXPECT_EQ(code(refused), "cms.signature");
    }
  }
}

// covers: mdm.A01
TEST_F(IdentityTest, WhatProvesNothingIsABadRequestAndNeverMore) {
  const auto holder = make_identity();
  enroll(holder);
  const auto unsigned_request = request(idle_message());
  EXPECT_EQ(code(world.send(unsigned_request)), "identity.missing");
  for (const std::string value : {"", "no base64!", "AAAA", "MIIB"}) {
    auto bad = unsigned_request;
    bad.headers.set("Mdm-Signature", value);
    bad.peer_certificate = holder.certificate.der;  // Not asked where the signature is bad.
    EXPECT_EQ(world.send(bad).status, 400) << value;
  }
  EXPECT_EQ(checks("missing"), 1);
  EXPECT_EQ(checks("malformed"), 4);
}

// covers: mdm.A02
TEST_F(IdentityTest, ATlsCertificateProvesTheSender) {
  const auto holder = make_identity();
  enroll(holder);
  auto request = IdentityWorld::request(idle_message());
  request.peer_certificate = holder.certificate.der;
  EXPECT_EQ(world.send(request).status, 200);
  request.peer_certificate = make_identity().certificate.der;
  EXPECT_EQ(world.send(request).status, 400);
}

// covers: mdm.A03
TEST(IdentityProxyTest, AHeaderProvesTheSenderOnlyFromATrustedProxy) {
  IdentityWorld behind(
      {.sender = {.header = "Client-Cert", .proxies = *core::TrustedProxies::parse("10.0.0.0/8")}});
  const auto holder = IdentityWorld::make_identity();
  behind.enroll(holder);
  auto request = IdentityWorld::request(IdentityWorld::idle_message());
  request.headers.set("client-cert", ":" + to_base64(holder.certificate.der) + ":");
  EXPECT_EQ(IdentityWorld::code(behind.world.send(request)), "identity.missing");
  request.remote_address = "10.1.2.3";
  EXPECT_EQ(behind.world.send(request).status, 200);
  request.headers.set("client-cert", holder.certificate.pem());
  EXPECT_EQ(behind.world.send(request).status, 200);
  request.headers.add("Client-Cert", holder.certificate.pem());
  EXPECT_EQ(IdentityWorld::code(behind.world.send(request)), "identity.header") << "two are one too many";
}

// ---- whether it is believed

// covers: mdm.A04
TEST_F(IdentityTest, OnlyOurAuthorityItsPurposeAndItsTime) {
  const auto foreign = make_authority("Device CA");
  EXPECT_EQ(authenticate(make_holder("device", &foreign)), 400);
  EXPECT_EQ(authenticate(make_holder("self-signed")), 400);
  EXPECT_EQ(authenticate(make_identity({.purpose = crypto::Purpose::server_auth})), 400);
  EXPECT_EQ(authenticate(make_identity({.purpose = crypto::Purpose::any})), 400);
  EXPECT_EQ(authenticate(make_identity({.not_before = kPkiNow - hours(48), .not_after = kPkiNow - hours(1)})),
            400);
  EXPECT_EQ(authenticate(make_identity({.not_before = kPkiNow + hours(1)})), 400);
  EXPECT_EQ(checks("untrusted"), 6);
  EXPECT_EQ(world.number("select count(*) from identities"), 0);
}

// covers: mdm.A04
TEST(IdentityChainTest, WithoutTheChainAnyIdentitySpeaksForItself) {
  IdentityWorld open({.trust = {.chain = false}});
  const auto one = make_holder("one");
  open.enroll(one);
  EXPECT_EQ(open.idle(one).status, 200);
  EXPECT_EQ(open.idle(make_holder("two")).status, 400);
  open.enroll(make_holder("expired", nullptr, {.not_after = kPkiNow - hours(1)}), kOtherPhone);
}

// covers: mdm.A08
TEST(IdentityChainTest, ClocksMayBeOffAndAnExpiredIdentityMayRenew) {
  IdentityWorld world({.trust = {.skew = hours(24), .expired_grace = hours(48)}});
  const auto early =
      IdentityWorld::make_identity({.not_before = kPkiNow + hours(23), .not_after = kPkiNow + hours(30)});
  world.enroll(early);
  EXPECT_EQ(
      world.authenticate(IdentityWorld::make_identity({.not_before = kPkiNow + hours(25)}), kOtherPhone),
      400);
  world.pass_time(hours(30 + 71));
  EXPECT_EQ(world.idle(early).status, 200);
  world.pass_time(hours(2));
  EXPECT_EQ(IdentityWorld::code(world.idle(early)), "certificate.expired");
}

// ---- whom it speaks for

// covers: mdm.A05
TEST_F(IdentityTest, ACertificateSpeaksForOneEnrollment) {
  const auto mine = make_identity();
  const auto others = make_identity();
  enroll(mine);
  enroll(others, kOtherPhone);
  EXPECT_EQ(authenticate(mine), 200) << "the same again";
  EXPECT_EQ(token_update(mine), 200);
  const auto wrong = idle(others);
  EXPECT_EQ(wrong.status, 400);
  EXPECT_EQ(code(wrong), "identity.in_use");
  EXPECT_EQ(authenticate(others), 400) << "the certificate of another one at Authenticate";
  EXPECT_EQ(token_update(make_identity()), 400) << "a good certificate that nobody tied to this enrollment";
  EXPECT_EQ(idle(mine).status, 200);
  EXPECT_EQ(world.number("select count(*) from identities"), 2);
}

TEST_F(IdentityTest, UsersSpeakUnderTheirDevicesCertificate) {
  const auto holder = make_identity();
  enroll(holder);
  const plist::Dict user{{"MessageType", "TokenUpdate"},
                         {"Topic", "t"},
                         {"UDID", kPhone},
                         {"UserID", "U-1"},
                         {"PushMagic", "m"},
                         {"Token", plist::Data{"t"}},
                         {"UserShortName", "ann"},
                         {"UserLongName", "Ann"}};
  EXPECT_EQ(put(user, holder).status, 200);
  EXPECT_EQ(put(user, make_identity()).status, 400);
  const plist::Dict leaving{{"MessageType", "CheckOut"}, {"Topic", "t"}, {"UDID", kPhone}, {"UserID", "U-1"}};
  EXPECT_EQ(put(leaving, holder).status, 200);
  EXPECT_EQ(idle(holder).status, 200) << "a user who leaves takes nothing from the device";
}

TEST_F(IdentityTest, ACertificateForOneDeviceEnrollsNoOther) {
  const auto by_udid = make_identity();
  const auto by_serial = make_identity();
  record(by_udid, {.udid = kPhone});
  record(by_serial, {.serial_number = "F17TEST"});
  EXPECT_EQ(authenticate(by_udid, kOtherPhone), 400);
  EXPECT_EQ(authenticate(by_serial, kOtherPhone, "F17OTHER"), 400);
  EXPECT_EQ(authenticate(by_serial, kOtherPhone, ""), 400);
  EXPECT_EQ(authenticate(by_udid, kPhone), 200);
  EXPECT_EQ(authenticate(by_serial, kPhone), 200);
}

TEST_F(IdentityTest, WhoAskedForTheCertificateIsKnownOfTheDevice) {
  const auto holder = make_identity();
  record(holder, {.user_name = "ann", .enrollment_profile = "staff"});
  enroll(holder);
  EXPECT_EQ(world.text("select user_name || '/' || enrollment_profile from devices"), "ann/staff");
  EXPECT_EQ(world.text("select detail->>'certificate_hash' from events where kind = 1"),
            holder.certificate.hash());
}

// covers: mdm.A06
TEST(IdentityRetroTest, OnlyByOptionAndOnlyWhereThereIsNone) {
  const auto holder = IdentityWorld::make_identity();
  {
    IdentityWorld strict;
    EXPECT_EQ(strict.idle(holder).status, 400);
    EXPECT_EQ(strict.token_update(holder), 400);
  }
  IdentityWorld retro({.association = {.rules = {.retro = true}}});
  EXPECT_EQ(retro.token_update(holder), 200);
  EXPECT_EQ(retro.idle(holder).status, 200);
  EXPECT_EQ(retro.token_update(IdentityWorld::make_identity()), 400) << "the enrollment has an identity";
  EXPECT_EQ(retro.token_update(holder, kOtherPhone), 400) << "the certificate is another's";
}

// covers: mdm.O03, mdm.A06
TEST(IdentityRetroTest, ADeviceOfAnotherServerGoesOnWithTheCertificateItHad) {
  const auto holder = IdentityWorld::make_identity();
  IdentityWorld moved({.association = {.rules = {.retro = true}}});
  // As /nanomdm/migration takes them: nobody proved to be the device.
  const plist::Dict ids{{"UDID", kPhone}, {"Topic", "com.apple.mgmt.External.test"}};
  for (const char* type : {"Authenticate", "TokenUpdate"}) {
    auto message = ids;
    message.set("MessageType", type);
    message.set("PushMagic", "magic");
    message.set("Token", plist::Data{"token"});
    ASSERT_TRUE(moved.world.checkin(message, {}));
  }
  moved.world.enqueue(kPhone, "FIRST-HERE");
  const auto first = moved.idle(holder);
  EXPECT_EQ(first.status, 200);
  EXPECT_NE(first.body.find("FIRST-HERE"), std::string::npos) << "no new enrollment, and it is managed";
  EXPECT_EQ(moved.idle(IdentityWorld::make_identity()).status, 400) << "now it has an identity";
  EXPECT_EQ(moved.world.number("select count(*) from events where kind = 1"), 1) << "the imported one";
}

// ---- renewal

struct RenewalTest : IdentityTest {
  void SetUp() override {
    record(old_one);
    enroll(old_one);
    world.enqueue(kPhone, "RENEW-ME");
    record(new_one, {.renews = old_one.certificate.hash()});
  }
  bool is_queued() { return world.number("select count(*) from commands") == 1; }
  Holder old_one = make_identity();
  Holder new_one = make_identity();
};

// covers: mdm.A07
TEST_F(RenewalTest, ByTokenUpdateAlone) {
  EXPECT_EQ(token_update(new_one), 200);
  EXPECT_EQ(idle(new_one).status, 200);
  EXPECT_TRUE(is_queued());
  EXPECT_EQ(world.number("select token_update_tally from enrollments"), 2);
}

// covers: mdm.A07
TEST_F(RenewalTest, ByAuthenticateAndTokenUpdate) {
  EXPECT_EQ(authenticate(new_one), 200);
  EXPECT_TRUE(is_queued()) << "a command that renews must not be forgotten and sent again for ever";
  EXPECT_EQ(authenticate(new_one), 200) << "the answer was lost";
  EXPECT_EQ(token_update(new_one), 200);
  EXPECT_TRUE(is_queued());
  EXPECT_EQ(checks("renewed"), 2);
  EXPECT_NE(idle(new_one).body, "") << "the queue goes on under the new certificate";
}

// covers: mdm.A07
TEST_F(RenewalTest, ByTokenUpdateAndThenAuthenticate) {
  EXPECT_EQ(token_update(new_one), 200);
  EXPECT_EQ(authenticate(new_one), 200);
  EXPECT_EQ(token_update(new_one), 200);
  EXPECT_TRUE(is_queued());
}

// covers: mdm.A07
TEST_F(RenewalTest, TheOldOneEndsAfterItsGrace) {
  EXPECT_EQ(token_update(new_one), 200);
  pass_time();
  EXPECT_EQ(idle(old_one).status, 200);
  EXPECT_EQ(checks("superseded"), 1);
  pass_time(hours(24 * 30 + 1));
  EXPECT_EQ(code(idle(old_one)), "identity.superseded");
  EXPECT_EQ(idle(new_one).status, 200);
  EXPECT_EQ(world.number("select count(*) from identities where superseded_at is null"), 1);
}

TEST_F(RenewalTest, OfAnotherIsRefused) {
  const auto other = make_identity();
  record(other);
  enroll(other, kOtherPhone);
  EXPECT_EQ(token_update(new_one, kOtherPhone), 400);
  EXPECT_EQ(authenticate(new_one, kOtherPhone), 400);
}

TEST_F(RenewalTest, AFreshEnrollmentOfALivingOneStartsAnew) {
  const auto wiped = make_identity();
  record(wiped, {.udid = kPhone});
  EXPECT_EQ(authenticate(wiped), 200);
  EXPECT_FALSE(is_queued());
}

// ---- the end

// covers: mdm.A09
TEST_F(IdentityTest, ARevokedCertificateSpeaksForNobody) {
  const auto holder = make_identity();
  record(holder);
  enroll(holder);
  const std::vector<std::string> hashes{*from_hex(holder.certificate.hash())};
  core::revoke_certificates(world.db.connection(), hashes, core::RevocationReason::key_compromise,
                            world.clock.now());
  pass_time();
  EXPECT_EQ(code(idle(holder)), "identity.revoked");
  EXPECT_EQ(authenticate(holder), 400);
  EXPECT_EQ(idle(holder).status, 400);
}

// covers: mdm.A09
TEST_F(IdentityTest, AnEnrollmentThatEndedNeedsANewCertificate) {
  const auto holder = make_identity();
  record(holder);
  enroll(holder);
  EXPECT_EQ(check_out(holder), 200);
  EXPECT_EQ(idle(holder).status, 400) << "at once";
  EXPECT_EQ(token_update(holder), 400);
  EXPECT_EQ(authenticate(holder), 400);
  EXPECT_EQ(world.number("select count(*) from certificates where revoked_at is not null"), 1);
  const auto fresh = make_identity();
  EXPECT_EQ(token_update(fresh), 400);
  enroll(fresh);
  EXPECT_EQ(idle(fresh).status, 200);
}

TEST_F(IdentityTest, AnAdministratorEndsAnEnrollment) {
  const auto holder = make_identity();
  enroll(holder);
  EXPECT_EQ(idle(holder).status, 200);
  EXPECT_EQ(core::revoke_identities(world.db.connection(), kPhone, world.clock.now()).size(), 1U);
  EXPECT_TRUE(core::revoke_identities(world.db.connection(), kPhone, world.clock.now()).empty());
  pass_time();
  EXPECT_EQ(code(idle(holder)), "identity.revoked");
}

// A certificate may be written down otherwise without its signature failing: a second hash for one
// certificate.
TEST_F(IdentityTest, AnotherFormOfAnIssuedCertificateIsRefused) {
  const auto holder = make_identity();
  record(holder);
  world.db.connection().script("update certificates set hash = '\\x00'");
  EXPECT_EQ(authenticate(holder), 400);
}

// covers: mdm.C14
TEST(UnknownDeviceTest, IsToldToLeaveOnlyWhereTheOperatorSaysSo) {
  const auto holder = IdentityWorld::make_identity();
  {
    IdentityWorld patient;
    EXPECT_EQ(patient.idle(holder).status, 400);
    EXPECT_EQ(patient.token_update(holder), 400);
  }
  IdentityWorld strict({}, core::UnknownDevicePolicy::unenroll);
  const auto told = strict.idle(holder);
  EXPECT_EQ(told.status, 403);
  EXPECT_EQ(IdentityWorld::code(told), "com.apple.unrecognized.device");
  EXPECT_EQ(strict.token_update(holder), 403);

  strict.enroll(holder);
  EXPECT_EQ(strict.idle(IdentityWorld::make_identity()).status, 400)
      << "a stranger does not speak for a device";
  EXPECT_EQ(strict.idle(make_holder("self-signed")).status, 400);
  auto tampered = IdentityWorld::request(IdentityWorld::idle_message());
  IdentityWorld::sign(tampered, holder);
  tampered.body += " ";
  EXPECT_EQ(strict.world.send(tampered).status, 400);

  EXPECT_EQ(strict.check_out(holder), 200);
  EXPECT_EQ(strict.idle(holder).status, 403) << "removed";
  strict.world.db.connection().script("update devices set os_version = '16.7.2'");
  EXPECT_EQ(strict.idle(holder).status, 401) << "a system that does not know the code";
}

// covers: mdm.C14
TEST(UnknownDeviceTest, IsToldToLeaveWithoutIdentitiesAsWell) {
  World strict({}, {}, {}, core::UnknownDevicePolicy::unenroll);
  EXPECT_EQ(strict.report("UNHEARD-OF", "Idle").status, 403);
  World patient;
  EXPECT_EQ(patient.report("UNHEARD-OF", "Idle").status, 200);
}

// ---- the whole way

TEST_F(IdentityTest, SimulatedDevicesLiveUnderTheirIdentities) {
  const auto device = world.make_device();
  world.identify(*device, make_identity().signer());
  world.declare("wifi", profile("com.example.wifi"));
  world.assign("wifi");
  world.enroll(*device);
  world.settle(*device);
  EXPECT_EQ(world.state(*device, "wifi"), "verified");
  EXPECT_GT(checks("known"), 2);
  EXPECT_EQ(checks("associated"), 1);
}

// covers: mdm.C16
TEST_F(IdentityTest, TheQueryOfTheUrlGoesWithTheEvent) {
  const auto holder = make_identity();
  enroll(holder);
  auto request = IdentityWorld::request({{"MessageType", "TokenUpdate"},
                                         {"Topic", "t"},
                                         {"UDID", kPhone},
                                         {"PushMagic", "m"},
                                         {"Token", plist::Data{"t"}}});
  request.target = "/mdm?site=harbour&group=a%26b";
  sign(request, holder);
  ASSERT_EQ(world.send(request).status, 200);
  EXPECT_EQ(world.text("select (url_params->>'site') || ' ' || (url_params->>'group') from events "
                       "order by id desc limit 1"),
            "harbour a&b");
}

// Two servers on one database hear of one certificate for two enrollments at the same time.
TEST(IdentityRaceTest, OnlyOneEnrollmentGetsACertificate) {
  IdentityWorld one;
  const auto holder = IdentityWorld::make_identity();
  core::Associations other({}, one.world.db.connect_options(), one.world.clock, one.world.db.log,
                           one.world.db.metrics);
  boost::asio::io_context io;
  const core::TrustedCertificate certificate{.hash = *from_hex(holder.certificate.hash()),
                                             .serial = holder.certificate.serial,
                                             .not_after = holder.certificate.not_after};
  std::vector<std::string> outcomes;
  for (int i = 0; i < 20; ++i) {
    boost::asio::co_spawn(
        io, other.admit(certificate, {.enrollment = fmt::format("PHONE-{}", i), .authenticate = true}),
        [&](std::exception_ptr, Result<core::Admission> admission) {
          outcomes.push_back(code_of(admission));
        });
  }
  io.run();
  EXPECT_EQ(std::ranges::count(outcomes, "ok"), 1);
  EXPECT_EQ(std::ranges::count(outcomes, "identity.in_use"), 19);
  EXPECT_EQ(one.world.number("select count(*) from identities"), 1);
}

}  // namespace
}  // namespace mooring::test

// SPDX-License-Identifier: Apache-2.0
// Enrollment profiles as devices get them: over HTTP, with curl and openssl as foreign eyes.
#include <gmock/gmock.h>

#include <set>

#include "schema/schema.hpp"
#include "tests/integration/enroll_fixture.hpp"

namespace mooring::test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

struct EnrollTest : testing::Test {
  EnrollFixture server;
};

// covers: mdm.E01, seed.06
TEST_F(EnrollTest, AnOpenProfileIsServedAtEveryPath) {
  server.put("default", R"({"access": "open", "signed": false})");
  std::set<std::string> challenges;
  for (const auto* path : {"/enroll", "/mdm/enroll", "/enroll/default"}) {
    const auto answer = server.get(path);
    ASSERT_EQ(answer.status, 200) << path << answer.body;
    EXPECT_EQ(answer.headers.get("Content-Type"), "application/x-apple-aspen-config");
    EXPECT_EQ(answer.headers.get("Content-Disposition"), "attachment; filename=\"default.mobileconfig\"");
    EXPECT_EQ(answer.headers.get("Cache-Control"), "no-store");
    const auto profile = EnrollFixture::read(answer.body);
    EXPECT_EQ(to_string(schema::Schema::apple().check_profile(profile)), "");
    EXPECT_EQ(*EnrollFixture::payload(profile, "com.apple.mdm").string("Topic"), kEnrollTopic);
    EXPECT_EQ(EnrollFixture::payload(profile, "com.apple.security.root").data("PayloadContent")->bytes,
              server.authority->certificate().der);
    challenges.insert(EnrollFixture::challenge_of(answer.body));
  }
  EXPECT_EQ(challenges.size(), 3U);
  EXPECT_EQ(server.served("download", "success"), 3);
}

// covers: seed.12
TEST_F(EnrollTest, EveryDownloadHasAChallengeForOneDeviceAndOneUse) {
  server.put("office", R"({"access": "open", "signed": false})");
  const auto first = EnrollFixture::challenge_of(server.get("/enroll/office?serial=C02X&udid=ABC-1").body);
  const auto second = EnrollFixture::challenge_of(server.get("/enroll/office").body);
  EXPECT_NE(first, second);
  EXPECT_GE(first.size(), 32U);
  EXPECT_EQ(server.challenge_column(first, "one_time"), "true");
  EXPECT_EQ(server.challenge_column(first, "serial_number"), "C02X");
  EXPECT_EQ(server.challenge_column(first, "udid"), "ABC-1");
  EXPECT_EQ(server.challenge_column(second, "udid"), "-");
  EXPECT_EQ(server.challenge_column(first, "enrollment_profile"), "office");
  EXPECT_EQ(server.challenge_column(first, "expires_at - created_at"), "01:00:00");
  EXPECT_EQ(server.get("/enroll/office?serial=a%20b").status, 400);
}

// covers: seed.12
TEST_F(EnrollTest, AClosedOneIsAsIfItDidNotExist) {
  const auto unstored = server.get("/enroll");
  EXPECT_EQ(unstored.status, 404) << "the built-in default is closed";
  server.put("office", "{}");
  const auto closed = server.get("/enroll/office");
  const auto unknown = server.get("/enroll/nowhere");
  EXPECT_EQ(closed.status, 404);
  EXPECT_EQ(unknown.status, 404);
  EXPECT_EQ(server.get("/enroll/%FF").status, 400) << "no text at all";
  EXPECT_EQ(server.get("/ota/enroll/office").status, 404);
  EXPECT_GE(server.served("download", "refused"), 3);
}

// covers: mdm.E02
TEST_F(EnrollTest, ASignedOneIsVerifiedByOpenssl) {
  server.put("default", R"({"access": "open"})");
  const auto answer = server.get("/enroll");
  ASSERT_EQ(answer.status, 200);
  ScratchDirectory files;
  const auto profile = files.write("profile.mobileconfig", answer.body);
  const auto ca = files.write("ca.pem", server.authority->certificate().pem());
  const auto content = (files.path() / "content.plist").string();
  auto verified = run_program(
      {"openssl", "cms", "-verify", "-inform", "DER", "-in", profile, "-CAfile", ca, "-out", content});
  EXPECT_EQ(verified.status, 0) << verified.output;
  EXPECT_EQ(*EnrollFixture::read(files.read("content.plist")).string("PayloadType"), "Configuration");
  const auto printed = run_program({"openssl", "cms", "-cmsout", "-print", "-inform", "DER", "-in", profile});
  EXPECT_THAT(printed.output, HasSubstr("CN=Profile signing"));
  EXPECT_THAT(printed.output, HasSubstr("signingTime"));
  auto broken = answer.body;
  broken[broken.find("PayloadType")] = 'Q';
  verified = run_program({"openssl", "cms", "-verify", "-inform", "DER", "-in", files.write("bad", broken),
                          "-CAfile", ca, "-out", content});
  EXPECT_NE(verified.status, 0);
}

TEST_F(EnrollTest, WithoutATopicNothingIsServed) {
  server.topic.clear();
  server.put("default", R"({"access": "open"})");
  const auto answer = server.get("/enroll");
  EXPECT_EQ(answer.status, 409);
  EXPECT_THAT(answer.body, HasSubstr("enrollment_profile.no_topic"));
}

TEST_F(EnrollTest, QueryParametersGoOnIntoServerUrl) {
  server.put("default", R"({"access": "open", "signed": false, "url_params": true})");
  const auto mdm = EnrollFixture::payload(
      EnrollFixture::read(server.get("/enroll?site=7&serial=C02X&tag=a%20b").body), "com.apple.mdm");
  EXPECT_EQ(*mdm.string("ServerURL"), "https://mdm.example.org/mdm?site=7&tag=a%20b");
}

/// The device of a certificate enrolls, as far as renewal looks at it.
void enrolled(EnrollFixture& server, const crypto::Signer& identity, const std::string& udid) {
  server.db.connection().script(
      "insert into devices (udid, serial_number, user_name, enrollment_profile, created_at) values ('" +
      udid +
      "', 'C02X', 'ada', 'office', now()); insert into enrollments (enrollment_id, kind, device_id, topic) "
      "select '" +
      udid +
      "', 1, id, 'com.apple.mgmt.old' from devices; insert into identities (hash, enrollment_id, "
      "associated_at, "
      "not_after) select hash, '" +
      udid + "', now(), not_after from certificates where hash = '\\x" + identity.certificate.hash() + "'");
}

// covers: mdm.E03
TEST_F(EnrollTest, ARenewalHasTheSameNamesAndAFreshChallenge) {
  server.put("office", R"({"access": "open", "signed": false, "url_params": true})");
  const auto body = server.get("/enroll/office?site=7").body;
  enrolled(server, server.issue_for(EnrollFixture::challenge_of(body)), "UDID-1");
  const auto renewed = server.profiles->renew(server.db.connection(), "UDID-1", server.clock.now());
  ASSERT_TRUE(renewed) << renewed.error().message;
  const auto before = EnrollFixture::read(body);
  const auto after = EnrollFixture::read(renewed->xml);
  EXPECT_EQ(*before.string("PayloadIdentifier"), *after.string("PayloadIdentifier"));
  EXPECT_EQ(*before.string("PayloadUUID"), *after.string("PayloadUUID"));
  auto old_mdm = EnrollFixture::payload(before, "com.apple.mdm");
  old_mdm.set("Topic", "com.apple.mgmt.old");  // the device's own, whatever was uploaded since
  EXPECT_EQ(EnrollFixture::payload(after, "com.apple.mdm"), old_mdm);
  EXPECT_EQ(*EnrollFixture::payload(before, "com.apple.security.scep").string("PayloadUUID"),
            *EnrollFixture::payload(after, "com.apple.security.scep").string("PayloadUUID"));
  const auto challenge = EnrollFixture::challenge_of(renewed->xml);
  EXPECT_NE(challenge, EnrollFixture::challenge_of(body));
  EXPECT_EQ(server.challenge_column(challenge, "udid"), "UDID-1");
  EXPECT_EQ(server.challenge_column(challenge, "user_name"), "ada");
  EXPECT_FALSE(server.profiles->renew(server.db.connection(), "UDID-2", server.clock.now()));
}

// covers: mdm.E03
TEST_F(EnrollTest, AnUpdateThatDevicesWouldRefuseNeedsForce) {
  auto& db = server.db.connection();
  const auto now = server.clock.now();
  ASSERT_TRUE(server.profiles->put(db, "office", "{}", false, now));
  const char* other =
      R"({"mdm": {"ServerURL": "https://other.example.org/mdm", "Topic": "com.apple.mgmt.other"}})";
  const auto refused = server.profiles->put(db, "office", other, false, now);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "enrollment_profile.immutable");
  EXPECT_THAT(refused.error().message, HasSubstr("mdm.Topic, mdm.ServerURL, mdm.CheckInURL"));
  EXPECT_EQ(server.profiles->find(db, "office")->json, "{}");
  const auto forced = server.profiles->put(db, "office", other, true, now);
  ASSERT_TRUE(forced) << forced.error().message;
  EXPECT_FALSE(forced->created);
}

TEST_F(EnrollTest, SettingsRestSealed) {
  server.put("office", R"({"identity": {"PayloadType": "com.apple.security.pkcs12", "PayloadContent": "AAEC",
    "Password": "top-secret-password"}})");
  const auto rows = server.db.connection().script(
      "select position('top-secret-password'::bytea in settings)::text from enrollment_profiles");
  EXPECT_EQ(rows[0].text(0), "0");
  EXPECT_THAT(server.profiles->find(server.db.connection(), "office")->json,
              HasSubstr("top-secret-password"));
}

}  // namespace
}  // namespace mooring::test

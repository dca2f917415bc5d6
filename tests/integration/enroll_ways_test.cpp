// SPDX-License-Identifier: Apache-2.0
// Over-the-air enrollment in three phases, and enrollment that an account begins.
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "schema/schema.hpp"
#include "tests/integration/enroll_fixture.hpp"

namespace mooring::test {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

/// Somebody with a certificate: Apple's, or their own.
crypto::Signer somebody(const std::string& name, const crypto::Signer* issuer = nullptr, bool ca = false) {
  const auto key = crypto::PrivateKey::generate(crypto::KeyType::ec_p256);
  const auto now = std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now());
  auto certificate = crypto::issue({.subject = {{"CN", name}},
                                    .public_key = key.public_key(),
                                    .not_before = now - std::chrono::hours(1),
                                    .not_after = now + std::chrono::hours(24),
                                    .ca = ca},
                                   {.certificate = issuer == nullptr ? nullptr : &issuer->certificate,
                                    .key = issuer == nullptr ? key : issuer->key});
  EXPECT_TRUE(certificate) << certificate.error().message;
  return {.certificate = std::move(*certificate), .key = key};
}

std::string message(const crypto::Signer& signer, const std::string& challenge,
                    const std::string& udid = "UDID-1", const std::string& serial = "C02X") {
  plist::Dict attributes{{"UDID", udid}, {"SERIAL", serial}, {"PRODUCT", "iPhone16,1"}, {"VERSION", "22B83"}};
  if (!challenge.empty()) attributes.set("CHALLENGE", challenge);
  return *crypto::sign_attached(plist::to_xml(attributes), signer);
}

std::string ota_challenge(EnrollFixture& server, const std::string& authorization = {}) {
  const auto answer = server.get("/ota/enroll", authorization);
  EXPECT_EQ(answer.status, 200) << answer.body;
  const auto profile = EnrollFixture::read(answer.body);
  EXPECT_EQ(*profile.string("PayloadType"), "Profile Service");
  const auto& content = *profile.dict("PayloadContent");
  EXPECT_EQ(*content.string("URL"), "https://mdm.example.org/ota/phase23");
  EXPECT_EQ(content.array("DeviceAttributes")->size(), 6U);
  return *content.string("Challenge");
}

// covers: mdm.E04, seed.06
TEST(OverTheAir, ThreePhasesLeadToAProfileForThatDevice) {
  EnrollFixture server;
  server.put("default", R"({"access": "open"})");
  const auto challenge = ota_challenge(server);

  const auto second = server.post("/ota/phase23", message(somebody("iPhone"), challenge));
  ASSERT_EQ(second.status, 200) << second.body;
  EXPECT_EQ(second.headers.get("Content-Type"), "application/x-apple-aspen-config");
  const auto identity = EnrollFixture::read(second.body);
  EXPECT_EQ(to_string(schema::Schema::apple().check_profile(identity)), "");
  ASSERT_EQ(identity.array("PayloadContent")->size(), 1U) << "only SCEP";
  const auto scep_challenge = EnrollFixture::challenge_of(second.body);
  EXPECT_EQ(server.challenge_column(scep_challenge, "udid"), "UDID-1");
  EXPECT_EQ(server.challenge_column(scep_challenge, "serial_number"), "C02X");

  const auto device = server.issue_for(scep_challenge);
  const auto third = server.post("/ota/phase23", message(device, ""));
  ASSERT_EQ(third.status, 200) << third.body;
  const auto profile = EnrollFixture::read(third.body);
  EXPECT_EQ(to_string(schema::Schema::apple().check_profile(profile)), "");
  EXPECT_EQ(*EnrollFixture::payload(profile, "com.apple.mdm").string("Topic"), kEnrollTopic);
  EXPECT_NE(*profile.string("PayloadIdentifier"), *identity.string("PayloadIdentifier"));
  const auto last = EnrollFixture::challenge_of(third.body);
  EXPECT_NE(last, scep_challenge);
  EXPECT_EQ(server.challenge_column(last, "udid"), "UDID-1");
  EXPECT_EQ(server.challenge_column(last, "serial_number"), "C02X");
  EXPECT_EQ(server.served("ota", "success"), 3);
}

// covers: mdm.E04
TEST(OverTheAir, AnyOtherSignerIsRefused) {
  EnrollFixture server;
  server.put("default", R"({"access": "open"})");
  const auto stranger = somebody("stranger");
  const auto challenge = ota_challenge(server);
  EXPECT_EQ(server.post("/ota/phase23", message(stranger, "")).status, 403);
  EXPECT_EQ(server.post("/ota/phase23", message(stranger, "guessed")).status, 403);
  EXPECT_EQ(server.post("/ota/phase23", message(stranger, challenge)).status, 200);
  EXPECT_EQ(server.post("/ota/phase23", message(stranger, challenge)).status, 403)
      << "a challenge is good once";
  const auto late = ota_challenge(server);
  server.clock.advance(std::chrono::hours(2));
  EXPECT_EQ(server.post("/ota/phase23", message(stranger, late)).status, 403);
  // Issued by an authority of the same name, but not by ours.
  const auto imitation = somebody("Mooring Device CA", nullptr, true);
  EXPECT_EQ(server.post("/ota/phase23", message(somebody("device", &imitation), "")).status, 403);
  EXPECT_EQ(server.post("/ota/phase23", "nonsense").status, 400);
  EXPECT_EQ(server.post("/ota/phase23", *crypto::sign_attached("no plist", stranger)).status, 400);
  EXPECT_EQ(server.post("/ota/phase23", message(stranger, "x", "")).status, 400);
  auto tampered = message(stranger, ota_challenge(server));
  tampered[tampered.find("C02X")] = 'D';
  EXPECT_EQ(server.post("/ota/phase23", tampered).status, 400);
}

// covers: mdm.E04
TEST(OverTheAir, WithARootOnlyItsDevicesBegin) {
  const auto apple = somebody("iPhone Device CA", nullptr, true);
  EnrollFixture server({}, {apple.certificate.der});
  server.put("default", R"({"access": "open"})");
  const auto challenge = ota_challenge(server);
  EXPECT_EQ(server.post("/ota/phase23", message(somebody("stranger"), challenge)).status, 403);
  EXPECT_EQ(server.post("/ota/phase23", message(somebody("iPhone", &apple), challenge)).status, 200)
      << "the stranger did not use it up";
}

// covers: mdm.E04
TEST(OverTheAir, ACertificateSpeaksForItsOwnDeviceOnlyAndNotOnceRevoked) {
  EnrollFixture server;
  server.put("default", R"({"access": "open"})");
  const auto second = server.post("/ota/phase23", message(somebody("iPhone"), ota_challenge(server)));
  const auto device = server.issue_for(EnrollFixture::challenge_of(second.body));
  EXPECT_EQ(server.post("/ota/phase23", message(device, "", "UDID-2")).status, 403);
  EXPECT_EQ(server.post("/ota/phase23", message(device, "", "UDID-1", "C02Y")).status, 403);
  server.put("default", "{}");
  EXPECT_EQ(server.post("/ota/phase23", message(device, "")).status, 403) << "closed in the meantime";
  server.put("default", R"({"access": "open"})");
  EXPECT_EQ(server.post("/ota/phase23", message(device, "")).status, 200);
  server.db.connection().script("update certificates set revoked_at = now()");
  EXPECT_EQ(server.post("/ota/phase23", message(device, "")).status, 403);
}

struct Account : testing::Test {
  void SetUp() override {
    const auto hash =
        core::enroll::digest_ha1(core::enroll::DigestAlgorithm::sha256, "ada", "Mooring", "lovelace");
    server = std::make_unique<EnrollFixture>(
        core::enroll::CredentialOptions{.password_file = files.write("users", "ada:Mooring:" + hash + "\n")});
    server->put("byod",
                R"({"signed": false, "account_driven": {"version": "mdm-byod", "domains": ["Example.org"],
      "managed_apple_id": "{user}@example.org"}})");
  }
  http::Response discover(const std::string& user, const std::string& family) {
    return server->get("/.well-known/com.apple.remotemanagement?user-identifier=" + user +
                       "&model-family=" + family);
  }
  std::string sign_in(const std::string& form) {
    return std::string(server->post("/enroll/byod/sign-in", form).headers.get("Location"));
  }
  ScratchDirectory files;
  std::unique_ptr<EnrollFixture> server;
};

constexpr std::string_view kLogin =
    "apple-remotemanagement-user-login://authentication-results?access-token=";

// covers: mdm.E06
TEST_F(Account, FindsItsServer) {
  const auto answer = discover("ada%40example.ORG", "iPhone");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.headers.get("Content-Type"), "application/json");
  EXPECT_EQ(
      answer.body,
      R"({"Servers":[{"Version":"mdm-byod","BaseURL":"https://mdm.example.org/enroll/byod/account"}]})");
  const auto other = discover("ada%40example.com", "iPhone");
  EXPECT_EQ(other.status, 403);
  EXPECT_EQ(nlohmann::json::parse(other.body)["code"], "com.apple.well-known.failed");
  server->put("macs", R"({"account_driven": {"version": "mdm-adde", "model_families": ["Mac"]}})");
  EXPECT_EQ(nlohmann::json::parse(discover("ada%40example.org", "Mac").body)["Servers"].size(), 2U);
  EXPECT_EQ(nlohmann::json::parse(discover("ada%40example.com", "Mac").body)["Servers"][0]["Version"],
            "mdm-adde");
}

// covers: mdm.E06
TEST_F(Account, SignsInAndGetsAProfileOnce) {
  const auto asked = server->post("/enroll/byod/account", message(somebody("iPhone"), "", "", ""));
  EXPECT_EQ(asked.status, 401);
  EXPECT_EQ(asked.headers.get("WWW-Authenticate"),
            "Bearer method=\"apple-as-web\", url=\"https://mdm.example.org/enroll/byod/sign-in\"");
  const auto page = server->get("/enroll/byod/sign-in?user-identifier=ada%40example.org");
  EXPECT_EQ(page.status, 200);
  EXPECT_THAT(page.body, HasSubstr("value=\"ada@example.org\""));
  EXPECT_THAT(std::string(page.headers.get("Content-Security-Policy")), HasSubstr("default-src 'none'"));

  const auto wrong = server->post("/enroll/byod/sign-in", "username=ada&password=wrong");
  EXPECT_EQ(wrong.status, 403);
  EXPECT_THAT(wrong.body, HasSubstr("The name or the password is wrong."));
  const auto location = sign_in("username=ada&password=lovelace");
  ASSERT_THAT(location, StartsWith(std::string(kLogin)));
  const auto bearer = "Bearer " + location.substr(kLogin.size());

  const auto given = server->post("/enroll/byod/account", message(somebody("iPhone"), ""), bearer);
  ASSERT_EQ(given.status, 200) << given.body;
  const auto profile = EnrollFixture::read(given.body);
  EXPECT_EQ(to_string(schema::Schema::apple().check_profile(profile)), "");
  const auto mdm = EnrollFixture::payload(profile, "com.apple.mdm");
  EXPECT_EQ(*mdm.string("EnrollmentMode"), "BYOD");
  EXPECT_EQ(*mdm.string("AssignedManagedAppleID"), "ada@example.org");
  const auto challenge = EnrollFixture::challenge_of(given.body);
  EXPECT_EQ(server->challenge_column(challenge, "user_name"), "ada");
  EXPECT_EQ(server->challenge_column(challenge, "udid"), "-")
      << "a User Enrollment does not go by the UDID, even where the device tells it";
  EXPECT_EQ(server->post("/enroll/byod/account", "", bearer).status, 401) << "a token is good once";
}

// covers: mdm.E06
TEST_F(Account, ATokenIsForOneProfileAndShort) {
  server->put("other", R"({"account_driven": {"version": "mdm-adde"}})");
  const auto token = sign_in("username=ada&password=lovelace").substr(kLogin.size());
  EXPECT_EQ(server->get("/enroll/other/account", "Bearer " + token).status, 401);
  const auto rows = server->db.connection().script(
      "select count(*)::text from enrollment_tokens where hash = '" + token + "'::bytea");
  EXPECT_EQ(rows[0].text(0), "0") << "only its hash is kept";
  server->clock.advance(std::chrono::minutes(11));
  EXPECT_EQ(server->get("/enroll/byod/account", "Bearer " + token).status, 401);
  EXPECT_EQ(server->get("/enroll/byod/account", "Bearer made-up").status, 401);
}

TEST_F(Account, WithoutItNothingIsThere) {
  EnrollFixture plain;
  plain.put("default", R"({"access": "open"})");
  EXPECT_EQ(plain.get("/.well-known/com.apple.remotemanagement").status, 404);
  EXPECT_EQ(plain.get("/enroll/default/account").status, 404);
  EXPECT_EQ(plain.get("/enroll/default/sign-in").status, 404);
  EXPECT_EQ(plain.post("/enroll/default/sign-in", "username=a&password=b").status, 404);
}

}  // namespace
}  // namespace mooring::test

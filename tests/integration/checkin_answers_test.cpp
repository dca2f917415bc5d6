// SPDX-License-Identifier: Apache-2.0
// GetToken and ReturnToService: what devices ask for, and how an administrator sets the answers up.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/crypto/x509.hpp"
#include "base/encoding.hpp"
#include "base/plist/plist.hpp"
#include "core/token_service.hpp"
#include "schema/schema.hpp"
#include "tests/integration/api_fixture.hpp"
#include "tests/support/openssl_command.hpp"

namespace mooring::test::checkin_answers_test {
namespace {

using api_test::Json;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr const char* kMaid = "/v1/token-services/com.apple.maid";
constexpr const char* kPairing = "/v1/token-services/com.apple.watch.pairing";
constexpr const char* kServerUuid = "5B2C3F0E-7C0A-4D2B-9C11-0F6C2D1E8A77";

plist::Dict message(const std::string& type, plist::Dict keys) {
  keys.set("MessageType", type);
  return keys;
}

struct CheckinAnswers : ::testing::Test {
  api_test::ApiFixture api;
  World& world = api.world;
  const plist::Dict device{{"UDID", "D1"}};

  void SetUp() override {
    for (const char* udid : {"D1", "D2"}) {
      world.put("/mdm", message("Authenticate", {{"UDID", udid}, {"Topic", "t"}}));
    }
  }
  http::Response get_token(const std::string& service, plist::Dict parameters = {}) {
    auto request = message("GetToken", device);
    request.set("TokenServiceType", service);
    if (!parameters.empty()) request.set("TokenParameters", std::move(parameters));
    return world.put("/mdm", request);
  }
  static std::string token_of(const http::Response& response) {
    EXPECT_EQ(response.status, 200) << response.body;
    const auto reply = plist::parse_dict(response.body);
    if (!reply) return {};
    EXPECT_THAT(schema::Schema::apple().check_checkin_reply("GetToken", *reply), IsEmpty());
    return reply->data("TokenData")->bytes;
  }
  void set_up_maid(const crypto::PrivateKey& key) {
    const auto answer = api.put(kMaid, Json{{"server_uuid", kServerUuid}, {"private_key", key.pem()}}.dump());
    ASSERT_EQ(answer.status, 200) << answer.response.body;
    EXPECT_EQ(answer.body["server_uuid"], kServerUuid);
    EXPECT_THAT(answer.response.body, ::testing::Not(HasSubstr("PRIVATE")));
  }
  plist::Dict return_to_service(const std::string& udid = "D1") {
    const auto response = world.put("/mdm", message("ReturnToService", {{"UDID", udid}}));
    EXPECT_EQ(response.status, 200) << response.body;
    const auto reply = plist::parse_dict(response.body);
    const auto* answer = reply ? reply->dict("ReturnToService") : nullptr;
    EXPECT_NE(answer, nullptr);
    return answer == nullptr ? plist::Dict() : *answer;
  }
};

// covers: mdm.C11
TEST_F(CheckinAnswers, AMaidTokenIsAJwtThatOthersVerify) {
  const auto key = crypto::PrivateKey::generate(crypto::KeyType::rsa_2048);
  set_up_maid(key);
  const std::string token = token_of(get_token("com.apple.maid"));
  const auto first = token.find('.');
  const auto last = token.rfind('.');
  ASSERT_LT(first, last);
  EXPECT_EQ(Json::parse(*from_base64url(token.substr(0, first))), (Json{{"alg", "RS256"}, {"typ", "JWT"}}));
  const auto claims = Json::parse(*from_base64url(token.substr(first + 1, last - first - 1)));
  EXPECT_EQ(claims["iss"], kServerUuid);
  EXPECT_EQ(claims["service_type"], "com.apple.maid");
  EXPECT_EQ(claims["iat"], 1'793'000'000);
  EXPECT_TRUE(crypto::Uuid::parse(claims["jti"].get<std::string>()));
  EXPECT_EQ(claims.size(), 4U);
  const OpensslCommand openssl;
  openssl.write("key.der", key.public_key());
  openssl.write("content", token.substr(0, last));
  openssl.write("signature", *from_base64url(token.substr(last + 1)));
  EXPECT_TRUE(openssl.run("dgst -sha256 -verify key.der -keyform DER -signature signature content"))
      << openssl.errors();
  EXPECT_NE(token_of(get_token("com.apple.maid")), token) << "each its own";
  EXPECT_EQ(world.number("select count(*) from events where kind = 10"), 2);
  EXPECT_EQ(
      world.number("select count(*) from token_services where position('PRIVATE'::bytea in secret) > 0"), 0)
      << "sealed at rest";
}

// covers: mdm.C11
TEST_F(CheckinAnswers, WhatCannotBeAnsweredIs400) {
  EXPECT_EQ(get_token("com.example.unknown").status, 400);
  EXPECT_THAT(get_token("com.apple.maid").body, HasSubstr("token.not_configured"));
  EXPECT_EQ(get_token("com.apple.maid").status, 400);
  EXPECT_EQ(world.put("/mdm", message("GetToken", device)).status, 400) << "without TokenServiceType";
  set_up_maid(crypto::PrivateKey::generate(crypto::KeyType::rsa_2048));
  auto unknown = message("GetToken", {{"UDID", "D3"}, {"TokenServiceType", "com.apple.maid"}});
  EXPECT_EQ(world.put("/mdm", unknown).status, 400);
  EXPECT_EQ(api.remove(kMaid).status, 204);
  EXPECT_EQ(get_token("com.apple.maid").status, 400);
}

// covers: mdm.C11
TEST_F(CheckinAnswers, AWatchIsPairedWithATokenThatIsGoodOnceForThatWatch) {
  EXPECT_EQ(api.put(kPairing, R"({"valid_for": "30m"})").body["valid_for"], "1800s");
  const plist::Dict parameters{{"SecurityToken", "S"}, {"PhoneUDID", "D1"}, {"WatchUDID", "W1"}};
  for (const char* key : {"SecurityToken", "PhoneUDID", "WatchUDID"}) {
    auto without = parameters;
    without.erase(key);
    const auto response = get_token("com.apple.watch.pairing", without);
    EXPECT_EQ(response.status, 400) << key;
    EXPECT_THAT(response.body, HasSubstr(key));
  }
  EXPECT_EQ(get_token("com.apple.watch.pairing").status, 400);
  const std::string token = token_of(get_token("com.apple.watch.pairing", parameters));
  auto& db = world.db.connection();
  const auto redeem = [&](const std::string& text, const char* watch) {
    return core::redeem_pairing_token(db, text, watch, world.clock.now());
  };
  EXPECT_FALSE(redeem("another", "W1"));
  EXPECT_FALSE(redeem(token, "W2")) << "another watch";
  EXPECT_TRUE(redeem(token, "W1"));
  EXPECT_FALSE(redeem(token, "W1")) << "once";
  const std::string late = token_of(get_token("com.apple.watch.pairing", parameters));
  world.advance(std::chrono::minutes(31));
  EXPECT_FALSE(redeem(late, "W1")) << "too late";
  token_of(get_token("com.apple.watch.pairing", parameters));
  EXPECT_EQ(world.number("select count(*) from watch_pairing_tokens"), 1) << "what is too old goes";
}

TEST_F(CheckinAnswers, ATokenServiceIsSetUpRightOrNotAtAll) {
  const auto put = [&](const Json& body) { return api.put(kMaid, body.dump()).code(); };
  const auto rsa = crypto::PrivateKey::generate(crypto::KeyType::rsa_2048).pem();
  const auto ec = crypto::PrivateKey::generate(crypto::KeyType::ec_p256).pem();
  EXPECT_EQ(put({{"server_uuid", "mine"}, {"private_key", rsa}}), "token_service.server_uuid");
  EXPECT_EQ(put({{"server_uuid", kServerUuid}, {"private_key", ec}}), "token_service.key");
  EXPECT_EQ(put({{"server_uuid", kServerUuid}, {"private_key", "none"}}), "key.malformed");
  EXPECT_EQ(put({{"server_uuid", kServerUuid}}), "request.missing_key");
  EXPECT_EQ(api.put(kPairing, R"({"valid_for": "soon"})").code(), "request.bad_parameter");
  EXPECT_EQ(api.put("/v1/token-services/other", "{}").code(), "token_service.unknown");
  EXPECT_EQ(api.get(kMaid).code(), "token_service.unknown");
  EXPECT_EQ(api.get("/v1/token-services").body["items"].size(), 0U);
  EXPECT_EQ(api.put(kPairing, "{}").body["valid_for"], "3600s");
  EXPECT_EQ(api.get("/v1/token-services").body["items"].size(), 1U);
}

// covers: mdm.C12
TEST_F(CheckinAnswers, ReturnToServiceIsRefusedUntilItIsSetUp) {
  EXPECT_EQ(return_to_service(), (plist::Dict{{"Enabled", false}}));
  EXPECT_EQ(world.put("/mdm", message("ReturnToService", {{"UDID", "D1"}, {"UserID", "U1"}})).status, 400);
  EXPECT_EQ(world.put("/mdm", message("ReturnToService", {{"UDID", "D3"}})).status, 400);
  EXPECT_EQ(world.number("select count(*) from events where kind = 11"), 1);
}

// covers: mdm.C12
TEST_F(CheckinAnswers, ReturnToServiceIsAnsweredFromTheDevicesSettingsOrThoseForAll) {
  const std::string wifi = profile("com.example.wifi");
  const std::string mdm = profile("com.example.mdm");
  auto answer = api.put("/v1/return-to-service", Json{{"enabled", true},
                                                      {"wifi_profile", to_base64(wifi)},
                                                      {"mdm_profile", to_base64(mdm)},
                                                      {"bootstrap_token", true}}
                                                     .dump());
  ASSERT_EQ(answer.status, 200) << answer.response.body;
  EXPECT_EQ(answer.body["has_wifi_profile"], true);
  const plist::Dict expected{
      {"Enabled", true}, {"WiFiProfileData", plist::Data{wifi}}, {"MDMProfileData", plist::Data{mdm}}};
  EXPECT_EQ(return_to_service(), expected) << "no bootstrap token in escrow";
  plist::Dict erase{{"RequestType", "EraseDevice"}, {"ReturnToService", return_to_service()}};
  EXPECT_THAT(schema::Schema::apple().check_request(erase), IsEmpty()) << "the keys are those of EraseDevice";
  world.put("/mdm", message("SetBootstrapToken", {{"UDID", "D1"}, {"BootstrapToken", plist::Data{"boot"}}}));
  const auto with_token = return_to_service();
  ASSERT_NE(with_token.data("BootstrapToken"), nullptr);
  EXPECT_EQ(with_token.data("BootstrapToken")->bytes, "boot");
  EXPECT_EQ(return_to_service("D2"), expected);
  EXPECT_EQ(world.number(
                "select count(*) from return_to_service where position('wifi'::bytea in wifi_profile) > 0"),
            0)
      << "sealed at rest";
  EXPECT_EQ(api.put("/v1/devices/D2/return-to-service", R"({"enabled": false})").status, 200);
  EXPECT_EQ(return_to_service("D2"), (plist::Dict{{"Enabled", false}}));
  EXPECT_EQ(return_to_service("D1").boolean("Enabled"), true);
  EXPECT_EQ(api.remove("/v1/devices/D2/return-to-service").status, 204);
  EXPECT_EQ(return_to_service("D2"), expected);
  EXPECT_EQ(api.remove("/v1/return-to-service").status, 204);
  EXPECT_EQ(return_to_service("D2"), (plist::Dict{{"Enabled", false}}));
}

TEST_F(CheckinAnswers, ReturnToServiceTakesOnlyProfiles) {
  const auto put = [&](const std::string& body) { return api.put("/v1/return-to-service", body).code(); };
  EXPECT_EQ(put(R"({"wifi_profile": "aGVsbG8="})"), "return_to_service.profile");
  EXPECT_EQ(put(R"({"mdm_profile": "***"})"), "return_to_service.profile");
  EXPECT_EQ(put(R"({"enabled": "yes"})"), "request.wrong_type");
  EXPECT_EQ(put(R"({"Enabled": true})"), "request.unknown_key");
  EXPECT_EQ(api.get("/v1/return-to-service").code(), "return_to_service.unknown");
  EXPECT_EQ(api.get("/v1/devices/NONE/return-to-service").code(), "device.unknown");
}

}  // namespace
}  // namespace mooring::test::checkin_answers_test

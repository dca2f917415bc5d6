// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/integration/api_fixture.hpp"

namespace mooring::api_test {
namespace {

std::string insert_certificate(test::World& world, int number) {
  const std::string serial = fmt::format("{:032x}", number + 1);
  world.db.connection().script(
      fmt::format("insert into certificates (serial, hash, key_hash, transaction_id, der, subject, "
                  "not_before, not_after, issued_at) "
                  "values ('\\x{0}', sha256('\\x{0}'), '\\x00', 't', '\\x3000', 'CN=device {1}', now(), "
                  "now() + '1 year', now())",
                  serial, number));
  return serial;
}

// covers: mdm.S04
TEST(ApiCertificates, ChallengesAreShownOnceAndBoundAsAsked) {
  ApiFixture api;
  const auto plain = api.post("/v1/scep/challenges");
  ASSERT_EQ(plain.status, 201);
  EXPECT_EQ(plain.body["challenge"].get<std::string>().size(), 32U);
  EXPECT_EQ(plain.body["one_time"], true);
  EXPECT_EQ(plain.response.headers.get("Cache-Control"), "no-store");
  const auto bound = api.post("/v1/scep/challenges", {{"lifetime", "2m"},
                                                      {"one_time", false},
                                                      {"udid", "U"},
                                                      {"serial_number", "S"},
                                                      {"user_name", "ann"},
                                                      {"enrollment_profile", "staff"}});
  ASSERT_EQ(bound.status, 201);
  EXPECT_EQ(
      api.world.text("select concat_ws(' ', udid, serial_number, user_name, enrollment_profile, expires_at - "
                     "created_at) from scep_challenges where not one_time"),
      "U S ann staff 00:02:00");
  EXPECT_EQ(api.post("/v1/scep/challenges", {{"lifetime", "soon"}}).status, 400);
  EXPECT_EQ(api.post("/v1/scep/challenges", {{"one_time", 1}}).code(), "request.wrong_type");
  EXPECT_EQ(api.post("/v1/scep/challenges", {{"serial", "S"}}).code(), "request.unknown_key");
}

// covers: mdm.S09
TEST(ApiCertificates, AreListedInPagesAndRevoked) {
  ApiFixture api;
  for (int i = 0; i < 3; ++i) insert_certificate(api.world, i);
  const auto first = api.get("/v1/certificates?limit=2");
  ASSERT_EQ(first.status, 200);
  ASSERT_EQ(first.body["items"].size(), 2U);
  const auto second =
      api.get("/v1/certificates?limit=2&cursor=" + first.body["next_cursor"].get<std::string>());
  ASSERT_EQ(second.body["items"].size(), 1U);
  EXPECT_TRUE(second.body["next_cursor"].is_null());
  EXPECT_EQ(second.body["items"][0]["subject"], "CN=device 2");

  const std::string serial = second.body["items"][0]["serial"];
  EXPECT_EQ(api.post("/v1/certificates/" + serial + "/revoke", {{"reason", "bored"}}).code(),
            "certificate.reason");
  const auto revoked = api.post("/v1/certificates/" + serial + "/revoke", {{"reason", "keyCompromise"}});
  ASSERT_EQ(revoked.status, 200);
  EXPECT_EQ(revoked.body["revocation_reason"], "keyCompromise");
  EXPECT_FALSE(revoked.body["revoked_at"].is_null());
  const auto again = api.post("/v1/certificates/" + serial + "/revoke");
  EXPECT_EQ(again.body["revocation_reason"], "keyCompromise") << "it stays as it was";
  EXPECT_EQ(api.post("/v1/certificates/00ff/revoke").status, 404);
  EXPECT_EQ(api.post("/v1/certificates/nothex/revoke").status, 404);
}

}  // namespace
}  // namespace mooring::api_test

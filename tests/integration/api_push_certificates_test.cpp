// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/integration/api_fixture.hpp"
#include "tests/support/push_certificate.hpp"

namespace mooring::api_test {
namespace {

using namespace std::chrono_literals;

class ApiPushCertificates : public ::testing::Test {
 protected:
  std::string pem(const std::string& topic = test::kPushTopic) {
    const auto now = api.world.clock.now();
    return test::make_push_certificate(
        {.topic = topic, .not_before = now - 24h, .not_after = now + 24h * 100});
  }
  ApiFixture api;
};

// covers: mdm.P05, seed.27
TEST_F(ApiPushCertificates, AreUploadedShownRenewedAndForgotten) {
  const std::string path = "/v1/push-certificates/" + std::string(test::kPushTopic);
  EXPECT_EQ(api.get(path).code(), "push_certificate.unknown");
  const auto made = api.put("/v1/push-certificates", pem());
  EXPECT_EQ(made.status, 201);
  EXPECT_EQ(made.body["topic"], test::kPushTopic);
  EXPECT_EQ(made.body["days_left"], 100);
  EXPECT_EQ(made.response.headers.get("Location"), path);
  EXPECT_EQ(made.response.body.find("PRIVATE"), std::string::npos);
  const auto renewed = api.put("/v1/push-certificates", pem());
  EXPECT_EQ(renewed.status, 200);
  EXPECT_NE(renewed.body["certificate"], made.body["certificate"]);
  EXPECT_EQ(api.get(path).body["certificate"], renewed.body["certificate"]);
  EXPECT_EQ(api.get("/v1/push-certificates").body["items"].size(), 1U);
  EXPECT_EQ(api.remove(path).status, 204);
  EXPECT_EQ(api.remove(path).status, 404);
}

// covers: mdm.P05
TEST_F(ApiPushCertificates, ABadOneIsRefusedAndTheGoodOneStays) {
  const auto good = api.put("/v1/push-certificates", pem());
  const auto key = pem();
  const auto refused = api.put("/v1/push-certificates", pem().substr(0, 300) + key);
  EXPECT_EQ(refused.status, 400);
  const auto foreign = api.put("/v1/push-certificates", pem("com.example.app"));
  EXPECT_EQ(foreign.code(), "push_certificate.topic");
  const auto shown = api.get("/v1/push-certificates");
  ASSERT_EQ(shown.body["items"].size(), 1U);
  EXPECT_EQ(shown.body["items"][0]["certificate"], good.body["certificate"]);
}

// covers: mdm.P05
TEST_F(ApiPushCertificates, AnotherTopicThanTheDevicesIsAWarning) {
  const auto device = api.world.make_device();
  api.world.enroll(*device);
  const auto stored = api.put("/v1/push-certificates", pem("com.apple.mgmt.External.changed"));
  ASSERT_EQ(stored.body["warnings"].size(), 1U);
  EXPECT_NE(stored.body["warnings"][0].get<std::string>().find(test::kPushTopic), std::string::npos);
}

}  // namespace
}  // namespace mooring::api_test

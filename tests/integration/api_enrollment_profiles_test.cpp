// SPDX-License-Identifier: Apache-2.0
// Enrollment profiles as resources. Every answer is held against openapi.yaml by the fixture.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/integration/api_fixture.hpp"

namespace mooring::api_test {
namespace {

using ::testing::HasSubstr;

constexpr const char* kOffice = "/v1/enrollment-profiles/office";

TEST(ApiEnrollmentProfiles, DefaultIsThereAndClosed) {
  ApiFixture api;
  const auto list = api.get("/v1/enrollment-profiles");
  ASSERT_EQ(list.status, 200);
  ASSERT_EQ(list.body["items"].size(), 1U);
  EXPECT_EQ(list.body["items"][0]["name"], "default");
  EXPECT_EQ(list.body["items"][0]["access"], "closed");
  EXPECT_EQ(list.body["items"][0]["created_at"], nullptr);
  EXPECT_EQ(api.put("/v1/enrollment-profiles/default", R"({"access": "open"})").status, 201);
  EXPECT_EQ(api.get("/v1/enrollment-profiles/default").body["access"], "open");
  EXPECT_EQ(api.remove("/v1/enrollment-profiles/default").status, 204);
  EXPECT_EQ(api.get("/v1/enrollment-profiles/default").body["access"], "closed");
  EXPECT_EQ(api.remove("/v1/enrollment-profiles/default").status, 404);
}

TEST(ApiEnrollmentProfiles, ComeBackAsTheyWerePut) {
  ApiFixture api;
  const Json put{
      {"access", "basic"},
      {"display_name", "Work"},
      {"mdm", {{"AccessRights", 3}, {"Topic", "com.apple.mgmt.own"}}},
      {"scep", {{"Keysize", 4096}}},
      {"payloads",
       {{{"PayloadType", "com.example.x"}}, "<dict><key>PayloadType</key><string>y</string></dict>"}},
      {"account_driven", {{"version", "mdm-byod"}}}};
  const auto made = api.put(kOffice, put.dump());
  ASSERT_EQ(made.status, 201) << made.response.body;
  EXPECT_EQ(made.response.headers.get("Location"), kOffice);
  const auto got = api.get(kOffice);
  for (const auto& [key, value] : put.items()) EXPECT_EQ(got.body[key], value) << key;
  EXPECT_EQ(got.body["urls"]["enroll"], "https://mdm.example.org/enroll/office");
  EXPECT_EQ(got.body["urls"]["account"], "https://mdm.example.org/enroll/office/account");
  EXPECT_EQ(got.body["signed"], true);
  // What was read can be put again.
  const auto again = api.put(kOffice, got.body.dump());
  EXPECT_EQ(again.status, 200) << again.response.body;
  EXPECT_EQ(api.get("/v1/enrollment-profiles?limit=1").body["items"][0]["name"], "default");
  const auto cursor = api.get("/v1/enrollment-profiles?limit=1").body["next_cursor"].get<std::string>();
  EXPECT_EQ(api.get("/v1/enrollment-profiles?limit=1&cursor=" + cursor).body["items"][0]["name"], "office");
}

TEST(ApiEnrollmentProfiles, AreRefusedByTheNameOfTheKey) {
  ApiFixture api;
  const auto bad = api.put(kOffice, R"({"mdm": {"AccessRights": 0}})");
  EXPECT_EQ(bad.status, 400);
  EXPECT_EQ(bad.code(), "enrollment_profile.invalid");
  EXPECT_THAT(bad.body["detail"].get<std::string>(),
              HasSubstr("mdm.AccessRights must be between 1 and 8191"));
  EXPECT_EQ(api.put(kOffice, "{").code(), "enrollment_profile.malformed");
  EXPECT_EQ(api.put("/v1/enrollment-profiles/dep", "{}").code(), "enrollment_profile.bad_name");
  EXPECT_EQ(api.put("/v1/enrollment-profiles/Office%20X", "{}").code(), "enrollment_profile.bad_name");
  EXPECT_EQ(api.get(kOffice).code(), "enrollment_profile.unknown");
}

// covers: mdm.E03
TEST(ApiEnrollmentProfiles, WhatDevicesWouldRefuseNeedsForce) {
  ApiFixture api;
  ASSERT_EQ(api.put(kOffice, "{}").status, 201);
  const char* other = R"({"mdm": {"Topic": "com.apple.mgmt.other"}})";
  const auto refused = api.put(kOffice, other);
  EXPECT_EQ(refused.status, 409);
  EXPECT_EQ(refused.code(), "enrollment_profile.immutable");
  EXPECT_THAT(refused.body["detail"].get<std::string>(), HasSubstr("mdm.Topic"));
  EXPECT_EQ(api.put(std::string(kOffice) + "?force=true", other).status, 200);
  EXPECT_EQ(api.get(kOffice).body["mdm"]["Topic"], "com.apple.mgmt.other");
}

}  // namespace
}  // namespace mooring::api_test

// SPDX-License-Identifier: Apache-2.0
// Declaring through the API: tokens, profiles, assignments, and what the API
// then says of devices. Every answer is held against openapi.yaml by the
// fixture.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/auth.hpp"
#include "director/profile_document.hpp"
#include "tests/integration/api_fixture.hpp"

namespace mooring::api_test {
namespace {

using ::testing::HasSubstr;

constexpr const char* kWifi = "com.example.wifi";

struct Api : ::testing::Test {
  /// What /items says of one item.
  Json item(const std::string& name) {
    const auto answer = api.get("/v1/devices/" + udid + "/items");
    for (const auto& entry : answer.body["items"]) {
      EXPECT_TRUE(entry["state"] == "verified" || entry["reason"].is_string()) << entry.dump();
      if (entry["name"] == name) return entry;
    }
    return nullptr;
  }
  void enroll() {
    api.world.enroll(*device);
    api.world.settle(*device);
  }
  Json assign(const std::string& profile, const std::string& scope, const std::string& intent = "present") {
    return {{"profile", profile}, {"scope", scope}, {"intent", intent}};
  }

  ApiFixture api;
  std::unique_ptr<simulator::Device> device = api.world.make_device();
  std::string udid = device->identity().udid;
  std::string serial = device->identity().serial;
};

TEST_F(Api, ItsOwnPagesNeedNoToken) {
  for (const auto* target : {"/healthz", "/readyz", "/metrics", "/v1/openapi.json"}) {
    http::Request request;
    request.target = target;
    EXPECT_EQ(api.send(request).status, 200) << target;
  }
  api.ready = false;
  EXPECT_EQ(api.get("/readyz").status, 503);
}

TEST_F(Api, EverythingElseNeedsOne) {
  http::Request request;
  request.target = "/v1/devices";
  auto answer = api.send(request);
  EXPECT_EQ(answer.status, 401);
  EXPECT_EQ(answer.code(), "auth.missing");
  EXPECT_EQ(answer.response.headers.get("WWW-Authenticate"), "Bearer");
  request.headers.set("Authorization", "Bearer mrg_wrong");
  answer = api.send(request);
  EXPECT_EQ(answer.status, 401);
  EXPECT_EQ(answer.code(), "auth.unknown_token");
  EXPECT_EQ(api.get("/v1/version").body["version"], "0.1.0-test");
}

TEST_F(Api, ARevokedTokenLivesAMinuteAtMost) {
  EXPECT_EQ(api.get("/v1/devices").status, 200);
  api.world.db.connection().script("delete from api_tokens");
  api.world.advance(std::chrono::seconds(61));
  EXPECT_EQ(api.get("/v1/devices").status, 401);
}

TEST_F(Api, MakesTheFirstTokenOnce) {
  const auto again = api::ensure_first_token(api.world.db.connection(), api.world.clock.now());
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(*again, std::nullopt);
  EXPECT_TRUE(api.token.starts_with("mrg_"));
  EXPECT_EQ(api.token.size(), 4U + 43U);
}

TEST_F(Api, DeclaresAProfileOnce) {
  auto answer = api.put("/v1/profiles/wifi", test::profile(kWifi));
  EXPECT_EQ(answer.status, 201);
  EXPECT_EQ(answer.body["changed"], true);
  EXPECT_EQ(answer.body["identifier"], kWifi);
  EXPECT_EQ(answer.response.headers.get("Location"), "/v1/profiles/wifi");
  EXPECT_EQ(api.rings, 1);
  answer = api.put("/v1/profiles/wifi", test::profile(kWifi));
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body["changed"], false);
  EXPECT_EQ(api.rings, 1);
  answer = api.get("/v1/profiles/wifi/content");
  EXPECT_EQ(answer.response.headers.get("Content-Type"), "application/x-apple-aspen-config");
  EXPECT_THAT(answer.response.body,
              HasSubstr(api.get("/v1/profiles/wifi").body["payload_uuid"].get<std::string>()));
}

TEST_F(Api, NamesAProfileByItsIdentifierUnlessTold) {
  auto answer = api.send(api.make("POST", "/v1/profiles", test::profile(kWifi)));
  EXPECT_EQ(answer.status, 201);
  EXPECT_EQ(answer.body["name"], kWifi);
  EXPECT_EQ(answer.response.headers.get("Location"), std::string("/v1/profiles/") + kWifi);
  answer = api.send(api.make("POST", "/v1/profiles?name=guest", test::profile("com.example.guest")));
  EXPECT_EQ(answer.body["name"], "guest");
}

TEST_F(Api, RefusesWhatIsNoProfile) {
  EXPECT_EQ(api.put("/v1/profiles/wifi", "hello").code(), "profile.malformed");
  EXPECT_EQ(api.put("/v1/profiles/a%20b", test::profile(kWifi)).code(), "profile.bad_name");
  api.put("/v1/profiles/wifi", test::profile(kWifi));
  const auto answer = api.put("/v1/profiles/wifi", test::profile("com.example.other"));
  EXPECT_EQ(answer.status, 409);
  EXPECT_EQ(answer.code(), "profile.identifier_changed");
  EXPECT_EQ(api.get("/v1/profiles/none").code(), "profile.unknown");
  EXPECT_EQ(api.get("/v1/profiles/none/content").status, 404);
  EXPECT_EQ(api.remove("/v1/profiles/none").status, 404);
}

TEST_F(Api, ChangesAProfileOnlyInTheStateThatIfMatchNames) {
  const auto first = api.put("/v1/profiles/wifi", test::profile(kWifi, "1"));
  const std::string etag(first.response.headers.get("ETag"));
  EXPECT_EQ(api.get("/v1/profiles/wifi").response.headers.get("ETag"), etag);
  auto update = api.make("PUT", "/v1/profiles/wifi", test::profile(kWifi, "2"));
  update.headers.set("If-Match", etag);
  EXPECT_EQ(api.send(update).status, 200);
  update.body = test::profile(kWifi, "3");
  auto answer = api.send(update);
  EXPECT_EQ(answer.status, 412);
  EXPECT_EQ(answer.code(), "profile.precondition_failed");
  auto removal = api.make("DELETE", "/v1/profiles/wifi");
  removal.headers.set("If-Match", etag);
  EXPECT_EQ(api.send(removal).status, 412);
  EXPECT_EQ(api.get("/v1/profiles/wifi").status, 200);
  EXPECT_EQ(api.remove("/v1/profiles/wifi").status, 204);
  EXPECT_EQ(api.get("/v1/profiles/wifi").status, 404);
  auto create = api.make("PUT", "/v1/profiles/wifi", test::profile(kWifi));
  create.headers.set("If-Match", "*");
  EXPECT_EQ(api.send(create).status, 412);
}

TEST_F(Api, ListsPageByPage) {
  for (const auto* name : {"a", "b", "c"}) {
    api.put(std::string("/v1/profiles/") + name, test::profile(std::string("com.example.") + name));
  }
  auto page = api.get("/v1/profiles?limit=2");
  ASSERT_EQ(page.body["items"].size(), 2U);
  EXPECT_EQ(page.body["items"][1]["name"], "b");
  page = api.get("/v1/profiles?limit=2&cursor=" + page.body["next_cursor"].get<std::string>());
  ASSERT_EQ(page.body["items"].size(), 1U);
  EXPECT_EQ(page.body["items"][0]["name"], "c");
  EXPECT_TRUE(page.body["next_cursor"].is_null());
  EXPECT_EQ(api.get("/v1/profiles?limit=0").code(), "request.bad_parameter");
  EXPECT_EQ(api.get("/v1/devices?cursor=xyz").code(), "request.bad_cursor");
}

TEST_F(Api, AssignsAProfile) {
  api.put("/v1/profiles/wifi", test::profile(kWifi));
  auto answer = api.post("/v1/assignments", assign("wifi", "all"));
  EXPECT_EQ(answer.status, 201);
  EXPECT_EQ(answer.body["changed"], true);
  const std::string place(answer.response.headers.get("Location"));
  EXPECT_EQ(api.get(place).body["scope"], "all");
  answer = api.post("/v1/assignments", assign("wifi", "all", "absent"));
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body["intent"], "absent");
  EXPECT_EQ(api.get("/v1/assignments").body["items"].size(), 1U);
  EXPECT_EQ(api.remove(place).status, 204);
  EXPECT_EQ(api.remove(place).code(), "assignment.unknown");
  EXPECT_EQ(api.get("/v1/assignments/first").status, 404);
}

TEST_F(Api, SaysWhatIsWrongWithAnAssignment) {
  api.put("/v1/profiles/wifi", test::profile(kWifi));
  EXPECT_EQ(api.post("/v1/assignments", assign("none", "all")).code(), "profile.unknown");
  EXPECT_EQ(api.post("/v1/assignments", assign("wifi", "everyone")).code(), "scope.malformed");
  EXPECT_EQ(api.post("/v1/assignments", assign("wifi", "all", "maybe")).code(), "assignment.bad_intent");
  EXPECT_EQ(api.post("/v1/assignments", {{"profile", "wifi"}}).code(), "request.missing_key");
  EXPECT_EQ(api.post("/v1/assignments", {{"profile", "wifi"}, {"scop", "all"}}).code(),
            "request.unknown_key");
  EXPECT_EQ(api.send(api.make("POST", "/v1/assignments", "{")).code(), "request.malformed");
}

// covers: state.D1
TEST_F(Api, AProfileDeclaredForOneDeviceGoesToThatDeviceOnly) {
  const auto other = api.world.make_device(1);
  enroll();
  api.world.enroll(*other);
  api.world.settle(*other);
  api.put("/v1/profiles/wifi", test::profile(kWifi));
  EXPECT_EQ(api.post("/v1/assignments", assign("wifi", "device:" + serial)).status, 201);
  EXPECT_EQ(item("wifi")["state"], "pending");
  api.world.settle(*device);
  api.world.settle(*other);
  EXPECT_NE(device->profile(kWifi), nullptr);
  EXPECT_EQ(other->profile(kWifi), nullptr);
  EXPECT_EQ(item("wifi")["state"], "verified");
  EXPECT_EQ(item("wifi")["scope"], "device");
}

// covers: state.D2, seed.17
TEST_F(Api, AProfileDeclaredForAllGoesToEveryDevice) {
  const auto other = api.world.make_device(1);
  enroll();
  api.world.enroll(*other);
  api.put("/v1/profiles/wifi", test::profile(kWifi));
  EXPECT_EQ(api.post("/v1/assignments", assign("wifi", "all")).status, 201);
  api.world.settle(*device);
  api.world.settle(*other);
  EXPECT_NE(device->profile(kWifi), nullptr);
  EXPECT_NE(other->profile(kWifi), nullptr);
  const auto profile = api.get("/v1/profiles/wifi").body;
  EXPECT_EQ(profile["desired"], 2);
  EXPECT_EQ(profile["verified"], 2);
  EXPECT_EQ(profile["drifted"], 0);
}

TEST_F(Api, ShowsTheWayOfAnItem) {
  enroll();
  api.put("/v1/profiles/wifi", test::profile(kWifi));
  api.post("/v1/assignments", assign("wifi", "all"));
  EXPECT_EQ(item("wifi")["state"], "pending");
  EXPECT_TRUE(item("wifi")["command"].is_null());
  api.world.reconcile();
  EXPECT_EQ(item("wifi")["state"], "commanded");
  EXPECT_EQ(item("wifi")["command"]["status"], "queued");
  EXPECT_TRUE(item("wifi")["command"]["queued_at"].is_string());
  api.world.settle(*device);
  EXPECT_EQ(item("wifi")["state"], "verified");
  EXPECT_EQ(item("wifi")["observed_payload_uuid"], item("wifi")["desired_payload_uuid"]);
  api.remove("/v1/profiles/wifi");
  EXPECT_EQ(item("wifi")["intent"], "ended");
  api.world.settle(*device);
  EXPECT_TRUE(item("wifi").is_null());
  EXPECT_EQ(device->profile(kWifi), nullptr);
}

TEST_F(Api, AChangedProfileIsNotVerifiedUntilTheDeviceShowsIt) {
  enroll();
  api.put("/v1/profiles/wifi", test::profile(kWifi, "1"));
  api.post("/v1/assignments", assign("wifi", "all"));
  api.world.settle(*device);
  ASSERT_EQ(item("wifi")["state"], "verified");
  api.put("/v1/profiles/wifi", test::profile(kWifi, "2"));
  EXPECT_EQ(item("wifi")["state"], "pending");
  EXPECT_NE(item("wifi")["observed_payload_uuid"], item("wifi")["desired_payload_uuid"]);
}

TEST_F(Api, FindsADeviceByUdidAndBySerial) {
  enroll();
  for (const auto& id : {udid, serial}) {
    const auto answer = api.get("/v1/devices/" + id);
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.body["udid"], udid);
    EXPECT_EQ(answer.body["enrolled"], true);
    EXPECT_EQ(answer.body["enrollments"][0]["enrollment"], udid);
    EXPECT_EQ(answer.body["facts"]["SerialNumber"], serial);
    EXPECT_EQ(answer.body["convergence"]["converged"], true);
  }
  EXPECT_EQ(api.get("/v1/devices/none").code(), "device.unknown");
  EXPECT_EQ(api.get("/v1/devices?serial_number=" + serial).body["items"].size(), 1U);
  EXPECT_EQ(api.get("/v1/devices?serial_number=none").body["items"].size(), 0U);
  EXPECT_EQ(api.get("/v1/devices?enrolled=false").body["items"].size(), 0U);
  EXPECT_EQ(api.get("/v1/devices?enrolled=true").body["items"].size(), 1U);
  EXPECT_EQ(api.get("/v1/devices?enrolled=yes").code(), "request.bad_parameter");
}

TEST_F(Api, AsksForTheUdidWhereSeveralDevicesHaveASerial) {
  enroll();
  const auto other = api.world.make_device(1);
  api.world.enroll(*other);
  api.world.db.connection().script("update devices set serial_number = 'SAME'");
  const auto answer = api.get("/v1/devices/SAME");
  EXPECT_EQ(answer.status, 409);
  EXPECT_EQ(answer.code(), "device.ambiguous");
}

TEST_F(Api, TellsManagedProfilesFromOthers) {
  enroll();
  api.put("/v1/profiles/wifi", test::profile(kWifi));
  api.post("/v1/assignments", assign("wifi", "all"));
  api.world.settle(*device);
  const std::string list =
      "insert into device_profiles (device_id, hash, content) select id, '', "
      "convert_to(E'com.foreign\\x1fAAAAAAAA-0000-0000-0000-"
      "000000000000\\x1fForeign\\x1f\\n', 'UTF8') || "
      "coalesce((select content from device_profiles), '') from devices "
      "on conflict (device_id) do update set content = excluded.content";
  api.world.db.connection().script(list);
  const auto answer = api.get("/v1/devices/" + udid + "/profiles");
  std::map<std::string, Json> seen;
  for (const auto& entry : answer.body["items"]) seen[entry["identifier"]] = entry;
  EXPECT_EQ(seen["com.foreign"]["managed"], false);
  EXPECT_EQ(seen[kWifi]["managed"], true);
  EXPECT_EQ(seen[kWifi]["profile"], "wifi");
  EXPECT_TRUE(answer.body["observed_at"].is_string());
}

TEST_F(Api, ListsDriftByProfileAndByDevice) {
  enroll();
  api.put("/v1/profiles/wifi", test::profile(kWifi));
  api.post("/v1/assignments", assign("wifi", "all"));
  api.world.reconcile();
  auto answer = api.get("/v1/drift");
  EXPECT_EQ(answer.body["items"][0]["profile"], "wifi");
  EXPECT_EQ(answer.body["items"][0]["drifted"], 1);
  EXPECT_EQ(answer.body["devices"]["enrolled"], 1);
  answer = api.get("/v1/drift?profile=wifi");
  ASSERT_EQ(answer.body["items"].size(), 1U);
  EXPECT_EQ(answer.body["items"][0]["udid"], udid);
  EXPECT_EQ(answer.body["items"][0]["state"], "commanded");
  EXPECT_EQ(api.get("/v1/devices").body["items"][0]["drifted"], 1);
  api.world.settle(*device);
  EXPECT_EQ(api.get("/v1/drift?profile=wifi").body["items"].size(), 0U);
  EXPECT_EQ(api.get("/v1/drift?profile=none").code(), "profile.unknown");
  const auto summary = api.get("/v1/summary").body;
  EXPECT_EQ(summary["profiles"]["verified"], 1);
  EXPECT_EQ(summary["devices"]["known"], 1);
}

TEST_F(Api, RepushesADeviceOrAProfile) {
  enroll();
  api.put("/v1/profiles/wifi", test::profile(kWifi));
  api.post("/v1/assignments", assign("wifi", "all"));
  api.world.settle(*device);
  const auto installs = [&] { return device->install_log().at(kWifi).size(); };
  ASSERT_EQ(installs(), 1U);
  auto answer = api.post("/v1/repush", {{"device", serial}});
  EXPECT_EQ(answer.status, 202);
  EXPECT_EQ(answer.body["devices"], 1);
  api.world.settle(*device);
  EXPECT_EQ(installs(), 2U);
  answer = api.post("/v1/repush", {{"profile", "wifi"}});
  EXPECT_EQ(answer.status, 202);
  EXPECT_EQ(answer.body["devices"], 1);
  EXPECT_EQ(item("wifi")["state"], "pending");
  api.world.settle(*device);
  EXPECT_EQ(installs(), 3U);
  EXPECT_EQ(item("wifi")["state"], "verified");
  EXPECT_EQ(api.post("/v1/repush", Json::object()).code(), "repush.one_target");
  EXPECT_EQ(api.post("/v1/repush", {{"device", udid}, {"profile", "wifi"}}).code(), "repush.one_target");
  EXPECT_EQ(api.post("/v1/repush", {{"profile", "none"}}).code(), "profile.unknown");
  EXPECT_EQ(api.post("/v1/repush", {{"device", "none"}}).code(), "device.unknown");
}

TEST_F(Api, RefreshesADevicesLists) {
  enroll();
  const auto before = api.get("/v1/devices/" + udid).body["convergence"]["profile_list_at"];
  api.world.advance(std::chrono::minutes(1));
  api.world.settle(*device);
  ASSERT_EQ(api.get("/v1/devices/" + udid).body["convergence"]["profile_list_at"], before);
  const auto answer = api.post("/v1/devices/" + udid + "/refresh");
  EXPECT_EQ(answer.status, 202);
  EXPECT_EQ(api.rings, 1);
  api.world.settle(*device);
  EXPECT_NE(api.get("/v1/devices/" + udid).body["convergence"]["profile_list_at"], before);
  EXPECT_EQ(api.post("/v1/devices/none/refresh").status, 404);
}

TEST_F(Api, WithoutAPushServiceItSaysSo) {
  enroll();
  const auto answer = api.post("/v1/devices/" + udid + "/push");
  EXPECT_EQ(answer.status, 503);
  EXPECT_EQ(answer.code(), "push.not_configured");
}

// covers: seed.04
TEST(ApiPush, WakesADevice) {
  ApiFixture api(true);
  const auto device = api.world.make_device();
  api.world.enroll(*device);
  const std::string target = "/v1/devices/" + device->identity().serial + "/push";
  auto answer = api.post(target);
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body["apns_id"], "push-1");
  EXPECT_EQ(api.post("/v1/devices/none/push").code(), "device.unknown");
  api.world.db.connection().script("update enrollments set enabled = false");
  EXPECT_EQ(api.post(target).status, 409);
}

}  // namespace
}  // namespace mooring::api_test

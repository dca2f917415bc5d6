// SPDX-License-Identifier: Apache-2.0
// What the API does for and says of many devices: re-push jobs, evidence from outside, foreign profiles,
// conflicts, drift in /metrics, and lists that stay fast.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/openapi.hpp"
#include "base/plist/plist.hpp"
#include "reconciler/chores.hpp"
#include "reconciler/gauges.hpp"
#include "tests/integration/api_fixture.hpp"

namespace mooring::api_test::fleet_questions_test {
namespace {

using ::testing::HasSubstr;

constexpr const char* kWifi = "com.example.wifi";

struct ApiFleet : ::testing::Test {
  void enroll(int count) {
    for (int i = 0; i < count; ++i) {
      fleet.push_back(api.world.make_device(i));
      api.world.enroll(*fleet.back());
    }
    settle();
  }
  void settle() {
    for (auto& device : fleet) api.world.settle(*device);
  }
  void hold(const std::string& name, const std::string& identifier) {
    ASSERT_LT(api.put("/v1/profiles/" + name, test::profile(identifier)).status, 300);
    ASSERT_LT(api.post("/v1/assignments", {{"profile", name}, {"scope", "all"}}).status, 300);
    settle();
  }
  std::string path(std::size_t device, const std::string& rest = {}) {
    return "/v1/devices/" + fleet.at(device)->identity().udid + rest;
  }
  std::size_t installs(std::size_t device, const std::string& identifier) {
    const auto& log = fleet.at(device)->install_log();
    const auto found = log.find(identifier);
    return found == log.end() ? 0 : found->second.size();
  }
  std::int64_t do_chores() {
    return reconciler::do_chores(api.world.db.connection(), {}, api.world.clock.now());
  }
  std::string metric(const std::string& line_begin) {
    reconciler::refresh_gauges(api.world.db.connection(), api.world.db.metrics, api.world.clock.now());
    const auto text = api.get("/metrics").response.body;
    const auto at = text.find(line_begin);
    if (at == std::string::npos) return "absent";
    const auto end = text.find('\n', at);
    return text.substr(at + line_begin.size() + 1, end - at - line_begin.size() - 1);
  }

  ApiFixture api;
  std::vector<std::unique_ptr<simulator::Device>> fleet;
};

// covers: state.N1
TEST_F(ApiFleet, TheDriftGaugeCountsThreeOfTenDevicesAndTheAgeOfTheOldest) {
  enroll(10);
  hold("wifi", kWifi);
  const std::string drifted = "mooring_item_drifted_devices{item=\"wifi\",kind=\"profile\"}";
  const std::string oldest = "mooring_item_drift_oldest_seconds{item=\"wifi\",kind=\"profile\"}";
  EXPECT_EQ(metric(drifted), "0");
  EXPECT_EQ(metric(oldest), "0");
  for (std::size_t i = 0; i < 3; ++i) {
    ASSERT_TRUE(fleet[i]->user_removes_profile(kWifi));
    fleet[i]->behaviour().refuse.insert(kWifi);  // the repair takes its time
    api.post(path(i, "/refresh"));
  }
  settle();
  EXPECT_EQ(metric(drifted), "3");
  const auto young = std::stod(metric(oldest));
  api.world.advance(std::chrono::minutes(3));
  EXPECT_GE(std::stod(metric(oldest)), young + 180);
  for (std::size_t i = 0; i < 3; ++i) fleet[i]->behaviour().refuse.clear();
  settle();
  EXPECT_EQ(metric(drifted), "0");
  EXPECT_EQ(metric(oldest), "0");
}

// covers: state.R20
TEST_F(ApiFleet, OnlyWhatFailedIsSentAgainWhereThatIsAsked) {
  enroll(2);
  fleet[0]->behaviour().refuse.insert(kWifi);
  hold("wifi", kWifi);
  hold("dock", "com.example.dock");
  for (int i = 0; i < 8; ++i) {
    api.world.advance(std::chrono::hours(7));
    settle();
  }
  ASSERT_EQ(api.world.state(*fleet[0], "wifi"), "failed");
  fleet[0]->behaviour().refuse.clear();
  const auto tries = installs(0, kWifi);
  EXPECT_EQ(api.post("/v1/repush", {{"profile", "wifi"}, {"failed_only", true}}).body["devices"], 1);
  settle();
  EXPECT_EQ(api.world.state(*fleet[0], "wifi"), "verified");
  EXPECT_GT(installs(0, kWifi), tries - 1);
  EXPECT_EQ(installs(1, kWifi), 1U);
  EXPECT_EQ(installs(0, "com.example.dock"), 1U);
  EXPECT_EQ(
      api.post("/v1/repush", {{"device", fleet[0]->identity().udid}, {"failed_only", true}}).body["devices"],
      0);
}

// covers: state.R20, state.N12
TEST_F(ApiFleet, AJobSendsAgainWhereItsFilterHolds) {
  enroll(3);
  hold("wifi", kWifi);
  hold("dock", "com.example.dock");
  api.put("/v1/groups/lab", Json{{"members", {fleet[1]->identity().udid}}}.dump());
  api.world.reconcile();
  const auto job =
      api.post("/v1/repush-jobs", {{"profile", "wifi"}, {"group", "lab"}, {"states", {"verified"}}});
  ASSERT_EQ(job.status, 201) << job.body.dump();
  const auto at = job.response.headers.get("Location");
  EXPECT_EQ(do_chores(), 0) << "nothing is allowed yet";
  api.world.advance(std::chrono::seconds(2));
  EXPECT_EQ(do_chores(), 1);
  settle();
  EXPECT_EQ(installs(0, kWifi), 1U);
  EXPECT_EQ(installs(1, kWifi), 2U);
  EXPECT_EQ(installs(1, "com.example.dock"), 1U);
  const auto done = api.get(std::string(at)).body;
  EXPECT_EQ(done["devices"], 1);
  EXPECT_TRUE(done["finished_at"].is_string());
  EXPECT_EQ(done["stopped"], false);
  const auto history = api.get(path(1, "/items/wifi/history")).body["items"].dump();
  EXPECT_THAT(history, HasSubstr("\"what\":\"repush\""));
}

// covers: state.N12
TEST_F(ApiFleet, AJobOverAThousandDevicesKeepsItsPace) {
  hold("wifi", kWifi);
  const auto item = api.world.number("select id from items");
  auto& db = api.world.db.connection();
  db.script(fmt::format(
      "insert into devices (udid, created_at) select 'U' || n, now() from generate_series(1, 1000) n; "
      "insert into reconcile (device_id, due_at, handled) select id, '2100-01-01', 1 from devices; "
      "insert into device_items (device_id, item_id, version_id, state, intent) "
      "select d.id, {}, v.id, 3, 1 from devices d, versions v",
      item));
  ASSERT_EQ(api.post("/v1/repush-jobs", {{"profile", "wifi"}, {"per_minute", 100}}).status, 201);
  const auto asked = [&] { return api.world.number("select count(*) from item_requests"); };
  std::int64_t before = 0;
  int minutes = 0;
  for (; asked() < 1000 && minutes < 20; ++minutes) {
    for (int second = 0; second < 60; second += 5) {
      api.world.advance(std::chrono::seconds(5));
      do_chores();
    }
    EXPECT_LE(asked() - before, 100) << "in minute " << minutes;
    before = asked();
  }
  EXPECT_EQ(asked(), 1000);
  EXPECT_EQ(minutes, 10);
  api.world.advance(std::chrono::seconds(5));
  do_chores();
  EXPECT_TRUE(api.get("/v1/repush-jobs").body["items"][0]["finished_at"].is_string());
}

TEST_F(ApiFleet, AJobThatWasAwayDoesNotAskForAllAtOnceAndOneThatIsStoppedForNothing) {
  enroll(5);
  hold("wifi", kWifi);
  api.post("/v1/repush-jobs", {{"profile", "wifi"}, {"per_minute", 6}});
  api.world.advance(std::chrono::hours(2));
  EXPECT_EQ(do_chores(), 1);
  EXPECT_EQ(api.remove("/v1/repush-jobs/1").status, 204);
  api.world.advance(std::chrono::hours(2));
  EXPECT_EQ(do_chores(), 0);
  EXPECT_EQ(api.get("/v1/repush-jobs/1").body["stopped"], true);
}

TEST_F(ApiFleet, RefusesJobsThatMeanNothing) {
  const auto code = [&](const Json& body) { return api.post("/v1/repush-jobs", body).code(); };
  EXPECT_EQ(code({{"profile", "none"}}), "profile.unknown");
  EXPECT_EQ(code({{"group", "none"}}), "group.unknown");
  EXPECT_EQ(code({{"states", {"sad"}}}), "repush_job.unknown_state");
  EXPECT_EQ(code({{"states", {"failed"}}, {"failed_only", true}}), "repush_job.two_ways");
  EXPECT_EQ(code({{"per_minute", 0}}), "repush_job.bad_pace");
}

// covers: seed.14
TEST_F(ApiFleet, EvidenceFromOutsideHasTheDeviceAskedAndRepaired) {
  enroll(1);
  hold("wifi", kWifi);
  const auto uuid = api.get("/v1/profiles/wifi").body["payload_uuid"].get<std::string>();
  const auto post = [&](const Json& profiles) {
    return api.post(path(0, "/evidence"), {{"source", "osquery"}, {"profiles", profiles}}).body;
  };
  auto said = post({uuid, "11111111-2222-3333-4444-555555555555"});
  EXPECT_EQ(said["as_declared"], true) << said.dump();
  EXPECT_EQ(said["asks_the_device"], false);
  ASSERT_TRUE(fleet[0]->user_removes_profile(kWifi));
  settle();
  EXPECT_EQ(fleet[0]->profile(kWifi), nullptr) << "nobody has looked";
  said = post(Json::array());
  EXPECT_EQ(said["problems"][0]["profile"], "wifi");
  EXPECT_EQ(said["problems"][0]["problem"], "missing");
  EXPECT_EQ(said["asks_the_device"], true);
  settle();
  EXPECT_NE(fleet[0]->profile(kWifi), nullptr) << "the device's own list has told the same";
  EXPECT_EQ(api.get(path(0, "/evidence")).body["items"][0]["source"], "osquery");
}

// covers: seed.14
TEST_F(ApiFleet, FalseEvidenceVerifiesNothingRemovesNothingAndAsksOnlyNowAndThen) {
  enroll(1);
  hold("wifi", kWifi);
  const auto lists = [&] {
    return api.world.number("select count(*) from command_results where request_type = 'ProfileList'");
  };
  const auto before = lists();
  for (int i = 0; i < 5; ++i) {
    const auto said =
        api.post(path(0, "/evidence"), {{"source", "script"}, {"profiles", Json::array()}}).body;
    EXPECT_EQ(said["asks_the_device"], i == 0) << i;
    settle();
    api.world.advance(std::chrono::minutes(1));
  }
  EXPECT_EQ(lists(), before + 1);
  EXPECT_EQ(installs(0, kWifi), 1U);
  EXPECT_EQ(api.world.state(*fleet[0], "wifi"), "verified");
  EXPECT_EQ(api.post(path(0, "/evidence"), {{"source", "a b"}, {"profiles", Json::array()}}).code(),
            "evidence.bad_source");
  EXPECT_EQ(api.post(path(0, "/evidence"), {{"source", "a"}, {"profiles", "x"}}).code(),
            "evidence.malformed");
}

// covers: state.N15
TEST_F(ApiFleet, AForeignProfileIsReportedAndNotTouched) {
  enroll(3);
  hold("wifi", kWifi);
  const auto before = api.get("/v1/foreign-profiles").body["items"];
  for (std::size_t i = 0; i < 2; ++i) {
    ASSERT_TRUE(fleet[i]->user_installs_profile(test::profile("com.stranger.vpn")));
    api.post(path(i, "/refresh"));
  }
  settle();
  auto found = Json();
  for (const auto& entry : api.get("/v1/foreign-profiles").body["items"]) {
    EXPECT_NE(entry["identifier"], kWifi);
    if (entry["identifier"] == "com.stranger.vpn") found = entry;
  }
  EXPECT_EQ(found["devices"], 2);
  const auto holders = api.get("/v1/foreign-profiles/com.stranger.vpn/devices").body["items"];
  ASSERT_EQ(holders.size(), 2U);
  EXPECT_EQ(holders[0]["udid"], fleet[0]->identity().udid);
  EXPECT_NE(fleet[0]->profile("com.stranger.vpn"), nullptr);
  for (std::size_t i = 0; i < 2; ++i) {
    ASSERT_TRUE(fleet[i]->user_removes_profile("com.stranger.vpn"));
    api.post(path(i, "/refresh"));
  }
  settle();
  EXPECT_EQ(api.get("/v1/foreign-profiles").body["items"], before);
  EXPECT_EQ(api.get("/v1/foreign-profiles/com.stranger.vpn/devices").code(), "foreign_profile.unknown");
}

std::string dock_profile(const std::string& identifier, int tile_size) {
  const plist::Dict payload{{"PayloadType", "com.apple.dock"},
                            {"PayloadIdentifier", identifier + ".dock"},
                            {"PayloadUUID", "B0E3C5B8-6E2D-4F59-9A57-3B0C5A1C7D11"},
                            {"PayloadVersion", 1},
                            {"tilesize", tile_size},
                            {"autohide", true}};
  return plist::to_xml(plist::Dict{{"PayloadType", "Configuration"},
                                   {"PayloadIdentifier", identifier},
                                   {"PayloadUUID", "6F0B1C5E-0C9A-4B5B-8E55-0E6B4B1B2C11"},
                                   {"PayloadVersion", 1},
                                   {"PayloadContent", plist::Array(1, payload)}});
}

// covers: state.N16
TEST_F(ApiFleet, TwoProfilesThatSetOneThingDifferentlyBringAWarningAtUpload) {
  EXPECT_EQ(api.put("/v1/profiles/dock", dock_profile("com.example.dock", 40)).body["warnings"],
            Json::array());
  EXPECT_EQ(api.put("/v1/profiles/same", dock_profile("com.example.same", 40)).body["warnings"],
            Json::array());
  const auto clash = api.put("/v1/profiles/other", dock_profile("com.example.other", 64));
  EXPECT_EQ(clash.status, 201) << "a warning refuses nothing";
  ASSERT_EQ(clash.body["warnings"].size(), 2U) << clash.body.dump();
  EXPECT_EQ(clash.body["warnings"][0]["profile"], "dock");
  EXPECT_EQ(clash.body["warnings"][0]["payload_type"], "com.apple.dock");
  EXPECT_EQ(clash.body["warnings"][0]["key"], "tilesize");
  EXPECT_EQ(api.put("/v1/profiles/other", dock_profile("com.example.other", 64)).body["warnings"].size(), 2U);
  EXPECT_EQ(api.put("/v1/profiles/other", dock_profile("com.example.other", 40)).body["warnings"],
            Json::array());
  api.put("/v1/profiles/other", dock_profile("com.example.other", 64));
  api.remove("/v1/profiles/other");
  EXPECT_EQ(api.put("/v1/profiles/dock", dock_profile("com.example.dock", 41)).body["warnings"].size(), 1U);
}

// covers: director.79
TEST_F(ApiFleet, WhatIsNotThereIs404Everywhere) {
  const auto contract = Json::parse(api::openapi_json());
  int asked = 0;
  for (const auto& [pattern, item] : contract["paths"].items()) {
    if (pattern.find('{') == std::string::npos || pattern.starts_with("/nanomdm")) continue;
    std::string target = pattern;
    while (target.find('{') != std::string::npos) {
      const auto at = target.find('{');
      target.replace(at, target.find('}') - at + 1, "99999");
    }
    for (const char* method : {"GET", "DELETE"}) {
      std::string key(method);
      std::ranges::transform(key, key.begin(), [](char c) { return static_cast<char>(std::tolower(c)); });
      if (!item.contains(key)) continue;
      const auto answer = api.send(api.make(method, target));
      EXPECT_EQ(answer.status, 404) << method << " " << target << ": " << answer.response.body;
      ++asked;
    }
  }
  EXPECT_GT(asked, 30);
}

// covers: state.N21
TEST_F(ApiFleet, ListsAndSummariesOfALargeFleetTakeLessThanATenthOfASecond) {
  auto& db = api.world.db.connection();
  // 100 profiles in three versions each, on 100,000 devices: the counters hold what the passes would have
  // counted.
  db.script(
      "insert into payloads (hash, relayed, request_type, body, created_at) values ('x', false, "
      "'InstallProfile', 'x', now()); "
      "insert into devices (udid, created_at) select 'U' || n, now() from generate_series(1, 100000) n; "
      "insert into enrollments (device_id, enrollment_id, kind, enabled, authenticated_at) "
      "select id, udid, 0, true, now() from devices; "
      "insert into reconcile (device_id, due_at, handled, drifted) select id, '2100-01-01', 1, id % 3 from "
      "devices; "
      "insert into items (kind, name, slot, created_at, updated_at) "
      "select 1, 'p' || n, 'com.example.p' || n, now(), now() from generate_series(1, 100) n; "
      "insert into versions (item_id, hash, identity, attributes, content, install_payload, remove_payload, "
      "declared_at) "
      "select i.id, int4send(v), gen_random_uuid(), '{}', 'x', p.id, p.id, now() "
      "from items i, generate_series(1, 3) v, payloads p where p.hash = 'x'; "
      "update items i set current_version = (select max(v.id) from versions v where v.item_id = i.id); "
      "insert into item_states (item_id, version_id, intent, state, shard, devices) "
      "select v.item_id, v.id, 1, s, h, 500 from versions v, generate_series(0, 7) s, generate_series(0, 7) "
      "h; "
      "insert into item_drift (item_id, since, devices) select id, date_trunc('minute', now()), 7 from "
      "items; "
      "analyze");
  for (const char* target : {"/v1/summary", "/v1/devices?limit=100", "/v1/drift?limit=100",
                             "/v1/profiles?limit=100", "/v1/devices/U77777"}) {
    auto best = std::chrono::steady_clock::duration::max();
    for (int i = 0; i < 10; ++i) {
      const auto begin = std::chrono::steady_clock::now();
      ASSERT_EQ(api.get(target).status, 200) << target;
      best = std::min(best, std::chrono::steady_clock::now() - begin);
    }
    EXPECT_LT(best, std::chrono::milliseconds(100)) << target;
  }
}

}  // namespace
}  // namespace mooring::api_test::fleet_questions_test

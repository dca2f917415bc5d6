// SPDX-License-Identifier: Apache-2.0
// The real server, killed while a real fleet talks and a receiver that is not ours takes its webhooks.
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "tests/e2e/installation.hpp"
#include "tests/support/webhook_receiver.hpp"

namespace mooring::test {
namespace {

using EventJson = nlohmann::json;

constexpr std::size_t kTalkingDevices = 20;

/// Every event that the server stored, by its id: in their order for each enrollment.
std::map<std::string, std::vector<std::string>> stored_events(Installation& mooring, std::size_t& count) {
  std::map<std::string, std::vector<std::string>> stored;
  count = 0;
  for (std::string cursor = "/v1/events?limit=1000"; !cursor.empty();) {
    const auto page = EventJson::parse(mooring.get(cursor));
    for (const auto& event : page["items"]) stored[event["enrollment"]].push_back(event["event_id"]);
    count += page["items"].size();
    cursor = page["next_cursor"].is_null()
                 ? ""
                 : "/v1/events?limit=1000&cursor=" + page["next_cursor"].get<std::string>();
  }
  return stored;
}

/// Ids by enrollment in the order of their first arrival; repeats are left out, as a receiver would.
std::map<std::string, std::vector<std::string>> first_arrivals(const WebhookReceiver& receiver) {
  std::map<std::string, std::vector<std::string>> arrived;
  std::set<std::string> seen;
  for (const auto& request : receiver.received()) {
    const auto json = EventJson::parse(request.body);
    const auto& part = json.contains("checkin_event") ? json["checkin_event"] : json["acknowledge_event"];
    if (seen.insert(json["event_id"]).second) arrived[part["ids"]["id"]].push_back(json["event_id"]);
  }
  return arrived;
}

// covers: mdm.O02, seed.03, seed.07
TEST(Webhooks, AServerThatIsKilledLosesNoEventAndKeepsTheOrderOfEachEnrollment) {
  std::atomic<int> answered{0};
  WebhookReceiver receiver([&](const Received&) { return ++answered % 17 == 0 ? 500 : 200; });
  Installation mooring;
  mooring.start_server();
  mooring.send("POST", "/v1/webhooks",
               EventJson{{"name", "hook"}, {"url", receiver.url()}, {"hmac_key", "key"}}.dump());
  mooring.start_fleet(kTalkingDevices, {});
  for (const std::size_t enough : {15U, 40U}) {
    ASSERT_TRUE(receiver.wait_for(enough));
    mooring.kill_server();
    mooring.start_server();
  }
  mooring.declare("hooked", profile("com.example.hooked", "1"));
  mooring.assign("hooked");
  ASSERT_TRUE(mooring.wait([&] { return mooring.verified_devices() == kTalkingDevices; }));
  // Devices go on talking for a while: what was stored and what arrived are compared until both are at rest.
  std::size_t count = 0;
  const bool same = mooring.wait([&] { return first_arrivals(receiver) == stored_events(mooring, count); });
  const auto hook = mooring.get("/v1/webhooks/hook");
  EXPECT_TRUE(same) << hook;
  EXPECT_EQ(EventJson::parse(hook)["dead_letters"], 0);
  EXPECT_GE(count, kTalkingDevices * 3);
}

}  // namespace
}  // namespace mooring::test

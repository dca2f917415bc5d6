// SPDX-License-Identifier: Apache-2.0
// Webhooks from the outbox to a server that is not ours.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/encoding.hpp"
#include "base/plist/plist.hpp"
#include "core/outbox/consumers.hpp"
#include "core/outbox/outbox.hpp"
#include "core/outbox/webhook_event.hpp"
#include "tests/support/webhook_receiver.hpp"
#include "tests/support/world.hpp"

namespace mooring::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Json = nlohmann::json;

std::string device_udid(int index) {
  return "00000000-0000-4000-8000-0000000000" + std::to_string(10 + index);
}

struct OutboxTest : ::testing::Test {
  World world;
  std::unique_ptr<core::Outbox> outbox;
  core::OutboxOptions options{.connect = world.db.connect_options(),
                              .delivery = {.retry_base = std::chrono::milliseconds(20),
                                           .retry_max = std::chrono::milliseconds(200),
                                           .attempts = 3,
                                           .parallel = 4,
                                           .circuit_base = std::chrono::milliseconds(20),
                                           .circuit_max = std::chrono::milliseconds(100)},
                              .poll = std::chrono::milliseconds(20),
                              .refresh = std::chrono::milliseconds(50)};
  SystemClock clock;

  void TearDown() override { outbox.reset(); }

  std::unique_ptr<core::Outbox> start_one() {
    options.connect = world.db.connect_options();
    options.connect.application_name = "outbox";
    return std::make_unique<core::Outbox>(options, world.interest(), world.secrets(), clock, world.db.log,
                                          world.db.metrics);
  }
  /// A webhook for what happens from now on, and an outbox that serves it.
  void start(const std::string& url, core::Consumer webhook = {}) {
    add(url, std::move(webhook));
    outbox = start_one();
    ASSERT_TRUE(eventually([&] { return world.interest().wants_body(core::EventKind::command_reported); }));
  }
  void add(const std::string& url, core::Consumer webhook = {}) {
    if (webhook.name.empty()) webhook.name = "hook";
    webhook.kind = core::ConsumerKind::webhook;
    webhook.url = url;
    webhook.cursor = core::horizon(world.db.connection());
    ASSERT_TRUE(core::create_consumer(world.db.connection(), webhook, clock.now()));
  }
  void enroll(int index = 0) {
    const auto udid = device_udid(index);
    world.put("/mdm", {{"MessageType", "Authenticate"}, {"Topic", "com.apple.mgmt.t"}, {"UDID", udid}});
    world.put("/mdm", {{"MessageType", "TokenUpdate"},
                       {"Topic", "com.apple.mgmt.t"},
                       {"UDID", udid},
                       {"PushMagic", "magic"},
                       {"Token", plist::Data{"token"}}});
  }
  /// A report for a command that was never sent: an event like any other.
  void report(int index, const std::string& command) {
    ASSERT_EQ(world.report(device_udid(index), "Acknowledged", command).status, 200);
  }
  bool settled() {
    return eventually([&] {
      return world.number(
                 "select count(*) from event_consumers c where exists (select from events v "
                 "where (v.xid, v.id) > (c.cursor_xid, c.cursor_id))") == 0 &&
             world.number("select count(*) from event_backlog where dead_at is null") == 0;
    });
  }
  core::Consumer hook() { return *core::find_consumer(world.db.connection(), "hook"); }
};

Json json_of(const Received& request) { return Json::parse(request.body); }

/// CommandUUIDs (or topics of check-ins) by device, in the order in which they came.
std::map<std::string, std::vector<std::string>> by_device(const std::vector<Received>& received) {
  std::map<std::string, std::vector<std::string>> told;
  for (const auto& request : received) {
    const auto json = json_of(request);
    if (json.contains("acknowledge_event")) {
      const auto& event = json["acknowledge_event"];
      told[event["udid"]].push_back(event.value("command_uuid", "none"));
    } else {
      told[json["checkin_event"]["udid"]].push_back(json["topic"]);
    }
  }
  return told;
}

std::set<std::string> event_ids(const std::vector<Received>& received) {
  std::set<std::string> ids;
  for (const auto& request : received) ids.insert(json_of(request)["event_id"]);
  return ids;
}

// covers: seed.07, mdm.O02, seed.02
TEST_F(OutboxTest, WhatADeviceSaysArrivesWholeAndInMicroMdmsForm) {
  WebhookReceiver receiver;
  start(receiver.url("/hook?from=mooring"));
  enroll();
  report(0, "CMD-1");
  ASSERT_TRUE(receiver.wait_for(3));
  const auto received = receiver.received();
  EXPECT_EQ(received[0].request_line, "POST /hook?from=mooring HTTP/1.1");
  EXPECT_EQ(received[0].headers.at("content-type"), "application/json; charset=utf-8");
  EXPECT_EQ(received[0].headers.count("x-hmac-signature"), 0U) << "no key was set";
  EXPECT_EQ(json_of(received[0])["topic"], "mdm.Authenticate");
  EXPECT_EQ(json_of(received[1])["topic"], "mdm.TokenUpdate");
  EXPECT_EQ(json_of(received[1])["checkin_event"]["token_update_tally"], 1);
  const auto connect = json_of(received[2]);
  EXPECT_EQ(connect["topic"], "mdm.Connect");
  EXPECT_EQ(connect["acknowledge_event"]["status"], "Acknowledged");
  EXPECT_EQ(connect["acknowledge_event"]["ids"]["type"], "Device");
  for (const auto& request : received) {
    const auto json = json_of(request);
    const auto& part = json.contains("checkin_event") ? json["checkin_event"] : json["acknowledge_event"];
    const auto message = plist::parse_dict(*from_base64(part["raw_payload"].get<std::string>()));
    ASSERT_TRUE(message) << request.body;
    EXPECT_EQ(*message->string("UDID"), device_udid(0)) << "the message as the device wrote it";
  }
  EXPECT_EQ(event_ids(received).size(), 3U);
}

/// What openssl says, which shares no code with this server but the library's cipher.
std::string openssl_hmac(const std::string& key, const std::string& body) {
  const std::string file = ::testing::TempDir() + "hmac_body_" + std::to_string(::getpid());
  std::ofstream(file, std::ios::binary) << body;
  const std::string command =
      "openssl dgst -sha256 -mac HMAC -macopt key:" + key + " -binary " + file + " | openssl base64 -A";
  std::unique_ptr<FILE, int (*)(FILE*)> pipe(::popen(command.c_str(), "r"), ::pclose);
  std::string out(200, '\0');
  out.resize(std::fread(out.data(), 1, out.size(), pipe.get()));
  std::remove(file.c_str());
  return out;
}

// covers: mdm.O02
TEST_F(OutboxTest, TheSignatureIsTheOneThatOpensslMakes) {
  WebhookReceiver receiver;
  core::Consumer webhook{.name = "hook"};
  webhook.sealed_hmac_key = core::seal_hmac_key(world.secrets(), "hook", "a-secret-of-two");
  webhook.sealed_headers = core::seal_headers(world.secrets(), "hook", {{"Authorization", "Basic eDp5"}});
  start(receiver.url(), webhook);
  enroll();
  ASSERT_TRUE(receiver.wait_for(2));
  for (const auto& request : receiver.received()) {
    EXPECT_EQ(request.headers.at("x-hmac-signature"), openssl_hmac("a-secret-of-two", request.body));
    EXPECT_EQ(request.headers.at("authorization"), "Basic eDp5");
  }
}

// covers: mdm.O02, seed.03
TEST_F(OutboxTest, EachEnrollmentsEventsComeInOrderWhileOthersGoSideBySide) {
  std::atomic<int> at_once{0};
  std::atomic<int> most{0};
  WebhookReceiver receiver([&](const Received& request) {
    const int now = ++at_once;
    for (int seen = most; now > seen && !most.compare_exchange_weak(seen, now);) {
    }
    // Some take longer than others, so that wrong order would show.
    std::this_thread::sleep_for(std::chrono::milliseconds(std::hash<std::string>{}(request.body) % 8));
    --at_once;
    return 200;
  });
  start(receiver.url());
  constexpr int kDevices = 6;
  constexpr int kReports = 20;
  std::map<std::string, std::vector<std::string>> expected;
  for (int d = 0; d < kDevices; ++d) {
    enroll(d);
    expected[device_udid(d)] = {"mdm.Authenticate", "mdm.TokenUpdate"};
  }
  for (int r = 0; r < kReports; ++r) {
    for (int d = 0; d < kDevices; ++d) {
      const std::string command = "CMD-" + std::to_string(r);
      report(d, command);
      expected[device_udid(d)].push_back(command);
    }
  }
  ASSERT_TRUE(receiver.wait_for(kDevices * (kReports + 2)));
  EXPECT_EQ(by_device(receiver.received()), expected);
  EXPECT_GT(most, 1);
  EXPECT_LE(most, options.delivery.parallel);
  EXPECT_TRUE(settled());
}

// covers: mdm.O02, seed.03
TEST_F(OutboxTest, ACrashBetweenDeliveryAndCursorDeliversAgainAndLosesNothing) {
  std::atomic<bool> hold{true};
  WebhookReceiver receiver([&](const Received&) {
    eventually([&] { return !hold; });
    return 200;
  });
  start(receiver.url());
  enroll();
  ASSERT_TRUE(receiver.wait_for(1)) << "delivered, not yet answered, so not stored";
  ASSERT_EQ(world.number("select count(*) from (select pid from pg_stat_activity where application_name = "
                         "'outbox' and datname = current_database() offset 0) as outboxes "
                         "where pg_terminate_backend(pid, 10000)"),
            1);
  hold = false;
  ASSERT_TRUE(settled());
  const auto received = receiver.received();
  EXPECT_GE(received.size(), 3U);
  EXPECT_EQ(event_ids(received).size(), 2U) << "the same event keeps its id";
  EXPECT_EQ(json_of(received[0])["event_id"], json_of(received[1])["event_id"]);
}

// covers: seed.03
TEST_F(OutboxTest, OfTwoServersOneDeliversAndTheOtherTakesOver) {
  WebhookReceiver receiver;
  start(receiver.url());
  auto second = start_one();
  enroll();
  for (int i = 0; i < 20; ++i) report(0, "CMD-" + std::to_string(i));
  ASSERT_TRUE(receiver.wait_for(22));
  ASSERT_TRUE(settled());
  EXPECT_EQ(receiver.received().size(), 22U) << "each once";
  outbox.reset();
  for (int i = 20; i < 40; ++i) report(0, "CMD-" + std::to_string(i));
  ASSERT_TRUE(receiver.wait_for(42));
  const auto told = by_device(receiver.received())[device_udid(0)];
  for (int i = 0; i < 40; ++i)
    EXPECT_EQ(told.at(static_cast<std::size_t>(i) + 2), "CMD-" + std::to_string(i));
}

// covers: mdm.O02
TEST_F(OutboxTest, AReceiverThatIsDownMakesNoDeviceWaitAndGetsAllOnceItIsBack) {
  std::uint16_t port = 0;
  {
    WebhookReceiver gone;
    port = gone.port();
  }
  start("http://127.0.0.1:" + std::to_string(port) + "/hook");
  std::map<std::string, std::vector<std::string>> expected;
  for (int d = 0; d < 5; ++d) {
    enroll(d);
    expected[device_udid(d)] = {"mdm.Authenticate", "mdm.TokenUpdate"};
  }
  ASSERT_TRUE(eventually([&] { return hook().failed_at.has_value(); }));
  EXPECT_THAT(hook().failure, HasSubstr(std::to_string(port)));
  for (int r = 0; r < 10; ++r) {
    for (int d = 0; d < 5; ++d) {
      report(d, "CMD-" + std::to_string(r));
      expected[device_udid(d)].push_back("CMD-" + std::to_string(r));
    }
  }
  WebhookReceiver back({}, port);
  ASSERT_TRUE(settled());
  EXPECT_EQ(by_device(back.received()), expected);
  EXPECT_EQ(world.number("select count(*) from event_backlog"), 0) << "an outage gives nothing up";
}

// covers: mdm.O02
TEST_F(OutboxTest, AReceiverThatNeverAnswersMakesNoDeviceWait) {
  std::atomic<bool> release{false};
  WebhookReceiver silent([&](const Received&) {
    eventually([&] { return release.load(); });
    return 200;
  });
  start(silent.url());
  enroll();
  ASSERT_TRUE(silent.wait_for(1));
  for (int i = 0; i < 50; ++i) report(0, "CMD-" + std::to_string(i));
  EXPECT_EQ(silent.received().size(), 1U) << "all reports were answered while the first delivery hangs";
  release = true;
  EXPECT_TRUE(silent.wait_for(52));
}

// covers: mdm.O02
TEST_F(OutboxTest, AnEventThatIsRefusedForGoodBecomesADeadLetterAndCanBeRetried) {
  std::atomic<bool> choosy{true};
  WebhookReceiver receiver([&](const Received& request) {
    return choosy && request.body.find("POISON") != std::string::npos ? 422 : 200;
  });
  Logger quiet(LogLevel::off, LogFormat::logfmt);
  add(receiver.url());
  outbox = std::make_unique<core::Outbox>(options, world.interest(), world.secrets(), clock, quiet,
                                          world.db.metrics);
  ASSERT_TRUE(eventually([&] { return world.interest().wants_body(core::EventKind::command_reported); }));
  enroll(0);
  enroll(1);
  report(0, "POISON");
  report(0, "AFTER");
  report(1, "OTHER");
  ASSERT_TRUE(settled());
  auto told = by_device(receiver.received());
  EXPECT_THAT(told[device_udid(1)], ElementsAre("mdm.Authenticate", "mdm.TokenUpdate", "OTHER"));
  EXPECT_THAT(told[device_udid(0)],
              ElementsAre("mdm.Authenticate", "mdm.TokenUpdate", "POISON", "POISON", "POISON", "AFTER"));
  const auto letters = core::dead_letters(world.db.connection(), hook().id, {}, 10);
  ASSERT_EQ(letters.size(), 1U);
  EXPECT_EQ(letters[0].event.command_uuid, "POISON");
  EXPECT_EQ(letters[0].attempts, 3);
  EXPECT_EQ(letters[0].failure, "answered 422");
  EXPECT_TRUE(eventually([&] {
    return world.db.metrics.text().find("mooring_event_dead_letters{consumer=\"hook\"} 1\n") !=
           std::string::npos;
  }));

  choosy = false;
  EXPECT_EQ(core::settle_all_dead_letters(world.db.connection(), hook().id, core::DeadLetterFate::retry,
                                          clock.now()),
            1);
  ASSERT_TRUE(settled());
  EXPECT_EQ(json_of(receiver.received().back())["acknowledge_event"]["command_uuid"], "POISON");
  EXPECT_THAT(core::dead_letters(world.db.connection(), hook().id, {}, 10), IsEmpty());
}

// covers: mdm.O02
TEST_F(OutboxTest, OnlyTheWantedTopicsGoOutAndIdleConnectionsOnlyWhenAskedFor) {
  WebhookReceiver some;
  WebhookReceiver all;
  add(some.url(), {.name = "some", .topics = {"mdm.TokenUpdate"}});
  start(all.url(), {.name = "hook", .include_idle = true});
  ASSERT_TRUE(eventually([&] { return world.interest().wants_idle(); }));
  enroll();
  world.report(device_udid(0), "Idle");
  ASSERT_TRUE(all.wait_for(3));
  ASSERT_TRUE(settled());
  EXPECT_EQ(json_of(all.received()[2])["acknowledge_event"]["status"], "Idle");
  const auto received = some.received();
  ASSERT_EQ(received.size(), 1U);
  EXPECT_EQ(json_of(received[0])["topic"], "mdm.TokenUpdate");
}

TEST_F(OutboxTest, ADisabledWebhookGetsNothingUntilItIsEnabledAndThenAll) {
  WebhookReceiver receiver;
  start(receiver.url());
  enroll();
  ASSERT_TRUE(receiver.wait_for(2));
  ASSERT_TRUE(settled());
  auto changed = hook();
  changed.enabled = false;
  core::update_consumer(world.db.connection(), changed, false, clock.now());
  outbox->refresh();
  ASSERT_TRUE(eventually([&] { return !world.interest().wants_body(core::EventKind::command_reported); }));
  report(0, "CMD-1");
  changed.enabled = true;
  core::update_consumer(world.db.connection(), changed, false, clock.now());
  ASSERT_TRUE(receiver.wait_for(3));
  ASSERT_TRUE(settled());
  EXPECT_EQ(receiver.received().size(), 3U);
  const auto json = json_of(receiver.received()[2]);
  EXPECT_EQ(json["acknowledge_event"]["command_uuid"], "CMD-1");
  EXPECT_EQ(json["acknowledge_event"]["raw_payload"], "") << "nobody wanted the message then";
}

TEST_F(OutboxTest, ACleanStopForgetsNoDelivery) {
  WebhookReceiver receiver;
  start(receiver.url());
  enroll();
  ASSERT_TRUE(receiver.wait_for(2));
  ASSERT_TRUE(settled());
  report(0, "CMD-1");
  ASSERT_TRUE(receiver.wait_for(3));
  ASSERT_TRUE(settled());
  outbox.reset();
  outbox = start_one();
  report(0, "CMD-2");
  ASSERT_TRUE(receiver.wait_for(4));
  ASSERT_TRUE(settled());
  EXPECT_EQ(receiver.received().size(), 4U);
}

}  // namespace
}  // namespace mooring::test

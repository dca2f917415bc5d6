// SPDX-License-Identifier: Apache-2.0
// Fleet and push gateway over real sockets.
#include "simulator/fleet.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/encoding.hpp"
#include "base/http/client.hpp"
#include "base/http/server.hpp"
#include "base/http2/client.hpp"
#include "simulator/push_gateway.hpp"
#include "tests/unit/simulator/mini_mdm.hpp"
#include "tests/unit/simulator/support.hpp"

namespace mooring::simulator {
namespace {

using namespace std::chrono_literals;
using namespace test;  // NOLINT(google-build-using-namespace)

/// A server on a socket, a fleet, and a push gateway between them.
class FleetTest : public testing::Test {
 protected:
  std::unique_ptr<http::Server> serve(const std::string& listen) {
    auto handler = [this](http::Request request) -> Task<http::Response> { return answer(&mdm, request); };
    std::vector<http::Route> routes;
    routes.push_back({.method = "PUT", .pattern = "/mdm", .handler = std::move(handler)});
    http::ServerOptions options{.name = "device", .listen = listen};
    auto made = std::make_unique<http::Server>(io.executor(), options, std::move(routes), log, metrics);
    const auto started = made->start();
    EXPECT_TRUE(started) << started.error().message;
    return made;
  }
  static Task<http::Response> answer(MiniMdm* mdm, http::Request request) { co_return mdm->handle(request); }

  Fleet& make_fleet(FleetOptions options) {
    if (options.server_url.empty()) {
      server = serve("127.0.0.1:0");
      options.server_url = server->url();
    }
    options.observer = [this](std::size_t index, Direction direction, const plist::Dict& dict) {
      if (direction == Direction::to_server) judge(index, dict);
    };
    fleet = std::make_unique<Fleet>(io.executor(), std::move(options), clock);
    return *fleet;
  }
  void judge(std::size_t index, const plist::Dict& dict) {
    if (dict.string("MessageType") == nullptr) return;
    const auto target = fleet->device(index).target();
    const auto problems = schema::Schema::apple().check_checkin(dict, target);
    EXPECT_EQ(schema::to_string(problems), "");
  }
  std::string udid(std::size_t index) { return make_identity(1, index).udid; }

  void TearDown() override {
    if (fleet) io.wait(fleet->stop());
    if (server) io.wait(server->drain(0ms));
  }

  SystemClock clock;
  Logger log{LogLevel::off, LogFormat::logfmt};
  Metrics metrics;
  MiniMdm mdm;
  IoThread io;
  std::unique_ptr<http::Server> server;
  std::unique_ptr<Fleet> fleet;
};

TEST_F(FleetTest, EnrollsAndPolls) {
  auto& all = make_fleet({.devices = 20, .poll_interval = 20ms});
  for (std::size_t i = 0; i < 20; ++i)
    mdm.enqueue(udid(i), install("c" + std::to_string(i), profile("a", "v")));
  all.start();
  EXPECT_TRUE(eventually([&] { return all.snapshot().installs == 20 && all.snapshot().sessions > 60; }));
  const auto counts = all.snapshot();
  EXPECT_EQ(counts.devices, 20U);
  EXPECT_EQ(counts.enrolled, 20U);
  EXPECT_EQ(counts.enrollments, 20U);
  EXPECT_EQ(counts.failures, 0U) << counts.last_failure;
}

TEST_F(FleetTest, APushWakesADeviceThatWouldNotPoll) {
  auto& all = make_fleet({.devices = 2, .poll_interval = 1h});
  all.start();
  ASSERT_TRUE(eventually([&] { return all.snapshot().sessions == 2; }));
  mdm.enqueue(udid(1), list("1"));
  all.wake(1);
  EXPECT_TRUE(eventually([&] { return all.snapshot().commands == 1; }));
  EXPECT_EQ(all.snapshot().sessions, 3U);
}

TEST_F(FleetTest, SurvivesTheServerBeingDown) {
  const auto probe = serve("127.0.0.1:0");
  const auto address = "127.0.0.1:" + std::to_string(probe->port());
  io.wait(probe->drain(0ms));
  auto& all =
      make_fleet({.devices = 3, .server_url = "http://" + address, .poll_interval = 20ms, .retry_max = 50ms});
  all.start();
  ASSERT_TRUE(eventually([&] { return all.snapshot().failures > 6; }));
  EXPECT_EQ(all.snapshot().enrolled, 0U);
  server = serve(address);
  EXPECT_TRUE(eventually([&] { return all.snapshot().enrolled == 3 && all.snapshot().sessions > 3; }));
}

TEST_F(FleetTest, AWipedDeviceEnrollsAgain) {
  auto& all = make_fleet({.devices = 1, .poll_interval = 10ms});
  all.start();
  ASSERT_TRUE(eventually([&] { return all.snapshot().sessions > 0; }));
  all.with_device(0, [](Device& device) { device.wipe(); });
  EXPECT_TRUE(eventually([&] { return all.snapshot().enrollments == 2; }));
  EXPECT_EQ(mdm.check_ins(udid(0)).size(), 4U);
}

TEST_F(FleetTest, ANewPushTokenIsAnnounced) {
  auto& all = make_fleet({.devices = 1, .poll_interval = 10ms});
  all.start();
  ASSERT_TRUE(eventually([&] { return all.snapshot().sessions > 0; }));
  std::string token;
  all.with_device(0, [&](Device& device) {
    device.renew_push_token();
    token = device.push_token();
  });
  EXPECT_TRUE(eventually([&] { return mdm.check_ins(udid(0)).back().data("Token")->bytes == token; }));
}

TEST_F(FleetTest, ADeviceThatTheServerTurnedAwayStaysAway) {
  auto& all = make_fleet({.devices = 1, .poll_interval = 10ms});
  all.start();
  ASSERT_TRUE(eventually([&] { return all.snapshot().sessions > 0; }));
  mdm.answer_with(401);
  ASSERT_TRUE(eventually([&] { return all.snapshot().enrolled == 0; }));
  mdm.answer_with(200);
  const auto before = all.snapshot();
  std::this_thread::sleep_for(60ms);
  EXPECT_EQ(all.snapshot().sessions, before.sessions);
}

class PushGatewayTest : public FleetTest {
 protected:
  void SetUp() override {
    make_fleet({.devices = 2, .poll_interval = 1h});
    gateway =
        std::make_unique<PushGateway>(io.executor(), PushGatewayOptions{.redelivery = 5ms}, *fleet, clock);
    ASSERT_TRUE(gateway->start());
    client = make_client(kTopic);
    fleet->start();
    ASSERT_TRUE(eventually([&] { return fleet->snapshot().sessions == 2; }));
    fleet->with_device(0, [&](Device& device) {
      token = device.push_token();
      magic = device.push_magic();
    });
  }
  void TearDown() override {
    if (client) io.wait(forget(std::move(client)));
    if (gateway) io.wait(gateway->drain(0ms));
    FleetTest::TearDown();
  }

  http::Request request(const std::string& to, const std::string& with_magic) {
    http::Request made;
    made.method = "POST";
    made.target = "/3/device/" + to_hex(to);
    made.headers.set("apns-topic", kTopic);
    made.headers.set("apns-push-type", "mdm");
    made.headers.set("apns-priority", "10");
    made.headers.set("apns-expiration", "4000000000");
    made.body = nlohmann::json{{"mdm", with_magic}}.dump();
    return made;
  }
  std::unique_ptr<http2::Client> make_client(const std::string& topic) {
    const auto pem = gateway->issue_certificate(topic);
    const auto key = pem.find("-----BEGIN PRIVATE");
    return std::make_unique<http2::Client>(
        io.executor(), gateway->url(),
        http2::ClientOptions{
            .tls = {.trust = gateway->trust(),
                    .identity = {.certificate_chain = pem.substr(0, key), .private_key = pem.substr(key)}},
            .request_timeout = 5s});
  }
  static Task<int> forget(std::unique_ptr<http2::Client> old) {
    old.reset();
    co_return 0;
  }
  static Task<Result<http::Response>> ask(http2::Client* client, http::Request made) {
    co_return co_await client->send(std::move(made));
  }
  http::Response send(http::Request made) {
    auto response = io.wait(ask(client.get(), std::move(made)));
    EXPECT_TRUE(response) << response.error().message;
    return response ? *response : http::Response{.status = 0};
  }
  static std::string reason(const http::Response& response) {
    return std::to_string(response.status) + " " +
           nlohmann::json::parse(response.body)["reason"].get<std::string>();
  }

  static constexpr const char* kTopic = "com.apple.mgmt.External.simulator";
  std::unique_ptr<PushGateway> gateway;
  std::unique_ptr<http2::Client> client;
  std::string token;
  std::string magic;
};

TEST_F(PushGatewayTest, DeliversAndAnswersAsApnsDoes) {
  const auto response = send(request(token, magic));
  EXPECT_EQ(response.status, 200);
  EXPECT_FALSE(response.headers.get("apns-id").empty());
  EXPECT_TRUE(response.body.empty());
  EXPECT_TRUE(eventually([&] { return fleet->snapshot().sessions == 3; }));
  const auto last = gateway->last();
  ASSERT_TRUE(last);
  EXPECT_EQ(last->token, token);
  EXPECT_EQ(last->topic + last->push_type + last->priority, "com.apple.mgmt.External.simulatormdm10");
}

TEST_F(PushGatewayTest, AForeignMagicWakesNobody) {
  EXPECT_EQ(send(request(token, "other")).status, 200);
  std::this_thread::sleep_for(30ms);
  EXPECT_EQ(fleet->snapshot().pushes, 0U);
}

TEST_F(PushGatewayTest, RejectsByTheRulesOfApns) {
  const auto with = [&](const char* name, const char* value) {
    auto made = request(token, magic);
    made.headers.set(name, value);
    return reason(send(std::move(made)));
  };
  EXPECT_EQ(reason(send(request(std::string(32, 'x'), magic))), "400 BadDeviceToken");
  EXPECT_EQ(reason(send(request("short", magic))), "400 BadDeviceToken");
  EXPECT_EQ(with("apns-topic", "com.apple.mgmt.External.other"), "400 TopicDisallowed");
  EXPECT_EQ(with("apns-push-type", "alert"), "400 InvalidPushType");
  EXPECT_EQ(with("apns-priority", "7"), "400 BadPriority");
  EXPECT_EQ(with("apns-expiration", "tomorrow"), "400 BadExpirationDate");
  auto empty = request(token, magic);
  empty.body.clear();
  EXPECT_EQ(reason(send(empty)), "400 PayloadEmpty");
  auto large = request(token, std::string(5000, 'm'));
  EXPECT_EQ(reason(send(large)), "413 PayloadTooLarge");
  auto upper = request(token, magic);
  upper.target = "/3/device/" + std::string(64, 'A');
  EXPECT_EQ(reason(send(upper)), "400 BadDeviceToken");
  auto elsewhere = request(token, magic);
  elsewhere.target = "/4/device/" + to_hex(token);
  EXPECT_EQ(reason(send(elsewhere)), "404 BadPath");
  auto got = request(token, magic);
  got.method = "GET";
  EXPECT_EQ(reason(send(got)), "405 MethodNotAllowed");
  EXPECT_EQ(gateway->snapshot().rejected, 11U);
}

TEST_F(PushGatewayTest, ACertificateOfAnotherAuthorityIsRefused) {
  const PushGateway stranger(io.executor(), {}, *fleet, clock);
  const auto pem = stranger.issue_certificate(kTopic);
  const auto key = pem.find("-----BEGIN PRIVATE");
  auto wrong = std::make_unique<http2::Client>(
      io.executor(), gateway->url(),
      http2::ClientOptions{
          .tls = {.trust = gateway->trust(),
                  .identity = {.certificate_chain = pem.substr(0, key), .private_key = pem.substr(key)}}});
  const auto refused = io.wait(ask(wrong.get(), request(token, magic)));
  io.wait(forget(std::move(wrong)));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "http2.certificate_refused");
}

TEST_F(PushGatewayTest, AReplacedTokenIsUnregistered) {
  fleet->with_device(0, [](Device& device) { device.renew_push_token(); });
  const auto response = send(request(token, magic));
  EXPECT_EQ(reason(response), "410 Unregistered");
  EXPECT_TRUE(nlohmann::json::parse(response.body)["timestamp"].is_number_integer());
}

TEST_F(PushGatewayTest, TheLatestPushWaitsForADeviceThatIsOffline) {
  fleet->with_device(0, [&](Device& device) { device.go_offline_until(clock.now() + 1h); });
  EXPECT_EQ(send(request(token, magic)).status, 200);
  EXPECT_EQ(send(request(token, magic)).status, 200);
  EXPECT_EQ(gateway->snapshot().stored, 1U);
  EXPECT_EQ(gateway->snapshot().delivered, 0U);
  fleet->with_device(0, [](Device& device) { device.go_offline_until({}); });
  EXPECT_TRUE(eventually([&] { return fleet->snapshot().sessions == 3; }));
  EXPECT_TRUE(eventually([&] { return gateway->snapshot().stored == 0; }));
  EXPECT_EQ(gateway->snapshot().delivered, 1U);
}

TEST_F(PushGatewayTest, WithoutExpirationNothingIsStored) {
  fleet->with_device(0, [&](Device& device) { device.go_offline_until(clock.now() + 1h); });
  auto made = request(token, magic);
  made.headers.set("apns-expiration", "0");
  EXPECT_EQ(send(made).status, 200);
  EXPECT_EQ(gateway->snapshot().stored, 0U);
}

TEST_F(PushGatewayTest, FailsAsPlanned) {
  gateway->fail_next(2, {503, "ServiceUnavailable"});
  EXPECT_EQ(reason(send(request(token, magic))), "503 ServiceUnavailable");
  EXPECT_EQ(reason(send(request(token, magic))), "503 ServiceUnavailable");
  EXPECT_EQ(send(request(token, magic)).status, 200);
  EXPECT_EQ(gateway->snapshot().failed, 2U);
}

}  // namespace
}  // namespace mooring::simulator

// SPDX-License-Identifier: Apache-2.0
// Fleet and push gateway over real sockets.
#include "simulator/fleet.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/encoding.hpp"
#include "base/http/client.hpp"
#include "base/http/server.hpp"
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
    auto handler = [this](http::Request request) -> Task<http::Response> { return answer(&mdm_, request); };
    std::vector<http::Route> routes;
    routes.push_back({.method = "PUT", .pattern = "/mdm", .handler = std::move(handler)});
    http::ServerOptions options{.name = "device", .listen = listen};
    auto server = std::make_unique<http::Server>(io_.executor(), options, std::move(routes), log_, metrics_);
    const auto started = server->start();
    EXPECT_TRUE(started) << started.error().message;
    return server;
  }
  static Task<http::Response> answer(MiniMdm* mdm, http::Request request) { co_return mdm->handle(request); }

  Fleet& fleet(FleetOptions options) {
    if (options.server_url.empty()) {
      server_ = serve("127.0.0.1:0");
      options.server_url = server_->url();
    }
    options.observer = [this](std::size_t index, Direction direction, const plist::Dict& dict) {
      if (direction == Direction::to_server) judge(index, dict);
    };
    fleet_ = std::make_unique<Fleet>(io_.executor(), std::move(options), clock_);
    return *fleet_;
  }
  void judge(std::size_t index, const plist::Dict& dict) {
    if (dict.string("MessageType") == nullptr) return;
    const auto target = fleet_->device(index).target();
    const auto problems = schema::Schema::apple().check_checkin(dict, target);
    EXPECT_EQ(schema::to_string(problems), "");
  }
  std::string udid(std::size_t index) { return make_identity(1, index).udid; }

  void TearDown() override {
    if (fleet_) io_.wait(fleet_->stop());
    if (server_) io_.wait(server_->drain(0ms));
  }

  SystemClock clock_;
  Logger log_{LogLevel::off, LogFormat::logfmt};
  Metrics metrics_;
  MiniMdm mdm_;
  IoThread io_;
  std::unique_ptr<http::Server> server_;
  std::unique_ptr<Fleet> fleet_;
};

TEST_F(FleetTest, EnrollsAndPolls) {
  auto& fleet = this->fleet({.devices = 20, .poll_interval = 20ms});
  for (std::size_t i = 0; i < 20; ++i)
    mdm_.enqueue(udid(i), install("c" + std::to_string(i), profile("a", "v")));
  fleet.start();
  EXPECT_TRUE(eventually([&] { return fleet.snapshot().installs == 20 && fleet.snapshot().sessions > 60; }));
  const auto counts = fleet.snapshot();
  EXPECT_EQ(counts.devices, 20U);
  EXPECT_EQ(counts.enrolled, 20U);
  EXPECT_EQ(counts.enrollments, 20U);
  EXPECT_EQ(counts.failures, 0U) << counts.last_failure;
}

TEST_F(FleetTest, APushWakesADeviceThatWouldNotPoll) {
  auto& fleet = this->fleet({.devices = 2, .poll_interval = 1h});
  fleet.start();
  ASSERT_TRUE(eventually([&] { return fleet.snapshot().sessions == 2; }));
  mdm_.enqueue(udid(1), list("1"));
  fleet.wake(1);
  EXPECT_TRUE(eventually([&] { return fleet.snapshot().commands == 1; }));
  EXPECT_EQ(fleet.snapshot().sessions, 3U);
}

TEST_F(FleetTest, SurvivesTheServerBeingDown) {
  const auto probe = serve("127.0.0.1:0");
  const auto address = "127.0.0.1:" + std::to_string(probe->port());
  io_.wait(probe->drain(0ms));
  auto& fleet = this->fleet(
      {.devices = 3, .server_url = "http://" + address, .poll_interval = 20ms, .retry_max = 50ms});
  fleet.start();
  ASSERT_TRUE(eventually([&] { return fleet.snapshot().failures > 6; }));
  EXPECT_EQ(fleet.snapshot().enrolled, 0U);
  server_ = serve(address);
  EXPECT_TRUE(eventually([&] { return fleet.snapshot().enrolled == 3 && fleet.snapshot().sessions > 3; }));
}

TEST_F(FleetTest, AWipedDeviceEnrollsAgain) {
  auto& fleet = this->fleet({.devices = 1, .poll_interval = 10ms});
  fleet.start();
  ASSERT_TRUE(eventually([&] { return fleet.snapshot().sessions > 0; }));
  fleet.with_device(0, [](Device& device) { device.wipe(); });
  EXPECT_TRUE(eventually([&] { return fleet.snapshot().enrollments == 2; }));
  EXPECT_EQ(mdm_.check_ins(udid(0)).size(), 4U);
}

TEST_F(FleetTest, ANewPushTokenIsAnnounced) {
  auto& fleet = this->fleet({.devices = 1, .poll_interval = 10ms});
  fleet.start();
  ASSERT_TRUE(eventually([&] { return fleet.snapshot().sessions > 0; }));
  std::string token;
  fleet.with_device(0, [&](Device& device) {
    device.renew_push_token();
    token = device.push_token();
  });
  EXPECT_TRUE(eventually([&] { return mdm_.check_ins(udid(0)).back().data("Token")->bytes == token; }));
}

TEST_F(FleetTest, ADeviceThatTheServerTurnedAwayStaysAway) {
  auto& fleet = this->fleet({.devices = 1, .poll_interval = 10ms});
  fleet.start();
  ASSERT_TRUE(eventually([&] { return fleet.snapshot().sessions > 0; }));
  mdm_.answer_with(401);
  ASSERT_TRUE(eventually([&] { return fleet.snapshot().enrolled == 0; }));
  mdm_.answer_with(200);
  const auto before = fleet.snapshot();
  std::this_thread::sleep_for(60ms);
  EXPECT_EQ(fleet.snapshot().sessions, before.sessions);
}

class PushGatewayTest : public FleetTest {
 protected:
  void SetUp() override {
    fleet({.devices = 2, .poll_interval = 1h});
    gateway_ = std::make_unique<PushGateway>(io_.executor(), PushGatewayOptions{.redelivery = 5ms}, *fleet_,
                                             clock_, log_, metrics_);
    ASSERT_TRUE(gateway_->start());
    fleet_->start();
    ASSERT_TRUE(eventually([&] { return fleet_->snapshot().sessions == 2; }));
    fleet_->with_device(0, [&](Device& device) {
      token_ = device.push_token();
      magic_ = device.push_magic();
    });
  }
  void TearDown() override {
    if (gateway_) io_.wait(gateway_->drain(0ms));
    FleetTest::TearDown();
  }

  http::Request request(const std::string& token, const std::string& magic) {
    http::Request made;
    made.method = "POST";
    made.target = "/3/device/" + to_hex(token);
    made.headers.set("apns-topic", "com.apple.mgmt.External.simulator");
    made.headers.set("apns-push-type", "mdm");
    made.headers.set("apns-priority", "10");
    made.headers.set("apns-expiration", "4000000000");
    made.body = nlohmann::json{{"mdm", magic}}.dump();
    return made;
  }
  http::Response send(http::Request made) {
    auto response = http::fetch(gateway_->url(), std::move(made), 5s);
    EXPECT_TRUE(response) << response.error().message;
    return response ? *response : http::Response{.status = 0};
  }
  static std::string reason(const http::Response& response) {
    return std::to_string(response.status) + " " +
           nlohmann::json::parse(response.body)["reason"].get<std::string>();
  }

  std::unique_ptr<PushGateway> gateway_;
  std::string token_;
  std::string magic_;
};

TEST_F(PushGatewayTest, DeliversAndAnswersAsApnsDoes) {
  const auto response = send(request(token_, magic_));
  EXPECT_EQ(response.status, 200);
  EXPECT_FALSE(response.headers.get("apns-id").empty());
  EXPECT_TRUE(response.body.empty());
  EXPECT_TRUE(eventually([&] { return fleet_->snapshot().sessions == 3; }));
  const auto last = gateway_->last();
  ASSERT_TRUE(last);
  EXPECT_EQ(last->token, token_);
  EXPECT_EQ(last->topic + last->push_type + last->priority, "com.apple.mgmt.External.simulatormdm10");
}

TEST_F(PushGatewayTest, AForeignMagicWakesNobody) {
  EXPECT_EQ(send(request(token_, "other")).status, 200);
  std::this_thread::sleep_for(30ms);
  EXPECT_EQ(fleet_->snapshot().pushes, 0U);
}

TEST_F(PushGatewayTest, RejectsByTheRulesOfApns) {
  EXPECT_EQ(reason(send(request(std::string(32, 'x'), magic_))), "400 BadDeviceToken");
  EXPECT_EQ(reason(send(request("short", magic_))), "400 BadDeviceToken");
  auto without_topic = request(token_, magic_);
  without_topic.headers.set("apns-topic", "");
  EXPECT_EQ(reason(send(without_topic)), "400 MissingTopic");
  auto alert = request(token_, magic_);
  alert.headers.set("apns-push-type", "alert");
  EXPECT_EQ(reason(send(alert)), "400 InvalidPushType");
  auto empty = request(token_, magic_);
  empty.body.clear();
  EXPECT_EQ(reason(send(empty)), "400 PayloadEmpty");
  EXPECT_EQ(gateway_->snapshot().rejected, 5U);
}

TEST_F(PushGatewayTest, AReplacedTokenIsUnregistered) {
  fleet_->with_device(0, [](Device& device) { device.renew_push_token(); });
  const auto response = send(request(token_, magic_));
  EXPECT_EQ(reason(response), "410 Unregistered");
  EXPECT_TRUE(nlohmann::json::parse(response.body)["timestamp"].is_number_integer());
}

TEST_F(PushGatewayTest, TheLatestPushWaitsForADeviceThatIsOffline) {
  fleet_->with_device(0, [&](Device& device) { device.go_offline_until(clock_.now() + 1h); });
  EXPECT_EQ(send(request(token_, magic_)).status, 200);
  EXPECT_EQ(send(request(token_, magic_)).status, 200);
  EXPECT_EQ(gateway_->snapshot().stored, 1U);
  EXPECT_EQ(gateway_->snapshot().delivered, 0U);
  fleet_->with_device(0, [](Device& device) { device.go_offline_until({}); });
  EXPECT_TRUE(eventually([&] { return fleet_->snapshot().sessions == 3; }));
  EXPECT_TRUE(eventually([&] { return gateway_->snapshot().stored == 0; }));
  EXPECT_EQ(gateway_->snapshot().delivered, 1U);
}

TEST_F(PushGatewayTest, WithoutExpirationNothingIsStored) {
  fleet_->with_device(0, [&](Device& device) { device.go_offline_until(clock_.now() + 1h); });
  auto made = request(token_, magic_);
  made.headers.set("apns-expiration", "0");
  EXPECT_EQ(send(made).status, 200);
  EXPECT_EQ(gateway_->snapshot().stored, 0U);
}

TEST_F(PushGatewayTest, FailsAsPlanned) {
  gateway_->fail_next(2, 503, "ServiceUnavailable");
  EXPECT_EQ(reason(send(request(token_, magic_))), "503 ServiceUnavailable");
  EXPECT_EQ(reason(send(request(token_, magic_))), "503 ServiceUnavailable");
  EXPECT_EQ(send(request(token_, magic_)).status, 200);
  EXPECT_EQ(gateway_->snapshot().failed, 2U);
}

}  // namespace
}  // namespace mooring::simulator

// SPDX-License-Identifier: Apache-2.0
#include "tests/e2e/installation.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_future.hpp>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/plist/plist.hpp"

namespace mooring::test {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr seconds kPatience{60};

/// Only needed before the fleet exists: the gateway must have an address for the server's options.
class LateReceiver final : public simulator::PushReceiver {
 public:
  explicit LateReceiver(std::unique_ptr<simulator::Fleet>& fleet) : fleet_(fleet) {}
  Task<simulator::PushOutcome> push(std::string token, std::string magic) override {
    if (!fleet_) co_return simulator::PushOutcome{};
    co_return co_await fleet_->push(std::move(token), std::move(magic));
  }

 private:
  std::unique_ptr<simulator::Fleet>& fleet_;
};

}  // namespace

Installation::Installation() {
  std::string pattern = (fs::temp_directory_path() / "mooring-e2e-XXXXXX").string();
  directory_ = ::mkdtemp(pattern.data());
  fs::permissions(directory_, fs::perms::all);
  receiver_ = std::make_unique<LateReceiver>(fleet_);
  gateway_ = std::make_unique<simulator::PushGateway>(io_.get_executor(), simulator::PushGatewayOptions{},
                                                      *receiver_, clock_);
  const auto started = gateway_->start();
  EXPECT_TRUE(started) << started.error().message;
  std::ofstream(directory_ / "trust.pem") << gateway_->trust();
  std::ofstream(directory_ / "push.pem") << gateway_->issue_certificate(simulator::FleetOptions{}.topic);
  thread_ = std::thread([this] { io_.run(); });
}

Installation::~Installation() {
  if (fleet_) boost::asio::co_spawn(io_, fleet_->stop(), boost::asio::use_future).get();
  boost::asio::co_spawn(io_, gateway_->drain(milliseconds(100)), boost::asio::use_future).get();
  server_.reset();
  work_.reset();
  io_.stop();
  thread_.join();
  fleet_.reset();
  gateway_.reset();
  std::error_code ignored;
  fs::remove_all(directory_, ignored);
}

void Installation::start_server() {
  const auto address = [](const std::string& url) {
    return url.empty() ? std::string("127.0.0.1:0") : url.substr(url.find("//") + 2);
  };
  const bool first = token_.empty();
  app::ServerCommand command{
      .arguments = {"serve", "--device-identity=off", "--device-tls=off",
                    "--data-dir=" + (directory_ / "data").string(), "--device-listen=" + address(device_url_),
                    "--api-listen=" + address(api_url_), "--push-url=" + gateway_->url(),
                    "--push-trust=" + (directory_ / "trust.pem").string(),
                    "--push-cert=" + (directory_ / "push.pem").string(), "--retry-base=200ms",
                    "--push-retry-base=500ms", "--verify-patience=1s", "--inventory-interval=5s",
                    "--reconcile-poll=100ms", "--gauge-interval=200ms", "--log-level=warning"},
      .log_file = directory_ / "server.log",
      .expects_token = first,
      .binary = MOORING_BINARY};
  auto started = app::ServerProcess::start(command, {}, kPatience);
  ASSERT_TRUE(started) << started.error().message;
  server_ = std::move(*started);
  device_url_ = server_->announcement().device_url;
  api_url_ = server_->announcement().api_url;
  if (first) token_ = server_->announcement().token;
}

void Installation::renew_push_certificate() {
  const auto later = SystemClock().now() + std::chrono::hours(24 * 500);
  std::ofstream(directory_ / "push.new")
      << gateway_->issue_certificate(simulator::FleetOptions{}.topic, later);
  fs::rename(directory_ / "push.new", directory_ / "push.pem");
}

void Installation::kill_server() {
  ::kill(server_->pid(), SIGKILL);
  ASSERT_TRUE(wait([&] { return server_->ended().has_value(); }));
  server_.reset();
}

void Installation::start_fleet(std::size_t devices, const simulator::Behaviour& behaviour) {
  simulator::FleetOptions options{
      .devices = devices, .seed = 11, .server_url = device_url_, .behaviour = behaviour};
  options.poll_interval = milliseconds(300);
  options.retry_max = milliseconds(300);
  fleet_ = std::make_unique<simulator::Fleet>(io_.get_executor(), std::move(options), clock_);
  boost::asio::post(io_, [this] { fleet_->start(); });
}

http::Response Installation::request(const std::string& method, const std::string& path,
                                     const std::string& body, const std::string& content_type) {
  http::Request request;
  request.method = method;
  request.target = path;
  request.headers.set("Authorization", "Bearer " + token_);
  if (!body.empty()) request.headers.set("Content-Type", content_type);
  request.body = body;
  auto response = http::fetch(api_url_, std::move(request));
  if (!response) {
    ADD_FAILURE() << method << " " << path << ": " << response.error().message;
    return {.status = 0};
  }
  EXPECT_EQ(response->status / 100, 2) << method << " " << path << ": " << response->body;
  return std::move(*response);
}

std::string Installation::get(const std::string& path) { return request("GET", path, "", "").body; }

std::string Installation::send(const std::string& method, const std::string& path, const std::string& body,
                               const std::string& content_type) {
  return request(method, path, body, content_type).body;
}

std::string Installation::declare(const std::string& name, const std::string& mobileconfig) {
  const auto answer = send("PUT", "/v1/profiles/" + name, mobileconfig, "application/x-apple-aspen-config");
  return nlohmann::json::parse(answer).at("payload_uuid");
}

void Installation::assign(const std::string& name, const std::string& scope) {
  send("POST", "/v1/assignments", nlohmann::json{{"profile", name}, {"scope", scope}}.dump());
}

std::int64_t Installation::drifted_devices() { return sum_over_items("drifted"); }

std::int64_t Installation::verified_devices() { return sum_over_items("verified"); }

std::int64_t Installation::sum_over_items(std::string_view count) {
  std::int64_t sum = 0;
  for (const auto& item : nlohmann::json::parse(get("/v1/drift")).at("items")) {
    sum += item.at(std::string(count)).get<std::int64_t>();
  }
  return sum;
}

bool Installation::wait(const std::function<bool()>& done) {
  const auto begin = std::chrono::steady_clock::now();
  while (!done()) {
    if (std::chrono::steady_clock::now() - begin > kPatience) return false;
    std::this_thread::sleep_for(milliseconds(20));
  }
  return true;
}

}  // namespace mooring::test

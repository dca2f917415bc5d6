// SPDX-License-Identifier: Apache-2.0
// A pusher over the world's database, and a simulated APNs on the same event loop.
#pragma once

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/push.hpp"
#include "core/push_certificates.hpp"
#include "simulator/push_gateway.hpp"
#include "tests/support/push_certificate.hpp"
#include "tests/support/world.hpp"

namespace mooring::test {

/// Counts what arrives; every device is there unless told otherwise.
class CountingReceiver final : public simulator::PushReceiver {
 public:
  Task<simulator::PushOutcome> push(std::string token, std::string magic) override {
    order.push_back(token);
    ++counts[token];
    last_magic = std::move(magic);
    const auto known = outcomes.find(token);
    co_return known == outcomes.end() ? simulator::PushOutcome::delivered : known->second;
  }
  std::vector<std::string> order;
  std::map<std::string, int> counts;
  std::map<std::string, simulator::PushOutcome> outcomes;
  std::string last_magic;
};

class PushTest : public ::testing::Test {
 protected:
  PushTest() { start_gateway({}); }
  ~PushTest() override {
    pusher.reset();
    gateway.reset();
    run_for(std::chrono::milliseconds(20));
  }

  void start_gateway(simulator::PushGatewayOptions options) {
    gateway = std::make_unique<simulator::PushGateway>(io.get_executor(), std::move(options), receiver,
                                                       world.clock);
    const auto started = gateway->start();
    ASSERT_TRUE(started) << started.error().message;
  }
  core::PushOptions options() const {
    return {
        .url = gateway->url(), .trust = gateway->trust(), .certificate_poll = std::chrono::milliseconds(50)};
  }
  void start_pusher(core::PushOptions chosen) {
    pusher = std::make_unique<core::Pusher>(io.get_executor(), std::move(chosen), pool, world.secrets(),
                                            world.clock, world.db.log, world.db.metrics);
  }
  void start_pusher() { start_pusher(options()); }

  /// Uploads what the gateway's portal issues.
  core::StoredPushCertificate upload(const std::string& topic = kPushTopic) {
    return upload_pem(gateway->issue_certificate(topic));
  }
  core::StoredPushCertificate upload_pem(const std::string& pem) {
    const auto bundle = core::read_push_bundle(pem, "", world.clock.now());
    EXPECT_TRUE(bundle) << bundle.error().message;
    return core::put_push_certificate(world.db.connection(), world.secrets(), *bundle, world.clock.now());
  }

  static std::string token_of(std::int64_t id) {
    std::string token = std::to_string(id);
    token.resize(32, '\1');
    return token;
  }
  /// Enrollments 1 to `count`, each with a token of its own.
  void add_enrollments(std::int64_t count, const std::string& topic = kPushTopic) {
    world.db.connection().script(
        "insert into enrollments (enrollment_id, kind, device_id, enabled, topic, push_magic, push_token, "
        "token_updated_at) select 'E' || g || '" +
        topic + "', 0, g, true, '" + topic +
        "', 'magic' || g, rpad(g::text, 32, chr(1))::bytea, timestamptz '2026-01-01' "
        "from generate_series(1, " +
        std::to_string(count) + ") g");
  }
  std::vector<std::int64_t> all_ids() {
    std::vector<std::int64_t> found;
    static constexpr pg::Statement kAll{"test_push_ids", "select id from enrollments order by id"};
    for (const auto row : world.db.connection().exec(kAll)) found.push_back(row.int64(0));
    return found;
  }
  std::vector<core::PushResult> push_many(std::vector<std::int64_t> ids) {
    std::vector<core::PushResult> out;
    bool done = false;
    boost::asio::co_spawn(io, pusher->push_many(std::move(ids)),
                          [&](const std::exception_ptr& error, std::vector<core::PushResult> results) {
                            if (error) std::rethrow_exception(error);
                            out = std::move(results);
                            done = true;
                          });
    EXPECT_TRUE(until([&] { return done; }));
    return out;
  }
  Result<std::string> push_now(std::int64_t id) { return push_many({id}).front().apns_id; }
  std::string push_code(std::int64_t id) {
    const auto pushed = push_now(id);
    return pushed ? "ok" : pushed.error().code;
  }
  double pushes(const std::string& result, const std::string& reason = {}) {
    return world.db.metrics.counter("mooring_pushes_total", "", {{"result", result}, {"reason", reason}})
        .Value();
  }

  bool until(const std::function<bool()>& met) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    io.restart();
    while (!met()) {
      if (std::chrono::steady_clock::now() > end) return false;
      io.run_one_for(std::chrono::milliseconds(10));
    }
    return true;
  }
  void run_for(std::chrono::milliseconds time) {
    io.restart();
    io.run_for(time);
  }

  World world;
  boost::asio::io_context io{1};
  pg::Pool pool{{.connect = world.db.connect_options(), .connections = 2}, world.db.log, world.db.metrics};
  CountingReceiver receiver;
  std::unique_ptr<simulator::PushGateway> gateway;
  std::unique_ptr<core::Pusher> pusher;
};

}  // namespace mooring::test

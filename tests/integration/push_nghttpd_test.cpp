// SPDX-License-Identifier: Apache-2.0
// The pusher against HTTP/2 servers that others wrote, with mutual TLS.
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "tests/integration/push_fixture.hpp"
#include "tests/support/child_process.hpp"
#include "tests/support/nghttpd.hpp"

namespace mooring::core {
namespace {

using namespace std::chrono_literals;

class ForeignPeer : public test::PushTest {
 protected:
  ForeignPeer() {
    std::string pattern = (std::filesystem::temp_directory_path() / "mooring-nghttpd-XXXXXX").string();
    directory = ::mkdtemp(pattern.data());
  }
  ~ForeignPeer() override {
    pusher.reset();
    peer.reset();
    std::filesystem::remove_all(directory);
  }
  void SetUp() override {
    if (!test::Nghttpd::is_installed()) GTEST_SKIP() << "nghttpd is not installed";
    upload_pem(authority.push_certificate(test::kPushTopic, authority.in_a_year()));
  }
  void serve(std::vector<std::string> arguments = {}) {
    peer = std::make_unique<test::Nghttpd>(authority, directory, std::move(arguments));
    ASSERT_TRUE(peer->start());
    auto chosen = options();
    chosen.url = peer->url();
    chosen.trust = authority.root();
    start_pusher(chosen);
  }
  double connections() { return world.db.metrics.counter("mooring_push_connections_total", "").Value(); }

  simulator::PushAuthority authority{world.clock};
  std::filesystem::path directory;
  std::unique_ptr<test::Nghttpd> peer;
};

// covers: mdm.P01
TEST_F(ForeignPeer, TakesThousandsOfPushesOnOneConnection) {
  serve();
  add_enrollments(3000);
  pusher->request(all_ids());
  ASSERT_TRUE(until([&] { return pushes("success") == 3000; }));
  EXPECT_EQ(connections(), 1);
  EXPECT_EQ(pushes("unreachable", "ConnectionLost"), 0);
}

// covers: mdm.P01
TEST_F(ForeignPeer, AllowsOneStreamAtATime) {
  serve({"--max-concurrent-streams=1"});
  add_enrollments(300);
  pusher->request(all_ids());
  ASSERT_TRUE(until([&] { return pushes("success") == 300; }));
  EXPECT_EQ(connections(), 1);
}

// covers: mdm.P01, mdm.P03
TEST_F(ForeignPeer, IsKilledAndComesBackAndNoPushIsLost) {
  serve();
  add_enrollments(2000);
  EXPECT_EQ(push_code(1), "ok");
  peer->stop();
  pusher->request(all_ids());
  ASSERT_TRUE(until([&] { return pushes("unreachable", "Connect") >= 5; }));
  EXPECT_EQ(pushes("success"), 1);
  ASSERT_TRUE(peer->start());
  ASSERT_TRUE(until([&] {
    world.advance(200ms);
    return pushes("success") >= 2001;
  }));
  EXPECT_EQ(pusher->waiting(), 0U);
}

// covers: mdm.P01
TEST_F(ForeignPeer, SendsGoAwayAgainAndAgainAndNoPushIsLostOrDoubled) {
  // nghttpx (Debian's nghttp2-proxy) says GOAWAY after so many requests on a connection; nghttpd never does.
  constexpr const char* kProxy = "/usr/sbin/nghttpx";
  if (::access(kProxy, X_OK) != 0) GTEST_SKIP() << "nghttpx is not installed";
  const test::ScratchDirectory files;
  const auto identity = authority.server("127.0.0.1");
  const auto behind = test::free_port();
  test::ChildProcess server(
      {"nghttpd", "--no-tls", "--address=127.0.0.1", "--echo-upload", std::to_string(behind)},
      files.path() / "server.log");
  ASSERT_TRUE(test::wait_for_port(behind, server));
  const auto port = test::free_port();
  const auto pushes_log = (files.path() / "pushes").string();
  test::ChildProcess proxy(
      {kProxy, "--conf=/dev/null", "--single-process", "--no-ocsp", "--frontend-max-requests=300",
       "--frontend=127.0.0.1," + std::to_string(port),
       "--backend=127.0.0.1," + std::to_string(behind) + ";;proto=h2", "--verify-client",
       "--verify-client-cacert=" + files.write("roots.pem", authority.root()),
       "--accesslog-file=" + pushes_log, "--accesslog-format=$method $path",
       files.write("key.pem", identity.private_key), files.write("chain.pem", identity.certificate_chain)},
      files.path() / "proxy.log");
  ASSERT_TRUE(test::wait_for_port(port, proxy)) << files.read("proxy.log");
  auto chosen = options();
  chosen.url = "https://127.0.0.1:" + std::to_string(port);
  chosen.trust = authority.root();
  start_pusher(chosen);
  add_enrollments(2000);
  pusher->request(all_ids());
  EXPECT_TRUE(until([&] { return pushes("success") >= 2000; })) << files.read("proxy.log");
  EXPECT_GE(connections(), 4);
  EXPECT_EQ(pushes("unreachable", "ConnectionLost"), 0);
  const auto log = files.read("pushes");
  EXPECT_EQ(std::ranges::count(log, '\n'), 2000);
}

}  // namespace
}  // namespace mooring::core

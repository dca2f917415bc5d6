// SPDX-License-Identifier: Apache-2.0
// Ten thousand devices that keep their connections, and one that wants something.
#include <arpa/inet.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <iostream>
#include <string>
#include <vector>

#include "tests/e2e/installation.hpp"

namespace mooring::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr std::size_t kWanted = 10'000;
constexpr std::size_t kSpareFiles = 200;
constexpr std::string_view kRequest = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";

/// A blocking connection that says one request and then nothing.
class IdleClient {
 public:
  explicit IdleClient(std::uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const timeval patience{.tv_sec = 20, .tv_usec = 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = ::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  }
  ~IdleClient() { ::close(fd_); }
  IdleClient(const IdleClient&) = delete;
  IdleClient& operator=(const IdleClient&) = delete;

  bool ask() {
    if (!connected_ || ::send(fd_, kRequest.data(), kRequest.size(), MSG_NOSIGNAL) <= 0) return false;
    std::string answer;
    char bytes[1024];
    while (!answer.contains("\r\n\r\n")) {
      const auto count = ::recv(fd_, bytes, sizeof bytes, 0);
      if (count <= 0) return false;
      answer.append(bytes, static_cast<std::size_t>(count));
    }
    return answer.starts_with("HTTP/1.1 200 ");
  }

 private:
  int fd_;
  bool connected_ = false;
};

std::size_t connections_allowed() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  const std::size_t most = limit.rlim_max > kSpareFiles ? limit.rlim_max - kSpareFiles : 1;
  return std::min(kWanted, most);
}

std::size_t resident_kib(pid_t pid) {
  std::ifstream status(fmt::format("/proc/{}/status", pid));
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmRSS:")) return std::stoul(line.substr(6));
  }
  return 0;
}

TEST(Idle, TenThousandKeptConnectionsDoNotSlowDownTheOneThatAsks) {
  const std::size_t count = connections_allowed();
  if (count < kWanted) {
    std::cout << "The limit of open files allows only " << count << " connections instead of " << kWanted
              << ": raise it (ulimit -Hn) to test all of them.\n";
  }
  Installation mooring;
  mooring.start_server();
  const auto colon = mooring.api_url().rfind(':');
  const auto port = static_cast<std::uint16_t>(std::stoul(mooring.api_url().substr(colon + 1)));
  IdleClient asking(port);
  ASSERT_TRUE(asking.ask());
  const auto before = resident_kib(mooring.server_pid());

  std::vector<std::unique_ptr<IdleClient>> idle;
  for (std::size_t i = 0; i < count; ++i) {
    idle.push_back(std::make_unique<IdleClient>(port));
    ASSERT_TRUE(idle.back()->ask()) << "connection " << i;
  }
  const auto each = (resident_kib(mooring.server_pid()) - before) * 1024 / count;
  EXPECT_LT(each, 32U * 1024) << "bytes of memory for an idle connection";

  std::vector<steady_clock::duration> took;
  for (int i = 0; i < 500; ++i) {
    const auto start = steady_clock::now();
    ASSERT_TRUE(asking.ask());
    took.push_back(steady_clock::now() - start);
  }
  std::ranges::sort(took);
  // The fast ones say what the server needs; the others may have waited for the tests that run beside this
  // one.
  const auto fast = std::chrono::duration_cast<std::chrono::microseconds>(took[took.size() / 10]);
  std::cout << count << " idle connections: " << each << " bytes each, a fast answer takes " << fast.count()
            << " us\n";
  EXPECT_LT(fast, milliseconds(20));
  EXPECT_TRUE(idle.front()->ask()) << "the first one is still there";
  EXPECT_TRUE(idle.back()->ask());
  const std::string gauge = "mooring_http_connections{listener=\"api\"} ";
  const auto metrics = mooring.get("/metrics");
  const auto at = metrics.find(gauge);
  ASSERT_NE(at, std::string::npos);
  EXPECT_GE(std::stod(metrics.substr(at + gauge.size())), static_cast<double>(count));
}

}  // namespace
}  // namespace mooring::test

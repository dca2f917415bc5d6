// SPDX-License-Identifier: Apache-2.0
#include "tests/support/nghttpd.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <fstream>
#include <thread>

namespace mooring::test {
namespace {

constexpr const char* kProgram = "/usr/sbin/nghttpd";
constexpr std::chrono::seconds kPatience{10};

sockaddr_in local_address(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

std::uint16_t free_port() {
  const int probe = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  auto address = local_address(0);
  socklen_t size = sizeof address;
  ::bind(probe, reinterpret_cast<sockaddr*>(&address), sizeof address);
  ::getsockname(probe, reinterpret_cast<sockaddr*>(&address), &size);
  ::close(probe);
  return ntohs(address.sin_port);
}

bool listens(std::uint16_t port) {
  const int probe = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const auto address = local_address(port);
  const bool connected = ::connect(probe, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  ::close(probe);
  return connected;
}

}  // namespace

Nghttpd::Nghttpd(const simulator::PushAuthority& authority, std::filesystem::path directory,
                 std::vector<std::string> arguments)
    : directory_(std::move(directory)), arguments_(std::move(arguments)), port_(free_port()) {
  const auto identity = authority.server("127.0.0.1");
  std::ofstream(directory_ / "nghttpd.key") << identity.private_key;
  std::ofstream(directory_ / "nghttpd.pem") << identity.certificate_chain;
}

Nghttpd::~Nghttpd() { stop(); }

bool Nghttpd::is_installed() { return ::access(kProgram, X_OK) == 0; }

bool Nghttpd::start() {
  std::vector<std::string> line{kProgram, "--address=127.0.0.1", "--verify-client", "--echo-upload"};
  line.insert(line.end(), arguments_.begin(), arguments_.end());
  line.insert(line.end(), {std::to_string(port_), directory_ / "nghttpd.key", directory_ / "nghttpd.pem"});
  std::vector<char*> argv;
  for (auto& part : line) argv.push_back(part.data());
  argv.push_back(nullptr);
  pid_ = ::fork();
  if (pid_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    const int nowhere = ::open("/dev/null", O_RDWR);
    for (const int stream : {0, 1, 2}) ::dup2(nowhere, stream);
    ::execv(kProgram, argv.data());
    ::_exit(127);
  }
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (!listens(port_)) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return true;
}

void Nghttpd::stop() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

}  // namespace mooring::test

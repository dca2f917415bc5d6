// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/server_process.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <fstream>
#include <sstream>
#include <vector>

#include "tests/bench/cpu_meter.hpp"
#include "tests/bench/workspace.hpp"

namespace mooring::bench {
namespace {

constexpr int kStartPatienceMs = 60000;

std::uint16_t port_of(const std::string& url) {
  const auto colon = url.find(':', url.find("//"));
  return static_cast<std::uint16_t>(std::stoi(url.substr(colon + 1)));
}

/// What the server says on stdout, up to the line after the token.
std::string read_announcement(int out) {
  std::string text;
  std::array<char, 4096> buffer{};
  while (text.find("API token") == std::string::npos || text.back() != '\n') {
    pollfd wait{out, POLLIN, 0};
    if (::poll(&wait, 1, kStartPatienceMs) <= 0) break;
    const auto got = ::read(out, buffer.data(), buffer.size());
    if (got <= 0) break;
    text.append(buffer.data(), static_cast<std::size_t>(got));
  }
  return text;
}

}  // namespace

ServerProcess::ServerProcess(const std::string& binary, const std::filesystem::path& data_dir,
                             const std::vector<std::string>& options)
    : data_dir_(data_dir) {
  try {
    spawn(binary, options);
  } catch (...) {
    stop();
    throw;
  }
}

void ServerProcess::spawn(const std::string& binary, const std::vector<std::string>& options) {
  std::vector<std::string> command{binary, "serve", "--device-listen=127.0.0.1:0", "--api-listen=127.0.0.1:0",
                                   "--data-dir=" + data_dir_.string()};
  command.insert(command.end(), options.begin(), options.end());
  std::vector<char*> argv;
  for (auto& part : command) argv.push_back(part.data());
  argv.push_back(nullptr);
  const std::string log_file = data_dir_.string() + ".log";
  std::array<int, 2> out{};
  if (::pipe2(out.data(), O_CLOEXEC) != 0) give_up("pipe");
  pid_ = ::fork();
  if (pid_ == 0) {
    const int log = ::open(log_file.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    ::dup2(out[1], STDOUT_FILENO);
    ::dup2(log, STDERR_FILENO);
    ::prctl(PR_SET_PDEATHSIG, SIGTERM);
    ::execv(argv[0], argv.data());
    ::_exit(127);
  }
  ::close(out[1]);
  listen_to(out[0]);
  ::close(out[0]);
  std::ifstream(data_dir_ / "postgres" / "postmaster.pid") >> postmaster_;
  if (device_port_ != 0 && api_port_ != 0 && !token_.empty() && postmaster_ > 0) return;
  std::stringstream log;
  log << std::ifstream(log_file).rdbuf();
  give_up(fmt::format("{} did not start:\n{}", binary, log.str()));
}

void ServerProcess::listen_to(int out) {
  std::istringstream lines(read_announcement(out));
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string first, second, third;
    words >> first >> second >> third;
    if (first == "devices") device_port_ = port_of(second);
    if (first == "API" && second == "token") token_ = third;
    if (first == "API" && second != "token") api_port_ = port_of(second);
  }
}

ServerProcess::~ServerProcess() { stop(); }

void ServerProcess::stop() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGTERM);
  int status = 0;
  ::waitpid(pid_, &status, 0);
  pid_ = -1;
}

std::string ServerProcess::conninfo() const {
  return fmt::format("host={} user=mooring dbname=postgres", (data_dir_ / "run").string());
}

ServerProcess::Cpu ServerProcess::cpu() const { return {process_cpu(pid_), family_cpu(postmaster_)}; }

}  // namespace mooring::bench

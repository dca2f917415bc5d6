// SPDX-License-Identifier: Apache-2.0
#include "app/demo_process.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstring>
#include <fstream>
#include <string_view>

namespace mooring::app {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

constexpr seconds kStopPatience{30};
constexpr milliseconds kLook{100};

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (auto& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

/// The demo's server shall not read options that were meant for another one, such as MOORING_DATABASE_URL.
std::vector<std::string> environment_of_server() {
  std::vector<std::string> kept;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    if (!std::string_view(*variable).starts_with("MOORING_")) kept.emplace_back(*variable);
  }
  return kept;
}

std::string own_binary() {
  std::error_code error;
  const auto path = std::filesystem::read_symlink("/proc/self/exe", error);
  // A binary that was built anew meanwhile has another place than its name says.
  return !error && std::filesystem::exists(path, error) ? path.string() : "/proc/self/exe";
}

/// Everything between fork and exec must be safe in a process with several threads: no allocation.
[[noreturn]] void become_server(const char* binary, char* const* argv, char* const* envp, int out, int log,
                                pid_t parent) {
  ::dup2(out, STDOUT_FILENO);
  ::dup2(log, STDERR_FILENO);
  const int in = ::open("/dev/null", O_RDONLY);
  if (in >= 0) ::dup2(in, STDIN_FILENO);
  ::close_range(STDERR_FILENO + 1, ~0U, 0);  // The fleet's sockets are none of the server's.
  ::setpgid(0, 0);                           // Ctrl-C is for the demo, which then stops its server in order.
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  std::signal(SIGPIPE, SIG_DFL);
  if (::getppid() == parent) ::execve(binary, argv, envp);
  ::_exit(127);
}

std::string last_line_of(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary | std::ios::ate);
  if (!in) return {};
  const auto size = static_cast<std::streamoff>(in.tellg());
  in.seekg(std::max<std::streamoff>(0, size - 2000));
  std::string line;
  std::string last;
  while (std::getline(in, line)) {
    if (!line.empty()) last = line;
  }
  return last;
}

std::string describe_end(int status) {
  if (WIFSIGNALED(status)) return fmt::format("was killed by signal {}", WTERMSIG(status));
  return fmt::format("ended with status {}", WEXITSTATUS(status));
}

std::string value_of(const std::string& output, std::string_view key) {
  std::size_t begin = 0;
  while (begin < output.size()) {
    const auto end = output.find('\n', begin);
    if (end == std::string::npos) return {};
    std::string_view line(output.data() + begin, end - begin);
    begin = end + 1;
    line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
    if (!line.starts_with(key)) continue;
    line.remove_prefix(key.size());
    if (!line.starts_with("  ")) continue;
    line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
    return std::string(line);
  }
  return {};
}

std::string without_suffix(std::string text, std::string_view suffix) {
  if (text.ends_with(suffix)) text.resize(text.size() - suffix.size());
  return text;
}

std::optional<ServerAnnouncement> parse_announcement(const std::string& output, bool expects_token) {
  ServerAnnouncement said{.device_url = without_suffix(value_of(output, "devices"), "/mdm"),
                          .api_url = without_suffix(value_of(output, "API"), "/v1"),
                          .token = value_of(output, "API token")};
  if (said.device_url.empty() || said.api_url.empty() || value_of(output, "data").empty()) return {};
  if (expects_token && said.token.empty()) return {};
  return said;
}

bool wait_until_gone(pid_t pid, milliseconds patience) {
  const int handle = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
  if (handle < 0) return errno == ESRCH;
  pollfd entry{.fd = handle, .events = POLLIN, .revents = 0};
  const bool gone = ::poll(&entry, 1, static_cast<int>(patience.count())) > 0;
  ::close(handle);
  return gone;
}

}  // namespace

Result<std::unique_ptr<ServerProcess>> ServerProcess::start(const ServerCommand& command,
                                                            std::stop_token stop, seconds patience) {
  const std::string binary = command.binary.empty() ? own_binary() : command.binary.string();
  std::vector<std::string> arguments{"mooring"};
  arguments.insert(arguments.end(), command.arguments.begin(), command.arguments.end());
  auto variables = environment_of_server();
  const auto argv = pointers_to(arguments);
  const auto envp = pointers_to(variables);
  std::array<int, 2> pipe{};
  const int log = ::open(command.log_file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (log < 0 || ::pipe2(pipe.data(), O_CLOEXEC) != 0) {
    return fail(Failure::internal, "demo.server_start", std::strerror(errno));
  }
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid == 0) become_server(binary.c_str(), argv.data(), envp.data(), pipe[1], log, parent);
  ::close(pipe[1]);
  ::close(log);
  if (pid < 0) {
    ::close(pipe[0]);
    return fail(Failure::internal, "demo.server_start", "no process could be made for the server");
  }
  std::unique_ptr<ServerProcess> server(new ServerProcess(pid, pipe[0]));
  if (auto ready = server->read_announcement(command, stop, patience); !ready) {
    return std::unexpected(ready.error());
  }
  return server;
}

Result<> ServerProcess::read_announcement(const ServerCommand& command, const std::stop_token& stop,
                                          seconds patience) {
  const auto deadline = steady_clock::now() + patience;
  std::string output;
  while (!stop.stop_requested()) {
    if (steady_clock::now() > deadline) {
      return fail(Failure::timeout, "demo.server_silent",
                  fmt::format("the server did not get ready within {} s; see {}", patience.count(),
                              command.log_file.string()));
    }
    pollfd entry{.fd = output_, .events = POLLIN, .revents = 0};
    if (::poll(&entry, 1, static_cast<int>(kLook.count())) <= 0) continue;
    std::array<char, 4096> chunk{};
    const auto count = ::read(output_, chunk.data(), chunk.size());
    if (count <= 0) {
      wait_until_gone(pid_, kStopPatience);
      return fail(Failure::unavailable, "demo.server_ended",
                  fmt::format("the server {}: {}", ended().value_or("closed its output"),
                              last_line_of(command.log_file)));
    }
    output.append(chunk.data(), static_cast<std::size_t>(count));
    if (auto said = parse_announcement(output, command.expects_token)) {
      announcement_ = std::move(*said);
      return {};
    }
  }
  return fail(Failure::unavailable, "demo.interrupted", "interrupted");
}

ServerProcess::~ServerProcess() {
  stop();
  ::close(output_);
}

std::optional<std::string> ServerProcess::ended() {
  if (end_) return end_;
  int status = 0;
  const auto changed = ::waitpid(pid_, &status, WNOHANG);
  if (changed == pid_) end_ = describe_end(status);
  if (changed < 0 && errno == ECHILD) end_ = "ended";
  return end_;
}

void ServerProcess::stop() {
  if (ended()) return;
  end_process(pid_, kStopPatience);
  int status = 0;
  end_ = ::waitpid(pid_, &status, 0) == pid_ ? describe_end(status) : "ended";
}

void end_process(pid_t pid, seconds patience) {
  ::kill(pid, SIGTERM);
  if (wait_until_gone(pid, patience)) return;
  ::kill(pid, SIGKILL);
  wait_until_gone(pid, patience);
}

bool can_listen(const std::string& address) {
  const auto colon = address.rfind(':');
  if (colon == std::string::npos) return false;
  std::uint16_t port = 0;
  const char* digits = address.c_str() + colon + 1;
  std::from_chars(digits, address.c_str() + address.size(), port);
  boost::system::error_code error;
  const auto host = boost::asio::ip::make_address(address.substr(0, colon), error);
  if (error) return false;
  boost::asio::io_context io;
  boost::asio::ip::tcp::acceptor acceptor(io);
  const boost::asio::ip::tcp::endpoint endpoint(host, port);
  acceptor.open(endpoint.protocol(), error);
  acceptor.set_option(boost::asio::socket_base::reuse_address(true), error);
  acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(1, error);
  return !error;
}

}  // namespace mooring::app

// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/load.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>

#include "tests/bench/workspace.hpp"

namespace mooring::bench {
namespace {

using Steady = std::chrono::steady_clock;
constexpr int kPatienceMs = 30000;

double thread_cpu() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

/// Bytes of a whole answer at the front of `buffer`, or 0 while it is incomplete.
std::size_t read_reply(std::string_view buffer, Reply& reply) {
  const auto end = buffer.find("\r\n\r\n");
  if (end == std::string_view::npos) return 0;
  constexpr std::string_view kLength = "Content-Length: ";
  const auto head = buffer.substr(0, end + 2);
  const auto at = head.find(kLength);
  std::size_t length = 0;
  if (at != std::string_view::npos) {
    const char* digits = head.data() + at + kLength.size();
    std::from_chars(digits, head.data() + head.size(), length);
  }
  if (buffer.size() < end + 4 + length) return 0;
  std::from_chars(head.data() + 9, head.data() + 12, reply.status);  // after "HTTP/1.1 "
  reply.body = buffer.substr(end + 4, length);
  return end + 4 + length;
}

struct Connection {
  int fd = -1;
  bool open = false;  ///< An operation is under way.
  std::string received;
  Steady::time_point sent;
};

class Driver {
 public:
  Driver(std::uint16_t port, std::size_t connections, Scenario& scenario)
      : port_(port), scenario_(scenario), connections_(connections), epoll_(::epoll_create1(EPOLL_CLOEXEC)) {}
  ~Driver() {
    for (const auto& connection : connections_) {
      if (connection.fd >= 0) ::close(connection.fd);
    }
    ::close(epoll_);
  }
  Driver(const Driver&) = delete;
  Driver& operator=(const Driver&) = delete;

  Outcome run() {
    for (std::size_t slot = 0; slot < connections_.size(); ++slot) connect(slot);
    const auto begin = Steady::now();
    const double cpu = thread_cpu();
    for (std::size_t slot = 0; slot < connections_.size(); ++slot) start(slot);
    while (active_ > 0) wait();
    outcome_.seconds = std::chrono::duration<double>(Steady::now() - begin).count();
    outcome_.cpu = thread_cpu() - cpu;
    std::ranges::sort(outcome_.latencies);
    return std::move(outcome_);
  }

 private:
  void connect(std::size_t slot) {
    auto& connection = connections_[slot];
    if (connection.fd >= 0) ::close(connection.fd);
    connection.received.clear();
    connection.fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port_);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(connection.fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
      give_up(fmt::format("cannot connect to port {}", port_));
    }
    const int on = 1;
    ::setsockopt(connection.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    epoll_event event{.events = EPOLLIN, .data = {.u64 = slot}};
    ::epoll_ctl(epoll_, EPOLL_CTL_ADD, connection.fd, &event);
  }

  void start(std::size_t slot) {
    const auto first = scenario_.begin(slot);
    if (!first) return;
    connections_[slot].open = true;
    ++active_;
    send(slot, *first);
  }

  void send(std::size_t slot, std::string_view bytes) {
    auto& connection = connections_[slot];
    connection.sent = Steady::now();
    ++outcome_.requests;
    // Requests are smaller than a socket's buffer: one blocking call takes them whole.
    while (!bytes.empty()) {
      const auto written = ::send(connection.fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (written < 0 && errno != EINTR) return broken(slot);
      if (written > 0) bytes.remove_prefix(static_cast<std::size_t>(written));
    }
  }

  void wait() {
    std::array<epoll_event, 256> events{};
    const int count = ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), kPatienceMs);
    if (count == 0) give_up("no answer for half a minute");
    for (int i = 0; i < count; ++i) receive(events[static_cast<std::size_t>(i)].data.u64);
  }

  void receive(std::size_t slot) {
    auto& connection = connections_[slot];
    std::array<char, 65536> buffer;  // NOLINT(cppcoreguidelines-pro-type-member-init): filled by recv
    const auto got = ::recv(connection.fd, buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got <= 0) return broken(slot);
    connection.received.append(buffer.data(), static_cast<std::size_t>(got));
    Reply reply;
    const auto size = read_reply(connection.received, reply);
    if (size == 0) return;
    outcome_.latencies.push_back(
        std::chrono::duration<double, std::milli>(Steady::now() - connection.sent).count());
    if (reply.status != 200) ++outcome_.errors;
    const auto next = scenario_.next(slot, reply);
    connection.received.erase(0, size);
    if (next) return send(slot, *next);
    ++outcome_.operations;
    finish(slot);
  }

  void broken(std::size_t slot) {
    ++outcome_.errors;
    connect(slot);
    finish(slot);
  }

  void finish(std::size_t slot) {
    if (!connections_[slot].open) return;
    connections_[slot].open = false;
    --active_;
    start(slot);
  }

  std::uint16_t port_;
  Scenario& scenario_;
  std::vector<Connection> connections_;
  int epoll_;
  std::size_t active_ = 0;
  Outcome outcome_;
};

}  // namespace

double Outcome::percentile(double share) const {
  if (latencies.empty()) return 0;
  const auto at = static_cast<std::size_t>(share * static_cast<double>(latencies.size()));
  return latencies[std::min(at, latencies.size() - 1)];
}

Outcome drive(std::uint16_t port, std::size_t connections, Scenario& scenario) {
  return Driver(port, connections, scenario).run();
}

namespace {

std::string request_with_body(std::string_view method, std::string_view path, std::string_view content_type,
                              std::string_view body) {
  return fmt::format(
      "{} {} HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: MDM/1.0\r\nContent-Type: {}\r\nContent-Length: "
      "{}\r\n\r\n{}",
      method, path, content_type, body.size(), body);
}

}  // namespace

std::string put_request(std::string_view path, std::string_view content_type, std::string_view body) {
  return request_with_body("PUT", path, content_type, body);
}

std::string post_request(std::string_view path, std::string_view content_type, std::string_view body) {
  return request_with_body("POST", path, content_type, body);
}

std::string get_request(std::string_view path) {
  return fmt::format("GET {} HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: bench\r\n\r\n", path);
}

}  // namespace mooring::bench

// SPDX-License-Identifier: Apache-2.0
// A server on a thread of its own, and a client that speaks in raw bytes.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_future.hpp>
#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "base/http/server.hpp"

namespace mooring::http::test {

/// The longest a test waits for something that should happen: generous, because nothing waits it out when
/// things are right.
constexpr std::chrono::seconds kPatience{10};

class TestServer {
 public:
  explicit TestServer(std::vector<Route> routes, ServerOptions options = {})
      : log_(LogLevel::debug, LogFormat::logfmt, &log_text_), work_(io_.get_executor()) {
    if (options.name.empty()) options.name = "test";
    server_ = std::make_unique<Server>(io_.get_executor(), options, std::move(routes), log_, metrics_);
    if (auto started = server_->start(); !started) throw std::runtime_error(started.error().message);
    thread_ = std::thread([this] { io_.run(); });
  }
  ~TestServer() {
    if (server_) drain(std::chrono::milliseconds(0)).wait_for(kPatience);
    on_io([this] { destroy(); });
    io_.stop();
    thread_.join();
  }
  TestServer(const TestServer&) = delete;
  TestServer& operator=(const TestServer&) = delete;

  std::future<void> drain(std::chrono::milliseconds grace) {
    return boost::asio::co_spawn(io_, server_->drain(grace), boost::asio::use_future);
  }
  void on_io(const std::function<void()>& what) {
    std::packaged_task<void()> task(what);
    auto done = task.get_future();
    boost::asio::post(io_, [&task] { task(); });
    done.get();
  }
  /// On the io thread, as the server wants it.
  void destroy() { server_.reset(); }
  std::string log_text() {
    std::string copy;
    on_io([&] { copy = log_text_; });
    return copy;
  }
  std::string metrics() const { return metrics_.text(); }
  std::uint16_t port() const { return server_->port(); }
  std::string url() const { return server_->url(); }
  boost::asio::io_context& io() { return io_; }

 private:
  Metrics metrics_;
  std::string log_text_;
  Logger log_;
  boost::asio::io_context io_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  std::unique_ptr<Server> server_;
  std::thread thread_;
};

/// Waits for `condition`, without a fixed sleep that is too short on a slow machine and too long on a fast
/// one.
inline bool eventually(const std::function<bool()>& condition) {
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return true;
}

/// A handler that waits until the test lets it answer.
class HeldHandler {
 public:
  Handler handler() {
    return [this](Request) { return hold(this); };
  }
  /// Waits for a request; completing it with a status answers.
  Completion<int> wait_for_request() { return started_.get_future().get(); }

 private:
  static Task<Response> hold(HeldHandler* self) {
    const auto start = [self](Completion<int> done) { self->started_.set_value(std::move(done)); };
    const int status = co_await suspend<int>(start);
    co_return Response::text(status, "finished");
  }
  std::promise<Completion<int>> started_;
};

/// A blocking connection that sends exactly the bytes it is told.
class RawConnection {
 public:
  explicit RawConnection(std::uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    const timeval patience{.tv_sec = kPatience.count(), .tv_usec = 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
      throw std::runtime_error("cannot connect");
    }
  }
  ~RawConnection() { ::close(fd_); }
  RawConnection(const RawConnection&) = delete;
  RawConnection& operator=(const RawConnection&) = delete;

  /// False where the peer is gone.
  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const auto count = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (count <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(count));
    }
    return true;
  }
  void finish_sending() { ::shutdown(fd_, SHUT_WR); }
  int descriptor() const { return fd_; }

  /// One response: head and as many bytes of body as it announces (none where `head`).
  std::string response(bool head = false) {
    while (buffer_.find("\r\n\r\n") == std::string::npos) {
      if (!fill()) return std::exchange(buffer_, {});
    }
    std::size_t size = buffer_.find("\r\n\r\n") + 4;
    if (const auto at = buffer_.find("Content-Length: "); at < size && !head) {
      size += std::stoul(buffer_.substr(at + 16));
    }
    while (buffer_.size() < size) {
      if (!fill()) break;
    }
    const std::string one = buffer_.substr(0, size);
    buffer_.erase(0, size);
    return one;
  }
  /// Reads until `text` has come; false at the end.
  bool read_until(std::string_view text) {
    while (!buffer_.contains(text)) {
      if (!fill()) return false;
    }
    return true;
  }
  std::string take() { return std::exchange(buffer_, {}); }
  /// Waits for the peer to close; what came before is in `rest`.
  bool closed(std::string* rest = nullptr) {
    while (fill()) {
    }
    if (rest != nullptr) *rest = buffer_;
    return gone_;
  }

 private:
  bool fill() {
    char bytes[4096];
    const auto count = ::recv(fd_, bytes, sizeof bytes, 0);
    gone_ = count == 0 || (count < 0 && errno == ECONNRESET);
    if (count <= 0) return false;
    buffer_.append(bytes, static_cast<std::size_t>(count));
    return true;
  }
  int fd_;
  bool gone_ = false;
  std::string buffer_;
};

}  // namespace mooring::http::test

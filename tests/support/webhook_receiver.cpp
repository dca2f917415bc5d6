// SPDX-License-Identifier: Apache-2.0
#include "tests/support/webhook_receiver.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <stdexcept>

namespace mooring::test {
namespace {

constexpr auto kPatience = std::chrono::seconds(30);

/// Reads one request with Content-Length; false where the connection ended.
bool read_request(int socket, std::string& buffer, Received& request) {
  std::size_t head = std::string::npos;
  std::size_t need = 0;
  while (true) {
    if (head == std::string::npos && (head = buffer.find("\r\n\r\n")) != std::string::npos) {
      std::size_t at = buffer.find("\r\n");
      request.request_line = buffer.substr(0, at);
      while (at < head) {
        const auto begin = at + 2;
        at = buffer.find("\r\n", begin);
        const auto line = buffer.substr(begin, at - begin);
        const auto colon = line.find(':');
        std::string name = line.substr(0, colon);
        std::ranges::transform(name, name.begin(), [](unsigned char c) { return std::tolower(c); });
        request.headers[name] = line.substr(line.find_first_not_of(' ', colon + 1));
      }
      need = head + 4 + std::stoul("0" + request.headers["content-length"]);
    }
    if (head != std::string::npos && buffer.size() >= need) {
      request.body = buffer.substr(head + 4, need - head - 4);
      buffer.erase(0, need);
      return true;
    }
    char piece[65536];
    const auto got = ::recv(socket, piece, sizeof piece, 0);
    if (got <= 0) return false;
    buffer.append(piece, static_cast<std::size_t>(got));
  }
}

}  // namespace

WebhookReceiver::WebhookReceiver(Answer answer, std::uint16_t port) : answer_(std::move(answer)) {
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int yes = 1;
  ::setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), length) != 0 || ::listen(listener_, 64) != 0) {
    throw std::runtime_error("the receiver cannot listen");
  }
  ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length);
  port_ = ntohs(address.sin_port);
  acceptor_ = std::thread([this] { accept(); });
}

WebhookReceiver::~WebhookReceiver() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
    for (const int socket : open_) ::shutdown(socket, SHUT_RDWR);
  }
  ::shutdown(listener_, SHUT_RDWR);
  acceptor_.join();
  ::close(listener_);
  for (auto& thread : threads_) thread.join();
}

std::string WebhookReceiver::url(const std::string& path) const {
  return "http://127.0.0.1:" + std::to_string(port_) + path;
}

std::vector<Received> WebhookReceiver::received() const {
  const std::scoped_lock lock(mutex_);
  return received_;
}

bool WebhookReceiver::wait_for(std::size_t count) const {
  std::unique_lock lock(mutex_);
  return arrived_.wait_for(lock, kPatience, [&] { return received_.size() >= count; });
}

void WebhookReceiver::accept() {
  while (true) {
    const int socket = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (socket < 0) return;
    const std::scoped_lock lock(mutex_);
    if (stopping_) {
      ::close(socket);
      return;
    }
    open_.insert(socket);
    threads_.emplace_back([this, socket] { serve(socket); });
  }
}

void WebhookReceiver::serve(int socket) {
  std::string buffer;
  for (Received request; read_request(socket, buffer, request); request = {}) {
    {
      const std::scoped_lock lock(mutex_);
      received_.push_back(request);
    }
    arrived_.notify_all();
    const int status = answer_ ? answer_(request) : 200;
    const std::string head = "HTTP/1.1 " + std::to_string(status) + " Word\r\nContent-Length: 2\r\n\r\nok";
    if (::send(socket, head.data(), head.size(), MSG_NOSIGNAL) < 0) break;
  }
  const std::scoped_lock lock(mutex_);
  open_.erase(socket);
  ::close(socket);
}

bool eventually(const std::function<bool()>& condition) {
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return true;
}

}  // namespace mooring::test

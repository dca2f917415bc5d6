// SPDX-License-Identifier: Apache-2.0
// Somebody else's web server, on plain sockets and nothing of ours: takes webhooks and remembers them.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace mooring::test {

struct Received {
  std::string request_line;
  std::map<std::string, std::string> headers;  ///< Names in lower case.
  std::string body;
};

class WebhookReceiver {
 public:
  /// Answers with the status that it returns; may block. Called on a thread of the connection.
  using Answer = std::function<int(const Received&)>;
  explicit WebhookReceiver(Answer answer = {}, std::uint16_t port = 0);
  ~WebhookReceiver();
  WebhookReceiver(const WebhookReceiver&) = delete;
  WebhookReceiver& operator=(const WebhookReceiver&) = delete;

  std::uint16_t port() const { return port_; }
  std::string url(const std::string& path = "/hook") const;
  std::vector<Received> received() const;  ///< In the order in which they were read whole.
  /// False where `count` did not come within half a minute.
  bool wait_for(std::size_t count) const;

 private:
  void accept();
  void serve(int socket);

  Answer answer_;
  int listener_ = -1;
  std::uint16_t port_ = 0;
  mutable std::mutex mutex_;
  mutable std::condition_variable arrived_;
  std::vector<Received> received_;
  std::set<int> open_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
  std::thread acceptor_;
};

/// True once `condition` holds; false after half a minute.
bool eventually(const std::function<bool()>& condition);

}  // namespace mooring::test

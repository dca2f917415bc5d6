// SPDX-License-Identifier: Apache-2.0
// One HTTP/2 connection of a server.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/http2/detail/transport.hpp"
#include "base/http2/server.hpp"

struct nghttp2_session;

namespace mooring::http2::detail {

class ServerSession : public std::enable_shared_from_this<ServerSession> {
 public:
  ServerSession(std::shared_ptr<Transport> transport, boost::asio::any_io_executor executor,
                std::shared_ptr<const ServerOptions> options, std::shared_ptr<const http::Handler> handler);
  ~ServerSession();
  ServerSession(const ServerSession&) = delete;
  ServerSession& operator=(const ServerSession&) = delete;

  void start();
  void go_away();
  void set_max_streams(std::uint32_t count);
  void close();
  bool closed() const { return closed_; }

 private:
  friend struct ServerCallbacks;
  struct Stream {
    http::Request request;
    http::Response response;
    std::string status;
    std::size_t body_sent = 0;
    bool taken = false;
  };

  void read();
  void pump();
  void arrived(std::int32_t id);
  void refuse_from(std::int32_t id);
  static Task<> answer(std::shared_ptr<ServerSession> self, std::int32_t id, http::Request request);
  void respond(std::int32_t id, http::Response response);

  std::shared_ptr<Transport> transport_;
  boost::asio::any_io_executor executor_;
  std::shared_ptr<const ServerOptions> options_;
  std::shared_ptr<const http::Handler> handler_;
  std::string peer_certificate_;
  nghttp2_session* session_ = nullptr;
  std::unordered_map<std::int32_t, Stream> streams_;
  std::vector<std::int32_t> arrived_;  ///< Noted inside nghttp2's callbacks.
  std::vector<std::uint8_t> in_;
  std::string out_;
  bool refusing_ = false;
  bool writing_ = false;
  bool pump_posted_ = false;
  bool closed_ = false;
};

}  // namespace mooring::http2::detail

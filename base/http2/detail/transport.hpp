// SPDX-License-Identifier: Apache-2.0
// Bytes to and from a peer, over TCP or TLS: what keeps Asio's streams out of the other sources.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/system/error_code.hpp>

#include "base/async.hpp"
#include "base/result.hpp"

struct ssl_ctx_st;

namespace mooring::http2::detail {

using SslContext = std::shared_ptr<ssl_ctx_st>;

/// At most one read and one write at a time. Completions keep the transport alive.
class Transport {
 public:
  using Moved = std::move_only_function<void(boost::system::error_code, std::size_t)>;

  virtual ~Transport() = default;
  virtual void read(std::span<std::uint8_t> into, Moved done) = 0;
  virtual void write(std::string_view bytes, Moved done) = 0;  ///< All of them.
  virtual void close() = 0;
  virtual std::string peer_certificate() const = 0;  ///< DER; empty without one.
};

struct Address {
  std::string host;
  std::string port;
  bool tls = true;
};

/// Errors as in client.hpp.
Task<Result<std::shared_ptr<Transport>>> dial(Address address, SslContext tls,
                                              std::chrono::milliseconds timeout);
/// The server's half; `tls` null: none. Errors: http2.tls, http2.not_http2.
Task<Result<std::shared_ptr<Transport>>> welcome(boost::asio::ip::tcp::socket socket, SslContext tls,
                                                 std::chrono::milliseconds timeout);

/// What became of a connection, as an Error with the peer's alert in words.
Error lost(const boost::system::error_code& ec, const std::string& peer, const char* code);

}  // namespace mooring::http2::detail

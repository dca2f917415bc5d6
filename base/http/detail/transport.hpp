// SPDX-License-Identifier: Apache-2.0
// The bytes of one connection: plain TCP, or TLS over it.
//
// OpenSSL works right on the non-blocking socket: no operation here waits. Who gets would_block awaits
// `socket().async_wait(wanted())` and tries again. So plain connections pay one branch, deadlines and
// cancellation are those of the socket for both kinds, and there is one coroutine for both, not two
// instantiations of it. (asio::ssl::stream would copy every byte through a BIO pair of 2 x 17 KiB.)
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/result.hpp"

struct ssl_ctx_st;
struct ssl_session_st;
struct ssl_st;

namespace mooring::http::detail {

class Transport {
 public:
  using Socket = boost::asio::ip::tcp::socket;
  using ErrorCode = boost::system::error_code;

  explicit Transport(Socket socket);
  ~Transport();
  Transport(const Transport&) = delete;
  Transport& operator=(const Transport&) = delete;

  Socket& socket() { return socket_; }
  bool is_open() const { return socket_.is_open(); }
  bool is_tls() const { return ssl_ != nullptr; }
  /// What to await after would_block.
  Socket::wait_type wanted() const { return wanted_; }

  /// From here on everything is TLS; `handshake` comes first. A client names the host that the certificate
  /// must be for, and resumes the last session that it had through this object.
  void start_server(ssl_ctx_st* context);
  void start_client(ssl_ctx_st* context, const std::string& host);
  /// would_block, or the outcome. tls_problem() tells why it failed.
  ErrorCode handshake();

  /// At least one byte, or would_block, eof (the peer said that it ends) or another error.
  std::size_t read_some(std::span<char> into, ErrorCode& ec);
  /// Writes from the front of `head`, then of `body`, until all is written or it would block.
  ErrorCode write(std::string_view& head, std::string_view& body);
  /// Moves as much of `body` behind `head` as shares its TLS record and its packet. Nothing where plain:
  /// the kernel gathers there.
  void coalesce(std::string& head, std::string_view& body) const;

  /// True where nothing came that was not read yet.
  bool is_quiet();
  /// Tells the peer that nothing more comes: close_notify, best effort. Nothing where plain: closing says it.
  void say_goodbye();
  /// The same and FIN, for whoever goes on reading.
  void finish_sending();
  void close();

  // After the handshake:
  std::string peer_certificate() const;  ///< DER; empty where none was shown.
  bool resumed() const;
  /// Why TLS failed, as a code and a sentence. For a client this tells an untrusted certificate from an
  /// expired one, and both from a foreign host's.
  Error tls_problem(const std::string& peer) const;
  /// OpenSSL's words for the last failure; empty without one.
  const std::string& tls_reason() const { return reason_; }
  /// The peer speaks plain HTTP to a TLS listener.
  bool peer_spoke_http() const { return spoke_http_; }

 private:
  friend struct TransportBio;
  friend void keep_client_sessions(ssl_ctx_st* context);
  void attach(ssl_ctx_st* context);
  ErrorCode failed(int outcome);

  Socket socket_;
  std::unique_ptr<ssl_st, void (*)(ssl_st*)> ssl_;
  std::unique_ptr<ssl_session_st, void (*)(ssl_session_st*)> session_;  ///< Of a client, to resume.
  Socket::wait_type wanted_ = Socket::wait_read;
  std::string reason_;      ///< OpenSSL's, of what failed last.
  bool exhausted_ = false;  ///< The last read took all there was: the next one would be in vain.
  bool at_end_ = false;
  bool broken_ = false;  ///< A fatal TLS error: no close_notify any more.
  bool spoke_http_ = false;
};

/// Lets connections of `context` remember their sessions.
void keep_client_sessions(ssl_ctx_st* context);

}  // namespace mooring::http::detail

// SPDX-License-Identifier: Apache-2.0
#include "base/http/detail/transport.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/ip/address.hpp>
#include <cerrno>

namespace mooring::http::detail {

namespace asio = boost::asio;

/// A BIO of our own instead of OpenSSL's socket BIO, which writes without MSG_NOSIGNAL (a client that goes
/// away would end the process) and keeps a descriptor that may be another connection's after a close.
struct TransportBio {
  static Transport& of(BIO* bio) { return *static_cast<Transport*>(BIO_get_data(bio)); }

  static int read(BIO* bio, char* into, int size) {
    BIO_clear_retry_flags(bio);
    auto& self = of(bio);
    if (!self.socket_.is_open() || self.at_end_) return -1;
    if (self.exhausted_) {
      BIO_set_retry_read(bio);
      return -1;
    }
    const auto count = ::recv(self.socket_.native_handle(), into, static_cast<std::size_t>(size), 0);
    if (count > 0) {
      self.exhausted_ = count < size;
      return static_cast<int>(count);
    }
    if (count == 0) {
      self.at_end_ = true;
      return 0;
    }
    if (errno == EAGAIN || errno == EINTR) BIO_set_retry_read(bio);
    return -1;
  }

  static int write(BIO* bio, const char* bytes, int size) {
    BIO_clear_retry_flags(bio);
    auto& self = of(bio);
    if (!self.socket_.is_open()) return -1;
    const auto count =
        ::send(self.socket_.native_handle(), bytes, static_cast<std::size_t>(size), MSG_NOSIGNAL);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) BIO_set_retry_write(bio);
    return static_cast<int>(count);
  }

  static long control(BIO* bio, int command, long, void*) {
    if (command == BIO_CTRL_FLUSH) return 1;
    return command == BIO_CTRL_EOF && of(bio).at_end_ ? 1 : 0;
  }

  static BIO_METHOD* method() {
    static BIO_METHOD* const kMethod = [] {
      BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "mooring socket");
      BIO_meth_set_read(made, read);
      BIO_meth_set_write(made, write);
      BIO_meth_set_ctrl(made, control);
      return made;
    }();
    return kMethod;
  }
};

namespace {

/// The most that one TLS record holds.
constexpr std::size_t kRecord = std::size_t{16} * 1024;

std::string text_of(unsigned long error) {
  if (error == 0) return "the peer closed the connection";
  const char* reason = ERR_reason_error_string(error);
  return reason != nullptr ? reason : "error " + std::to_string(error);
}

}  // namespace

Transport::Transport(Socket socket)
    : socket_(std::move(socket)), ssl_(nullptr, &SSL_free), session_(nullptr, &SSL_SESSION_free) {}
Transport::~Transport() = default;

void Transport::attach(SSL_CTX* context) {
  ssl_.reset(SSL_new(context));
  wanted_ = Socket::wait_read;
  exhausted_ = at_end_ = broken_ = spoke_http_ = false;
  reason_.clear();
  BIO* bio = BIO_new(TransportBio::method());
  if (!ssl_ || bio == nullptr) throw std::bad_alloc();
  BIO_set_data(bio, this);
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl_.get(), bio, bio);
  SSL_set_app_data(ssl_.get(), this);
}

void Transport::start_server(SSL_CTX* context) {
  attach(context);
  SSL_set_accept_state(ssl_.get());
}

void Transport::start_client(SSL_CTX* context, const std::string& host) {
  attach(context);
  SSL_set_connect_state(ssl_.get());
  if (session_) {
    SSL_set_session(ssl_.get(), session_.get());
    session_.reset();  // RFC 8446 C.4: a ticket is used once; this connection brings the next.
  }
  ErrorCode not_literal;
  asio::ip::make_address(host, not_literal);
  if (not_literal) {
    SSL_set_tlsext_host_name(ssl_.get(), host.c_str());  // RFC 6066: no address literals here.
    SSL_set_hostflags(ssl_.get(), X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    SSL_set1_host(ssl_.get(), host.c_str());
  } else {
    X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl_.get()), host.c_str());
  }
}

/// What became of an OpenSSL call that did not succeed.
Transport::ErrorCode Transport::failed(int outcome) {
  switch (SSL_get_error(ssl_.get(), outcome)) {
    case SSL_ERROR_WANT_READ:
      wanted_ = Socket::wait_read;
      exhausted_ = false;  // Whoever tries again has waited.
      return asio::error::would_block;
    case SSL_ERROR_WANT_WRITE:
      wanted_ = Socket::wait_write;
      return asio::error::would_block;
    case SSL_ERROR_ZERO_RETURN:
      return asio::error::eof;
    default:
      break;
  }
  const auto error = ERR_peek_error();
  spoke_http_ = ERR_GET_LIB(error) == ERR_LIB_SSL && ERR_GET_REASON(error) == SSL_R_HTTP_REQUEST;
  reason_ = text_of(error);
  broken_ = true;
  return at_end_ ? asio::error::connection_reset : asio::error::connection_aborted;
}

Transport::ErrorCode Transport::handshake() {
  ERR_clear_error();
  const int outcome = SSL_do_handshake(ssl_.get());
  return outcome == 1 ? ErrorCode{} : failed(outcome);
}

std::size_t Transport::read_some(std::span<char> into, ErrorCode& ec) {
  if (!ssl_) {
    wanted_ = Socket::wait_read;
    return socket_.read_some(asio::buffer(into.data(), into.size()), ec);
  }
  if (!socket_.is_open()) {
    ec = asio::error::operation_aborted;
    return 0;
  }
  ERR_clear_error();
  std::size_t count = 0;
  const int outcome = SSL_read_ex(ssl_.get(), into.data(), into.size(), &count);
  ec = outcome == 1 ? ErrorCode{} : failed(outcome);
  return count;
}

Transport::ErrorCode Transport::write(std::string_view& head, std::string_view& body) {
  while (!head.empty() || !body.empty()) {
    if (!ssl_) {
      const std::array<asio::const_buffer, 2> pieces{asio::buffer(head.data(), head.size()),
                                                     asio::buffer(body.data(), body.size())};
      ErrorCode ec;
      const std::size_t count = socket_.write_some(pieces, ec);
      if (ec) {
        wanted_ = Socket::wait_write;
        return ec;
      }
      const std::size_t of_head = std::min(count, head.size());
      head.remove_prefix(of_head);
      body.remove_prefix(count - of_head);
      continue;
    }
    if (!socket_.is_open() || broken_) return asio::error::operation_aborted;
    auto& piece = head.empty() ? body : head;
    ERR_clear_error();
    std::size_t count = 0;
    const int outcome = SSL_write_ex(ssl_.get(), piece.data(), piece.size(), &count);
    if (outcome != 1) return failed(outcome);
    piece.remove_prefix(count);
  }
  return {};
}

void Transport::coalesce(std::string& head, std::string_view& body) const {
  if (!ssl_ || head.size() >= kRecord) return;
  const auto count = std::min(body.size(), kRecord - head.size());
  head.append(body.substr(0, count));
  body.remove_prefix(count);
}

bool Transport::is_quiet() {
  ErrorCode ec;
  return socket_.available(ec) == 0 && (!ssl_ || SSL_has_pending(ssl_.get()) == 0);
}

void Transport::say_goodbye() {
  if (!ssl_ || broken_ || !socket_.is_open() || SSL_is_init_finished(ssl_.get()) != 1) return;
  ERR_clear_error();
  SSL_shutdown(ssl_.get());
}

void Transport::finish_sending() {
  if (!socket_.is_open()) return;
  say_goodbye();
  ErrorCode ignored;
  socket_.shutdown(Socket::shutdown_send, ignored);
}

void Transport::close() {
  ErrorCode ignored;
  socket_.shutdown(Socket::shutdown_both, ignored);
  socket_.close(ignored);
}

std::string Transport::peer_certificate() const {
  std::string der;
  if (!ssl_) return der;
  X509* certificate = SSL_get0_peer_certificate(ssl_.get());
  if (certificate == nullptr) return der;
  const int size = i2d_X509(certificate, nullptr);
  if (size <= 0) return der;
  der.resize(static_cast<std::size_t>(size));
  auto* out = reinterpret_cast<unsigned char*>(der.data());
  i2d_X509(certificate, &out);
  return der;
}

bool Transport::resumed() const { return ssl_ && SSL_session_reused(ssl_.get()) == 1; }

Error Transport::tls_problem(const std::string& peer) const {
  const bool judged = ssl_ && (SSL_get_verify_mode(ssl_.get()) & SSL_VERIFY_PEER) != 0;
  const long verdict = judged ? SSL_get_verify_result(ssl_.get()) : X509_V_OK;
  switch (verdict) {
    case X509_V_OK:
      return {Failure::unavailable, "tls.handshake", "TLS with " + peer + " failed: " + reason_ + "."};
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return {Failure::unavailable, "tls.expired",
              "The certificate of " + peer + ", or of one of its issuers, has expired: it must be renewed."};
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return {Failure::unavailable, "tls.not_yet_valid",
              "The certificate of " + peer + " is not valid yet: check the clocks on both sides."};
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return {Failure::unavailable, "tls.wrong_host",
              "The certificate of " + peer + " is trusted, but issued for other names than this one."};
    default:
      return {Failure::unavailable, "tls.untrusted",
              "The certificate of " + peer +
                  " is not trusted: " + std::string(X509_verify_cert_error_string(verdict)) +
                  ". Add its root to the trusted ones."};
  }
}

void keep_client_sessions(SSL_CTX* context) {
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(context, [](SSL* ssl, SSL_SESSION* session) {
    static_cast<Transport*>(SSL_get_app_data(ssl))->session_.reset(session);
    return 1;  // It is ours now.
  });
}

}  // namespace mooring::http::detail

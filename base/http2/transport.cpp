// SPDX-License-Identifier: Apache-2.0
#include "base/http2/detail/transport.hpp"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

namespace mooring::http2::detail {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

namespace {

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
constexpr int kAlertBase =
    SSL_AD_REASON_OFFSET;  // OpenSSL's reason for a received alert is this and its number

class Plain final : public Transport, public std::enable_shared_from_this<Plain> {
 public:
  explicit Plain(tcp::socket socket) : socket_(std::move(socket)) {}
  void read(std::span<std::uint8_t> into, Moved done) override {
    socket_.async_read_some(asio::buffer(into.data(), into.size()),
                            [self = shared_from_this(), done = std::move(done)](
                                const error_code& ec, std::size_t count) mutable { done(ec, count); });
  }
  void write(std::string_view bytes, Moved done) override {
    asio::async_write(socket_, asio::buffer(bytes.data(), bytes.size()),
                      [self = shared_from_this(), done = std::move(done)](
                          const error_code& ec, std::size_t count) mutable { done(ec, count); });
  }
  void close() override {
    error_code ignored;
    socket_.close(ignored);
  }
  std::string peer_certificate() const override { return {}; }

 private:
  tcp::socket socket_;
};

class Tls final : public Transport, public std::enable_shared_from_this<Tls> {
 public:
  Tls(tcp::socket socket, const SslContext& context)
      : context_(share(context)), stream_(std::move(socket), context_) {}

  asio::ssl::stream<tcp::socket>& stream() { return stream_; }
  SSL* ssl() const { return const_cast<asio::ssl::stream<tcp::socket>&>(stream_).native_handle(); }

  void read(std::span<std::uint8_t> into, Moved done) override {
    stream_.async_read_some(asio::buffer(into.data(), into.size()),
                            [self = shared_from_this(), done = std::move(done)](
                                const error_code& ec, std::size_t count) mutable { done(ec, count); });
  }
  void write(std::string_view bytes, Moved done) override {
    asio::async_write(stream_, asio::buffer(bytes.data(), bytes.size()),
                      [self = shared_from_this(), done = std::move(done)](
                          const error_code& ec, std::size_t count) mutable { done(ec, count); });
  }
  void close() override {
    error_code ignored;
    stream_.next_layer().close(ignored);
  }
  std::string peer_certificate() const override {
    const std::unique_ptr<X509, decltype(&X509_free)> peer(SSL_get1_peer_certificate(ssl()), &X509_free);
    if (!peer) return {};
    std::string der(static_cast<std::size_t>(i2d_X509(peer.get(), nullptr)), '\0');
    auto* out = reinterpret_cast<unsigned char*>(der.data());
    i2d_X509(peer.get(), &out);
    return der;
  }
  bool speaks_h2() const {
    const unsigned char* chosen = nullptr;
    unsigned int length = 0;
    SSL_get0_alpn_selected(ssl(), &chosen, &length);
    return std::string_view(reinterpret_cast<const char*>(chosen), length) == "h2";
  }

 private:
  static asio::ssl::context share(const SslContext& context) {
    SSL_CTX_up_ref(context.get());
    return asio::ssl::context(context.get());
  }
  asio::ssl::context context_;
  asio::ssl::stream<tcp::socket> stream_;
};

/// The name that the server's certificate must carry, and that it is asked for.
void expect_host(SSL* ssl, const std::string& host) {
  error_code literal;
  asio::ip::make_address(host, literal);
  if (!literal) {
    X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host.c_str());
    return;
  }
  SSL_set_tlsext_host_name(ssl, host.c_str());
  SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  SSL_set1_host(ssl, host.c_str());
}

bool is_about_certificate(int alert) {
  switch (alert) {
    case SSL_AD_BAD_CERTIFICATE:
    case SSL_AD_UNSUPPORTED_CERTIFICATE:
    case SSL_AD_CERTIFICATE_REVOKED:
    case SSL_AD_CERTIFICATE_EXPIRED:
    case SSL_AD_CERTIFICATE_UNKNOWN:
    case SSL_AD_UNKNOWN_CA:
    case SSL_AD_ACCESS_DENIED:
    case TLS13_AD_CERTIFICATE_REQUIRED:
      return true;
    default:
      return false;
  }
}

Error failed_handshake(const error_code& ec, Tls& tls, const std::string& peer) {
  const long verified = SSL_get_verify_result(tls.ssl());
  if (verified != X509_V_OK && SSL_get_verify_mode(tls.ssl()) != SSL_VERIFY_NONE &&
      ec.category() == asio::error::get_ssl_category() &&
      ERR_GET_REASON(static_cast<unsigned long>(ec.value())) == SSL_R_CERTIFICATE_VERIFY_FAILED) {
    return {Failure::unavailable, "http2.server_untrusted",
            fmt::format("the certificate of {} is not trusted: {}", peer,
                        X509_verify_cert_error_string(verified))};
  }
  return lost(ec, peer, "http2.tls");
}

/// Closes what it is given when time is up.
class Limit {
 public:
  Limit(const asio::any_io_executor& executor, std::chrono::milliseconds timeout) : timer_(executor) {
    timer_.expires_after(timeout);
  }
  ~Limit() { state_->finished = true; }
  Limit(const Limit&) = delete;
  Limit& operator=(const Limit&) = delete;

  void start(std::function<void()> close) {
    timer_.async_wait([state = state_, close = std::move(close)](const error_code& ec) {
      if (ec || state->finished) return;
      state->over = true;
      close();
    });
  }
  bool is_over() const { return state_->over; }
  Error error(const std::string& peer) const {
    return {Failure::unavailable, "http2.connect", fmt::format("{} does not answer", peer)};
  }

 private:
  struct State {
    bool over = false;
    bool finished = false;  ///< The timer's handler may be on its way when nobody is left to be limited.
  };
  asio::steady_timer timer_;
  std::shared_ptr<State> state_ = std::make_shared<State>();
};

}  // namespace

Error lost(const error_code& ec, const std::string& peer, const char* code) {
  if (ec.category() == asio::error::get_ssl_category()) {
    const auto reason = ERR_GET_REASON(static_cast<unsigned long>(ec.value()));
    if (reason >= kAlertBase && is_about_certificate(reason - kAlertBase)) {
      return {Failure::unavailable, "http2.certificate_refused",
              fmt::format("{} refuses our certificate: {}", peer, ec.message())};
    }
  }
  const bool ended = !ec || ec == asio::error::eof || ec == asio::ssl::error::stream_truncated;
  return {Failure::unavailable, code,
          fmt::format("{}: {}", peer, ended ? "the connection was closed" : ec.message())};
}

Task<Result<std::shared_ptr<Transport>>> dial(Address address, SslContext tls,
                                              std::chrono::milliseconds timeout) {
  const auto executor = co_await asio::this_coro::executor;
  const std::string peer = address.host + ":" + address.port;
  tcp::resolver resolver(executor);
  auto socket = std::make_shared<tcp::socket>(executor);
  Limit limit(executor, timeout);
  limit.start([&resolver, socket] {
    error_code ignored;
    resolver.cancel();
    socket->close(ignored);
  });
  auto [unresolved, found] = co_await resolver.async_resolve(address.host, address.port, kAwait);
  if (limit.is_over()) co_return std::unexpected(limit.error(peer));
  if (unresolved) co_return std::unexpected(lost(unresolved, peer, "http2.connect"));
  const auto [unconnected, used] = co_await asio::async_connect(*socket, found, kAwait);
  if (limit.is_over()) co_return std::unexpected(limit.error(peer));
  if (unconnected) co_return std::unexpected(lost(unconnected, peer, "http2.connect"));
  error_code ignored;
  socket->set_option(tcp::no_delay(true), ignored);
  if (!address.tls) co_return std::make_shared<Plain>(std::move(*socket));
  const auto stream = std::make_shared<Tls>(std::move(*socket), tls);
  expect_host(stream->ssl(), address.host);
  Limit handshake_limit(executor, timeout);
  handshake_limit.start([stream] { stream->close(); });
  const auto [refused] = co_await stream->stream().async_handshake(asio::ssl::stream_base::client, kAwait);
  if (handshake_limit.is_over()) co_return std::unexpected(handshake_limit.error(peer));
  if (refused) co_return std::unexpected(failed_handshake(refused, *stream, peer));
  if (!stream->speaks_h2()) {
    co_return fail(Failure::unavailable, "http2.not_http2", fmt::format("{} does not speak HTTP/2", peer));
  }
  co_return stream;
}

Task<Result<std::shared_ptr<Transport>>> welcome(tcp::socket socket, SslContext tls,
                                                 std::chrono::milliseconds timeout) {
  const auto executor = co_await asio::this_coro::executor;
  error_code ignored;
  socket.set_option(tcp::no_delay(true), ignored);
  if (!tls) co_return std::make_shared<Plain>(std::move(socket));
  const auto stream = std::make_shared<Tls>(std::move(socket), tls);
  Limit limit(executor, timeout);
  limit.start([stream] { stream->close(); });
  const auto [refused] = co_await stream->stream().async_handshake(asio::ssl::stream_base::server, kAwait);
  if (refused) co_return std::unexpected(failed_handshake(refused, *stream, "the client"));
  if (!stream->speaks_h2()) {
    co_return fail(Failure::unavailable, "http2.not_http2", "the client does not speak HTTP/2");
  }
  co_return stream;
}

}  // namespace mooring::http2::detail

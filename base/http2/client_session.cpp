// SPDX-License-Identifier: Apache-2.0
#include "base/http2/detail/client_session.hpp"

#include <fmt/format.h>

#include <array>
#include <boost/asio/post.hpp>
#include <charconv>

#include "base/http2/detail/nghttp2_glue.hpp"

namespace mooring::http2::detail {

namespace asio = boost::asio;
using boost::system::error_code;
using std::chrono::steady_clock;

namespace {

constexpr std::size_t kReadBuffer = std::size_t{32} * 1024;
constexpr std::size_t kWriteBatch = std::size_t{64} * 1024;
constexpr std::size_t kFarewellShown = 200;

/// RFC 7541 section 7.1.3: what differs in each request would only push the rest out of the table; APNs asks
/// for these to be sent so.
bool is_unique(std::string_view name) { return name == "apns-expiration" || name == "apns-id"; }

}  // namespace

/// nghttp2's callbacks: they take note; what follows from it happens outside.
struct ClientCallbacks {
  static ClientSession& self(void* data) { return *static_cast<ClientSession*>(data); }

  static Exchange* exchange(ClientSession& session, std::int32_t stream) {
    const auto found = session.exchanges_.find(stream);
    return found == session.exchanges_.end() ? nullptr : found->second.get();
  }

  static int on_header(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name,
                       std::size_t name_size, const std::uint8_t* value, std::size_t value_size, std::uint8_t,
                       void* data) {
    auto* found = exchange(self(data), frame->hd.stream_id);
    if (found == nullptr) return 0;
    const auto field_name = view(name, name_size);
    const auto field_value = view(value, value_size);
    if (field_name == ":status") {
      found->response = {};  // What came before was only an announcement (1xx).
      std::from_chars(field_value.data(), field_value.data() + field_value.size(), found->response.status);
    } else if (!field_name.starts_with(':')) {
      found->response.headers.add(std::string(field_name), std::string(field_value));
    }
    return 0;
  }

  static int on_data(nghttp2_session* session, std::uint8_t, std::int32_t stream, const std::uint8_t* bytes,
                     std::size_t size, void* data) {
    auto* found = exchange(self(data), stream);
    if (found == nullptr) return 0;
    if (found->response.body.size() + size > self(data).options_.response_limit) {
      nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, stream, NGHTTP2_ENHANCE_YOUR_CALM);
      return 0;
    }
    found->response.body.append(reinterpret_cast<const char*>(bytes), size);
    return 0;
  }

  static int on_close(nghttp2_session*, std::int32_t stream, std::uint32_t code, void* data) {
    self(data).stream_closed(stream, code);
    return 0;
  }

  static int on_frame(nghttp2_session*, const nghttp2_frame* frame, void* data) {
    auto& session = self(data);
    if (frame->hd.type == NGHTTP2_SETTINGS) {
      session.settled_ = true;
      session.changed_ = true;
    } else if (frame->hd.type == NGHTTP2_GOAWAY) {
      const auto& away = frame->goaway;
      session.going_away(away.error_code, view(away.opaque_data, away.opaque_data_len));
    }
    return 0;
  }

  /// A request that could not go out any more: the connection was being given up meanwhile.
  static int on_not_sent(nghttp2_session*, const nghttp2_frame* frame, int, void* data) {
    if (frame->hd.type == NGHTTP2_HEADERS)
      self(data).stream_closed(frame->hd.stream_id, NGHTTP2_REFUSED_STREAM);
    return 0;
  }

  static ssize_t read_body(nghttp2_session*, std::int32_t, std::uint8_t* to, std::size_t room,
                           std::uint32_t* flags, nghttp2_data_source* source, void*) {
    auto& exchange = *static_cast<Exchange*>(source->ptr);
    return copy_body(exchange.request.body, exchange.body_sent, to, room, flags);
  }

  static nghttp2_session* make(ClientSession& session) {
    const auto callbacks = make_callbacks();
    nghttp2_session_callbacks_set_on_header_callback(callbacks.get(), on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks.get(), on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks.get(), on_close);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks.get(), on_frame);
    nghttp2_session_callbacks_set_on_frame_not_send_callback(callbacks.get(), on_not_sent);
    nghttp2_session* made = nullptr;
    nghttp2_session_client_new(&made, callbacks.get(), &session);
    return made;
  }
};

ClientSession::ClientSession(std::shared_ptr<Transport> transport, const asio::any_io_executor& executor,
                             const ClientOptions& options, std::string authority, std::string scheme,
                             std::weak_ptr<SessionOwner> owner)
    : transport_(std::move(transport)),
      executor_(executor),
      timer_(executor),
      options_(options),
      authority_(std::move(authority)),
      scheme_(std::move(scheme)),
      owner_(std::move(owner)),
      session_(ClientCallbacks::make(*this)),
      in_(kReadBuffer),
      heard_(steady_clock::now()) {}

ClientSession::~ClientSession() { nghttp2_session_del(session_); }

void ClientSession::start() {
  const std::array settings{nghttp2_settings_entry{NGHTTP2_SETTINGS_ENABLE_PUSH, 0}};
  nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings.data(), settings.size());
  read();
  pump();
  watch();
}

std::size_t ClientSession::room() const {
  if (!ready()) return 0;
  const std::size_t allowed = std::min<std::size_t>(
      options_.max_streams,
      nghttp2_session_get_remote_settings(session_, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS));
  return allowed > exchanges_.size() ? allowed - exchanges_.size() : 0;
}

void ClientSession::submit(ExchangePtr exchange) {
  const auto& request = exchange->request;
  std::vector<nghttp2_nv> fields;
  fields.reserve(4 + request.headers.all().size());
  fields.push_back(field(":method", request.method));
  fields.push_back(field(":scheme", scheme_));
  fields.push_back(field(":authority", authority_));
  fields.push_back(field(":path", request.target, NGHTTP2_NV_FLAG_NO_INDEX));
  for (const auto& [name, value] : request.headers.all()) {
    fields.push_back(field(name, value, is_unique(name) ? NGHTTP2_NV_FLAG_NO_INDEX : NGHTTP2_NV_FLAG_NONE));
  }
  nghttp2_data_provider body{.source = {.ptr = exchange.get()}, .read_callback = ClientCallbacks::read_body};
  exchange->body_sent = 0;
  exchange->response = {};
  const auto stream = nghttp2_submit_request(session_, nullptr, fields.data(), fields.size(),
                                             request.body.empty() ? nullptr : &body, nullptr);
  if (stream < 0) {  // Out of stream numbers: this connection has served its time.
    leaving_ = true;
    outcomes_.push_back({std::move(exchange), true, NGHTTP2_REFUSED_STREAM});
  } else {
    exchange->stream = stream;
    exchanges_.emplace(stream, std::move(exchange));
  }
  pump_soon();
}

void ClientSession::cancel(const ExchangePtr& exchange) {
  const auto found = exchanges_.find(exchange->stream);
  if (ended_ || found == exchanges_.end() || found->second != exchange) return;
  nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, exchange->stream, NGHTTP2_CANCEL);
  pump_soon();
}

void ClientSession::stream_closed(std::int32_t stream, std::uint32_t code) {
  const auto found = exchanges_.find(stream);
  if (found == exchanges_.end()) return;
  outcomes_.push_back({std::move(found->second), code == NGHTTP2_REFUSED_STREAM, code});
  exchanges_.erase(found);
  changed_ = true;
}

void ClientSession::going_away(std::uint32_t code, std::string_view debug) {
  leaving_ = true;
  changed_ = true;
  farewell_ = debug.empty() ? std::string(nghttp2_http2_strerror(code))
                            : std::string(debug.substr(0, kFarewellShown));
}

/// Hands over what was noted. Whoever gets it may submit more, or let go of everything.
void ClientSession::deliver() {
  const auto self = shared_from_this();
  const auto owner = owner_.lock();
  const auto outcomes = std::exchange(outcomes_, {});
  const bool changed = std::exchange(changed_, false);
  if (!owner) return;
  for (const auto& outcome : outcomes) {
    auto& exchange = *outcome.exchange;
    exchange.stream = 0;
    if (outcome.refused) {
      owner->refused(outcome.exchange);
    } else if (outcome.code == NGHTTP2_ENHANCE_YOUR_CALM) {
      owner->finished(outcome.exchange,
                      fail(Failure::unavailable, "http2.too_large",
                           fmt::format("the answer of {} is larger than {} bytes, or it asks for calm",
                                       authority_, options_.response_limit)));
    } else if (outcome.code != NGHTTP2_NO_ERROR || exchange.response.status < 200) {
      owner->finished(outcome.exchange, fail(Failure::unavailable, "http2.stream",
                                             fmt::format("{} broke the request off: {}", authority_,
                                                         nghttp2_http2_strerror(outcome.code))));
    } else {
      ++answers_;
      owner->finished(outcome.exchange, std::move(exchange.response));
    }
  }
  if (changed) owner->changed(*this);
}

void ClientSession::read() {
  transport_->read(in_, [self = shared_from_this()](const error_code& ec, std::size_t count) {
    if (self->ended_) return;
    if (ec) return self->end(self->lost_error(ec));
    self->received(count);
  });
}

void ClientSession::received(std::size_t count) {
  heard_ = steady_clock::now();
  pinged_ = false;
  const auto used = nghttp2_session_mem_recv(session_, in_.data(), count);
  deliver();
  if (ended_) return;
  if (used < 0) {
    pump();
    return end({Failure::unavailable, "http2.connection_lost",
                fmt::format("{} does not speak HTTP/2 properly: {}", authority_,
                            nghttp2_strerror(static_cast<int>(used)))});
  }
  pump();
  if (!ended_) read();
}

/// Requests that are made in one turn of the event loop share a write.
void ClientSession::pump_soon() {
  if (writing_ || pump_posted_ || ended_) return;
  pump_posted_ = true;
  asio::post(executor_, [self = shared_from_this()] {
    self->pump_posted_ = false;
    self->pump();
  });
}

void ClientSession::pump() {
  if (writing_ || ended_) return;
  out_.clear();
  const bool sane = take_output(session_, out_, kWriteBatch);
  if (!outcomes_.empty()) deliver();
  if (ended_) return;
  if (!sane) return end({Failure::unavailable, "http2.connection_lost", authority_ + ": broken session"});
  if (out_.empty()) {
    if (leaving_ && exchanges_.empty()) end(lost_error({}));
    return;
  }
  writing_ = true;
  transport_->write(out_, [self = shared_from_this()](const error_code& ec, std::size_t) {
    self->writing_ = false;
    if (self->ended_) return;
    // A peer that closes has mostly said why: the read that is under way tells.
    if (!ec) self->pump();
  });
}

Error ClientSession::lost_error(const error_code& ec) const {
  auto error = lost(ec, authority_, "http2.connection_lost");
  if (!farewell_.empty()) error.message += fmt::format(" (it said: {})", farewell_);
  return error;
}

void ClientSession::watch() {
  timer_.expires_at(pinged_ ? heard_ + options_.ping_after + options_.ping_timeout
                            : heard_ + options_.ping_after);
  timer_.async_wait([weak = weak_from_this(), mine = ++watches_](const error_code& ec) {
    const auto self = weak.lock();
    if (!ec && self && !self->ended_ && self->watches_ == mine) self->silence();
  });
}

void ClientSession::silence() {
  const auto quiet = steady_clock::now() - heard_;
  if (pinged_ && quiet >= options_.ping_after + options_.ping_timeout) {
    return end({Failure::unavailable, "http2.connection_lost",
                fmt::format("{} has been silent for too long, and does not answer PING", authority_)});
  }
  if (!pinged_ && quiet >= options_.ping_after) {
    pinged_ = true;
    nghttp2_submit_ping(session_, NGHTTP2_FLAG_NONE, nullptr);
    pump();
  }
  if (!ended_) watch();
}

void ClientSession::end(Error why) {
  if (ended_) return;
  const auto self = shared_from_this();
  ended_ = true;
  timer_.cancel();
  transport_->close();
  deliver();
  const auto owner = owner_.lock();
  const auto waiting = std::exchange(exchanges_, {});
  if (!owner) return;
  for (const auto& [stream, exchange] : waiting) {
    exchange->stream = 0;
    owner->finished(exchange, std::unexpected(why));
  }
  owner->ended(*this, std::move(why));
}

}  // namespace mooring::http2::detail

// SPDX-License-Identifier: Apache-2.0
#include "base/http2/detail/server_session.hpp"

#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>

#include "base/http2/detail/nghttp2_glue.hpp"

namespace mooring::http2::detail {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

constexpr std::size_t kReadSize = std::size_t{32} * 1024;
constexpr std::size_t kWriteSize = std::size_t{64} * 1024;

}  // namespace

struct ServerCallbacks {
  using Stream = ServerSession::Stream;

  static ServerSession& self(void* data) { return *static_cast<ServerSession*>(data); }

  static int on_begin(nghttp2_session*, const nghttp2_frame* frame, void* data) {
    if (frame->headers.cat == NGHTTP2_HCAT_REQUEST) self(data).streams_[frame->hd.stream_id] = {};
    return 0;
  }

  static int on_header(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name,
                       std::size_t name_size, const std::uint8_t* value, std::size_t value_size, std::uint8_t,
                       void* data) {
    const auto found = self(data).streams_.find(frame->hd.stream_id);
    if (found == self(data).streams_.end()) return 0;
    auto& request = found->second.request;
    const auto field_name = view(name, name_size);
    std::string field_value(view(value, value_size));
    if (field_name == ":method") {
      request.method = std::move(field_value);
    } else if (field_name == ":path") {
      request.target = std::move(field_value);
    } else if (!field_name.starts_with(':')) {
      request.headers.add(std::string(field_name), std::move(field_value));
    }
    return 0;
  }

  static int on_data(nghttp2_session* session, std::uint8_t, std::int32_t stream, const std::uint8_t* bytes,
                     std::size_t size, void* data) {
    const auto found = self(data).streams_.find(stream);
    if (found == self(data).streams_.end()) return 0;
    auto& body = found->second.request.body;
    if (body.size() + size > self(data).options_->body_limit) {
      nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, stream, NGHTTP2_CANCEL);
      return 0;
    }
    body.append(reinterpret_cast<const char*>(bytes), size);
    return 0;
  }

  static int on_frame(nghttp2_session*, const nghttp2_frame* frame, void* data) {
    const bool last = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    if (last && (frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA)) {
      self(data).arrived_.push_back(frame->hd.stream_id);
    }
    return 0;
  }

  static int on_close(nghttp2_session*, std::int32_t stream, std::uint32_t, void* data) {
    self(data).streams_.erase(stream);
    return 0;
  }

  static ssize_t read_body(nghttp2_session*, std::int32_t, std::uint8_t* to, std::size_t room,
                           std::uint32_t* flags, nghttp2_data_source* source, void*) {
    auto& stream = *static_cast<Stream*>(source->ptr);
    return copy_body(stream.response.body, stream.body_sent, to, room, flags);
  }

  static nghttp2_session* make(ServerSession& session) {
    const auto callbacks = make_callbacks();
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks.get(), on_begin);
    nghttp2_session_callbacks_set_on_header_callback(callbacks.get(), on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks.get(), on_data);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks.get(), on_frame);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks.get(), on_close);
    nghttp2_session* made = nullptr;
    nghttp2_session_server_new(&made, callbacks.get(), &session);
    return made;
  }
};

ServerSession::ServerSession(std::shared_ptr<Transport> transport, asio::any_io_executor executor,
                             std::shared_ptr<const ServerOptions> options,
                             std::shared_ptr<const http::Handler> handler)
    : transport_(std::move(transport)),
      executor_(std::move(executor)),
      options_(std::move(options)),
      handler_(std::move(handler)),
      peer_certificate_(transport_->peer_certificate()),
      session_(ServerCallbacks::make(*this)),
      in_(kReadSize) {}

ServerSession::~ServerSession() { nghttp2_session_del(session_); }

void ServerSession::start() {
  set_max_streams(options_->max_streams);
  read();
}

void ServerSession::set_max_streams(std::uint32_t count) {
  if (closed_) return;
  const std::array settings{nghttp2_settings_entry{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, count}};
  nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings.data(), settings.size());
  pump();
}

void ServerSession::go_away() {
  if (closed_) return;
  nghttp2_submit_goaway(session_, NGHTTP2_FLAG_NONE, nghttp2_session_get_last_proc_stream_id(session_),
                        NGHTTP2_NO_ERROR, nullptr, 0);
  pump();
}

void ServerSession::close() {
  if (std::exchange(closed_, true)) return;
  transport_->close();
}

void ServerSession::read() {
  transport_->read(in_, [self = shared_from_this()](const error_code& ec, std::size_t count) {
    if (self->closed_) return;
    if (ec || nghttp2_session_mem_recv(self->session_, self->in_.data(), count) < 0) return self->close();
    for (const auto id : std::exchange(self->arrived_, {})) self->arrived(id);
    self->pump();
    if (!self->closed_) self->read();
  });
}

void ServerSession::arrived(std::int32_t id) {
  const auto found = streams_.find(id);
  if (closed_ || refusing_ || found == streams_.end() || std::exchange(found->second.taken, true)) return;
  auto request = std::move(found->second.request);
  request.peer_certificate = peer_certificate_;
  const auto fate = options_->fate ? options_->fate(request) : Fate::answer;
  if (fate == Fate::cut) return close();
  if (fate == Fate::go_away) return refuse_from(id);
  asio::co_spawn(executor_, answer(shared_from_this(), id, std::move(request)), asio::detached);
}

void ServerSession::refuse_from(std::int32_t id) {
  refusing_ = true;
  nghttp2_submit_goaway(session_, NGHTTP2_FLAG_NONE, std::max(id - 2, 0), NGHTTP2_NO_ERROR, nullptr, 0);
}

Task<> ServerSession::answer(std::shared_ptr<ServerSession> self, std::int32_t id, http::Request request) {
  auto response = co_await (*self->handler_)(std::move(request));
  self->respond(id, std::move(response));
}

void ServerSession::respond(std::int32_t id, http::Response response) {
  const auto found = streams_.find(id);
  if (closed_ || found == streams_.end()) return;
  auto& stream = found->second;
  stream.response = std::move(response);
  stream.status = std::to_string(stream.response.status);
  std::vector<nghttp2_nv> fields{field(":status", stream.status)};
  for (const auto& [name, value] : stream.response.headers.all()) {
    fields.push_back(field(name, value, name == "apns-id" ? NGHTTP2_NV_FLAG_NO_INDEX : NGHTTP2_NV_FLAG_NONE));
  }
  nghttp2_data_provider body{.source = {.ptr = &stream}, .read_callback = ServerCallbacks::read_body};
  nghttp2_submit_response(session_, id, fields.data(), fields.size(),
                          stream.response.body.empty() ? nullptr : &body);
  if (std::exchange(pump_posted_, true)) return;
  asio::post(executor_, [self = shared_from_this()] {
    self->pump_posted_ = false;
    self->pump();
  });
}

void ServerSession::pump() {
  if (writing_ || closed_) return;
  out_.clear();
  if (!take_output(session_, out_, kWriteSize)) return close();
  if (out_.empty()) {
    if (nghttp2_session_want_read(session_) == 0 && nghttp2_session_want_write(session_) == 0) close();
    return;
  }
  writing_ = true;
  transport_->write(out_, [self = shared_from_this()](const error_code& ec, std::size_t) {
    self->writing_ = false;
    if (ec) return self->close();
    self->pump();
  });
}

}  // namespace mooring::http2::detail

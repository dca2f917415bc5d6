// SPDX-License-Identifier: Apache-2.0
// Messages to bytes, and the buffer that bytes arrive in.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/http/message.hpp"

namespace mooring::http::detail {

struct ResponseFrame {
  enum class Body : std::uint8_t { sized, chunked, until_close };
  std::string_view request_id;
  bool close = false;     ///< Adds Connection: close.
  bool http_1_0 = false;  ///< Needs Connection: keep-alive said aloud.
  Body body = Body::sized;
};

/// Status line and fields up to the empty line. Framing fields (Content-Length, Connection, Date, ...) are
/// written here and ignored where a handler set them; line breaks inside values become spaces.
void append_response_head(std::string& out, const Response& response, const ResponseFrame& frame);

/// One chunk of a chunked body. Nothing where `piece` is empty: that would be the last one.
void append_chunk(std::string& out, std::string_view piece);

/// `authority` is used where the request has no Host of its own.
void append_request_head(std::string& out, const Request& request, std::string_view authority);

/// False for what cannot stand in a request line (white space, control characters).
bool is_sane_request_line(const Request& request);

/// RFC 9110 section 15.3.5 and 15.4.5: these never carry a body.
inline bool has_no_body(int status) { return status == 204 || status == 304 || status < 200; }

/// X-Request-Id of a client, where it can go into a log as it is.
bool is_sane_request_id(std::string_view id);
/// Unique for this process and, by a random prefix, very likely beyond it.
std::string make_request_id();

/// Contiguous bytes with a front to consume and a back to fill; grows up to a limit, small while idle.
class ReadBuffer {
 public:
  explicit ReadBuffer(std::size_t limit) : limit_(std::max(limit, kSmall)) {}

  /// Raises the limit.
  void allow(std::size_t limit) { limit_ = std::max(limit_, limit); }

  bool empty() const { return begin_ == end_; }
  std::string_view data() const { return {bytes_.get() + begin_, end_ - begin_}; }
  void consume_to(std::string_view rest) { begin_ = end_ - rest.size(); }
  /// Room for at least one byte; empty once the limit is reached.
  std::span<char> prepare();
  void commit(std::size_t count) {
    end_ += count;
    filled_ = end_ == capacity_;
  }
  /// Between messages: gives large memory back, so that an idle connection stays cheap.
  void shrink();

 private:
  static constexpr std::size_t kSmall = std::size_t{4} * 1024;
  static constexpr std::size_t kKeepAtMost = std::size_t{16} * 1024;
  void move_to(std::size_t capacity);

  std::unique_ptr<char[]> bytes_;
  std::size_t limit_;
  std::size_t capacity_ = 0;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  bool filled_ = false;  ///< The last read took all the room: more is waiting, read it in larger pieces.
};

}  // namespace mooring::http::detail

// SPDX-License-Identifier: Apache-2.0
// Beast's HTTP parser behind a plain interface: bytes in, Request or Response filled in place.
//
// What Beast 1.81 leaves open is closed here: its header limit does not count fields it has already consumed,
// trailers arrive as if they were headers, and a transfer coding it does not know counts as "no body".
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "base/http/message.hpp"

namespace mooring::http::detail {

enum class Step : std::uint8_t {
  need_more,
  header,    ///< The header is complete; the body, if any, is not looked at before the next feed.
  complete,  ///< The message is complete; what is left of the bytes belongs to the next one.
  malformed,
  bad_version,
  bad_coding,  ///< A transfer coding other than chunked.
  header_too_large,
  body_too_large,
  timed_out,  ///< Never from a reader: for those who read for it.
  closed,     ///< As timed_out.
};

class RequestReader {
 public:
  explicit RequestReader(std::size_t header_limit);
  ~RequestReader();
  RequestReader(const RequestReader&) = delete;
  RequestReader& operator=(const RequestReader&) = delete;

  /// Begins the next message. `into` must outlive it.
  void start(Request& into);
  /// Consumes from the front of `bytes`.
  Step feed(std::string_view& bytes);

  // After Step::header:
  bool complete() const;  ///< True at once where there is no body.
  std::optional<std::uint64_t> content_length() const;
  void limit_body(std::uint64_t limit);
  bool keep_alive() const;
  bool is_http_1_0() const;
  bool expects_continue() const;
  bool expects_something_else() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

class ResponseReader {
 public:
  ResponseReader();
  ~ResponseReader();
  ResponseReader(const ResponseReader&) = delete;
  ResponseReader& operator=(const ResponseReader&) = delete;

  /// `without_body`: the answer to HEAD has none whatever its fields say.
  void start(Response& into, bool without_body, std::size_t header_limit,
             std::optional<std::uint64_t> body_limit);
  /// Never answers Step::header: only whole responses matter to a client.
  Step feed(std::string_view& bytes);
  /// The peer closed: complete where the body was to end so, malformed otherwise.
  Step finish();
  bool keep_alive() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace mooring::http::detail

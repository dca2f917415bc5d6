// SPDX-License-Identifier: Apache-2.0
#include "base/http/detail/wire.hpp"

#include <array>
#include <atomic>
#include <charconv>
#include <ctime>
#include <random>

#include "base/encoding.hpp"

namespace mooring::http::detail {
namespace {

void append_number(std::string& out, std::size_t number) {
  std::array<char, 20> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
  out.append(digits.data(), end);
}

/// RFC 9110 section 5.6.7. Formatted once a second and thread; one second of a busy server is 100k requests.
void append_date(std::string& out) {
  thread_local std::time_t formatted_for = -1;
  thread_local std::string text;
  const std::time_t now = std::time(nullptr);
  if (now != formatted_for) {
    std::tm utc{};
    ::gmtime_r(&now, &utc);
    std::array<char, 48> line;
    const auto size = std::strftime(line.data(), line.size(), "Date: %a, %d %b %Y %H:%M:%S GMT\r\n", &utc);
    text.assign(line.data(), size);
    formatted_for = now;
  }
  out += text;
}

bool is_token(std::string_view name) {
  constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
  return !name.empty() && std::ranges::all_of(name, [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           kMarks.find(c) != std::string_view::npos;
  });
}

/// A value that holds a line break would end the field and start another: response splitting.
void append_field(std::string& out, std::string_view name, std::string_view value) {
  if (!is_token(name)) return;
  out += name;
  out += ": ";
  const auto start = out.size();
  out += value;
  std::replace_if(
      out.begin() + static_cast<std::ptrdiff_t>(start), out.end(),
      [](char c) { return c == '\r' || c == '\n' || c == '\0'; }, ' ');
  out += "\r\n";
}

bool is_framing(std::string_view name) {
  switch (name.size()) {
    case 4:
      return equal_ignoring_case(name, "date");
    case 10:
      return equal_ignoring_case(name, "connection") || equal_ignoring_case(name, "keep-alive");
    case 12:
      return equal_ignoring_case(name, "x-request-id");
    case 14:
      return equal_ignoring_case(name, "content-length");
    case 17:
      return equal_ignoring_case(name, "transfer-encoding");
    default:
      return false;
  }
}

}  // namespace

void append_response_head(std::string& out, const Response& response, const ResponseFrame& frame) {
  if (response.status == 200) {
    out += "HTTP/1.1 200 OK\r\n";
  } else {
    out += "HTTP/1.1 ";
    append_number(out, static_cast<std::size_t>(response.status));
    out += ' ';
    out += reason_of(response.status);
    out += "\r\n";
  }
  append_date(out);
  for (const auto& [name, value] : response.headers.all()) {
    if (!is_framing(name)) append_field(out, name, value);
  }
  if (!frame.request_id.empty()) append_field(out, "X-Request-Id", frame.request_id);
  if (frame.close) {
    out += "Connection: close\r\n";
  } else if (frame.http_1_0) {
    out += "Connection: keep-alive\r\n";
  }
  if (frame.body == ResponseFrame::Body::chunked) {
    out += "Transfer-Encoding: chunked\r\n";
  } else if (frame.body == ResponseFrame::Body::sized && !has_no_body(response.status)) {
    out += "Content-Length: ";
    append_number(out, response.body.size());
    out += "\r\n";
  }
  out += "\r\n";
}

void append_chunk(std::string& out, std::string_view piece) {
  if (piece.empty()) return;
  std::array<char, 16> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), piece.size(), 16).ptr;
  out.append(digits.data(), end);
  out += "\r\n";
  out += piece;
  out += "\r\n";
}

void append_request_head(std::string& out, const Request& request, std::string_view authority) {
  out += request.method;
  out += ' ';
  out += request.target;
  out += " HTTP/1.1\r\n";
  if (!request.headers.has("Host")) append_field(out, "Host", authority);
  for (const auto& [name, value] : request.headers.all()) {
    if (!equal_ignoring_case(name, "content-length") && !equal_ignoring_case(name, "transfer-encoding")) {
      append_field(out, name, value);
    }
  }
  const auto& method = request.method;
  if (!request.body.empty() || method == "POST" || method == "PUT" || method == "PATCH") {
    out += "Content-Length: ";
    append_number(out, request.body.size());
    out += "\r\n";
  }
  out += "\r\n";
}

bool is_sane_request_line(const Request& request) {
  return is_token(request.method) && !request.target.empty() &&
         std::ranges::none_of(request.target, [](char c) { return (c >= 0 && c <= ' ') || c == '\x7f'; });
}

bool is_sane_request_id(std::string_view id) {
  return !id.empty() && id.size() <= 64 && std::ranges::all_of(id, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  });
}

std::string make_request_id() {
  static const std::string kPrefix = [] {
    std::random_device random;
    const std::uint32_t bits = random();
    return to_hex({reinterpret_cast<const char*>(&bits), sizeof bits}) + "-";
  }();
  static std::atomic<std::uint64_t> counter{0};
  std::string id = kPrefix;
  append_number(id, counter.fetch_add(1, std::memory_order_relaxed) + 1);
  return id;
}

std::span<char> ReadBuffer::prepare() {
  if (begin_ == end_) begin_ = end_ = 0;
  if (filled_ || capacity_ == 0) {
    move_to(std::min(limit_, std::max(kSmall, capacity_ * 2)));
    filled_ = false;
  } else if (end_ == capacity_) {
    move_to(capacity_);
  }
  return {bytes_.get() + end_, capacity_ - end_};
}

void ReadBuffer::shrink() {
  if (capacity_ <= kKeepAtMost || end_ - begin_ > kSmall) return;
  move_to(kSmall);
}

void ReadBuffer::move_to(std::size_t capacity) {
  const std::size_t size = end_ - begin_;
  if (capacity == capacity_) {
    std::memmove(bytes_.get(), bytes_.get() + begin_, size);
  } else {
    auto larger = std::make_unique_for_overwrite<char[]>(capacity);
    if (size > 0) std::memcpy(larger.get(), bytes_.get() + begin_, size);
    bytes_ = std::move(larger);
    capacity_ = capacity;
  }
  begin_ = 0;
  end_ = size;
}

}  // namespace mooring::http::detail

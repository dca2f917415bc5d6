// SPDX-License-Identifier: Apache-2.0
#include "base/http/detail/parser.hpp"

#include <algorithm>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>
#include <limits>

namespace mooring::http::detail {
namespace {

namespace beast = boost::beast;
namespace bhttp = boost::beast::http;
using beast::error_code;
using beast::string_view;

/// A declared length is a promise by a stranger: memory follows what really arrives.
constexpr std::uint64_t kReserveAtMost = std::uint64_t{1} << 20U;
/// A chunk's size line or the trailers; both must fit the buffer as a whole.
constexpr std::size_t kChunkLineLimit = std::size_t{16} * 1024;

/// What requests and responses have in common: fields and body go straight into our message.
template <bool kIsRequest>
class MessageParser : public bhttp::basic_parser<kIsRequest> {
 public:
  MessageParser(Headers& headers, std::string& body) : headers_(headers), body_(body) {}

  unsigned hosts = 0;
  int minor_version = 1;
  bool foreign_coding = false;
  bool expects_continue = false;
  bool expects_something_else = false;

 protected:
  void on_request_impl(bhttp::verb, string_view, string_view, int, error_code&) override {}
  void on_response_impl(int, string_view, int, error_code&) override {}

  void on_field_impl(bhttp::field field, string_view name, string_view value, error_code&) override {
    if (header_done_) return;  // A trailer must not pass for a header.
    if (field == bhttp::field::host) ++hosts;
    if (field == bhttp::field::transfer_encoding && !beast::iequals(value, "chunked")) foreign_coding = true;
    if (field == bhttp::field::expect) {
      (beast::iequals(value, "100-continue") ? expects_continue : expects_something_else) = true;
    }
    headers_.add(std::string(name), std::string(value));
  }
  void on_header_impl(error_code&) override { header_done_ = true; }

  void on_body_init_impl(const boost::optional<std::uint64_t>& length, error_code&) override {
    if (length) body_.reserve(static_cast<std::size_t>(std::min(*length, kReserveAtMost)));
  }
  std::size_t on_body_impl(string_view piece, error_code&) override {
    body_.append(piece.data(), piece.size());
    return piece.size();
  }
  void on_chunk_header_impl(std::uint64_t, string_view, error_code&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, string_view piece, error_code&) override {
    body_.append(piece.data(), piece.size());
    return piece.size();
  }
  void on_finish_impl(error_code&) override {}

 private:
  Headers& headers_;
  std::string& body_;
  bool header_done_ = false;
};

class RequestParser final : public MessageParser<true> {
 public:
  explicit RequestParser(Request& into) : MessageParser(into.headers, into.body), into_(into) {}

 private:
  void on_request_impl(bhttp::verb, string_view method, string_view target, int version,
                       error_code&) override {
    into_.method.assign(method.data(), method.size());
    into_.target.assign(target.data(), target.size());
    minor_version = version % 10;
  }
  Request& into_;
};

class ResponseParser final : public MessageParser<false> {
 public:
  explicit ResponseParser(Response& into) : MessageParser(into.headers, into.body), into_(into) {}

 private:
  void on_response_impl(int code, string_view, int version, error_code&) override {
    into_.status = code;
    minor_version = version % 10;
  }
  Response& into_;
};

Step step_of(const error_code& ec) {
  if (ec == bhttp::error::header_limit) return Step::header_too_large;
  if (ec == bhttp::error::body_limit) return Step::body_too_large;
  if (ec == bhttp::error::bad_version) return Step::bad_version;
  return Step::malformed;
}

std::uint32_t clamp_32(std::size_t limit) {
  return static_cast<std::uint32_t>(std::min<std::size_t>(limit, std::numeric_limits<std::uint32_t>::max()));
}

/// One put; `bytes` loses what was consumed. need_more also stands for "fine so far".
template <class Parser>
Step put_some(Parser& parser, std::string_view& bytes) {
  error_code ec;
  const std::size_t used = parser.put(boost::asio::const_buffer(bytes.data(), bytes.size()), ec);
  bytes.remove_prefix(used);
  if (ec && ec != bhttp::error::need_more) return step_of(ec);
  if (parser.is_done()) return Step::complete;
  if (ec && parser.is_header_done() && bytes.size() > kChunkLineLimit) return Step::malformed;
  return Step::need_more;
}

}  // namespace

struct RequestReader::Impl {
  explicit Impl(std::size_t limit) : header_limit(limit) {}

  std::size_t header_limit;
  std::size_t header_bytes = 0;
  std::optional<RequestParser> parser;

  Step feed_header(std::string_view& bytes) {
    // RFC 9112 section 2.2: an empty line before the request line is to be ignored.
    if (!parser->got_some()) {
      while (bytes.starts_with("\r\n")) bytes.remove_prefix(2);
    }
    if (bytes.empty() || bytes == "\r") return Step::need_more;
    const std::size_t before = bytes.size();
    const Step step = put_some(*parser, bytes);
    header_bytes += before - bytes.size();
    const bool done = parser->is_header_done();
    if (header_bytes + (done ? 0 : bytes.size()) > header_limit) return Step::header_too_large;
    if (step != Step::need_more && step != Step::complete) return step;
    return done ? check_header() : Step::need_more;
  }

  Step check_header() const {
    if (parser->hosts > 1 || (parser->hosts == 0 && parser->minor_version > 0)) return Step::malformed;
    if (parser->foreign_coding) return Step::bad_coding;
    if (parser->chunked() && parser->minor_version == 0) return Step::malformed;
    return Step::header;
  }
};

RequestReader::RequestReader(std::size_t header_limit) : impl_(std::make_unique<Impl>(header_limit)) {}
RequestReader::~RequestReader() = default;

void RequestReader::start(Request& into) {
  impl_->header_bytes = 0;
  auto& parser = impl_->parser.emplace(into);
  parser.header_limit(clamp_32(impl_->header_limit));
  parser.body_limit(boost::none);  // Decided by limit_body, once the route is known.
}

Step RequestReader::feed(std::string_view& bytes) {
  if (!impl_->parser->is_header_done()) return impl_->feed_header(bytes);
  while (!bytes.empty()) {
    const std::size_t before = bytes.size();
    const Step step = put_some(*impl_->parser, bytes);
    if (step != Step::need_more || bytes.size() == before) return step;
  }
  return Step::need_more;
}

bool RequestReader::complete() const { return impl_->parser->is_done(); }

std::optional<std::uint64_t> RequestReader::content_length() const {
  const auto length = impl_->parser->content_length();
  return length ? std::optional<std::uint64_t>(*length) : std::nullopt;
}

void RequestReader::limit_body(std::uint64_t limit) { impl_->parser->body_limit(limit); }
bool RequestReader::keep_alive() const { return impl_->parser->keep_alive(); }
bool RequestReader::is_http_1_0() const { return impl_->parser->minor_version == 0; }
bool RequestReader::expects_continue() const {
  return impl_->parser->expects_continue && impl_->parser->minor_version > 0;
}
bool RequestReader::expects_something_else() const { return impl_->parser->expects_something_else; }

struct ResponseReader::Impl {
  std::optional<ResponseParser> parser;
  std::size_t header_limit = 0;
  std::size_t header_bytes = 0;
};

ResponseReader::ResponseReader() : impl_(std::make_unique<Impl>()) {}
ResponseReader::~ResponseReader() = default;

void ResponseReader::start(Response& into, bool without_body, std::size_t header_limit,
                           std::optional<std::uint64_t> body_limit) {
  auto& parser = impl_->parser.emplace(into);
  impl_->header_limit = header_limit;
  impl_->header_bytes = 0;
  parser.header_limit(clamp_32(header_limit));
  parser.body_limit(body_limit ? boost::optional<std::uint64_t>(*body_limit) : boost::none);
  parser.skip(without_body);
}

Step ResponseReader::feed(std::string_view& bytes) {
  while (!bytes.empty()) {
    const std::size_t before = bytes.size();
    const bool in_header = !impl_->parser->is_header_done();
    const Step step = put_some(*impl_->parser, bytes);
    if (in_header) {
      impl_->header_bytes += before - bytes.size();
      const bool done = impl_->parser->is_header_done();
      if (impl_->header_bytes + (done ? 0 : bytes.size()) > impl_->header_limit) {
        return Step::header_too_large;
      }
    }
    if (step != Step::need_more) return step;
    if (bytes.size() == before) return step;
  }
  return Step::need_more;
}

Step ResponseReader::finish() {
  auto& parser = *impl_->parser;
  if (!parser.got_some()) return Step::malformed;
  if (parser.is_done()) return Step::complete;
  error_code ec;
  parser.put_eof(ec);
  return ec ? Step::malformed : Step::complete;
}

bool ResponseReader::keep_alive() const { return impl_->parser->keep_alive(); }

}  // namespace mooring::http::detail

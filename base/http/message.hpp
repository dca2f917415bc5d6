// SPDX-License-Identifier: Apache-2.0
// Plain HTTP messages: what handlers, the client and the server exchange. No Beast in sight.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/async.hpp"
#include "base/result.hpp"

namespace mooring::http {

/// Field names compare without case (RFC 9110 section 5.1); order is kept.
class Headers {
 public:
  std::string_view get(std::string_view name) const;  ///< Empty where absent; the first where repeated.
  bool has(std::string_view name) const;
  void set(std::string_view name, std::string value);  ///< Replaces all of that name.
  void add(std::string name, std::string value);
  const std::vector<std::pair<std::string, std::string>>& all() const { return fields_; }

 private:
  std::vector<std::pair<std::string, std::string>> fields_;
};

struct Request {
  std::string method = "GET";  ///< Upper case, as sent.
  std::string target = "/";    ///< As sent: path and query.
  Headers headers;
  std::string body;

  // Filled in by the server:
  std::string id;                ///< X-Request-Id of the client where it is sane, otherwise made here.
  std::string remote_address;    ///< Without port.
  std::string peer_certificate;  ///< DER of the TLS client certificate, not judged; empty without one.
  std::string actor;             ///< Who asks, where a handler in front has found that out: "token:NAME".
  std::vector<std::pair<std::string, std::string>> params;  ///< From the route pattern, percent-decoded.

  /// Target up to '?', not decoded; scheme and host of an absolute target are left out.
  std::string_view path() const;
  std::string_view query() const;  ///< Target after '?', not decoded.
  /// First value of a query parameter, decoded; nullopt where absent. A broken escape is left as sent.
  std::optional<std::string> query_param(std::string_view name) const;
  std::string_view param(std::string_view name) const;  ///< Route parameter; empty where unknown.
};

/// Takes the pieces of a body whose end is not known when its head goes out. On the thread of the server.
class BodyWriter {
 public:
  virtual ~BodyWriter() = default;
  /// Sends `piece` at once; returns when the system has taken it, so that a slow reader slows its writer and
  /// one that does not read at all is cut off by the server's write timeout. False when the client is gone or
  /// the server drains (then this piece still went out): end the body.
  virtual Task<bool> write(std::string piece) = 0;
  /// Waits for `wake_after` or until the client is gone or the server drains (false, at once).
  virtual Task<bool> wait(std::chrono::milliseconds wake_after) = 0;
};

struct Response {
  int status = 200;
  Headers headers;
  std::string body;
  /// Where set, `body` is left out and this writes the body (chunked; until close for HTTP/1.0). Not called
  /// for HEAD. An exception that leaves it cuts the connection, so that the client sees a broken body.
  std::function<Task<void>(BodyWriter&)> stream = nullptr;

  static Response text(int status, std::string body,
                       std::string_view content_type = "text/plain; charset=utf-8");
};

/// The one mapper from failure to status.
int status_of(Failure failure);
/// An RFC 9457 problem document: {"type","title","status","code","detail","request_id"}.
/// 503 carries Retry-After.
Response problem(const Error& error, std::string_view request_id = {});
/// The same where a status says more than the failure does (405, 412, 428, 429 ...).
Response problem(int status, const Error& error, std::string_view request_id = {});
std::string_view reason_of(int status);

}  // namespace mooring::http

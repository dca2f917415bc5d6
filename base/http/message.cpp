// SPDX-License-Identifier: Apache-2.0
#include "base/http/message.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/encoding.hpp"

namespace mooring::http {

std::string_view Headers::get(std::string_view name) const {
  for (const auto& [key, value] : fields_) {
    if (key.size() == name.size() && equal_ignoring_case(key, name)) return value;
  }
  return {};
}

bool Headers::has(std::string_view name) const {
  return std::ranges::any_of(fields_,
                             [name](const auto& field) { return equal_ignoring_case(field.first, name); });
}

void Headers::set(std::string_view name, std::string value) {
  const auto same = [name](const auto& field) { return equal_ignoring_case(field.first, name); };
  const auto first = std::ranges::find_if(fields_, same);
  if (first == fields_.end()) {
    fields_.emplace_back(std::string(name), std::move(value));
    return;
  }
  first->second = std::move(value);
  fields_.erase(std::remove_if(first + 1, fields_.end(), same), fields_.end());
}

void Headers::add(std::string name, std::string value) {
  if (fields_.empty()) fields_.reserve(8);
  fields_.emplace_back(std::move(name), std::move(value));
}

std::string_view Request::path() const {
  std::string_view path = target;
  if (!path.starts_with('/')) {
    const auto scheme = path.find("://");
    if (scheme == std::string_view::npos) return path.substr(0, path.find('?'));
    const auto slash = path.find_first_of("/?", scheme + 3);
    if (slash == std::string_view::npos || path[slash] == '?') return "/";
    path.remove_prefix(slash);
  }
  return path.substr(0, path.find('?'));
}

std::string_view Request::query() const {
  const auto mark = target.find('?');
  return mark == std::string::npos ? std::string_view{} : std::string_view(target).substr(mark + 1);
}

std::optional<std::string> Request::query_param(std::string_view name) const {
  std::string_view rest = query();
  while (!rest.empty()) {
    const auto end = rest.find('&');
    const std::string_view pair = rest.substr(0, end);
    rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
    const auto equals = pair.find('=');
    const std::string_view key = pair.substr(0, equals);
    if (percent_decode(key, true).value_or(std::string(key)) != name) continue;
    const std::string_view value =
        equals == std::string_view::npos ? std::string_view{} : pair.substr(equals + 1);
    return percent_decode(value, true).value_or(std::string(value));
  }
  return std::nullopt;
}

std::string_view Request::param(std::string_view name) const {
  for (const auto& [key, value] : params) {
    if (key == name) return value;
  }
  return {};
}

Response Response::text(int status, std::string body, std::string_view content_type) {
  Response response;
  response.status = status;
  response.headers.add("Content-Type", std::string(content_type));
  response.body = std::move(body);
  return response;
}

int status_of(Failure failure) {
  switch (failure) {
    case Failure::invalid:
      return 400;
    case Failure::not_found:
      return 404;
    case Failure::conflict:
      return 409;
    case Failure::too_large:
      return 413;
    case Failure::unsupported:
      return 415;
    case Failure::unauthorized:
      return 401;
    case Failure::forbidden:
      return 403;
    case Failure::busy:
    case Failure::unavailable:
      return 503;
    case Failure::timeout:
      return 504;
    case Failure::internal:
      break;
  }
  return 500;
}

Response problem(const Error& error, std::string_view request_id) {
  return problem(status_of(error.failure), error, request_id);
}

Response problem(int status, const Error& error, std::string_view request_id) {
  nlohmann::ordered_json document{{"type", "about:blank"},
                                  {"title", reason_of(status)},
                                  {"status", status},
                                  {"code", error.code},
                                  {"detail", error.message}};
  if (!request_id.empty()) document["request_id"] = request_id;
  // A message may quote foreign bytes: never throw on them.
  auto body = document.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  Response response = Response::text(status, std::move(body), "application/problem+json");
  // Busy passes with the queue in front; something unavailable takes longer.
  if (status == 503) response.headers.add("Retry-After", error.failure == Failure::busy ? "1" : "5");
  return response;
}

std::string_view reason_of(int status) {
  switch (status) {
    case 100:
      return "Continue";
    case 101:
      return "Switching Protocols";
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 204:
      return "No Content";
    case 206:
      return "Partial Content";
    case 207:
      return "Multi-Status";
    case 301:
      return "Moved Permanently";
    case 302:
      return "Found";
    case 303:
      return "See Other";
    case 304:
      return "Not Modified";
    case 307:
      return "Temporary Redirect";
    case 308:
      return "Permanent Redirect";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 406:
      return "Not Acceptable";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 410:
      return "Gone";
    case 411:
      return "Length Required";
    case 412:
      return "Precondition Failed";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 415:
      return "Unsupported Media Type";
    case 416:
      return "Range Not Satisfiable";
    case 417:
      return "Expectation Failed";
    case 422:
      return "Unprocessable Content";
    case 428:
      return "Precondition Required";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    case 505:
      return "HTTP Version Not Supported";
    case 507:
      return "Insufficient Storage";
    default:
      return status >= 500 ? "Server Error" : "Status";
  }
}

}  // namespace mooring::http

// SPDX-License-Identifier: Apache-2.0
// What clients write in URLs: numbers, durations, cursors. Pure.
#pragma once

#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/http/message.hpp"
#include "base/result.hpp"

namespace mooring::api::detail {

/// The whole text is a decimal number within the type.
template <class Integer>
std::optional<Integer> parse_number(std::string_view text) {
  Integer number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return number;
}

/// Text that PostgreSQL can hold: UTF-8 without NUL.
bool is_storable(std::string_view text);

/// A query parameter that is_storable; request.bad_parameter otherwise.
Result<std::optional<std::string>> query_text(const http::Request& request, std::string_view name);
/// Every value of a repeatable query parameter.
Result<std::vector<std::string>> query_texts(const http::Request& request, std::string_view name);
/// "true" or "false"; anything else is request.bad_parameter.
Result<std::optional<bool>> query_flag(const http::Request& request, std::string_view name);

/// A span that clients write as "90s", "15m", "6h", "7d": above 0, at most a year. request.bad_parameter.
Result<Duration> parse_span(std::string_view name, std::string_view text);

/// One page of a list: ?limit= and ?cursor=.
struct Page {
  int limit = 100;
  std::string after;  ///< What the cursor holds: the key of the last item of the page before; empty at first.
};
/// `list` names what is listed: a cursor of another list is refused. request.bad_parameter,
/// request.bad_cursor.
Result<Page> page_of(const http::Request& request, std::string_view list);
/// As page_of, where keys are numbers.
struct NumberedPage {
  int limit = 100;
  std::int64_t after = 0;
};
Result<NumberedPage> numbered_page_of(const http::Request& request, std::string_view list);
/// request.bad_cursor, for cursors whose inside does not fit.
std::unexpected<Error> bad_cursor();
std::string make_cursor(std::string_view list, std::string_view key);

/// True where If-Match (RFC 9110 section 13.1.1) holds; `etag` with its quotes, empty where nothing exists.
bool if_match_holds(const http::Request& request, std::string_view etag);

}  // namespace mooring::api::detail

// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "api/detail/text.hpp"
#include "base/encoding.hpp"
#include "base/options.hpp"

namespace mooring::api::detail {
namespace {

constexpr int kLargestPage = 1000;
constexpr auto kLongestSpan = std::chrono::hours(24 * 366);

std::unexpected<Error> bad_parameter(std::string_view name, std::string_view what) {
  return fail(Failure::invalid, "request.bad_parameter", fmt::format("parameter {} {}", name, what));
}

}  // namespace

std::unexpected<Error> bad_cursor() {
  return fail(Failure::invalid, "request.bad_cursor",
              "parameter cursor is not a next_cursor of this list: begin again without it");
}

bool is_storable(std::string_view text) { return text.find('\0') == std::string_view::npos && is_utf8(text); }

Result<std::vector<std::string>> query_texts(const http::Request& request, std::string_view name) {
  std::vector<std::string> values;
  std::string_view rest = request.query();
  while (!rest.empty()) {
    const auto end = rest.find('&');
    const std::string_view pair = rest.substr(0, end);
    rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
    const auto equals = pair.find('=');
    if (percent_decode(pair.substr(0, equals), true) != name) continue;
    const auto raw = equals == std::string_view::npos ? std::string_view{} : pair.substr(equals + 1);
    auto value = percent_decode(raw, true);
    if (!value || !is_storable(*value)) return bad_parameter(name, "is no well-formed text");
    values.push_back(std::move(*value));
  }
  return values;
}

Result<std::optional<std::string>> query_text(const http::Request& request, std::string_view name) {
  auto values = query_texts(request, name);
  if (!values) return std::unexpected(values.error());
  if (values->empty()) return std::nullopt;
  if (values->size() > 1) return bad_parameter(name, "is given more than once");
  return std::move(values->front());
}

Result<std::optional<bool>> query_flag(const http::Request& request, std::string_view name) {
  const auto text = query_text(request, name);
  if (!text) return std::unexpected(text.error());
  if (!*text) return std::nullopt;
  if (**text == "true") return true;
  if (**text == "false") return false;
  return bad_parameter(name, "is neither true nor false");
}

Result<Duration> parse_span(std::string_view name, std::string_view text) {
  const auto span = parse_duration(text);
  if (!span || span->count() <= 0) {
    return bad_parameter(name, "is no span of time: write a number and a unit, as in 90s, 15m, 6h or 7d");
  }
  if (*span > kLongestSpan) return bad_parameter(name, "is longer than a year");
  return Duration(*span);
}

Result<Page> page_of(const http::Request& request, std::string_view list) {
  Page page;
  const auto limit = query_text(request, "limit");
  if (!limit) return std::unexpected(limit.error());
  if (*limit) {
    const auto number = parse_number<int>(**limit);
    if (!number || *number < 1 || *number > kLargestPage) {
      return bad_parameter("limit", fmt::format("is not a number from 1 to {}", kLargestPage));
    }
    page.limit = *number;
  }
  const auto cursor = query_text(request, "cursor");
  if (!cursor) return std::unexpected(cursor.error());
  if (!*cursor) return page;
  const auto decoded = from_base64url(**cursor);
  const std::string prefix = std::string(list) + ":";
  if (!decoded || !decoded->starts_with(prefix) || !is_storable(*decoded)) return bad_cursor();
  page.after = decoded->substr(prefix.size());
  return page;
}

Result<NumberedPage> numbered_page_of(const http::Request& request, std::string_view list) {
  const auto page = page_of(request, list);
  if (!page) return std::unexpected(page.error());
  if (page->after.empty()) return NumberedPage{page->limit, 0};
  const auto after = parse_number<std::int64_t>(page->after);
  if (!after) return bad_cursor();
  return NumberedPage{page->limit, *after};
}

std::string make_cursor(std::string_view list, std::string_view key) {
  return to_base64url(fmt::format("{}:{}", list, key));
}

bool if_match_holds(const http::Request& request, std::string_view etag) {
  std::string_view rest = request.headers.get("If-Match");
  if (rest.empty()) return true;
  if (trim(rest) == "*") return !etag.empty();
  while (!rest.empty()) {
    const auto comma = rest.find(',');
    if (!etag.empty() && trim(rest.substr(0, comma)) == etag) return true;
    rest = comma == std::string_view::npos ? std::string_view{} : rest.substr(comma + 1);
  }
  return false;
}

}  // namespace mooring::api::detail

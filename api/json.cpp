// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>

#include "api/detail/json.hpp"
#include "base/encoding.hpp"

namespace mooring::api::detail {
namespace {

std::string joined(std::initializer_list<std::string_view> words) {
  std::string text;
  for (const auto word : words) text += (text.empty() ? "" : ", ") + std::string(word);
  return text;
}

struct PlistToJson {
  Json operator()(const plist::Data& data) const { return to_base64(data.bytes); }
  Json operator()(const plist::Date& date) const {
    return to_rfc3339(Time{std::chrono::seconds(date.unix_seconds)});
  }
  Json operator()(const plist::Array& array) const {
    auto json = Json::array();
    for (const auto& item : array) json.push_back(json_of(item));
    return json;
  }
  Json operator()(const plist::Dict& dict) const {
    auto json = Json::object();
    for (const auto& [key, value] : dict) json[key] = json_of(value);
    return json;
  }
  template <class Scalar>
  Json operator()(const Scalar& scalar) const {
    return scalar;
  }
};

}  // namespace

http::Response json_response(int status, const Json& body) {
  return http::Response::text(status, body.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n",
                              "application/json");
}

Json page_json(Json items, std::optional<std::string> next_cursor) {
  return {{"items", std::move(items)}, {"next_cursor", json_of(next_cursor)}};
}

Json json_of(const std::optional<Time>& time) { return time ? Json(to_rfc3339(*time)) : Json(); }

Json json_of(const std::optional<std::string>& text) { return text ? Json(*text) : Json(); }

Json stored_json(const std::optional<std::string>& text) {
  if (!text) return {};
  auto parsed = Json::parse(*text, nullptr, false);
  return parsed.is_discarded() ? Json() : parsed;
}

Json json_of(const plist::Value& value) { return std::visit(PlistToJson{}, value.variant()); }

Result<Json> parse_object(const http::Request& request, std::initializer_list<std::string_view> known) {
  auto body = Json::parse(request.body, nullptr, false);
  if (!body.is_object()) {
    return fail(Failure::invalid, "request.malformed", "the body is no JSON object");
  }
  for (const auto& [key, value] : body.items()) {
    if (std::ranges::find(known, std::string_view(key)) == known.end()) {
      return fail(Failure::invalid, "request.unknown_key",
                  fmt::format("\"{}\" is not known here; known are: {}", key, joined(known)));
    }
  }
  return body;
}

Result<std::optional<std::string>> optional_text(const Json& object, std::string_view key) {
  const auto found = object.find(key);
  if (found == object.end() || found->is_null()) return std::nullopt;
  if (found->is_string() && is_storable(found->get_ref<const std::string&>())) {
    return found->get<std::string>();
  }
  return fail(Failure::invalid, "request.wrong_type", fmt::format("\"{}\" has to be a text", key));
}

Result<std::string> required_text(const Json& object, std::string_view key) {
  auto text = optional_text(object, key);
  if (!text) return std::unexpected(text.error());
  if (*text && !(*text)->empty()) return std::move(**text);
  return fail(Failure::invalid, "request.missing_key", fmt::format("\"{}\" is missing", key));
}

}  // namespace mooring::api::detail

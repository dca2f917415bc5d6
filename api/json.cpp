// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <array>

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
    auto& members = json.get_ref<Json::object_t&>();  // a device may send very many keys: no look-ups
    members.reserve(dict.size());
    for (const auto& [key, value] : dict) members.push_back({key, json_of(value)});
    return json;
  }
  template <class Scalar>
  Json operator()(const Scalar& scalar) const {
    return scalar;
  }
};

/// Before parsing: nlohmann's ordered objects copy what is inside them, level by level, while they grow, and
/// look their keys up one by one. Says nothing of whether it is JSON.
Result<> check_shape(std::string_view text) {
  constexpr std::size_t kDeepest =
      60;  // As deep as a property list may be (plist::Limits), and a little less.
  constexpr std::size_t kMostKeys = 10000;
  std::array<std::size_t, kDeepest + 1> keys{};
  std::size_t depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string && c == '\\') ++i;
    if (c == '"') in_string = !in_string;
    if (in_string) continue;
    if (c == '{' || c == '[') {
      if (++depth > kDeepest) {
        return fail(Failure::too_large, "request.too_deep",
                    fmt::format("the body is nested more than {} levels deep", kDeepest));
      }
      keys[depth] = 0;
    }
    if ((c == '}' || c == ']') && depth > 0) --depth;
    if (c == ':' && ++keys[depth] > kMostKeys) {
      return fail(Failure::too_large, "request.too_many_keys",
                  fmt::format("an object of the body has more than {} keys", kMostKeys));
    }
  }
  return {};
}

/// Recursion is bounded by check_shape.
struct JsonToPlist {
  Result<plist::Value> value(const Json& json) const {
    if (json.is_object()) return dict(json);
    if (json.is_array()) return array(json);
    if (json.is_string()) return plist::Value(json.get<std::string>());
    if (json.is_boolean()) return plist::Value(json.get<bool>());
    if (json.is_number_unsigned()) return plist::Value(json.get<std::uint64_t>());
    if (json.is_number_integer()) return plist::Value(json.get<std::int64_t>());
    if (json.is_number_float()) return plist::Value(json.get<double>());
    return fail(Failure::invalid, "request.wrong_type",
                "a property list has no null: leave the element of the list out");
  }
  Result<plist::Value> dict(const Json& json) const {
    std::vector<plist::Dict::Entry> entries;
    for (const auto& [key, member] : json.items()) {
      if (member.is_null()) continue;
      auto made = value(member);
      if (!made) return made;
      entries.emplace_back(key, std::move(*made));
    }
    return plist::Dict::from_entries(std::move(entries));
  }
  Result<plist::Value> array(const Json& json) const {
    plist::Array elements;
    for (const auto& element : json) {
      auto made = value(element);
      if (!made) return made;
      elements.push_back(std::move(*made));
    }
    return elements;
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

Result<Json> parse_object(const http::Request& request) {
  if (const auto checked = check_shape(request.body); !checked) return std::unexpected(checked.error());
  auto body = Json::parse(request.body, nullptr, false);
  if (body.is_object()) return body;
  return fail(Failure::invalid, "request.malformed", "the body is no JSON object");
}

Result<> check_keys(const Json& object, std::initializer_list<std::string_view> known) {
  for (const auto& [key, value] : object.items()) {
    if (std::ranges::find(known, std::string_view(key)) == known.end()) {
      return fail(Failure::invalid, "request.unknown_key",
                  fmt::format("\"{}\" is not known here; known are: {}", key, joined(known)));
    }
  }
  return {};
}

Result<Json> parse_object(const http::Request& request, std::initializer_list<std::string_view> known) {
  auto body = parse_object(request);
  if (!body) return body;
  if (const auto checked = check_keys(*body, known); !checked) return std::unexpected(checked.error());
  return body;
}

Result<plist::Value> plist_of(const Json& value) { return JsonToPlist{}.value(value); }

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

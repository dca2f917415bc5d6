// SPDX-License-Identifier: Apache-2.0
// JSON in and out: helpers that every endpoint shares. Only for .cpp files of this room.
#pragma once

#include <initializer_list>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "api/detail/text.hpp"
#include "base/clock.hpp"
#include "base/http/message.hpp"
#include "base/plist/value.hpp"
#include "base/result.hpp"

namespace mooring::api::detail {

/// Keeps the order of its keys, so that answers read as they were written.
using Json = nlohmann::ordered_json;

http::Response json_response(int status, const Json& body);
/// {"items": [...], "next_cursor": ...|null}
Json page_json(Json items, std::optional<std::string> next_cursor = std::nullopt);

Json json_of(const std::optional<Time>& time);
Json json_of(const std::optional<std::string>& text);
/// Stored JSON; null where absent.
Json stored_json(const std::optional<std::string>& text);
/// Data becomes base64, dates RFC 3339.
Json json_of(const plist::Value& value);

/// A request's body as an object with no other keys than `known`: request.malformed, request.too_deep,
/// request.too_many_keys, request.unknown_key.
Result<Json> parse_object(const http::Request& request, std::initializer_list<std::string_view> known);
/// The same with any keys.
Result<Json> parse_object(const http::Request& request);
/// request.unknown_key where `object` has a key beside `known`.
Result<> check_keys(const Json& object, std::initializer_list<std::string_view> known);
/// JSON as a property list can hold it; a null inside an object counts as absent. Errors: request.wrong_type
/// (a null in a list), request.too_deep.
Result<plist::Value> plist_of(const Json& value);
/// request.missing_key, request.wrong_type.
Result<std::string> required_text(const Json& object, std::string_view key);
Result<std::optional<std::string>> optional_text(const Json& object, std::string_view key);

/// null for an empty text.
inline Json text_or_null(const std::string& text) { return text.empty() ? Json() : Json(text); }

}  // namespace mooring::api::detail

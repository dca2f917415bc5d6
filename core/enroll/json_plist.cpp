// SPDX-License-Identifier: Apache-2.0
#include "core/enroll/detail/json_plist.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/encoding.hpp"
#include "base/plist/plist.hpp"
#include "schema/schema.hpp"

namespace mooring::core::enroll::detail {
namespace {

constexpr int kJsonDepth = 32;

/// Also NUL, which no property list can carry.
bool has_control_character(std::string_view text) {
  return std::ranges::any_of(text, [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 && c != '\t' && c != '\n' && c != '\r';
  });
}

class Converter {
 public:
  Result<plist::Value> value(const Json& json, const schema::Key* key, const std::string& path, int depth) {
    if (depth > kJsonDepth) return invalid(path, "is nested too deeply");
    if (json.is_boolean()) return json.get<bool>();
    if (json.is_number_unsigned()) return plist::Value(json.get<std::uint64_t>());
    if (json.is_number_integer()) return plist::Value(json.get<std::int64_t>());
    if (json.is_number()) return plist::Value(json.get<double>());
    if (json.is_string()) return text(json.get_ref<const std::string&>(), key, path);
    if (json.is_array()) return array(json, key, path, depth);
    if (json.is_object()) return object(json, key, path, depth);
    return invalid(path, "is null: leave the key out instead");
  }

  Result<plist::Value> object(const Json& json, const schema::Key* key, const std::string& path, int depth) {
    plist::Dict dict;
    for (const auto& [name, inner] : json.items()) {
      const auto* child = key == nullptr ? nullptr : key->find(name);
      auto converted = value(inner, child, path.empty() ? name : path + "." + name, depth + 1);
      if (!converted) return std::unexpected(converted.error());
      dict.set(name, std::move(*converted));
    }
    return plist::Value(std::move(dict));
  }

 private:
  static Result<plist::Value> text(const std::string& text, const schema::Key* key, const std::string& path) {
    if (key != nullptr && key->type == schema::Type::data) {
      auto bytes = from_base64(text);
      if (!bytes) return invalid(path, "is not base64");
      return plist::Value(plist::Data{std::move(*bytes)});
    }
    if (has_control_character(text)) return invalid(path, "has a control character");
    return plist::Value(text);
  }

  Result<plist::Value> array(const Json& json, const schema::Key* key, const std::string& path, int depth) {
    const auto* child = key == nullptr || key->keys.size() != 1 ? nullptr : &key->keys.front();
    plist::Array elements;
    for (const auto& inner : json) {
      auto converted = value(inner, child, path + "[" + std::to_string(elements.size()) + "]", depth + 1);
      if (!converted) return std::unexpected(converted.error());
      elements.push_back(std::move(*converted));
    }
    return plist::Value(std::move(elements));
  }
};

}  // namespace

std::unexpected<Error> invalid(const std::string& path, const std::string& what) {
  return fail(Failure::invalid, "enrollment_profile.invalid", path + " " + what);
}

Result<plist::Value> to_plist(const Json& json, const schema::Key* key, const std::string& path) {
  return Converter().value(json, key, path, 0);
}

Result<plist::Dict> to_dict(const Json& json, const schema::Key* key, const std::string& path) {
  if (!json.is_object()) return invalid(path, "must be an object");
  auto value = to_plist(json, key, path);
  if (!value) return std::unexpected(value.error());
  return std::move(*value->as<plist::Dict>());
}

Result<plist::Dict> to_payload(const Json& json, const std::string& path) {
  if (json.is_string()) {
    std::string text(trim(json.get_ref<const std::string&>()));
    if (text.starts_with("<dict")) text = "<plist version=\"1.0\">" + text + "</plist>";
    auto dict = plist::parse_dict(text, {.binary = false});
    if (!dict)
      return invalid(path, "is a text, but no property list of a dictionary: " + dict.error().message);
    return dict;
  }
  if (!json.is_object())
    return invalid(path, "must be an object, or a property list of a dictionary as a text");
  const auto type = json.find("PayloadType");
  const auto* known = type == json.end() || !type->is_string()
                          ? nullptr
                          : schema::Schema::apple().payload(type->get_ref<const std::string&>());
  return to_dict(json, known == nullptr ? nullptr : &known->request, path);
}

}  // namespace mooring::core::enroll::detail

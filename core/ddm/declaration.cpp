// SPDX-License-Identifier: Apache-2.0
#include "core/ddm/declaration.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>
#include <vector>

#include "base/crypto/crypto.hpp"
#include "base/encoding.hpp"

namespace mooring::core::ddm {
namespace {

constexpr std::size_t kDeepest = 64;
constexpr std::size_t kLongestIdentifier = 64;  // declarationbase.yaml
constexpr std::size_t kLongestType = 255;

struct KindNames {
  DeclarationKind kind;
  std::string_view name;
  const char* list;  ///< In the manifest.
};
constexpr std::array kKinds{KindNames{DeclarationKind::activation, "activation", "Activations"},
                            KindNames{DeclarationKind::configuration, "configuration", "Configurations"},
                            KindNames{DeclarationKind::asset, "asset", "Assets"},
                            KindNames{DeclarationKind::management, "management", "Management"}};

std::unexpected<Error> bad_declaration(const char* code, std::string message) {
  return fail(Failure::invalid, code, std::move(message));
}

std::optional<DeclarationKind> kind_of_type(std::string_view type) {
  for (const auto& each : kKinds) {
    const std::string prefix = fmt::format("com.apple.{}.", each.name);
    if (type.starts_with(prefix) && type.size() > prefix.size()) return each.kind;
  }
  return std::nullopt;
}

std::string hash_of(std::string_view text) {
  const auto digest = crypto::sha256(text);
  return to_hex(crypto::bytes_of(digest));
}

/// Empty where the key is absent or no text.
std::string text_at(const nlohmann::json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

}  // namespace

std::string_view name_of(DeclarationKind kind) {
  const auto* found = std::ranges::find(kKinds, kind, &KindNames::kind);
  return found == kKinds.end() ? "unknown" : found->name;
}

std::optional<DeclarationKind> declaration_kind_named(std::string_view name) {
  const auto* found = std::ranges::find(kKinds, name, &KindNames::name);
  if (found == kKinds.end()) return std::nullopt;
  return found->kind;
}

Result<Declaration> read_declaration(std::string_view json) {
  if (!is_shallow(json)) return bad_declaration("declaration.malformed", "a declaration nests too deeply");
  const auto object = nlohmann::json::parse(json, nullptr, false);
  if (!object.is_object()) {
    return bad_declaration("declaration.malformed", "a declaration is no JSON object");
  }
  for (const auto& [key, value] : object.items()) {
    static const std::set<std::string> kKeys{"Type", "Identifier", "ServerToken", "Payload"};
    if (!kKeys.contains(key)) {
      return bad_declaration(
          "declaration.malformed",
          fmt::format("a declaration has Type, Identifier and Payload, and no \"{}\"", key));
    }
  }
  Declaration declaration{.type = text_at(object, "Type"), .identifier = text_at(object, "Identifier")};
  const auto kind = kind_of_type(declaration.type);
  if (!kind || declaration.type.size() > kLongestType || declaration.type.contains('\0')) {
    return bad_declaration(
        "declaration.type",
        fmt::format("\"{}\" is no Type of a declaration: it begins with com.apple.activation., "
                    "com.apple.configuration., com.apple.asset. or com.apple.management.",
                    declaration.type));
  }
  declaration.kind = *kind;
  if (declaration.identifier.empty() || declaration.identifier.size() > kLongestIdentifier ||
      declaration.identifier.contains('\0')) {
    return bad_declaration(
        "declaration.identifier",
        fmt::format("the Identifier of a declaration of type {} has to be a text of 1 to 64 bytes",
                    declaration.type));
  }
  if (!object.contains("Payload") || !object["Payload"].is_object()) {
    return bad_declaration("declaration.malformed",
                           fmt::format("declaration {} has no object Payload", declaration.identifier));
  }
  nlohmann::json document{
      {"Type", declaration.type}, {"Identifier", declaration.identifier}, {"Payload", object["Payload"]}};
  declaration.server_token = hash_of(document.dump());
  document["ServerToken"] = declaration.server_token;
  declaration.document = document.dump();
  return declaration;
}

Result<Manifest> make_manifest(std::span<const Declaration> declarations) {
  std::vector<const Declaration*> sorted;
  std::set<std::string_view> identifiers;
  for (const auto& declaration : declarations) {
    if (!identifiers.insert(declaration.identifier).second) {
      return fail(Failure::invalid, "declaration.duplicate",
                  fmt::format("two declarations have the Identifier {}", declaration.identifier));
    }
    sorted.push_back(&declaration);
  }
  std::ranges::sort(sorted, {}, &Declaration::identifier);
  nlohmann::json lists = nlohmann::json::object();
  for (const auto& kind : kKinds) {
    auto& list = lists[kind.list] = nlohmann::json::array();
    for (const auto* each : sorted) {
      if (each->kind != kind.kind) continue;
      list.push_back({{"Identifier", each->identifier}, {"ServerToken", each->server_token}});
    }
  }
  Manifest manifest{.token = hash_of(lists.dump()), .document = {}};
  manifest.document =
      nlohmann::json{{"Declarations", std::move(lists)}, {"DeclarationsToken", manifest.token}}.dump();
  return manifest;
}

std::string tokens_document(std::string_view declarations_token, Time changed_at) {
  std::string timestamp = to_rfc3339(std::chrono::floor<std::chrono::seconds>(changed_at));
  if (const auto dot = timestamp.find('.'); dot != std::string::npos) timestamp.replace(dot, 4, "");
  return nlohmann::json{{"SyncTokens", {{"DeclarationsToken", declarations_token}, {"Timestamp", timestamp}}}}
      .dump();
}

bool is_shallow(std::string_view json) {
  std::size_t depth = 0;
  bool in_text = false;
  for (std::size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (in_text) {
      if (c == '\\') ++i;
      if (c == '"') in_text = false;
    } else if (c == '"') {
      in_text = true;
    } else if (c == '{' || c == '[') {
      if (++depth > kDeepest) return false;
    } else if ((c == '}' || c == ']') && depth > 0) {
      --depth;
    }
  }
  return true;
}

}  // namespace mooring::core::ddm

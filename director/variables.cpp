// SPDX-License-Identifier: Apache-2.0
#include "director/variables.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <functional>
#include <set>
#include <utility>

#include "director/facts.hpp"

namespace mooring::director {
namespace {

constexpr std::string_view kFactPrefix = "fact.";
constexpr std::string_view kSecretPrefix = "secret.";
constexpr std::size_t kLongestSecretName = 64;
constexpr std::size_t kVersionChars = 18;  // three of the five groups of a UUID: 64 bits

constexpr std::array<std::pair<std::string_view, std::string_view>, 5> kShortNames{{
    {"DEVICE_NAME", "fact.device_name"},
    {"OS_VERSION", "fact.os_version"},
    {"SERIAL", "fact.serial_number"},
    {"UDID", "fact.udid"},
    {"USER", "fact.user_name"},
}};
// Devices hold, replace and compare payloads by these.
constexpr std::array<std::string_view, 3> kNameKeys{"PayloadIdentifier", "PayloadType", "PayloadUUID"};

bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

struct Piece {
  enum class Kind : std::uint8_t { text, dollar, variable };
  Kind kind = Kind::text;
  std::string_view text;  ///< Of a variable: its name as written.
};

/// The variable, or escaped dollar, that begins with the dollar at the front; nullopt: the dollar is a
/// dollar.
std::optional<std::pair<Piece, std::size_t>> read_variable(std::string_view text) {
  if (text.starts_with("$$")) return std::pair{Piece{Piece::Kind::dollar, text.substr(0, 1)}, 2};
  if (text.starts_with("${")) {
    const auto end = text.find('}');
    if (end == std::string_view::npos) return std::nullopt;
    return std::pair{Piece{Piece::Kind::variable, text.substr(2, end - 2)}, end + 1};
  }
  if (text.size() < 2 || !is_upper(text[1])) return std::nullopt;
  std::size_t end = 2;
  while (end < text.size() && (is_upper(text[end]) || is_digit(text[end]) || text[end] == '_')) ++end;
  return std::pair{Piece{Piece::Kind::variable, text.substr(1, end - 1)}, end};
}

std::vector<Piece> pieces_of(std::string_view text) {
  std::vector<Piece> pieces;
  std::size_t begin = 0;
  std::size_t at = text.find('$');
  while (at != std::string_view::npos) {
    const auto found = read_variable(text.substr(at));
    if (!found) {
      at = text.find('$', at + 1);
      continue;
    }
    if (at > begin) pieces.push_back({Piece::Kind::text, text.substr(begin, at - begin)});
    pieces.push_back(found->first);
    begin = at + found->second;
    at = text.find('$', begin);
  }
  if (begin < text.size()) pieces.push_back({Piece::Kind::text, text.substr(begin)});
  return pieces;
}

/// The full name of a variable as somebody wrote it; nullopt where there is none.
std::optional<std::string> full_name(std::string_view written) {
  const auto* const known =
      std::ranges::find(kShortNames, written, [](const auto& name) { return name.first; });
  if (known != kShortNames.end()) return std::string(known->second);
  if (const auto fact = fact_of_variable(written)) {
    const auto* known = find_fact_name(*fact);
    const bool usable = known != nullptr && !known->is_volatile;  // each change sends the profile again
    return usable ? std::optional(std::string(written)) : std::nullopt;
  }
  const auto secret = secret_of_variable(written);
  return secret && is_secret_name(*secret) ? std::optional(std::string(written)) : std::nullopt;
}

using OnText = std::function<std::string(const std::string& text)>;

class Walk {
 public:
  /// `names`: for the texts that devices know payloads by.
  Walk(const OnText& texts, const OnText& names) : texts_(texts), names_(names) {}

  plist::Dict profile(const plist::Dict& profile) const {
    return dict(profile, [&](const std::string& key, const plist::Value& value) -> plist::Value {
      const auto* payloads = key == "PayloadContent" ? value.as<plist::Array>() : nullptr;
      if (payloads == nullptr) return keyed(key, value);
      plist::Array made;
      for (const auto& item : *payloads) {
        const auto* payload = item.as<plist::Dict>();
        made.push_back(payload == nullptr ? walked(item) : plist::Value(inner(*payload)));
      }
      return made;
    });
  }

 private:
  using OnEntry = std::function<plist::Value(const std::string& key, const plist::Value& value)>;

  static plist::Dict dict(const plist::Dict& from, const OnEntry& on_entry) {
    std::vector<plist::Dict::Entry> entries;
    for (const auto& [key, value] : from) entries.emplace_back(key, on_entry(key, value));
    return plist::Dict::from_entries(std::move(entries));
  }
  plist::Dict inner(const plist::Dict& payload) const {
    return dict(payload,
                [&](const std::string& key, const plist::Value& value) { return keyed(key, value); });
  }
  plist::Value keyed(const std::string& key, const plist::Value& value) const {
    const auto* text = value.as<std::string>();
    const bool name = std::ranges::find(kNameKeys, key) != kNameKeys.end();
    return text != nullptr && name ? plist::Value(names_(*text)) : walked(value);
  }
  plist::Value walked(const plist::Value& value) const {
    if (const auto* text = value.as<std::string>()) return texts_(*text);
    if (const auto* array = value.as<plist::Array>()) {
      plist::Array made;
      for (const auto& item : *array) made.push_back(walked(item));
      return made;
    }
    if (const auto* held = value.as<plist::Dict>())
      return dict(*held, [&](const std::string&, const plist::Value& item) { return walked(item); });
    return value;
  }

  const OnText& texts_;
  const OnText& names_;
};

std::string listing(const std::set<std::string>& names) {
  std::string text;
  for (const auto& name : names) text += fmt::format("{}${{{}}}", text.empty() ? "" : ", ", name);
  return text;
}

}  // namespace

Result<VariableUse> find_variables(const plist::Dict& profile) {
  std::set<std::string> names, unknown;
  bool any = false;
  std::string misplaced;
  const OnText texts = [&](const std::string& text) {
    for (const auto& piece : pieces_of(text)) {
      if (piece.kind == Piece::Kind::text) continue;
      any = true;
      if (piece.kind == Piece::Kind::dollar) continue;
      auto name = full_name(piece.text);
      if (name) {
        names.insert(std::move(*name));
      } else {
        unknown.insert(std::string(piece.text));
      }
    }
    return std::string();
  };
  const OnText identifiers = [&](const std::string& text) {
    for (const auto& piece : pieces_of(text)) {
      if (piece.kind == Piece::Kind::variable && full_name(piece.text)) misplaced = text;
    }
    return std::string();
  };
  std::ignore = Walk(texts, identifiers).profile(profile);
  if (!unknown.empty()) {
    return fail(Failure::invalid, "profile.unknown_variable",
                fmt::format("the profile uses what is no variable: {}. Write $$ for a dollar, or say "
                            "?variables=off to have the profile taken as it is",
                            listing(unknown)));
  }
  if (!misplaced.empty()) {
    return fail(Failure::invalid, "profile.variable_in_name",
                fmt::format("{} names a payload, and cannot differ from device to device", misplaced));
  }
  return VariableUse{.names = {names.begin(), names.end()}, .any = any};
}

plist::Dict fill_in(const plist::Dict& profile, const VariableValues& values) {
  const OnText texts = [&](const std::string& text) {
    std::string made;
    for (const auto& piece : pieces_of(text)) {
      const auto name = piece.kind == Piece::Kind::variable ? full_name(piece.text) : std::nullopt;
      const auto value = name ? values.find(*name) : values.end();
      made += value == values.end() ? std::string(piece.text) : value->second;
    }
    return made;
  };
  const OnText names = [](const std::string& text) { return text; };
  return Walk(texts, names).profile(profile);
}

RenderingOf rendering_of(std::span<const std::string> names, const VariableValues& values) {
  std::string text;
  for (const auto& name : names) {
    const auto value = values.find(name);
    if (value == values.end()) return {.hash = std::nullopt, .missing = name};
    fmt::format_to(std::back_inserter(text), "{}={}:{};", name, value->second.size(), value->second);
  }
  const auto digest = crypto::sha256(text);
  std::uint64_t hash = 0;
  for (std::size_t i = 0; i < sizeof hash; ++i) hash = hash << 8U | digest.at(i);
  return {.hash = static_cast<std::int64_t>(hash), .missing = {}};
}

crypto::Uuid rendered_identity(const crypto::Uuid& version, std::int64_t rendering) {
  crypto::Uuid identity = version;
  auto rest = static_cast<std::uint64_t>(rendering);
  for (std::size_t i = identity.bytes.size(); i > identity.bytes.size() / 2; --i) {
    identity.bytes.at(i - 1) = static_cast<std::uint8_t>(rest & 0xFFU);
    rest >>= 8U;
  }
  auto& variant = identity.bytes.at(8);  // RFC 9562 section 4.1
  variant = static_cast<std::uint8_t>((variant & 0x3FU) | 0x80U);
  return identity;
}

std::string_view version_part(std::string_view identity) { return identity.substr(0, kVersionChars); }

bool is_same_version(std::string_view a, std::string_view b) {
  return a.size() == b.size() && version_part(a) == version_part(b);
}

bool is_secret_name(std::string_view name) {
  return !name.empty() && name.size() <= kLongestSecretName && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || is_upper(c) || is_digit(c) || c == '.' || c == '_' || c == '-';
  });
}

std::string variable_of_secret(std::string_view name) { return std::string(kSecretPrefix).append(name); }

std::optional<std::string_view> secret_of_variable(std::string_view variable) {
  if (!variable.starts_with(kSecretPrefix)) return std::nullopt;
  return variable.substr(kSecretPrefix.size());
}

std::optional<std::string_view> fact_of_variable(std::string_view variable) {
  if (!variable.starts_with(kFactPrefix)) return std::nullopt;
  return variable.substr(kFactPrefix.size());
}

}  // namespace mooring::director

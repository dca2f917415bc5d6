// SPDX-License-Identifier: Apache-2.0
#include "core/url_params.hpp"

#include <nlohmann/json.hpp>
#include <optional>

#include "base/encoding.hpp"

namespace mooring::core {
namespace {

/// nullopt where it cannot be stored. A broken escape is left as sent.
std::optional<std::string> decoded(std::string_view text) {
  std::string plain = percent_decode(text, true).value_or(std::string(text));
  if (!is_utf8(plain) || plain.contains('\0')) return std::nullopt;
  return plain;
}

}  // namespace

std::string url_params_json(std::string_view query) {
  nlohmann::json params;
  while (!query.empty()) {
    const std::string_view pair = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(query.size(), pair.size() + 1));
    const auto equals = pair.find('=');
    const auto name = decoded(pair.substr(0, equals));
    const auto value =
        decoded(equals == std::string_view::npos ? std::string_view() : pair.substr(equals + 1));
    if (name && value && !name->empty() && !params.contains(*name)) params[*name] = *value;
  }
  return params.is_null() ? std::string() : params.dump();
}

}  // namespace mooring::core

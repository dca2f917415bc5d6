// SPDX-License-Identifier: Apache-2.0
// Declarations and what devices fetch of them (Apple: declarative/declarations/declarationbase.yaml,
// declarative/protocol/*.yaml). Pure: JSON in, JSON out.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/result.hpp"

namespace mooring::core::ddm {

/// Stored in the database: never renumber.
enum class DeclarationKind : std::uint8_t { activation = 1, configuration = 2, asset = 3, management = 4 };
std::string_view name_of(DeclarationKind kind);  ///< As in endpoints and types: "configuration".
std::optional<DeclarationKind> declaration_kind_named(std::string_view name);

struct Declaration {
  DeclarationKind kind = DeclarationKind::configuration;
  std::string type;          ///< "com.apple.configuration.passcode.settings"
  std::string identifier;    ///< At most 64 bytes.
  std::string server_token;  ///< Lower-case hex SHA-256 over type, identifier and payload.
  std::string document;      ///< The JSON that a device fetches.
};

/// JSON with Type, Identifier and Payload; a ServerToken in it is replaced by ours. The order of keys and
/// white space do not count. Errors: declaration.malformed (also other keys, no text, too deep),
/// declaration.type (none of Apple's four kinds), declaration.identifier.
Result<Declaration> read_declaration(std::string_view json);

/// What one enrollment holds, whatever the order.
struct Manifest {
  std::string token;     ///< DeclarationsToken: lower-case hex SHA-256 over all tokens.
  std::string document;  ///< The answer to declaration-items.
};
/// Errors: declaration.duplicate (two with one identifier).
Result<Manifest> make_manifest(std::span<const Declaration> declarations);

/// The answer to tokens, and the Data of a DeclarativeManagement command.
std::string tokens_document(std::string_view declarations_token, Time changed_at);

/// False where arrays and objects nest deeper than any honest document: reading and writing JSON recurses.
bool is_shallow(std::string_view json);

}  // namespace mooring::core::ddm

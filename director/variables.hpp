// SPDX-License-Identifier: Apache-2.0
// Variables in the text of profiles: $SERIAL, ${fact.os_version}, ${secret.wifi}, and $$ for a dollar. They
// stand in string values, never in keys, data or the names of a payload. Pure functions; docs/variables.md is
// for people.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/crypto/crypto.hpp"
#include "base/plist/value.hpp"
#include "base/result.hpp"

namespace mooring::director {

/// What the text of a profile asks for.
struct VariableUse {
  std::vector<std::string> names;  ///< "fact.NAME" or "secret.NAME"; sorted, each once.
  bool any = false;                ///< Some text is not to be taken as it is: a variable, or $$.
};

/// Errors: profile.unknown_variable (names them all), profile.variable_in_name where a PayloadIdentifier,
/// PayloadType or PayloadUUID has one.
Result<VariableUse> find_variables(const plist::Dict& profile);

/// By name, as in VariableUse. What is not known is not in it.
using VariableValues = std::map<std::string, std::string, std::less<>>;

/// The profile with its variables filled in; all of `find_variables` are among `values`.
plist::Dict fill_in(const plist::Dict& profile, const VariableValues& values);

/// What a device's content is made of, in one number; or the first name of which no value is known. The value
/// of a secret is its revision here.
struct RenderingOf {
  std::optional<std::int64_t> hash;
  std::string missing;
};
RenderingOf rendering_of(std::span<const std::string> names, const VariableValues& values);

/// PayloadUUID of a version for one device: its first half names the version, the second what it was filled
/// in with.
crypto::Uuid rendered_identity(const crypto::Uuid& version, std::int64_t rendering);
/// The part of a PayloadUUID in text form that names the version, whatever that was filled in with.
std::string_view version_part(std::string_view identity);
bool is_same_version(std::string_view a, std::string_view b);

/// Letters, digits and . _ - up to 64.
bool is_secret_name(std::string_view name);
/// "secret.NAME"
std::string variable_of_secret(std::string_view name);
/// nullopt where the variable is no secret.
std::optional<std::string_view> secret_of_variable(std::string_view variable);
/// nullopt where the variable is no fact.
std::optional<std::string_view> fact_of_variable(std::string_view variable);

}  // namespace mooring::director

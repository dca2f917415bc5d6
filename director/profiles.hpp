// SPDX-License-Identifier: Apache-2.0
// Declared profiles: items with immutable versions. Functions run on a database thread inside the caller's
// transaction and throw pg::SqlError.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/postgres/connection.hpp"
#include "base/result.hpp"
#include "director/profile_document.hpp"

namespace mooring::director {

/// items.kind. Numbers are stored: never reuse one.
enum class ItemKind : std::int16_t { profile = 1 };
std::string_view name_of(ItemKind kind);

struct Profile {
  std::int32_t item = 0;
  std::string name;
  std::string identifier;  ///< PayloadIdentifier: what it replaces and is replaced by on a device.
  std::string payload_uuid;
  std::string hash;        ///< Hex SHA-256 of the canonical form.
  std::string attributes;  ///< JSON: display name, organization, payload types, ...
  Time created_at;
  Time updated_at;  ///< When the present version was declared.
  std::int64_t desired = 0;
  std::int64_t verified = 0;
  std::int64_t failed = 0;
  std::int64_t drifted = 0;
  std::optional<Time> oldest_drift;
  std::string variables = "[]";  ///< JSON: as in VariableUse.
};

struct PutProfile {
  Profile profile;
  bool created = false;
  std::int32_t version = 0;
  bool changed = false;  ///< false: the same content in canonical form is declared already.
};

/// Declares `document` as the content of profile `name`. profile.identifier_changed where the name stands for
/// another PayloadIdentifier already: devices hold profiles by identifier, so the old one would be orphaned.
Result<PutProfile> put_profile(pg::Connection& connection, const std::string& name,
                               const ProfileDocument& document, Time now);
std::vector<Profile> list_profiles(pg::Connection& connection, std::string_view after, int limit);
std::optional<Profile> find_profile(pg::Connection& connection, std::string_view name);
/// The bytes that devices get, before variables are filled in and before they are signed.
std::optional<std::string> profile_content(pg::Connection& connection, std::string_view name);
/// Ends all its assignments: every device that holds it gets RemoveProfile. False where there is none.
bool delete_profile(pg::Connection& connection, std::string_view name, Time now);

/// Letters, digits and . _ - up to 128: becomes a URL segment and a metric label.
Result<> check_item_name(std::string_view name);

}  // namespace mooring::director

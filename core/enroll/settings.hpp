// SPDX-License-Identifier: Apache-2.0
// An enrollment profile as an administrator writes it (docs/enrollment.md): our own words around Apple's
// keys.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/crypto/x509.hpp"
#include "base/plist/value.hpp"
#include "base/result.hpp"

namespace mooring::core::enroll {

/// Who may download it.
enum class Access : std::uint8_t { closed, open, basic, digest };

/// Account-driven enrollment (/.well-known/com.apple.remotemanagement).
struct AccountDriven {
  std::string version;                      ///< "mdm-byod" or "mdm-adde".
  std::vector<std::string> model_families;  ///< "Mac", "iPhone", ...; empty: all.
  std::vector<std::string> domains;         ///< Of user identifiers, lower case; empty: all.
  std::string managed_apple_id = "{user}";  ///< AssignedManagedAppleID; {user} is who signed in.
};

struct Settings {
  std::string display_name = "Device management";
  std::string description;
  std::string organization;
  std::string identifier;  ///< PayloadIdentifier; empty: "mooring.enrollment.<name>".
  std::string scope = "System";
  bool removal_disallowed = false;
  plist::Dict consent_text;
  bool sign = true;
  Access access = Access::closed;
  bool url_params = false;  ///< The query of the download goes on in ServerURL and CheckInURL.
  plist::Dict mdm;          ///< Keys of com.apple.mdm that were given.
  plist::Dict scep;         ///< Keys of PayloadContent in com.apple.security.scep that were given.
  std::optional<plist::Dict> identity;  ///< An ACME or PKCS #12 payload instead of SCEP.
  bool automatic_trust = true;          ///< What devices need to trust this server is put in.
  std::vector<crypto::Certificate> certificates;
  std::vector<plist::Dict> payloads;  ///< More payloads, whole or without identifier and UUID.
  std::optional<AccountDriven> account_driven;
};

/// Strict: unknown keys, wrong types and values that Apple's schema or a device refuses are
/// enrollment_profile.invalid, with the path of the key.
Result<Settings> parse_settings(std::string_view json);

/// The same JSON in one line without the keys that only answers have (name, urls, created_at, updated_at).
/// Only of what parse_settings took.
std::string without_read_only_keys(std::string_view json);

}  // namespace mooring::core::enroll

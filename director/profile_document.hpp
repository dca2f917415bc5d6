// SPDX-License-Identifier: Apache-2.0
// A configuration profile as an administrator uploads it, and the commands that carry one. Pure functions.
// The profile's own PayloadUUID is replaced by one that follows from the content: a device reports it in its
// ProfileList, so that Mooring sees which version is installed (Apple: mdm/profiles/TopLevel.yaml).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/crypto/crypto.hpp"
#include "base/result.hpp"

namespace mooring::director {

inline constexpr std::size_t kLargestProfile = std::size_t{4} << 20U;

struct ProfileDocument {
  std::string identifier;    ///< PayloadIdentifier: what a device replaces and removes by.
  std::string display_name;  ///< Empty where absent, as the next three.
  std::string organization;
  std::string description;
  std::string scope;                       ///< "System" or "User".
  std::vector<std::string> payload_types;  ///< Of the inner payloads, each type once, in their order.
  bool was_signed = false;                 ///< Uploaded as CMS; `content` is without the signature.
  crypto::Sha256 hash{};                   ///< Of the canonical form, top-level PayloadUUID left out.
  crypto::Uuid payload_uuid;               ///< Derived from identifier and hash.
  std::string content;                 ///< XML with payload_uuid in place; the inner payloads are untouched.
  std::vector<std::string> variables;  ///< As in VariableUse: values that each device has of its own.
  bool per_device = false;  ///< `content` is filled in for each device; otherwise devices get it as it is.
};

enum class Variables : std::uint8_t { on, off };

/// XML, binary or signed. `variables` off: the text is taken as it is. Errors: profile.too_large (4 MiB),
/// profile.malformed, profile.encrypted, profile.not_configuration, profile.missing_key (names the key and
/// the payload), profile.bad_identifier, and those of find_variables.
Result<ProfileDocument> read_profile(std::string_view uploaded, Variables variables = Variables::on);

// The Command dictionary as a plist element; the queue adds the CommandUUID around it.
std::string install_profile_command(const ProfileDocument& profile);
std::string install_profile_command(std::string_view content);
std::string remove_profile_command(std::string_view identifier);
/// `managed_only` asks for what MDM installed (iOS 13, macOS 10.15); older systems list everything anyway.
std::string profile_list_command(bool managed_only);

}  // namespace mooring::director

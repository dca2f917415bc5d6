// SPDX-License-Identifier: Apache-2.0
// Makes the bytes of an enrollment profile: pure, so that a download, a renewal by InstallProfile and
// Automated Device Enrollment get the same profile from the same input.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/crypto/x509.hpp"
#include "base/plist/value.hpp"
#include "base/result.hpp"
#include "core/enroll/settings.hpp"

namespace mooring::core::enroll {

/// What this server is for devices.
struct Surroundings {
  std::string device_url;  ///< Scheme, host and port; no path.
  std::string topic;       ///< Of the push certificate in use; empty where there is none.
  /// What devices must trust for TLS and SCEP, where that is not publicly known. Roots and intermediates.
  std::vector<crypto::Certificate> trust = {};
};

/// What is this device's own.
struct Ticket {
  /// PayloadUUIDs derive from it: the same for a renewal, another for every other device.
  std::string seed;
  std::string challenge = {};  ///< For SCEP.
  // Empty where not known:
  std::string udid = {};
  std::string serial_number = {};
  std::string user_name = {};
  std::string query = {};  ///< Of ServerURL and CheckInURL where Settings::url_params; not decoded.
  bool account_driven = false;
};

/// Errors: enrollment_profile.no_topic (no push certificate and no Topic), enrollment_profile.invalid (a
/// pinned certificate that is not there, an identifier or UUID twice).
Result<plist::Dict> build_profile(std::string_view name, const Settings& settings,
                                  const Surroundings& surroundings, const Ticket& ticket);

/// Only the SCEP payload (phase 2 of over-the-air enrollment). With an ACME or PKCS #12 identity, that one.
plist::Dict build_identity_profile(std::string_view name, const Settings& settings,
                                   const Surroundings& surroundings, const Ticket& ticket);

/// Keys that devices refuse to see changed (or, for AccessRights, added to) when the profile is installed
/// again: their names, empty where an update is safe.
std::vector<std::string> immutable_changes(std::string_view name, const Settings& before,
                                           const Settings& after, const Surroundings& surroundings);

/// True where devices get their certificate from this server's own SCEP, so that a challenge must be made.
bool uses_own_scep(const Settings& settings);

}  // namespace mooring::core::enroll

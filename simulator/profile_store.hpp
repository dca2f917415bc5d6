// SPDX-License-Identifier: Apache-2.0
// The configuration profiles on a simulated device.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/plist/value.hpp"
#include "base/result.hpp"
#include "schema/key.hpp"

namespace mooring::simulator {

struct InstalledPayload {
  std::string type;
  std::string identifier;
  std::string uuid;
  std::string display_name;
  std::int64_t version = 1;
  std::string certificate;  ///< DER of a certificate payload; empty for all others.
};

struct InstalledProfile {
  std::string identifier;
  std::string uuid;
  std::string display_name;
  std::string organization;
  std::string description;
  std::int64_t version = 1;
  bool removal_disallowed = false;
  bool managed = false;  ///< Installed by MDM.
  std::string content;   ///< The profile's bytes as they came.
  std::vector<InstalledPayload> payloads;
};

/// Reads a profile as a device does: property list, XML or binary, bare or CMS-signed. Errors:
/// profile.malformed.
Result<InstalledProfile> read_profile(std::string_view bytes);

class ProfileStore {
 public:
  /// Replaces a profile of the same PayloadIdentifier, otherwise appends.
  void install(InstalledProfile profile);
  bool remove(std::string_view identifier);
  void remove_managed();
  void clear() { profiles_.clear(); }
  const InstalledProfile* find(std::string_view identifier) const;
  const std::vector<InstalledProfile>& all() const { return profiles_; }

  /// The array of a ProfileList answer.
  plist::Array listing(bool managed_only, const schema::Target& target) const;
  /// The array of a CertificateList answer: certificates that came inside profiles.
  plist::Array certificates() const;

 private:
  std::vector<InstalledProfile> profiles_;
};

}  // namespace mooring::simulator

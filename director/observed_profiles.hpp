// SPDX-License-Identifier: Apache-2.0
// What a device's ProfileList said, in the compact form in which it is kept.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/crypto/crypto.hpp"
#include "base/plist/value.hpp"
#include "base/result.hpp"

namespace mooring::director {

struct ObservedProfile {
  std::string identifier;
  std::string uuid;  ///< Upper case.
  std::string display_name;
  std::string source;  ///< "Declarative Device Management", or empty.
  bool operator==(const ObservedProfile&) const = default;
};

class ObservedProfiles {
 public:
  ObservedProfiles() = default;
  /// Sorted by identifier, so that the order in which a device lists them does not matter.
  explicit ObservedProfiles(std::vector<ObservedProfile> profiles);

  /// From an acknowledged ProfileList report. An error where the list is absent or an entry lacks
  /// PayloadIdentifier or PayloadUUID: a partial answer is no evidence of anything.
  static Result<ObservedProfiles> from_report(const plist::Dict& report);

  const ObservedProfile* find(std::string_view identifier) const;
  const std::vector<ObservedProfile>& all() const { return profiles_; }

  std::string encode() const;
  static ObservedProfiles decode(std::string_view encoded);

 private:
  std::vector<ObservedProfile> profiles_;
};

}  // namespace mooring::director

// SPDX-License-Identifier: Apache-2.0
// SetBootstrapToken and GetBootstrapToken: a Mac's escrow of what lets it grant secure tokens and start
// updates (Apple: mdm/checkin/setbootstraptoken.yaml, getbootstraptoken.yaml). Sealed at rest; gone with the
// next enrollment.
#pragma once

#include "base/plist/value.hpp"
#include "core/checkin_services.hpp"

namespace mooring::core {

class BootstrapTokens {
 public:
  explicit BootstrapTokens(CheckinServices services) : s_(services) {}

  // Errors: checkin.unknown_enrollment; of set also checkin.bad_token.
  /// A missing or empty token deletes the stored one.
  Task<Result<CheckinOutcome>> set(EnrollmentId enrollment, plist::Dict message, MessageContext context);
  /// An empty reply where none is stored. Errors also: secret.damaged.
  Task<Result<CheckinOutcome>> get(EnrollmentId enrollment, plist::Dict message, MessageContext context);

 private:
  CheckinServices s_;
};

}  // namespace mooring::core

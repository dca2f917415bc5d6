// SPDX-License-Identifier: Apache-2.0
// UserAuthenticate: a network or mobile user logs in on a Mac (Apple: mdm/checkin/userauthenticate.yaml).
#pragma once

#include <cstdint>

#include "base/plist/value.hpp"
#include "core/checkin_services.hpp"

namespace mooring::core {

/// --user-authenticate.
enum class UserAuthenticatePolicy : std::uint8_t {
  refuse,  ///< 410: the user is not managed in this login session.
  allow,   ///< An empty DigestChallenge: the user's channel comes up without a password.
};

class UserAuthentication {
 public:
  UserAuthentication(CheckinServices services, UserAuthenticatePolicy policy)
      : s_(services), policy_(policy) {}

  /// Errors: checkin.user_channel_only.
  Task<Result<CheckinOutcome>> handle(EnrollmentId enrollment, plist::Dict message, MessageContext context);

 private:
  CheckinServices s_;
  UserAuthenticatePolicy policy_;
};

}  // namespace mooring::core

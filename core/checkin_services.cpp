// SPDX-License-Identifier: Apache-2.0
#include "core/checkin_services.hpp"

#include <fmt/format.h>

namespace mooring::core {

std::string unlock_token_context(const EnrollmentId& enrollment) {
  return "unlock-token:" + enrollment.device();
}

std::string bootstrap_token_context(const EnrollmentId& enrollment) {
  return "bootstrap-token:" + enrollment.device();
}

std::unexpected<Error> unknown_enrollment(const EnrollmentId& enrollment) {
  return fail(Failure::invalid, "checkin.unknown_enrollment",
              fmt::format("enrollment {} has never sent Authenticate or TokenUpdate here", enrollment.id));
}

}  // namespace mooring::core

// SPDX-License-Identifier: Apache-2.0
// How an enrollment ends, whoever ends it: by CheckOut, or by an administrator.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/postgres/connection.hpp"
#include "core/event_extras.hpp"
#include "core/message.hpp"

namespace mooring::core {

struct EndedEnrollment {
  std::int64_t enrollment = 0;          ///< 0: nothing is known of it.
  std::vector<std::string> identities;  ///< Hashes of the certificates that were revoked, as bytes.
};

/// The channel takes no commands and no pushes any more; a device's takes its users' channels and its
/// certificates with it. Its queue stays until it enrolls again. Recorded as checked_out with `detail`
/// (JSON). Works inside a transaction; tell Identity::forget afterwards.
EndedEnrollment end_enrollment(pg::Connection& connection, const EnrollmentId& enrollment,
                               const EventExtras& extras, std::optional<std::string_view> detail, Time now);

}  // namespace mooring::core

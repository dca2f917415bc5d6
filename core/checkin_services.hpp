// SPDX-License-Identifier: Apache-2.0
// What each part that answers check-ins works with.
#pragma once

#include <string>

#include "base/async.hpp"
#include "base/clock.hpp"
#include "base/crypto/secret_box.hpp"
#include "base/log.hpp"
#include "base/postgres/pool.hpp"
#include "core/checkin_outcome.hpp"
#include "core/event_extras.hpp"
#include "core/message.hpp"
#include "core/message_context.hpp"

namespace mooring::core {

struct CheckinServices {
  pg::Pool& pool;
  const crypto::SecretBox& secrets;
  const EventInterest& interest;
  const Clock& clock;
  Logger& log;
};

// Contexts of SecretBox for what devices give into escrow.
std::string unlock_token_context(const EnrollmentId& enrollment);
std::string bootstrap_token_context(const EnrollmentId& enrollment);

/// checkin.unknown_enrollment
std::unexpected<Error> unknown_enrollment(const EnrollmentId& enrollment);

}  // namespace mooring::core

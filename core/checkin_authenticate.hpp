// SPDX-License-Identifier: Apache-2.0
// Authenticate: a device says that it is about to enroll. Everything of an enrollment before ends here,
// unless the device only renews its certificate.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/async.hpp"
#include "base/clock.hpp"
#include "base/postgres/batcher.hpp"
#include "core/checkin_outcome.hpp"
#include "core/event_extras.hpp"
#include "core/message.hpp"
#include "core/message_context.hpp"

namespace mooring::core {

class AuthenticateStore {
 public:
  AuthenticateStore(const pg::ConnectOptions& connect, const EventInterest& interest, const Clock& clock,
                    Logger& log, Metrics& metrics);

  /// Errors: checkin.device_channel_only.
  Task<Result<CheckinOutcome>> handle(Authenticate message, MessageContext context);

 private:
  struct Op {
    Authenticate message;
    std::string user_name;
    std::string enrollment_profile;
    bool renewal = false;
    std::optional<std::string> detail;  ///< JSON.
    EventExtras extras;
  };
  std::vector<CheckinOutcome> store(pg::Connection& connection, std::span<const Op> ops) const;
  static pg::Params params_of(std::span<const Op> ops, std::span<const std::int32_t> order, Time now);

  const EventInterest& interest_;
  const Clock& clock_;
  pg::Batcher<Op, CheckinOutcome> batcher_;
};

}  // namespace mooring::core

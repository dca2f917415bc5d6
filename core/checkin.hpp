// SPDX-License-Identifier: Apache-2.0
// Check-ins: each is one statement in one transaction; the frequent ones share it with others that arrive
// meanwhile. Here each message goes to the part that serves it.
#pragma once

#include <string>

#include "base/async.hpp"
#include "base/clock.hpp"
#include "base/crypto/secret_box.hpp"
#include "base/metrics.hpp"
#include "core/bootstrap_token.hpp"
#include "core/checkin_authenticate.hpp"
#include "core/checkin_outcome.hpp"
#include "core/checkin_services.hpp"
#include "core/checkin_token_update.hpp"
#include "core/ddm/declarative_management.hpp"
#include "core/message.hpp"
#include "core/message_context.hpp"
#include "core/return_to_service.hpp"
#include "core/token_service.hpp"
#include "core/user_authenticate.hpp"

namespace mooring::core {

struct CheckinOptions {
  UserAuthenticatePolicy user_authenticate = UserAuthenticatePolicy::refuse;
};

class CheckinStore {
 public:
  CheckinStore(const pg::ConnectOptions& connect, pg::Pool& pool, const crypto::SecretBox& secrets,
               const EventInterest& interest, const Clock& clock, Logger& log, Metrics& metrics,
               CheckinOptions options = {});

  /// `message` is the parsed body, for the types that Checkin does not spell out.
  Task<Result<CheckinOutcome>> handle(Checkin checkin, plist::Dict message, MessageContext context);

 private:
  prometheus::Counter& checkins_of(const std::string& message_type);
  Task<Result<CheckinOutcome>> dispatch(Checkin checkin, plist::Dict message, MessageContext context);
  Task<Result<CheckinOutcome>> token_update(TokenUpdate message, MessageContext context);
  Task<Result<CheckinOutcome>> check_out(EnrollmentId enrollment, MessageContext context);
  Task<Result<CheckinOutcome>> other(OtherCheckin checkin, plist::Dict message, MessageContext context);

  CheckinServices services_;
  Metrics& metrics_;
  AuthenticateStore authenticates_;
  TokenUpdateStore tokens_;
  BootstrapTokens bootstrap_tokens_;
  UserAuthentication users_;
  ddm::DeclarativeManagement declarations_;
  TokenServices token_services_;
  ReturnToService return_to_service_;
};

}  // namespace mooring::core

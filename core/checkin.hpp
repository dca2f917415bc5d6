// SPDX-License-Identifier: Apache-2.0
// Check-ins: each is one statement in one transaction, shared with others that arrive meanwhile.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/async.hpp"
#include "base/clock.hpp"
#include "base/crypto/secret_box.hpp"
#include "base/metrics.hpp"
#include "base/postgres/batcher.hpp"
#include "core/message.hpp"
#include "core/message_context.hpp"

namespace mooring::core {

struct CheckinOutcome {
  std::int64_t enrollment = 0;
  int tally = 0;      ///< TokenUpdates since the last Authenticate.
  std::string reply;  ///< Empty, or a plist.
};

class CheckinStore {
 public:
  CheckinStore(const pg::ConnectOptions& connect, pg::Pool& pool, const crypto::SecretBox& secrets,
               const Clock& clock, Logger& log, Metrics& metrics);

  /// `message` is the parsed body, for the types that Checkin does not spell out. Failure::unsupported for
  /// message types that this server does not serve.
  Task<Result<CheckinOutcome>> handle(Checkin checkin, plist::Dict message, MessageContext context);

 private:
  struct AuthenticateOp {
    Authenticate message;
    std::string device_key;
  };
  struct TokenOp {
    TokenUpdate message;
    std::optional<std::string> sealed_unlock_token;
  };
  struct TokenOutcome {
    bool known = false;
    CheckinOutcome outcome;
  };

  prometheus::Counter& checkins_of(const std::string& message_type);
  Task<Result<CheckinOutcome>> authenticate(Authenticate message);
  Task<Result<CheckinOutcome>> token_update(TokenUpdate message);
  Task<Result<CheckinOutcome>> check_out(EnrollmentId enrollment);
  Task<Result<CheckinOutcome>> set_bootstrap_token(EnrollmentId enrollment, std::string token);
  Task<Result<CheckinOutcome>> get_bootstrap_token(EnrollmentId enrollment);
  Task<Result<CheckinOutcome>> other(OtherCheckin message, plist::Dict body);

  static std::vector<CheckinOutcome> store_authenticates(pg::Connection&, std::span<const AuthenticateOp>,
                                                         Time now);
  static pg::Params authenticate_params(std::span<const AuthenticateOp>, std::span<const std::int32_t> order,
                                        Time now);
  static std::vector<TokenOutcome> store_tokens(pg::Connection&, std::span<const TokenOp>, Time now);

  pg::Pool& pool_;
  const crypto::SecretBox& secrets_;
  const Clock& clock_;
  Metrics& metrics_;
  pg::Batcher<AuthenticateOp, CheckinOutcome> authenticates_;
  pg::Batcher<TokenOp, TokenOutcome> tokens_;
};

}  // namespace mooring::core

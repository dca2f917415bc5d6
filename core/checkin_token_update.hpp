// SPDX-License-Identifier: Apache-2.0
// TokenUpdate: a channel takes pushes and commands from now on, or has a new token.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/async.hpp"
#include "base/clock.hpp"
#include "base/crypto/secret_box.hpp"
#include "base/postgres/batcher.hpp"
#include "core/checkin_outcome.hpp"
#include "core/event_extras.hpp"
#include "core/message.hpp"
#include "core/message_context.hpp"

namespace mooring::core {

struct TokenUpdateOutcome {
  bool known = false;
  CheckinOutcome outcome;
  bool declarations_waiting = false;  ///< No command has told this enrollment yet to fetch its declarations.
};

class TokenUpdateStore {
 public:
  TokenUpdateStore(const pg::ConnectOptions& connect, pg::Pool& pool, const crypto::SecretBox& secrets,
                   const EventInterest& interest, const Clock& clock, Logger& log, Metrics& metrics);

  /// A channel that was never seen is made: a user's first message, or a device that came from elsewhere.
  /// What the message leaves out (UnlockToken, AwaitingConfiguration, names) stays as it was.
  Task<Result<TokenUpdateOutcome>> handle(TokenUpdate message, MessageContext context);

 private:
  struct Op {
    TokenUpdate message;
    std::optional<std::string> sealed_unlock_token;
    EventExtras extras;
  };
  static std::vector<TokenUpdateOutcome> store(pg::Connection& connection, std::span<const Op> ops, Time now);

  pg::Pool& pool_;
  const crypto::SecretBox& secrets_;
  const EventInterest& interest_;
  const Clock& clock_;
  pg::Batcher<Op, TokenUpdateOutcome> batcher_;
};

}  // namespace mooring::core

// SPDX-License-Identifier: Apache-2.0
// Who may use the API: bearer tokens, of which the database knows only the hashes.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/async.hpp"
#include "base/clock.hpp"
#include "base/postgres/pool.hpp"
#include "base/result.hpp"

namespace mooring::api {

/// Makes the first token when there is none and returns its text, to be shown once; nullopt otherwise.
Result<std::optional<std::string>> ensure_first_token(pg::Connection& connection, Time now);

/// The token of an Authorization field: auth.missing where it is absent or of another scheme.
Result<std::string> bearer_token(std::string_view authorization);

/// Lives on the io thread. A known token is looked up once a minute, so that is how long a revoked one lives.
class Authenticator {
 public:
  Authenticator(pg::Pool& pool, const Clock& clock) : pool_(pool), clock_(clock) {}

  /// The name of the token; `authorization` is the field as sent. Errors: auth.missing, auth.unknown_token,
  /// or that the database does not answer.
  Task<Result<std::string>> check(std::string authorization);

 private:
  pg::Pool& pool_;
  const Clock& clock_;
  struct Known {
    std::string name;
    Time until;
  };
  std::unordered_map<std::string, Known> known_;  ///< By hash; only of tokens that exist.
};

}  // namespace mooring::api

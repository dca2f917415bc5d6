// SPDX-License-Identifier: Apache-2.0
#include "api/auth.hpp"

#include "api/detail/text.hpp"
#include "base/crypto/crypto.hpp"
#include "base/encoding.hpp"

namespace mooring::api {
namespace {

constexpr auto kTokenMemory = std::chrono::minutes(1);
constexpr std::size_t kTokenBytes = 32;

constexpr pg::Statement kAuthFind{"api_auth_find", "select name from api_tokens where hash = $1"};
// Servers that start together take turns, so that only one of them makes the token.
constexpr pg::Statement kAuthTurn{"api_auth_turn",
                                  "select pg_advisory_xact_lock(hashtext('mooring.api_tokens'))::text"};
constexpr pg::Statement kAuthFirst{"api_auth_first", R"(
insert into api_tokens (hash, name, created_at)
select $1, 'first', $2 where not exists (select from api_tokens))"};

std::string hash_of_token(std::string_view token) {
  const auto digest = crypto::sha256(token);
  return std::string(crypto::bytes_of(digest));
}

}  // namespace

Result<std::optional<std::string>> ensure_first_token(pg::Connection& connection, Time now) {
  using Made = std::optional<std::string>;
  const auto make = [now](pg::Connection& c) -> Result<Made> {
    c.exec(kAuthTurn);
    const std::string token = "mrg_" + to_base64url(crypto::random_bytes(kTokenBytes));
    const bool made = c.exec(kAuthFirst, pg::Bytes{hash_of_token(token)}, now).affected() == 1;
    return made ? Made(token) : std::nullopt;
  };
  const auto body = [&](pg::Connection& c) { return pg::in_transaction(c, make); };
  return pg::guarded<Made>(connection, body);
}

Result<std::string> bearer_token(std::string_view authorization) {
  constexpr std::string_view kScheme = "bearer ";
  if (authorization.size() <= kScheme.size() ||
      !equal_ignoring_case(authorization.substr(0, kScheme.size()), kScheme)) {
    return fail(Failure::unauthorized, "auth.missing",
                "This needs an API token: send the header \"Authorization: Bearer mrg_...\".");
  }
  return std::string(trim(authorization.substr(kScheme.size())));
}

Task<Result<std::string>> Authenticator::check(std::string authorization) {
  const auto token = bearer_token(authorization);
  if (!token) co_return std::unexpected(token.error());
  const std::string hash = hash_of_token(*token);
  if (const auto known = known_.find(hash); known != known_.end()) {
    if (known->second.until > clock_.now()) co_return known->second.name;
    known_.erase(known);
  }
  using Name = std::optional<std::string>;
  pg::Pool::Body<Name> look_up = [hash](pg::Connection& connection) -> Result<Name> {
    const auto rows = connection.exec(kAuthFind, pg::Bytes{hash});
    return rows.empty() ? Name() : Name(rows[0].text(0));
  };
  const auto found = co_await pool_.run<Name>(std::move(look_up));
  if (!found) co_return std::unexpected(found.error());
  if (!*found) {
    co_return fail(Failure::unauthorized, "auth.unknown_token", "This API token is not known here.");
  }
  known_[hash] = {.name = **found, .until = clock_.now() + kTokenMemory};
  co_return **found;
}

}  // namespace mooring::api

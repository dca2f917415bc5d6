// SPDX-License-Identifier: Apache-2.0
#include "core/scep/challenges.hpp"

#include "base/crypto/crypto.hpp"
#include "base/encoding.hpp"

namespace mooring::core {
namespace {

constexpr std::size_t kChallengeBytes = 24;

constexpr pg::Statement kCreateChallenge{"scep_create_challenge", R"(
insert into scep_challenges (hash, created_at, expires_at, one_time, udid, serial_number, user_name, enrollment_profile,
                             renews)
values ($1, $2, $3, $4, nullif($5, ''), nullif($6, ''), nullif($7, ''), nullif($8, ''), nullif($9, ''::bytea)))"};

constexpr pg::Statement kPruneChallenges{"scep_prune_challenges", R"(
delete from scep_challenges where id = any (array(
  select id from scep_challenges where expires_at < $1 order by expires_at limit $2 for update skip locked)))"};

}  // namespace

std::string create_challenge(pg::Connection& connection, const NewChallenge& challenge, Time now) {
  std::string text = to_base64url(crypto::random_bytes(kChallengeBytes));
  const auto hash = crypto::sha256(text);
  connection.exec(kCreateChallenge, pg::Bytes{crypto::bytes_of(hash)}, now, now + challenge.lifetime,
                  challenge.one_time, challenge.udid, challenge.serial_number, challenge.user_name,
                  challenge.enrollment_profile, pg::Bytes{challenge.renews});
  return text;
}

std::int64_t prune_challenges(pg::Connection& connection, Time now, std::int64_t batch) {
  return connection.exec(kPruneChallenges, now - kTransactionLifetime, batch).affected();
}

}  // namespace mooring::core

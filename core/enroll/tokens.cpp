// SPDX-License-Identifier: Apache-2.0
#include "core/enroll/detail/tokens.hpp"

#include <algorithm>
#include <cctype>

#include "base/crypto/crypto.hpp"
#include "base/encoding.hpp"

namespace mooring::core::enroll::detail {
namespace {

constexpr std::size_t kTokenBytes = 32;

constexpr pg::Statement kEnrollmentTokenInsert{"enrollment_token_insert", R"(
with expired as (
  select hash from enrollment_tokens where expires_at < $6 limit 100 for update skip locked
), dropped as (
  delete from enrollment_tokens where hash in (select hash from expired)
)
insert into enrollment_tokens (hash, kind, enrollment_profile, user_name, expires_at)
values ($1, $2, $3, nullif($4, ''), $5))"};

constexpr pg::Statement kEnrollmentTokenTake{"enrollment_token_take", R"(
delete from enrollment_tokens where hash = $1 and kind = $2 and expires_at > $3 and $4 in ('', enrollment_profile)
returning enrollment_profile, coalesce(user_name, ''))"};

}  // namespace

std::string make_token(pg::Connection& db, std::int16_t kind, const std::string& profile,
                       const std::string& user_name, Time now, std::chrono::seconds lifetime) {
  auto token = to_hex(crypto::random_bytes(kTokenBytes));
  const auto hash = crypto::sha256(token);
  db.exec(kEnrollmentTokenInsert, pg::Bytes{crypto::bytes_of(hash)}, kind, profile, user_name, now + lifetime,
          now);
  return token;
}

std::optional<TakenToken> take_token(pg::Connection& db, std::int16_t kind, std::string_view profile,
                                     std::string_view token, Time now) {
  const auto hash = crypto::sha256(token);
  const auto rows = db.exec(kEnrollmentTokenTake, pg::Bytes{crypto::bytes_of(hash)}, kind, now, profile);
  if (rows.empty()) return std::nullopt;
  return TakenToken{.profile = rows[0].text(0), .user_name = rows[0].text(1)};
}

bool is_device_name(std::string_view text) {
  return text.size() <= 64 && std::ranges::all_of(text, [](unsigned char c) {
           return std::isalnum(c) != 0 || c == '-' || c == '.' || c == '_';
         });
}

}  // namespace mooring::core::enroll::detail

// SPDX-License-Identifier: Apache-2.0
#include "core/scep/store.hpp"

#include "core/scep/challenges.hpp"

namespace mooring::core::scep {
namespace {

constexpr pg::Statement kScepLookUp{"scep_look_up", R"(
select i.ord, c.id, c.one_time, c.used_at is not null, c.expires_at, c.udid, c.serial_number, c.user_name,
  c.enrollment_profile, p.der, p.challenge_id, p.renews, s.der, s.not_after,
  s.revoked_at is not null or d.revoked_at is not null, s.udid, s.serial_number, s.user_name, s.enrollment_profile,
  c.renews, coalesce(rc.revoked_at, ri.revoked_at) is not null
from unnest($1::int4[], $2::bytea[], $3::text[], $4::bytea[], $5::bytea[])
  as i(ord, challenge_hash, transaction_id, key_hash, signer_hash)
left join scep_challenges c on c.hash = i.challenge_hash
left join lateral (
  select der, challenge_id, renews from certificates
  where transaction_id = i.transaction_id and key_hash = i.key_hash and issued_at > $6 and revoked_at is null
  order by issued_at desc limit 1) p on true
left join certificates s on s.hash = i.signer_hash
left join identities d on d.hash = i.signer_hash
left join certificates rc on rc.hash = c.renews
left join identities ri on ri.hash = c.renews)"};

// `used` locks the challenge: of two that use it at once, in whatever processes, the second finds it used.
constexpr pg::Statement kScepStore{"scep_store", R"(
with input as (
  select * from unnest($1::int4[], $2::bytea[], $3::bytea[], $4::bytea[], $5::text[], $6::bytea[], $7::text[],
                       $8::timestamptz[], $9::timestamptz[], $10::bytea[], $11::int8[], $12::text[], $13::text[],
                       $14::text[], $15::text[])
    as i(ord, serial, hash, key_hash, transaction_id, der, subject, not_before, not_after, renews, challenge_id, udid,
         serial_number, user_name, enrollment_profile)
), used as (
  update scep_challenges c set used_at = $16 from input i
  where c.id = i.challenge_id and (not c.one_time or c.used_at is null) and c.expires_at > $16
  returning c.id
), stored as (
  insert into certificates (serial, hash, key_hash, transaction_id, der, subject, not_before, not_after, issued_at,
                            renews, challenge_id, udid, serial_number, user_name, enrollment_profile)
  select serial, hash, key_hash, transaction_id, der, subject, not_before, not_after, $16, nullif(renews, ''),
         challenge_id, nullif(udid, ''), nullif(serial_number, ''), nullif(user_name, ''),
         nullif(enrollment_profile, '')
  from input i
  where (i.challenge_id is null or i.challenge_id in (select id from used))
    and not exists (select from certificates r where r.hash = i.renews and r.revoked_at is not null)
  returning serial
)
select i.ord from input i join stored using (serial))"};

Binding binding_of(const pg::Row& row, int first) {
  const auto text = [&](int column) { return row.get<std::optional<std::string>>(column).value_or(""); };
  return {.udid = text(first),
          .serial_number = text(first + 1),
          .user_name = text(first + 2),
          .enrollment_profile = text(first + 3)};
}

std::string bytes_at(const pg::Row& row, int column) {
  return row.is_null(column) ? std::string() : std::string(row.get<pg::Bytes>(column).view);
}

Known known_of(const pg::Row& row) {
  Known known;
  if (!row.is_null(1)) {
    known.challenge = Known::Challenge{.id = row.int64(1),
                                       .one_time = row.get<bool>(2),
                                       .used = row.get<bool>(3),
                                       .expires_at = row.get<Time>(4),
                                       .binding = binding_of(row, 5),
                                       .renews = bytes_at(row, 19),
                                       .renewed_revoked = row.get<bool>(20)};
  }
  if (!row.is_null(9)) {
    known.prior = Known::Prior{.der = bytes_at(row, 9),
                               .challenge = row.get<std::optional<std::int64_t>>(10),
                               .renews = bytes_at(row, 11)};
  }
  if (!row.is_null(12)) {
    known.signer = Known::Signer{.der = bytes_at(row, 12),
                                 .not_after = row.get<Time>(13),
                                 .revoked = row.get<bool>(14),
                                 .binding = binding_of(row, 15)};
  }
  return known;
}

std::vector<Known> answer_questions(pg::Connection& connection, std::span<const Question> questions,
                                    Time now) {
  std::vector<std::int32_t> order;
  std::vector<pg::Bytes> challenges, keys, signers;
  std::vector<std::string_view> transactions;
  for (const auto& question : questions) {
    order.push_back(static_cast<std::int32_t>(order.size()));
    challenges.push_back({question.challenge_hash});
    transactions.emplace_back(question.transaction_id);
    keys.push_back({question.key_hash});
    signers.push_back({question.signer_hash});
  }
  std::vector<Known> known(questions.size());
  for (const auto row : connection.exec(kScepLookUp, order, challenges, transactions, keys, signers,
                                        now - Duration(kTransactionLifetime))) {
    known[static_cast<std::size_t>(row.get<std::int32_t>(0))] = known_of(row);
  }
  return known;
}

std::vector<Stored> store_rows(pg::Connection& connection, std::span<const NewRow> rows, Time now) {
  std::vector<std::int32_t> order;
  std::vector<pg::Bytes> serials, hashes, keys, ders, renews;
  std::vector<std::string_view> transactions, subjects, udids, serial_numbers, users, profiles;
  std::vector<Time> not_before, not_after;
  std::vector<std::optional<std::int64_t>> challenges;
  for (const auto& row : rows) {
    order.push_back(static_cast<std::int32_t>(order.size()));
    serials.push_back({row.certificate.serial});
    hashes.push_back({row.hash});
    keys.push_back({row.key_hash});
    transactions.emplace_back(row.transaction_id);
    ders.push_back({row.certificate.der});
    subjects.emplace_back(row.certificate.subject);
    not_before.push_back(row.certificate.not_before);
    not_after.push_back(row.certificate.not_after);
    renews.push_back({row.grant.renews});
    challenges.push_back(row.grant.challenge);
    udids.emplace_back(row.grant.binding.udid);
    serial_numbers.emplace_back(row.grant.binding.serial_number);
    users.emplace_back(row.grant.binding.user_name);
    profiles.emplace_back(row.grant.binding.enrollment_profile);
  }
  std::vector<Stored> stored(rows.size());
  for (const auto row :
       connection.exec(kScepStore, order, serials, hashes, keys, transactions, ders, subjects, not_before,
                       not_after, renews, challenges, udids, serial_numbers, users, profiles, now)) {
    stored[static_cast<std::size_t>(row.get<std::int32_t>(0))].done = true;
  }
  return stored;
}

}  // namespace

Store::Store(const pg::ConnectOptions& connect, const Clock& clock, Logger& log, Metrics& metrics)
    : questions_(
          {.name = "scep_look_up", .connect = connect},
          [](const Question& question) -> std::string_view { return question.key_hash; },
          [&clock](pg::Connection& c, std::span<const Question> questions) {
            return answer_questions(c, questions, clock.now());
          },
          log, metrics),
      rows_(
          {.name = "scep_store", .connect = connect},
          [](const NewRow& row) -> std::string_view { return row.lane; },
          [&clock](pg::Connection& c, std::span<const NewRow> rows) {
            return store_rows(c, rows, clock.now());
          },
          log, metrics) {}

}  // namespace mooring::core::scep

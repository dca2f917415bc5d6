// SPDX-License-Identifier: Apache-2.0
#include "core/identity/associations.hpp"

#include <algorithm>

#include "core/scep/certificates.hpp"

namespace mooring::core {
namespace {

// All that a message of a known pair costs in the database: two index look-ups.
constexpr pg::Statement kIdentityOf{"identity_of", R"(
select t.ord, i.enrollment_id, i.superseded_at, i.revoked_at is not null or c.revoked_at is not null
from unnest($1::int4[], $2::bytea[]) as t(ord, hash)
join identities i on i.hash = t.hash
left join certificates c on c.hash = t.hash)"};

constexpr pg::Statement kIdentityFacts{"identity_facts", R"(
select t.ord, i.enrollment_id, i.superseded_at,
  coalesce(i.revoked_at, c.revoked_at) is not null, c.hash is not null,
  exists (select from certificates o where o.serial = t.serial and o.hash <> t.hash),
  r.enrollment_id, coalesce(r.revoked_at, rc.revoked_at) is not null,
  coalesce(c.udid, ''), coalesce(c.serial_number, ''), coalesce(c.user_name, ''),
  coalesce(c.enrollment_profile, ''), e.id is not null, coalesce(e.enabled, false),
  e.migrated_at is not null, coalesce(d.serial_number, ''),
  (select count(*) from identities n where n.enrollment_id = t.enrollment_id),
  (select count(*) from identities n where n.enrollment_id = t.enrollment_id and n.revoked_at is null)
from unnest($1::int4[], $2::bytea[], $3::text[], $4::bytea[]) as t(ord, hash, enrollment_id, serial)
left join identities i on i.hash = t.hash
left join certificates c on c.hash = t.hash
left join identities r on r.hash = c.renews
left join certificates rc on rc.hash = c.renews
left join enrollments e on e.enrollment_id = t.enrollment_id and e.parent_length = 0
left join devices d on d.id = e.device_id)"};

// One of them may have been stored elsewhere since it was judged: what is not returned is judged again.
constexpr pg::Statement kIdentityAssociate{"identity_associate", R"(
with added as (
  insert into identities (hash, enrollment_id, associated_at, not_after)
  select hash, enrollment_id, $5, not_after
  from unnest($1::int4[], $2::bytea[], $3::text[], $4::timestamptz[]) as t(ord, hash, enrollment_id, not_after)
  order by hash
  on conflict (hash) do nothing
  returning hash, enrollment_id
), superseded as (
  update identities i set superseded_at = $5 from added a
  where i.enrollment_id = a.enrollment_id and i.hash <> a.hash and i.superseded_at is null and i.revoked_at is null
)
select t.ord from unnest($1::int4[], $2::bytea[], $3::text[]) as t(ord, hash, enrollment_id)
join added a on a.hash = t.hash and a.enrollment_id = t.enrollment_id)"};

constexpr pg::Statement kIdentityRevoke{"identity_revoke", R"(
update identities set revoked_at = $2 where enrollment_id = $1 and revoked_at is null returning hash)"};

AssociationFacts facts_of(const pg::Row& row) {
  return {.speaks_for = row.get<std::optional<std::string>>(1),
          .superseded_at = row.get<std::optional<Time>>(2),
          .revoked = row.get<bool>(3),
          .issued = row.get<bool>(4),
          .altered = row.get<bool>(5),
          .renews_for = row.get<std::optional<std::string>>(6),
          .renewed_revoked = row.get<bool>(7),
          .bound_udid = row.text(8),
          .bound_serial = row.text(9),
          .user_name = row.text(10),
          .enrollment_profile = row.text(11),
          .known = row.get<bool>(12),
          .enabled = row.get<bool>(13),
          .migrated = row.get<bool>(14),
          .serial_number = row.text(15),
          .identities = row.int64(16),
          .live_identities = row.int64(17)};
}

Admission admission_of(AssociationFacts& facts, const Verdict& verdict, bool authenticate) {
  Admission admission{.associated = verdict.associate,
                      .renewal = verdict.renewal,
                      .superseded = verdict.good_until.has_value(),
                      .user_name = {},
                      .enrollment_profile = {}};
  if (authenticate) {
    admission.user_name = std::move(facts.user_name);
    admission.enrollment_profile = std::move(facts.enrollment_profile);
  }
  return admission;
}

constexpr int kAttempts = 3;

std::unexpected<Error> unstable() {
  return fail(Failure::busy, "identity.busy", "the certificate is being associated elsewhere; try again");
}

}  // namespace

Associations::Associations(AssociationOptions options, const pg::ConnectOptions& connect, const Clock& clock,
                           Logger& log, Metrics& metrics)
    : options_(options),
      clock_(clock),
      known_(options_.remembered),
      lookups_(
          {.name = "identity_lookup", .connect = connect},
          [](const std::string& hash) -> std::string_view { return hash; },
          [](pg::Connection& connection, std::span<const std::string> hashes) {
            std::vector<std::int32_t> order;
            std::vector<pg::Bytes> values;
            for (const auto& hash : hashes) {
              order.push_back(static_cast<std::int32_t>(order.size()));
              values.push_back({hash});
            }
            std::vector<Stored> stored(hashes.size());
            for (const auto row : connection.exec(kIdentityOf, order, values)) {
              stored[static_cast<std::size_t>(row.get<std::int32_t>(0))] = {
                  .enrollment = row.text(1),
                  .superseded_at = row.get<std::optional<Time>>(2),
                  .revoked = row.get<bool>(3)};
            }
            return stored;
          },
          log, metrics),
      associations_(
          {.name = "identity_associate", .connect = connect},
          [](const Op& op) -> std::string_view { return op.claim.enrollment; },
          [this](pg::Connection& connection, std::span<const Op> ops) { return associate(connection, ops); },
          log, metrics) {}

Task<Result<Admission>> Associations::admit(TrustedCertificate certificate, Claim claim) {
  if (!claim.authenticate) {
    const auto known = co_await look_up(certificate.hash);
    if (known && known->enrollment == claim.enrollment) {
      co_return Admission{.superseded = known->superseded, .user_name = {}, .enrollment_profile = {}};
    }
    if (!known && known.error().failure != Failure::invalid) co_return std::unexpected(known.error());
  }
  for (int attempt = 1;; ++attempt) {
    auto judged = co_await associations_.submit({.certificate = certificate, .claim = claim});
    if (!judged) co_return std::unexpected(judged.error());
    const bool again = !*judged && judged->error().failure == Failure::busy && attempt < kAttempts;
    if (!again) co_return std::move(*judged);
  }
}

Task<Result<std::string>> Associations::enrollment_of(TrustedCertificate certificate) {
  auto known = co_await look_up(certificate.hash);
  if (!known) co_return std::unexpected(known.error());
  co_return std::move(known->enrollment);
}

Task<Result<Associations::Known>> Associations::look_up(std::string hash) {
  const Time now = clock_.now();
  if (auto known = known_.get(hash); known && now < known->until) co_return std::move(*known);
  auto stored = co_await lookups_.submit(hash);
  if (!stored) co_return std::unexpected(stored.error());
  if (!stored->enrollment) {
    co_return fail(Failure::invalid, "identity.unknown_certificate",
                   "the certificate speaks for no enrollment");
  }
  const AssociationFacts facts{
      .speaks_for = stored->enrollment, .superseded_at = stored->superseded_at, .revoked = stored->revoked};
  const auto verdict = judge(facts, {.enrollment = *stored->enrollment}, options_.rules, now);
  if (!verdict) co_return std::unexpected(verdict.error());
  Known known{.enrollment = std::move(*stored->enrollment),
              .superseded = verdict->good_until.has_value(),
              .until = now + options_.remembered_for};
  if (verdict->good_until) known.until = std::min(known.until, *verdict->good_until);
  known_.put(std::move(hash), known);
  co_return known;
}

std::vector<Result<Admission>> Associations::associate(pg::Connection& connection, std::span<const Op> ops) {
  auto results = pg::in_transaction(connection, [&](pg::Connection& c) {
    return Result<std::vector<Result<Admission>>>(associate_once(c, ops));
  });
  return std::move(*results);
}

std::vector<Result<Admission>> Associations::associate_once(pg::Connection& connection,
                                                            std::span<const Op> ops) {
  const Time now = clock_.now();
  std::vector<std::int32_t> order, adding;
  std::vector<pg::Bytes> hashes, serials, new_hashes;
  std::vector<std::string_view> enrollments, new_enrollments;
  std::vector<Time> new_ends;
  for (const auto& op : ops) {
    order.push_back(static_cast<std::int32_t>(order.size()));
    hashes.push_back({op.certificate.hash});
    serials.push_back({op.certificate.serial});
    enrollments.emplace_back(op.claim.enrollment);
  }
  std::vector<Result<Admission>> results(ops.size(), unstable());
  for (const auto row : connection.exec(kIdentityFacts, order, hashes, enrollments, serials)) {
    const auto i = row.get<std::int32_t>(0);
    const auto& op = ops[static_cast<std::size_t>(i)];
    auto& result = results[static_cast<std::size_t>(i)];
    auto facts = facts_of(row);
    const auto verdict = judge(facts, op.claim, options_.rules, now);
    if (!verdict) {
      result = std::unexpected(verdict.error());
      continue;
    }
    result = admission_of(facts, *verdict, op.claim.authenticate);
    if (!verdict->associate) continue;
    adding.push_back(i);
    new_hashes.push_back({op.certificate.hash});
    new_enrollments.emplace_back(op.claim.enrollment);
    new_ends.push_back(op.certificate.not_after);
  }
  if (adding.empty()) return results;
  auto missing = adding;
  for (const auto row :
       connection.exec(kIdentityAssociate, adding, new_hashes, new_enrollments, new_ends, now)) {
    std::erase(missing, row.get<std::int32_t>(0));
  }
  for (const auto i : missing) results[static_cast<std::size_t>(i)] = unstable();
  return results;
}

std::vector<std::string> revoke_identities(pg::Connection& connection, std::string_view enrollment,
                                           Time now) {
  std::vector<std::string> hashes;
  for (const auto row : connection.exec(kIdentityRevoke, enrollment, now)) {
    hashes.emplace_back(row.get<pg::Bytes>(0).view);
  }
  if (!hashes.empty()) {
    revoke_certificates(connection, hashes, RevocationReason::cessation_of_operation, now);
  }
  return hashes;
}

}  // namespace mooring::core

// SPDX-License-Identifier: Apache-2.0
// Profiles::offer and renew: what makes one device's profile its own, and how it is found again.
#include <algorithm>

#include "base/plist/plist.hpp"
#include "core/enroll/profiles.hpp"
#include "core/scep/challenges.hpp"

namespace mooring::core::enroll {
namespace {

// Offers that nobody took up are dropped on the way, a few at a time: their challenge is gone for more than a
// day.
constexpr pg::Statement kEnrollmentOfferInsert{"enrollment_offer_insert", R"(
with stale as (
  select challenge_id from enrollment_offers o
  where created_at < $5::timestamptz - interval '8 days'
    and not exists (select from certificates c where c.challenge_id = o.challenge_id)
  order by created_at limit 20
), dropped as (
  delete from enrollment_offers where challenge_id in (select challenge_id from stale)
)
insert into enrollment_offers (challenge_id, seed, query, account_driven, created_at)
select id, $2, $3, $4, $5 from scep_challenges where hash = $1)"};

// The certificate that speaks for the device, or the one that it renewed (several times), was issued for an
// offer.
constexpr pg::Statement kEnrollmentOfferOfDevice{"enrollment_offer_of_device", R"(
with recursive line as (
  select c.hash, c.renews, c.challenge_id, c.enrollment_profile, c.user_name, c.serial_number, c.issued_at
  from identities i join certificates c on c.hash = i.hash
  where i.enrollment_id = $1 and i.revoked_at is null
  union
  select c.hash, c.renews, c.challenge_id, c.enrollment_profile, c.user_name, c.serial_number, c.issued_at
  from line join certificates c on c.hash = line.renews
)
select line.enrollment_profile, line.user_name, o.seed, o.query, o.account_driven
from line join enrollment_offers o using (challenge_id)
order by line.issued_at desc limit 1)"};

constexpr pg::Statement kEnrollmentDevice{"enrollment_device", R"(
select d.serial_number, d.user_name, d.enrollment_profile, e.topic,
  (select i.hash from identities i where i.enrollment_id = d.udid and i.revoked_at is null
   order by i.superseded_at is null desc, i.associated_at desc limit 1)
from devices d left join enrollments e on e.enrollment_id = d.udid and e.parent_length = 0 where d.udid = $1)"};

std::string new_seed() { return crypto::Uuid::random().text(); }

/// Parameters that are for the download alone.
std::string query_for_device(std::string_view query) {
  std::string kept;
  while (!query.empty()) {
    const auto end = std::min(query.find('&'), query.size());
    const auto part = query.substr(0, end);
    query.remove_prefix(std::min(end + 1, query.size()));
    const auto name = part.substr(0, part.find('='));
    if (part.empty() || name == "udid" || name == "serial") continue;
    kept += (kept.empty() ? "" : "&") + std::string(part);
  }
  return kept;
}

Result<MadeProfile> made(const Result<plist::Dict>& built, const Settings& settings) {
  if (!built) return std::unexpected(built.error());
  return MadeProfile{.xml = plist::to_xml(*built), .sign = settings.sign};
}

}  // namespace

/// `seed` empty: one that no other device has.
Result<Ticket> Profiles::ticket_for(pg::Connection& db, const StoredProfile& profile,
                                    const Applicant& applicant, std::string seed, Time now,
                                    std::string renews) const {
  Ticket ticket{.seed = std::move(seed),
                .udid = applicant.udid,
                .serial_number = applicant.serial_number,
                .user_name = applicant.user_name,
                .query = query_for_device(applicant.query),
                .account_driven = applicant.account_driven};
  if (!uses_own_scep(profile.settings)) {
    // Without a challenge nothing would lead from the device back to a seed.
    if (ticket.seed.empty()) ticket.seed = applicant.udid;
    return ticket;
  }
  if (ticket.seed.empty()) ticket.seed = new_seed();
  const auto lifetime = renews.empty()
                            ? challenge_lifetime_
                            : std::max<std::chrono::seconds>(challenge_lifetime_, kRenewalLifetime);
  ticket.challenge = create_challenge(db,
                                      {.lifetime = lifetime,
                                       .udid = applicant.udid,
                                       .serial_number = applicant.serial_number,
                                       .user_name = applicant.user_name,
                                       .enrollment_profile = profile.name,
                                       .renews = std::move(renews)},
                                      now);
  const auto hash = crypto::sha256(ticket.challenge);
  db.exec(kEnrollmentOfferInsert, pg::Bytes{crypto::bytes_of(hash)}, ticket.seed, ticket.query,
          ticket.account_driven, now);
  return ticket;
}

Result<MadeProfile> Profiles::make(pg::Connection& db, const StoredProfile& profile,
                                   const Applicant& applicant, std::string seed, Time now,
                                   std::string renews) const {
  const auto around = around_(db);
  if (!around) return std::unexpected(around.error());
  const auto ticket = ticket_for(db, profile, applicant, std::move(seed), now, std::move(renews));
  if (!ticket) return std::unexpected(ticket.error());
  return made(build_profile(profile.name, profile.settings, *around, *ticket), profile.settings);
}

Result<MadeProfile> Profiles::offer(pg::Connection& db, std::string_view name, const Applicant& applicant,
                                    Time now) const {
  const auto profile = find(db, name);
  if (!profile) return std::unexpected(profile.error());
  return make(db, *profile, applicant, {}, now);
}

Result<MadeProfile> Profiles::offer_identity(pg::Connection& db, std::string_view name,
                                             const Applicant& applicant, Time now) const {
  const auto profile = find(db, name);
  if (!profile) return std::unexpected(profile.error());
  const auto around = around_(db);
  if (!around) return std::unexpected(around.error());
  const auto ticket = ticket_for(db, *profile, applicant, {}, now);
  if (!ticket) return std::unexpected(ticket.error());
  return made(build_identity_profile(name, profile->settings, *around, *ticket), profile->settings);
}

Result<MadeProfile> Profiles::renew(pg::Connection& db, std::string_view udid, Time now) const {
  const auto devices = db.exec(kEnrollmentDevice, udid);
  if (devices.empty()) {
    return fail(Failure::not_found, "enrollment_profile.not_enrolled", "there is no device with that UDID");
  }
  Applicant applicant{.udid = std::string(udid),
                      .serial_number = devices[0].get<std::optional<std::string>>(0).value_or(""),
                      .user_name = devices[0].get<std::optional<std::string>>(1).value_or("")};
  auto name = devices[0].get<std::optional<std::string>>(2).value_or("");
  std::string seed;
  if (const auto offers = db.exec(kEnrollmentOfferOfDevice, udid); !offers.empty()) {
    name = offers[0].get<std::optional<std::string>>(0).value_or(name);
    applicant.user_name = offers[0].get<std::optional<std::string>>(1).value_or(applicant.user_name);
    seed = offers[0].text(2);
    applicant.query = offers[0].text(3);
    applicant.account_driven = offers[0].get<bool>(4);
  }
  if (name.empty()) {
    return fail(Failure::conflict, "enrollment_profile.not_enrolled",
                "the device did not enroll with an enrollment profile of this server");
  }
  auto profile = find(db, name);
  if (!profile) return std::unexpected(profile.error());
  // The device's own topic, whatever certificate came since: it accepts no other.
  if (const auto topic = devices[0].get<std::optional<std::string>>(3))
    profile->settings.mdm.set("Topic", *topic);
  std::string renews;  // Nothing where the device never showed one: identity was off.
  if (!devices[0].is_null(4)) renews = std::string(devices[0].get<pg::Bytes>(4).view);
  return make(db, *profile, applicant, std::move(seed), now, std::move(renews));
}

}  // namespace mooring::core::enroll

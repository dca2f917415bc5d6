// SPDX-License-Identifier: Apache-2.0
#include "core/checkin_token_update.hpp"

#include <fmt/format.h>

namespace mooring::core {
namespace {

constexpr pg::Statement kTokenUpdate{"checkin_token_update", R"(
with known as materialized (
  select i.*, e.id, e.device_id
  from unnest($1::int4[], $2::text[], $3::int2[], $4::text[], $5::text[], $6::bytea[], $7::bytea[], $8::bool[],
              $9::text[], $10::text[], $11::jsonb[], $12::bytea[])
    as i(ord, enrollment_id, parent_length, topic, push_magic, push_token, unlock_token, awaiting, user_short_name,
         user_long_name, url_params, body)
  join enrollments e on e.enrollment_id = i.enrollment_id and e.parent_length = i.parent_length
), updated as (
  update enrollments e set
    topic = k.topic, push_magic = k.push_magic, push_token = k.push_token,
    unlock_token = coalesce(k.unlock_token, e.unlock_token),
    awaiting_configuration = coalesce(k.awaiting, e.awaiting_configuration),
    user_short_name = coalesce(nullif(k.user_short_name, ''), e.user_short_name),
    user_long_name = coalesce(nullif(k.user_long_name, ''), e.user_long_name),
    enabled = true, token_update_tally = e.token_update_tally + 1, token_updated_at = $13, checked_out_at = null
  from known k where e.id = k.id
  returning k.ord, k.url_params, k.body, e.id, e.device_id, e.token_update_tally, e.declarations_waiting
), recorded as (
  insert into events (created_at, enrollment_id, kind, detail, url_params, body)
  select $13, id, $14, jsonb_build_object('token_update_tally', token_update_tally), url_params, body
  from updated order by ord
), marked as (
  insert into reconcile as r (device_id, due_at) select distinct device_id, $13::timestamptz from updated order by 1
  on conflict (device_id) do update set marks = r.marks + 1, due_at = least(r.due_at, excluded.due_at)
)
select ord, id, token_update_tally, declarations_waiting from updated)"};

constexpr pg::Statement kEnsureDevice{"checkin_ensure_device", R"(
with made as (
  insert into devices (udid, created_at) values ($1, $2) on conflict (udid) do nothing returning id
)
select id from made union all select id from devices where udid = $1 limit 1)"};
constexpr pg::Statement kEnsureEnrollment{"checkin_ensure_enrollment", R"(
insert into enrollments (enrollment_id, parent_length, kind, device_id, parent_id)
values ($1, $2, $3, $4, (select id from enrollments where enrollment_id = $5 and parent_length = 0))
on conflict (enrollment_id, parent_length) do nothing)"};

void ensure_enrollment(pg::Connection& connection, const EnrollmentId& enrollment, Time now) {
  const auto device = connection.exec(kEnsureDevice, enrollment.device(), now);
  if (device.empty()) return;  // made by someone else this very moment: the next attempt finds it
  const auto ensure = [&](const EnrollmentId& channel) {
    connection.exec(kEnsureEnrollment, channel.id, channel.parent_length(),
                    static_cast<std::int16_t>(channel.kind), device[0].int64(0), channel.parent);
  };
  if (!enrollment.parent.empty()) {
    const bool byod = enrollment.kind == EnrollmentKind::user_enrollment;
    ensure({enrollment.parent, byod ? EnrollmentKind::user_enrollment_device : EnrollmentKind::device, ""});
  }
  ensure(enrollment);
}

}  // namespace

TokenUpdateStore::TokenUpdateStore(const pg::ConnectOptions& connect, pg::Pool& pool,
                                   const crypto::SecretBox& secrets, const EventInterest& interest,
                                   const Clock& clock, Logger& log, Metrics& metrics)
    : pool_(pool),
      secrets_(secrets),
      interest_(interest),
      clock_(clock),
      batcher_(
          {.name = "token_update", .connect = connect},
          [](const Op& op) -> std::string_view { return op.message.enrollment.id; },
          [this](pg::Connection& c, std::span<const Op> ops) { return store(c, ops, clock_.now()); }, log,
          metrics) {}

Task<Result<TokenUpdateOutcome>> TokenUpdateStore::handle(TokenUpdate message, MessageContext context) {
  Op op{.message = std::move(message),
        .sealed_unlock_token = std::nullopt,
        .extras = {interest_, EventKind::token_updated, context}};
  if (op.message.unlock_token) {
    op.sealed_unlock_token =
        secrets_.seal(*op.message.unlock_token, unlock_token_context(op.message.enrollment));
  }
  for (int attempt = 0; attempt < 2; ++attempt) {
    auto stored = co_await batcher_.submit(op);
    if (!stored || stored->known) co_return stored;
    pg::Pool::Body<bool> make = [enrollment = op.message.enrollment,
                                 now = clock_.now()](pg::Connection& connection) {
      ensure_enrollment(connection, enrollment, now);
      return Result<bool>(true);
    };
    auto made = co_await pool_.transaction<bool>(std::move(make));
    if (!made) co_return std::unexpected(made.error());
  }
  co_return unknown_enrollment(op.message.enrollment);
}

std::vector<TokenUpdateOutcome> TokenUpdateStore::store(pg::Connection& connection, std::span<const Op> ops,
                                                        Time now) {
  std::vector<std::int32_t> order;
  std::vector<std::int16_t> parent_lengths;
  std::vector<std::string_view> ids, topics, magics, short_names, long_names;
  std::vector<pg::Bytes> tokens;
  std::vector<std::optional<pg::Bytes>> unlock_tokens, bodies;
  std::vector<std::optional<bool>> awaiting;
  std::vector<std::optional<pg::Json>> url_params;
  for (const auto& op : ops) {
    order.push_back(static_cast<std::int32_t>(order.size()));
    ids.emplace_back(op.message.enrollment.id);
    parent_lengths.push_back(op.message.enrollment.parent_length());
    topics.emplace_back(op.message.topic);
    magics.emplace_back(op.message.push_magic);
    tokens.push_back({op.message.token});
    unlock_tokens.push_back(op.sealed_unlock_token ? std::optional(pg::Bytes{*op.sealed_unlock_token})
                                                   : std::nullopt);
    awaiting.push_back(op.message.awaiting_configuration);
    short_names.emplace_back(op.message.user_short_name);
    long_names.emplace_back(op.message.user_long_name);
    url_params.push_back(op.extras.params_value());
    bodies.push_back(op.extras.body_value());
  }
  std::vector<TokenUpdateOutcome> outcomes(ops.size());
  for (const auto row : connection.exec(kTokenUpdate, order, ids, parent_lengths, topics, magics, tokens,
                                        unlock_tokens, awaiting, short_names, long_names, url_params, bodies,
                                        now, number_of(EventKind::token_updated))) {
    auto& stored = outcomes[static_cast<std::size_t>(row.get<std::int32_t>(0))];
    stored.known = true;
    stored.outcome = {.enrollment = row.int64(1), .tally = row.get<std::int32_t>(2), .reply = {}};
    stored.declarations_waiting = row.get<bool>(3);
  }
  return outcomes;
}

}  // namespace mooring::core

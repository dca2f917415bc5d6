// SPDX-License-Identifier: Apache-2.0
#include "core/checkin.hpp"

#include <fmt/format.h>

#include <array>
#include <numeric>

#include "base/plist/plist.hpp"
#include "core/counters.hpp"
#include "core/event.hpp"

namespace mooring::core {
namespace {

#define MOORING_AUTHENTICATE_INPUT                                                                        \
  "with input as materialized ("                                                                          \
  "  select * from unnest($1::int4[], $2::text[], $3::int2[], $4::text[], $5::text[], $6::text[],"        \
  "                       $7::text[], $8::text[], $9::text[], $10::text[], $11::text[], $12::text[])"     \
  "    as t(ord, enrollment_id, kind, udid, serial_number, model, model_name, device_name, product_name," \
  "         os_version, build_version, topic))"
#define MOORING_DEVICE_COLUMNS                                                                      \
  "(udid, serial_number, model, model_name, device_name, product_name, os_version, build_version, " \
  "created_at)"
#define MOORING_DEVICE_VALUES                                                                              \
  "select udid, nullif(serial_number, ''), nullif(model, ''), nullif(model_name, ''), "                    \
  "nullif(device_name, ''), nullif(product_name, ''), nullif(os_version, ''), nullif(build_version, ''), " \
  "$13::timestamptz from input "

// A device that was never seen: most enrollments, and much less to do. The others are left to kAuthenticate.
constexpr pg::Statement kAuthenticateNew{"checkin_authenticate_new", MOORING_AUTHENTICATE_INPUT
                                         R"(, device as (
  insert into devices )" MOORING_DEVICE_COLUMNS MOORING_DEVICE_VALUES R"(
  on conflict (udid) do nothing returning id, udid
), channel as (
  insert into enrollments (enrollment_id, kind, device_id, topic, authenticated_at)
  select i.enrollment_id, i.kind, d.id, i.topic, $13 from input i join device d on d.udid = i.udid
  returning id, enrollment_id, device_id
), recorded as (
  insert into events (created_at, enrollment_id, kind) select $13, id, $14 from channel
), marked as (
  insert into reconcile (device_id, due_at, reset_mark) select device_id, $13, 1 from channel
)
select i.ord, c.id from input i join channel c on c.enrollment_id = i.enrollment_id)"};

// A new enrollment starts from nothing: no open command, no token of the one before, no believed state.
constexpr pg::Statement kAuthenticate{"checkin_authenticate", MOORING_AUTHENTICATE_INPUT
                                      R"(, device as (
  insert into devices as d )" MOORING_DEVICE_COLUMNS MOORING_DEVICE_VALUES R"(
  on conflict (udid) do update set
    serial_number = coalesce(excluded.serial_number, d.serial_number),
    model = coalesce(excluded.model, d.model), model_name = coalesce(excluded.model_name, d.model_name),
    device_name = coalesce(excluded.device_name, d.device_name),
    product_name = coalesce(excluded.product_name, d.product_name),
    os_version = coalesce(excluded.os_version, d.os_version),
    build_version = coalesce(excluded.build_version, d.build_version)
  returning id, udid
), old as materialized (
  select e.id, i.enrollment_id = e.enrollment_id as own
  from input i join devices d on d.udid = i.udid join enrollments e on e.device_id = d.id
), channel as (
  insert into enrollments as e (enrollment_id, kind, device_id, topic, authenticated_at)
  select i.enrollment_id, i.kind, d.id, i.topic, $13 from input i join device d on d.udid = i.udid
  on conflict (enrollment_id) do update set
    enabled = false, token_update_tally = 0, awaiting_configuration = false, push_magic = null, push_token = null,
    unlock_token = null, bootstrap_token = null, checked_out_at = null, topic = excluded.topic,
    authenticated_at = excluded.authenticated_at, device_id = excluded.device_id
  returning id, enrollment_id, device_id
), users as (
  update enrollments e set enabled = false, token_update_tally = 0, push_magic = null, push_token = null
  from old o where e.id = o.id and not o.own
), cleared as (
  delete from commands c using old o where c.enrollment_id = o.id returning c.*
), cancelled as (
  insert into command_results
    (enrollment_id, uuid, payload_id, request_type, status, item_id, created_at, answered_at)
  select c.enrollment_id, c.uuid, c.payload_id, p.request_type, 5, c.item_id, c.created_at, $13
  from cleared c join payloads p on p.id = c.payload_id
  on conflict (enrollment_id, uuid) do nothing
), recorded as (
  insert into events (created_at, enrollment_id, kind) select $13, id, $14 from channel
), marked as (
  insert into reconcile as r (device_id, due_at, reset_mark) select device_id, $13, 1 from channel order by 1
  on conflict (device_id) do update set
    marks = r.marks + 1, reset_mark = r.marks + 1, due_at = least(r.due_at, excluded.due_at)
), counted as ()" MOORING_COUNT_FROM(R"(
  select case status when 0 then 'commands.queued' else 'commands.not_now' end, -1 from cleared)") R"()
select i.ord, c.id from input i join channel c on c.enrollment_id = i.enrollment_id)"};

constexpr pg::Statement kTokenUpdate{"checkin_token_update", R"(
with known as materialized (
  select i.*, e.id, e.device_id
  from unnest($1::int4[], $2::text[], $3::text[], $4::text[], $5::bytea[], $6::bytea[], $7::bool[], $8::text[],
              $9::text[])
    as i(ord, enrollment_id, topic, push_magic, push_token, unlock_token, awaiting, user_short_name, user_long_name)
  join enrollments e on e.enrollment_id = i.enrollment_id
), updated as (
  update enrollments e set
    topic = k.topic, push_magic = k.push_magic, push_token = k.push_token,
    unlock_token = coalesce(k.unlock_token, e.unlock_token),
    awaiting_configuration = coalesce(k.awaiting, e.awaiting_configuration),
    user_short_name = coalesce(nullif(k.user_short_name, ''), e.user_short_name),
    user_long_name = coalesce(nullif(k.user_long_name, ''), e.user_long_name),
    enabled = true, token_update_tally = e.token_update_tally + 1, token_updated_at = $10, checked_out_at = null
  from known k where e.id = k.id
  returning k.ord, e.id, e.device_id, e.token_update_tally
), recorded as (
  insert into events (created_at, enrollment_id, kind) select $10, id, $11 from updated order by ord
), marked as (
  insert into reconcile as r (device_id, due_at) select distinct device_id, $10::timestamptz from updated order by 1
  on conflict (device_id) do update set marks = r.marks + 1, due_at = least(r.due_at, excluded.due_at)
)
select ord, id, token_update_tally from updated)"};

// A channel that never sent Authenticate here: a user's first message, or a device that came from elsewhere.
constexpr pg::Statement kEnsureDevice{"checkin_ensure_device", R"(
with made as (
  insert into devices (udid, created_at) values ($1, $2) on conflict (udid) do nothing returning id
)
select id from made union all select id from devices where udid = $1 limit 1)"};
constexpr pg::Statement kEnsureEnrollment{"checkin_ensure_enrollment", R"(
insert into enrollments (enrollment_id, kind, device_id, parent_id)
values ($1, $2, $3, (select id from enrollments where enrollment_id = $4))
on conflict (enrollment_id) do nothing)"};

constexpr pg::Statement kCheckOut{"checkin_check_out", R"(
with target as materialized (
  select e.id, e.device_id, e.kind, e.enrollment_id = $1 as own
  from enrollments t join enrollments e on e.id = t.id or (t.kind in (0, 3) and e.device_id = t.device_id)
  where t.enrollment_id = $1
), disabled as (
  update enrollments e set enabled = false, checked_out_at = case when t.own then $2 else e.checked_out_at end
  from target t where e.id = t.id
), recorded as (
  insert into events (created_at, enrollment_id, kind) select $2, id, $3 from target where own
), marked as (
  update reconcile r set marks = r.marks + 1, reset_mark = r.marks + 1, due_at = least(r.due_at, $2)
  from target t where t.own and t.kind in (0, 3) and r.device_id = t.device_id
)
select id from target where own)"};

constexpr pg::Statement kSetBootstrapToken{"checkin_set_bootstrap_token", R"(
with updated as (
  update enrollments set bootstrap_token = $2 where enrollment_id = $1 returning id
), recorded as (
  insert into events (created_at, enrollment_id, kind) select $3, id, $4 from updated
)
select id from updated)"};
constexpr pg::Statement kGetBootstrapToken{
    "checkin_get_bootstrap_token", "select id, bootstrap_token from enrollments where enrollment_id = $1"};

std::string device_key_of(const EnrollmentId& enrollment) {
  return enrollment.parent.empty() ? enrollment.id : enrollment.parent;
}

std::string bootstrap_context(const EnrollmentId& enrollment) {
  return "bootstrap-token:" + device_key_of(enrollment);
}

std::int16_t number(EventKind kind) { return static_cast<std::int16_t>(kind); }

void ensure_enrollment(pg::Connection& connection, const EnrollmentId& enrollment, Time now) {
  const std::string device_key = device_key_of(enrollment);
  const auto device = connection.exec(kEnsureDevice, device_key, now);
  if (device.empty()) return;  // made by someone else this very moment: the next attempt finds it
  if (!enrollment.parent.empty()) {
    const bool byod = enrollment.kind == EnrollmentKind::user_enrollment;
    const auto kind = byod ? EnrollmentKind::user_enrollment_device : EnrollmentKind::device;
    connection.exec(kEnsureEnrollment, enrollment.parent, static_cast<std::int16_t>(kind), device[0].int64(0),
                    std::string_view());
  }
  connection.exec(kEnsureEnrollment, enrollment.id, static_cast<std::int16_t>(enrollment.kind),
                  device[0].int64(0), enrollment.parent);
}

std::unexpected<Error> unknown_enrollment(const EnrollmentId& enrollment) {
  return fail(Failure::invalid, "checkin.unknown_enrollment",
              fmt::format("enrollment {} has never sent Authenticate or TokenUpdate here", enrollment.id));
}

}  // namespace

CheckinStore::CheckinStore(const pg::ConnectOptions& connect, pg::Pool& pool,
                           const crypto::SecretBox& secrets, const Clock& clock, Logger& log,
                           Metrics& metrics)
    : pool_(pool),
      secrets_(secrets),
      clock_(clock),
      metrics_(metrics),
      authenticates_(
          {.name = "authenticate", .connect = connect},
          [](const AuthenticateOp& op) -> std::string_view { return op.device_key; },
          [this](pg::Connection& c, std::span<const AuthenticateOp> ops) {
            return store_authenticates(c, ops, clock_.now());
          },
          log, metrics),
      tokens_(
          {.name = "token_update", .connect = connect},
          [](const TokenOp& op) -> std::string_view { return op.message.enrollment.id; },
          [this](pg::Connection& c, std::span<const TokenOp> ops) {
            return store_tokens(c, ops, clock_.now());
          },
          log, metrics) {
  for (const char* type : {"Authenticate", "TokenUpdate", "CheckOut"}) checkins_of(type);
}

prometheus::Counter& CheckinStore::checkins_of(const std::string& message_type) {
  return metrics_.counter("mooring_checkins_total", "Check-in messages by type.",
                          {{"message_type", message_type}});
}

Task<Result<CheckinOutcome>> CheckinStore::handle(Checkin checkin, plist::Dict message,
                                                  [[maybe_unused]] MessageContext context) {
  if (auto* authenticate_message = std::get_if<Authenticate>(&checkin)) {
    checkins_of("Authenticate").Increment();
    co_return co_await authenticate(std::move(*authenticate_message));
  }
  if (auto* token = std::get_if<TokenUpdate>(&checkin)) {
    checkins_of("TokenUpdate").Increment();
    co_return co_await token_update(std::move(*token));
  }
  if (auto* out = std::get_if<CheckOut>(&checkin)) {
    checkins_of("CheckOut").Increment();
    co_return co_await check_out(std::move(out->enrollment));
  }
  auto& rest = std::get<OtherCheckin>(checkin);
  checkins_of(rest.message_type).Increment();  // parse_checkin lets only Apple's names through
  co_return co_await other(std::move(rest), std::move(message));
}

Task<Result<CheckinOutcome>> CheckinStore::authenticate(Authenticate message) {
  if (!message.enrollment.parent.empty()) {
    co_return fail(Failure::invalid, "checkin.device_channel_only",
                   "Authenticate comes on the device channel only");
  }
  std::string key = device_key_of(message.enrollment);
  co_return co_await authenticates_.submit({std::move(message), std::move(key)});
}

Task<Result<CheckinOutcome>> CheckinStore::token_update(TokenUpdate message) {
  TokenOp op{.message = std::move(message), .sealed_unlock_token = std::nullopt};
  if (op.message.unlock_token) {
    op.sealed_unlock_token =
        secrets_.seal(*op.message.unlock_token, "unlock-token:" + device_key_of(op.message.enrollment));
  }
  for (int attempt = 0; attempt < 2; ++attempt) {
    auto stored = co_await tokens_.submit(op);
    if (!stored) co_return std::unexpected(stored.error());
    if (stored->known) co_return std::move(stored->outcome);
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

Task<Result<CheckinOutcome>> CheckinStore::check_out(EnrollmentId enrollment) {
  pg::Pool::Body<CheckinOutcome> body = [enrollment, now = clock_.now()](pg::Connection& connection) {
    const auto rows = connection.exec(kCheckOut, enrollment.id, now, number(EventKind::checked_out));
    return Result<CheckinOutcome>(
        CheckinOutcome{.enrollment = rows.empty() ? 0 : rows[0].int64(0), .reply = {}});
  };
  co_return co_await pool_.run<CheckinOutcome>(std::move(body));
}

Task<Result<CheckinOutcome>> CheckinStore::set_bootstrap_token(EnrollmentId enrollment, std::string token) {
  std::optional<std::string> sealed;
  if (!token.empty()) sealed = secrets_.seal(token, bootstrap_context(enrollment));
  pg::Pool::Body<CheckinOutcome> body =
      [enrollment, sealed, now = clock_.now()](pg::Connection& connection) -> Result<CheckinOutcome> {
    const std::optional<pg::Bytes> stored = sealed ? std::optional(pg::Bytes{*sealed}) : std::nullopt;
    const auto rows = connection.exec(kSetBootstrapToken, device_key_of(enrollment), stored, now,
                                      number(EventKind::bootstrap_token_set));
    if (rows.empty()) return unknown_enrollment(enrollment);
    return CheckinOutcome{.enrollment = rows[0].int64(0), .reply = {}};
  };
  co_return co_await pool_.run<CheckinOutcome>(std::move(body));
}

Task<Result<CheckinOutcome>> CheckinStore::get_bootstrap_token(EnrollmentId enrollment) {
  pg::Pool::Body<CheckinOutcome> body = [this,
                                         enrollment](pg::Connection& connection) -> Result<CheckinOutcome> {
    const auto rows = connection.exec(kGetBootstrapToken, device_key_of(enrollment));
    if (rows.empty()) return unknown_enrollment(enrollment);
    CheckinOutcome outcome{.enrollment = rows[0].int64(0), .reply = {}};
    if (rows[0].is_null(1)) return outcome;
    auto token = secrets_.open(rows[0].get<pg::Bytes>(1).view, bootstrap_context(enrollment));
    if (!token) return std::unexpected(token.error());
    outcome.reply = plist::to_xml(plist::Dict{{"BootstrapToken", plist::Data{std::move(*token)}}});
    return outcome;
  };
  co_return co_await pool_.run<CheckinOutcome>(std::move(body));
}

Task<Result<CheckinOutcome>> CheckinStore::other(OtherCheckin message, plist::Dict body) {
  if (message.message_type == "SetBootstrapToken") {
    const auto* token = body.data("BootstrapToken");
    co_return co_await set_bootstrap_token(std::move(message.enrollment),
                                           token == nullptr ? "" : token->bytes);
  }
  if (message.message_type == "GetBootstrapToken")
    co_return co_await get_bootstrap_token(std::move(message.enrollment));
  co_return fail(Failure::unsupported, "checkin.not_served",
                 fmt::format("this server does not serve {} messages", message.message_type));
}

std::vector<CheckinOutcome> CheckinStore::store_authenticates(pg::Connection& connection,
                                                              std::span<const AuthenticateOp> ops, Time now) {
  std::vector<CheckinOutcome> outcomes(ops.size());
  std::vector<std::int32_t> order(ops.size());
  std::iota(order.begin(), order.end(), 0);
  const auto store = [&](const pg::Statement& statement) {
    for (const auto row : connection.exec_prepared(statement, authenticate_params(ops, order, now))) {
      outcomes[static_cast<std::size_t>(row.get<std::int32_t>(0))].enrollment = row.int64(1);
    }
    std::erase_if(order,
                  [&](std::int32_t i) { return outcomes[static_cast<std::size_t>(i)].enrollment != 0; });
  };
  store(kAuthenticateNew);
  if (!order.empty()) store(kAuthenticate);
  return outcomes;
}

pg::Params CheckinStore::authenticate_params(std::span<const AuthenticateOp> ops,
                                             std::span<const std::int32_t> order, Time now) {
  std::vector<std::int16_t> kinds;
  std::array<std::vector<std::string_view>, 10> texts;
  for (const auto i : order) {
    const auto& op = ops[static_cast<std::size_t>(i)];
    const auto& m = op.message;
    kinds.push_back(static_cast<std::int16_t>(m.enrollment.kind));
    const std::array<std::string_view, 10> row{m.enrollment.id, op.device_key, m.serial_number, m.model,
                                               m.model_name,    m.device_name, m.product_name,  m.os_version,
                                               m.build_version, m.topic};
    for (std::size_t k = 0; k < row.size(); ++k) texts[k].push_back(row[k]);
  }
  return pg::Params(order, texts[0], kinds, texts[1], texts[2], texts[3], texts[4], texts[5], texts[6],
                    texts[7], texts[8], texts[9], now, number(EventKind::authenticated));
}

std::vector<CheckinStore::TokenOutcome> CheckinStore::store_tokens(pg::Connection& connection,
                                                                   std::span<const TokenOp> ops, Time now) {
  std::vector<std::int32_t> order;
  std::vector<std::string_view> ids, topics, magics, short_names, long_names;
  std::vector<pg::Bytes> tokens;
  std::vector<std::optional<pg::Bytes>> unlock_tokens;
  std::vector<std::optional<bool>> awaiting;
  for (const auto& op : ops) {
    order.push_back(static_cast<std::int32_t>(order.size()));
    ids.emplace_back(op.message.enrollment.id);
    topics.emplace_back(op.message.topic);
    magics.emplace_back(op.message.push_magic);
    tokens.push_back({op.message.token});
    unlock_tokens.push_back(op.sealed_unlock_token ? std::optional(pg::Bytes{*op.sealed_unlock_token})
                                                   : std::nullopt);
    awaiting.push_back(op.message.awaiting_configuration);
    short_names.emplace_back(op.message.user_short_name);
    long_names.emplace_back(op.message.user_long_name);
  }
  std::vector<TokenOutcome> outcomes(ops.size());
  for (const auto row :
       connection.exec(kTokenUpdate, order, ids, topics, magics, tokens, unlock_tokens, awaiting, short_names,
                       long_names, now, number(EventKind::token_updated))) {
    auto& stored = outcomes[static_cast<std::size_t>(row.get<std::int32_t>(0))];
    stored.known = true;
    stored.outcome = {.enrollment = row.int64(1), .tally = row.get<std::int32_t>(2), .reply = {}};
  }
  return outcomes;
}

}  // namespace mooring::core

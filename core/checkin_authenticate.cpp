// SPDX-License-Identifier: Apache-2.0
#include "core/checkin_authenticate.hpp"

#include <array>
#include <nlohmann/json.hpp>

#include "core/counters.hpp"

namespace mooring::core {
namespace {

#define MOORING_AUTHENTICATE_INPUT                                                                    \
  "with input as materialized ("                                                                      \
  "  select * from unnest($1::int4[], $2::text[], $3::int2[], $4::text[], $5::text[], $6::text[],"    \
  "                       $7::text[], $8::text[], $9::text[], $10::text[], $11::text[], $12::text[]," \
  "                       $13::text[], $14::jsonb[], $15::jsonb[], $16::bytea[])"                     \
  "    as t(ord, enrollment_id, kind, serial_number, model, model_name, device_name, product_name,"   \
  "         os_version, build_version, topic, user_name, enrollment_profile, detail, url_params, body)) "
#define MOORING_AUTHENTICATE_DEVICE_COLUMNS                                                         \
  "(udid, serial_number, model, model_name, device_name, product_name, os_version, build_version, " \
  "user_name, enrollment_profile, created_at)"
#define MOORING_AUTHENTICATE_DEVICE_VALUES                                                                 \
  "select enrollment_id, nullif(serial_number, ''), nullif(model, ''), nullif(model_name, ''), "           \
  "nullif(device_name, ''), nullif(product_name, ''), nullif(os_version, ''), nullif(build_version, ''), " \
  "nullif(user_name, ''), nullif(enrollment_profile, ''), $17::timestamptz from input "
// What a device leaves out stays as it was.
#define MOORING_AUTHENTICATE_DEVICE_UPDATE(from)                                                             \
  "serial_number = coalesce(" from ".serial_number, d.serial_number), model = coalesce(" from                \
  ".model, d.model), model_name = coalesce(" from ".model_name, d.model_name), device_name = coalesce(" from \
  ".device_name, d.device_name), product_name = coalesce(" from                                              \
  ".product_name, d.product_name), os_version = coalesce(" from                                              \
  ".os_version, d.os_version), build_version = coalesce(" from ".build_version, d.build_version)"
#define MOORING_AUTHENTICATE_RECORDED                                                 \
  "recorded as ("                                                                     \
  "  insert into events (created_at, enrollment_id, kind, detail, url_params, body)"  \
  "  select $17, c.id, $18, i.detail, i.url_params, i.body"                           \
  "  from input i join channel c on c.enrollment_id = i.enrollment_id order by i.ord" \
  ")"
#define MOORING_AUTHENTICATE_OUTCOME \
  " select i.ord, c.id from input i join channel c on c.enrollment_id = i.enrollment_id"

// A device that was never seen: most enrollments, and much less to do. The others are left to kAuthenticate.
constexpr pg::Statement kAuthenticateNew{"checkin_authenticate_new", MOORING_AUTHENTICATE_INPUT
                                         R"(, device as (
  insert into devices )" MOORING_AUTHENTICATE_DEVICE_COLUMNS MOORING_AUTHENTICATE_DEVICE_VALUES R"(
  on conflict (udid) do nothing returning id, udid
), channel as (
  insert into enrollments (enrollment_id, kind, device_id, topic, authenticated_at)
  select i.enrollment_id, i.kind, d.id, i.topic, $17 from input i join device d on d.udid = i.enrollment_id
  returning id, enrollment_id, device_id
), marked as (
  insert into reconcile (device_id, due_at, reset_mark) select device_id, $17, 1 from channel
), )" MOORING_AUTHENTICATE_RECORDED MOORING_AUTHENTICATE_OUTCOME};

// A new certificate for an enrollment that lives: what is queued and believed stays, or a command that renews
// certificates would be forgotten and sent again for ever. Others are left to the statements for new
// enrollments.
constexpr pg::Statement kAuthenticateRenewal{"checkin_authenticate_renewal", MOORING_AUTHENTICATE_INPUT
                                             R"(, channel as (
  update enrollments e set topic = i.topic from input i
  where e.enrollment_id = i.enrollment_id and e.parent_length = 0 and e.enabled
  returning e.id, e.enrollment_id, e.device_id
), device as (
  update devices d set )" MOORING_AUTHENTICATE_DEVICE_UPDATE("n") R"(,
    user_name = coalesce(n.user_name, d.user_name), enrollment_profile = coalesce(n.enrollment_profile, d.enrollment_profile)
  from ()" MOORING_AUTHENTICATE_DEVICE_VALUES R"() as n)" MOORING_AUTHENTICATE_DEVICE_COLUMNS R"(
  where d.udid = n.udid and d.id in (select device_id from channel)
), )" MOORING_AUTHENTICATE_RECORDED MOORING_AUTHENTICATE_OUTCOME};

// A new enrollment starts from nothing: no open command, no token of the one before, no believed state. What
// is declared for it stays.
constexpr pg::Statement kAuthenticate{"checkin_authenticate", MOORING_AUTHENTICATE_INPUT
                                      R"(, device as (
  insert into devices as d )" MOORING_AUTHENTICATE_DEVICE_COLUMNS MOORING_AUTHENTICATE_DEVICE_VALUES R"(
  on conflict (udid) do update set )" MOORING_AUTHENTICATE_DEVICE_UPDATE("excluded") R"(,
    user_name = excluded.user_name, enrollment_profile = excluded.enrollment_profile
  returning id, udid
), old as materialized (
  select e.id, i.enrollment_id = e.enrollment_id and e.parent_length = 0 as own
  from input i join devices d on d.udid = i.enrollment_id join enrollments e on e.device_id = d.id
), channel as (
  insert into enrollments as e (enrollment_id, kind, device_id, topic, authenticated_at)
  select i.enrollment_id, i.kind, d.id, i.topic, $17 from input i join device d on d.udid = i.enrollment_id
  on conflict (enrollment_id, parent_length) do update set
    enabled = false, token_update_tally = 0, awaiting_configuration = false, push_magic = null, push_token = null,
    unlock_token = null, bootstrap_token = null, checked_out_at = null, topic = excluded.topic, kind = excluded.kind,
    authenticated_at = excluded.authenticated_at, device_id = excluded.device_id,
    declarations_waiting = exists (select from enrollment_declarations n where n.enrollment_id = e.id)
  returning id, enrollment_id, device_id
), users as (
  update enrollments e set enabled = false, token_update_tally = 0, awaiting_configuration = false,
    push_magic = null, push_token = null,
    declarations_waiting = exists (select from enrollment_declarations n where n.enrollment_id = e.id)
  from old o where e.id = o.id and not o.own
), cleared as (
  delete from commands c using old o where c.enrollment_id = o.id returning c.*
), cancelled as (
  insert into command_results
    (enrollment_id, uuid, payload_id, request_type, status, item_id, version_id, created_at, answered_at)
  select c.enrollment_id, c.uuid, c.payload_id, p.request_type, 5, c.item_id, c.version_id, c.created_at, $17
  from cleared c join payloads p on p.id = c.payload_id
  on conflict (enrollment_id, uuid) do nothing
), unsaid as (
  delete from declaration_status s using old o where s.enrollment_id = o.id
), marked as (
  insert into reconcile as r (device_id, due_at, reset_mark) select device_id, $17, 1 from channel order by 1
  on conflict (device_id) do update set
    marks = r.marks + 1, reset_mark = r.marks + 1, due_at = least(r.due_at, excluded.due_at)
), counted as ()" MOORING_COUNT_FROM(R"(
  select case status when 0 then 'commands.queued' else 'commands.not_now' end, -1 from cleared)") "), "
                                      MOORING_AUTHENTICATE_RECORDED MOORING_AUTHENTICATE_OUTCOME};

std::optional<std::string> detail_of(const MessageContext& context) {
  nlohmann::json detail = nlohmann::json::object();
  if (!context.certificate_hash.empty()) detail["certificate_hash"] = context.certificate_hash;
  if (!context.user_name.empty()) detail["user_name"] = context.user_name;
  if (!context.enrollment_profile.empty()) detail["enrollment_profile"] = context.enrollment_profile;
  if (context.renewal) detail["renewal"] = true;
  if (detail.empty()) return std::nullopt;
  return detail.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace

AuthenticateStore::AuthenticateStore(const pg::ConnectOptions& connect, const EventInterest& interest,
                                     const Clock& clock, Logger& log, Metrics& metrics)
    : interest_(interest),
      clock_(clock),
      batcher_(
          {.name = "authenticate", .connect = connect},
          [](const Op& op) -> std::string_view { return op.message.enrollment.id; },
          [this](pg::Connection& c, std::span<const Op> ops) { return store(c, ops); }, log, metrics) {}

Task<Result<CheckinOutcome>> AuthenticateStore::handle(Authenticate message, MessageContext context) {
  if (!message.enrollment.parent.empty()) {
    co_return fail(Failure::invalid, "checkin.device_channel_only",
                   "Authenticate comes on the device channel only");
  }
  Op op{.message = std::move(message),
        .user_name = context.user_name,
        .enrollment_profile = context.enrollment_profile,
        .renewal = context.renewal,
        .detail = detail_of(context),
        .extras = {interest_, EventKind::authenticated, context}};
  co_return co_await batcher_.submit(std::move(op));
}

std::vector<CheckinOutcome> AuthenticateStore::store(pg::Connection& connection,
                                                     std::span<const Op> ops) const {
  const Time now = clock_.now();
  std::vector<CheckinOutcome> outcomes(ops.size());
  std::vector<std::int32_t> renewals, order;
  for (std::int32_t i = 0; i < static_cast<std::int32_t>(ops.size()); ++i) {
    (ops[static_cast<std::size_t>(i)].renewal ? renewals : order).push_back(i);
  }
  const auto run = [&](const pg::Statement& statement, std::vector<std::int32_t>& open) {
    if (open.empty()) return;
    for (const auto row : connection.exec_prepared(statement, params_of(ops, open, now))) {
      outcomes[static_cast<std::size_t>(row.get<std::int32_t>(0))].enrollment = row.int64(1);
    }
    std::erase_if(open,
                  [&](std::int32_t i) { return outcomes[static_cast<std::size_t>(i)].enrollment != 0; });
  };
  run(kAuthenticateRenewal, renewals);
  order.insert(order.end(), renewals.begin(), renewals.end());
  run(kAuthenticateNew, order);
  run(kAuthenticate, order);
  return outcomes;
}

pg::Params AuthenticateStore::params_of(std::span<const Op> ops, std::span<const std::int32_t> order,
                                        Time now) {
  std::vector<std::int16_t> kinds;
  std::array<std::vector<std::string_view>, 11> texts;
  std::vector<std::optional<pg::Json>> details, url_params;
  std::vector<std::optional<pg::Bytes>> bodies;
  for (const auto i : order) {
    const auto& op = ops[static_cast<std::size_t>(i)];
    const auto& m = op.message;
    kinds.push_back(static_cast<std::int16_t>(m.enrollment.kind));
    const std::array<std::string_view, 11> row{
        m.enrollment.id, m.serial_number, m.model, m.model_name, m.device_name,        m.product_name,
        m.os_version,    m.build_version, m.topic, op.user_name, op.enrollment_profile};
    for (std::size_t k = 0; k < row.size(); ++k) texts[k].push_back(row[k]);
    details.push_back(op.detail ? std::optional(pg::Json{*op.detail}) : std::nullopt);
    url_params.push_back(op.extras.params_value());
    bodies.push_back(op.extras.body_value());
  }
  return pg::Params(order, texts[0], kinds, texts[1], texts[2], texts[3], texts[4], texts[5], texts[6],
                    texts[7], texts[8], texts[9], texts[10], details, url_params, bodies, now,
                    number_of(EventKind::authenticated));
}

}  // namespace mooring::core

// SPDX-License-Identifier: Apache-2.0
#include "core/report.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/command_metrics.hpp"
#include "core/counters.hpp"
#include "core/event.hpp"

namespace mooring::core {
namespace {

// Chooses the next command of enrollment `k`: `skip` leaves out what said NotNow in this session. What was
// put off before the session began is offered in it; so it is where nobody knows when that was, but the
// device answers a command that it had put off: it does so in a later session. Commands for declared items
// are handed out only when the device's last pass has seen the present declarations: an older version never
// goes out after a newer one was declared.
#define MOORING_NEXT_COMMAND(skip, now)                                                                     \
  "left join lateral ("                                                                                     \
  "  select c.uuid, c.payload_id from commands c"                                                           \
  "  where c.enrollment_id = k.enrollment and " skip "    and (c.expires_at is null or c.expires_at > " now \
  ")"                                                                                                       \
  "    and (coalesce(c.item_id, 0) = 0"                                                                     \
  "         or (select r.seen_generation from reconcile r where r.device_id = k.device_id)"                 \
  "            >= (select s.generation from declaration_state s where s.one))"                              \
  "  order by c.priority desc, c.id limit 1"                                                                \
  ") n on true "

#define MOORING_POLL_KNOWN                                                                              \
  "from (select i.ord, e.id as enrollment, e.device_id"                                                 \
  "      from unnest($1::int4[], $2::text[], $4::int2[]) as i(ord, enrollment_id, parent_length)"       \
  "      join enrollments e on e.enrollment_id = i.enrollment_id and e.parent_length = i.parent_length" \
  ") k "
constexpr pg::Statement kPoll{"report_poll", R"(
select k.ord, k.enrollment, n.uuid, n.payload_id )" MOORING_POLL_KNOWN MOORING_NEXT_COMMAND(
                                                 "true", "$3::timestamptz")};
// The same where somebody outside wants idle connections as events: a durable write each.
constexpr pg::Statement kPollRecorded{"report_poll_recorded", R"(
with recorded as (
  insert into events (created_at, enrollment_id, kind, url_params, body)
  select $3, e.id, $5, i.url_params, i.body
  from unnest($1::int4[], $2::text[], $4::int2[], $6::jsonb[], $7::bytea[])
    as i(ord, enrollment_id, parent_length, url_params, body)
  join enrollments e on e.enrollment_id = i.enrollment_id and e.parent_length = i.parent_length order by i.ord
)
select k.ord, k.enrollment, n.uuid, n.payload_id )" MOORING_POLL_KNOWN MOORING_NEXT_COMMAND(
                                                                  "true", "$3::timestamptz")};

// The pieces of the two statements that store reports. `which`: "left join" where commands may not be open.
#define MOORING_REPORTS_KNOWN(which)                                                                       \
  "with known as materialized ("                                                                           \
  "  select i.ord, i.uuid, i.status, i.error_chain, i.body, i.url_params, i.event_body,"                   \
  "         i.session_began, e.id as enrollment, e.device_id,"                                             \
  "         c.id as command, c.payload_id, c.item_id, c.version_id, c.created_at, c.status as was,"        \
  "         p.request_type"                                                                                \
  "  from unnest($1::int4[], $2::text[], $3::bytea[], $4::int2[], $5::jsonb[], $6::bytea[],"               \
  "              $9::jsonb[], $10::bytea[], $11::int2[], $12::timestamptz[])"                              \
  "    as i(ord, enrollment_id, uuid, status, error_chain, body, url_params, event_body, parent_length,"   \
  "         session_began)"                                                                                \
  "  join enrollments e on e.enrollment_id = i.enrollment_id and e.parent_length = i.parent_length " which \
  " commands c on c.enrollment_id = e.id and c.uuid = i.uuid " which                                       \
  " payloads p on p.id = c.payload_id"                                                                     \
  "), closed as ("                                                                                         \
  "  delete from commands c using known k where c.id = k.command and k.status >= 2"                        \
  "  returning k.ord, k.was"                                                                               \
  "), stored as ("                                                                                         \
  "  insert into command_results (enrollment_id, uuid, payload_id, request_type, status, item_id,"         \
  "                               version_id, created_at, answered_at, error_chain, body)"                 \
  "  select k.enrollment, k.uuid, k.payload_id, k.request_type, k.status, k.item_id, k.version_id, "       \
  "k.created_at, $7,"                                                                                      \
  "         k.error_chain, case when k.item_id is null then k.body end"                                    \
  "  from known k where k.ord in (select ord from closed)"                                                 \
  "  on conflict (enrollment_id, uuid) do update set"                                                      \
  "    status = excluded.status, answered_at = excluded.answered_at, error_chain = excluded.error_chain,"  \
  "    body = excluded.body"                                                                               \
  "), "
// `recorded`: reports that become events; `changed`: those among them that closed or deferred a command.
#define MOORING_REPORTS_RECORDED(recorded, changed)                                                        \
  "recorded as ("                                                                                          \
  "  insert into events (created_at, enrollment_id, kind, status, command_uuid, request_type, detail,"     \
  "                      url_params, body)"                                                                \
  "  select $7, k.enrollment, $8, k.status, k.uuid, k.request_type, k.error_chain, k.url_params,"          \
  "         k.event_body from known k"                                                                     \
  "  where k.ord in (" recorded                                                                            \
  ") returning id, enrollment_id, command_uuid"                                                            \
  "), observed as ("                                                                                       \
  "  insert into observations (event_id, device_id, command_uuid, reported_at, status, request_type,"      \
  "                            item_id, version_id, error_chain, body, enrollment_id)"                     \
  "  select v.id, k.device_id, k.uuid, $7, k.status, k.request_type, k.item_id, k.version_id,"             \
  "         k.error_chain, case when k.item_id = 0 and k.status = 2 then k.body end, k.enrollment"         \
  "  from known k join recorded v on v.enrollment_id = k.enrollment and v.command_uuid = k.uuid"           \
  "  where k.item_id is not null and k.ord in (" changed                                                   \
  ") returning device_id"                                                                                  \
  "), marked as ("                                                                                         \
  "  update reconcile r set marks = r.marks + 1, due_at = least(r.due_at, $7)" /* in one order everywhere, \
                                                                                  against deadlocks */     \
  "  from (select q.device_id from reconcile q where q.device_id in (select device_id from observed)"      \
  "        order by q.device_id for no key update) o"                                                      \
  "  where r.device_id = o.device_id"                                                                      \
  "), "
#define MOORING_REPORTS_OUTCOME(changed)                                                         \
  "select k.ord, k.enrollment, n.uuid, n.payload_id, k.request_type, k.ord in (" changed         \
  "),"                                                                                           \
  "       coalesce(k.item_id is not null, false) from known k " MOORING_NEXT_COMMAND(            \
      "c.id is distinct from k.command "                                                         \
      "and (c.status = 0 or c.not_now_at < k.session_began or (k.was = 1 and k.status >= 2 and " \
      "k.session_began is null))",                                                               \
      "$7::timestamptz")
#define MOORING_CLOSED "select ord from closed"
#define MOORING_CHANGED "select ord from closed union all select ord from deferred"

// What nearly every report is: the final answer to a command that is open. It has a statement of its own
// because each further step of a statement costs, whether it finds anything or not.
constexpr pg::Statement kClose{
    "report_close",
    MOORING_REPORTS_KNOWN("join")
        MOORING_REPORTS_RECORDED(MOORING_CLOSED, MOORING_CLOSED) "counted as (" MOORING_COUNT_FROM(
            "select case was when 0 then 'commands.queued' else 'commands.not_now' end, -1 from "
            "closed") ") " MOORING_REPORTS_OUTCOME(MOORING_CLOSED) "where k.ord in (" MOORING_CLOSED ")"};

constexpr pg::Statement kStore{"report_store",
                               MOORING_REPORTS_KNOWN("left join") R"(
deferred as (
  update commands c set status = 1, not_now_at = $7 from known k where c.id = k.command and k.status = 1
  returning k.ord, k.was
), corrected as (
  update command_results r set status = k.status, answered_at = $7, error_chain = k.error_chain,
    body = case when r.item_id is null then k.body end
  from known k
  where k.command is null and k.status >= 2 and r.enrollment_id = k.enrollment and r.uuid = k.uuid
    and r.status <> k.status
  returning k.ord
), unmatched as (
  select k.ord from known k
  where k.status < 0 or (k.command is null and not exists
    (select from command_results r where r.enrollment_id = k.enrollment and r.uuid = k.uuid))
), )" MOORING_REPORTS_RECORDED(MOORING_CHANGED
                               " union all select ord from corrected union all select ord from unmatched",
                               MOORING_CHANGED) "counted as (" MOORING_COUNT_FROM(R"(
  select case was when 0 then 'commands.queued' else 'commands.not_now' end, -1 from closed
  union all select 'commands.queued', -1 from deferred where was = 0
  union all select 'commands.not_now', 1 from deferred where was = 0)") ") " MOORING_REPORTS_OUTCOME(MOORING_CHANGED)};

// Devices that are being worked through at one time, many times over.
constexpr std::size_t kSessions = 100'000;

std::int16_t stored_status(ReportStatus status) {
  switch (status) {
    case ReportStatus::acknowledged:
      return static_cast<std::int16_t>(CommandStatus::acknowledged);
    case ReportStatus::error:
      return static_cast<std::int16_t>(CommandStatus::error);
    case ReportStatus::command_format_error:
      return static_cast<std::int16_t>(CommandStatus::command_format_error);
    case ReportStatus::not_now:
      return static_cast<std::int16_t>(CommandStatus::not_now);
    case ReportStatus::idle:
    case ReportStatus::unknown:
      return -1;
  }
  return -1;
}

std::string_view label_of(ReportStatus status) {
  switch (status) {
    case ReportStatus::idle:
      return "idle";
    case ReportStatus::acknowledged:
      return "acknowledged";
    case ReportStatus::error:
      return "error";
    case ReportStatus::command_format_error:
      return "command_format_error";
    case ReportStatus::not_now:
      return "not_now";
    case ReportStatus::unknown:
      return "unknown";
  }
  return "unknown";
}

std::optional<std::string> json_of(const std::vector<ErrorChainItem>& chain) {
  if (chain.empty()) return std::nullopt;
  auto json = nlohmann::json::array();
  for (const auto& item : chain) {
    nlohmann::json entry{{"ErrorCode", item.code}, {"ErrorDomain", item.domain}};
    if (!item.localized.empty()) entry["LocalizedDescription"] = item.localized;
    if (!item.us_english.empty()) entry["USEnglishDescription"] = item.us_english;
    json.push_back(std::move(entry));
  }
  return json.dump();
}

std::optional<NextCommand> next_of(const pg::Row& row) {
  if (row.is_null(2)) return std::nullopt;
  return NextCommand{std::string(row.get<pg::Bytes>(2).view), row.get<std::int32_t>(3)};
}

}  // namespace

ReportStore::ReportStore(const pg::ConnectOptions& connect, const EventInterest& interest, const Clock& clock,
                         Logger& log, Metrics& metrics)
    : interest_(interest),
      clock_(clock),
      metrics_(metrics),
      idle_(
          {.name = "idle", .connect = connect},
          [](const Op& op) -> std::string_view { return op.enrollment_id; },
          [this](pg::Connection& c, std::span<const Op> ops) { return poll(c, ops, clock_.now()); }, log,
          metrics),
      answers_(
          {.name = "report", .connect = connect},
          [](const Op& op) -> std::string_view { return op.enrollment_id; },
          [this](pg::Connection& c, std::span<const Op> ops) { return store(c, ops, clock_.now()); }, log,
          metrics),
      sessions_(kSessions) {
  for (const auto status :
       {ReportStatus::idle, ReportStatus::acknowledged, ReportStatus::error,
        ReportStatus::command_format_error, ReportStatus::not_now, ReportStatus::unknown}) {
    reports_of(status);
  }
}

prometheus::Counter& ReportStore::reports_of(ReportStatus status) {
  return metrics_.counter("mooring_reports_total", "Reports from devices by status.",
                          {{"status", std::string(label_of(status))}});
}

Task<Result<ReportOutcome>> ReportStore::handle(Report report, MessageContext context) {
  reports_of(report.status).Increment();
  Op op{.enrollment_id = report.enrollment.id, .parent_length = report.enrollment.parent_length()};
  if (!context.url_params.empty()) op.url_params = std::move(context.url_params);
  if (report.status == ReportStatus::idle) co_return co_await idle(std::move(op), context.body);
  if (!report.command_uuid.empty()) op.uuid = encode_command_uuid(report.command_uuid);
  op.status = op.uuid ? stored_status(report.status) : std::int16_t{-1};
  op.error_chain = json_of(report.error_chain);
  op.event_body = interest_.sealed_body(EventKind::command_reported, context.body);
  op.body = std::move(context.body);
  co_return co_await answer(std::move(op), report.status);
}

Task<Result<ReportOutcome>> ReportStore::answer(Op op, ReportStatus status) {
  const auto enrollment_id = op.enrollment_id;
  op.session_began = sessions_.get(enrollment_id);
  const bool remembered = op.session_began.has_value();
  auto outcome = co_await answers_.submit(std::move(op));
  if (remembered && outcome && !outcome->next) sessions_.erase(enrollment_id);
  if (outcome && outcome->known) interest_.ring();
  if (outcome && outcome->answered) {
    commands_counter(metrics_, outcome->request_type, label_of(status)).Increment();
  }
  co_return outcome;
}

Task<Result<ReportOutcome>> ReportStore::idle(Op op, std::string_view body) {
  const bool recorded = interest_.wants_idle();
  if (recorded) op.event_body = interest_.sealed_body(EventKind::idle, body);
  op.recorded = recorded;
  auto enrollment_id = op.enrollment_id;
  const Time began = clock_.now();
  auto outcome = co_await idle_.submit(std::move(op));
  if (outcome && outcome->next) sessions_.put(std::move(enrollment_id), began);
  if (recorded && outcome && outcome->known) interest_.ring();
  co_return outcome;
}

std::vector<ReportOutcome> ReportStore::poll(pg::Connection& connection, std::span<const Op> ops, Time now) {
  std::vector<std::int32_t> order;
  std::vector<std::string_view> ids;
  std::vector<std::int16_t> parent_lengths;
  for (const auto& op : ops) {
    order.push_back(static_cast<std::int32_t>(order.size()));
    ids.emplace_back(op.enrollment_id);
    parent_lengths.push_back(op.parent_length);
  }
  const bool recorded = std::ranges::any_of(ops, &Op::recorded);
  const auto rows =
      recorded ? connection.exec(kPollRecorded, order, ids, now, parent_lengths, number_of(EventKind::idle),
                                 url_params_of(ops, order), event_bodies_of(ops, order))
               : connection.exec(kPoll, order, ids, now, parent_lengths);
  std::vector<ReportOutcome> outcomes(ops.size());
  for (const auto row : rows) {
    auto& outcome = outcomes[static_cast<std::size_t>(row.get<std::int32_t>(0))];
    outcome.known = true;
    outcome.enrollment = row.int64(1);
    outcome.next = next_of(row);
  }
  return outcomes;
}

std::vector<std::optional<pg::Json>> ReportStore::url_params_of(std::span<const Op> ops,
                                                                std::span<const std::int32_t> order) {
  std::vector<std::optional<pg::Json>> params;
  for (const auto i : order) {
    const auto& op = ops[static_cast<std::size_t>(i)];
    params.push_back(op.url_params ? std::optional(pg::Json{*op.url_params}) : std::nullopt);
  }
  return params;
}

std::vector<std::optional<pg::Bytes>> ReportStore::event_bodies_of(std::span<const Op> ops,
                                                                   std::span<const std::int32_t> order) {
  std::vector<std::optional<pg::Bytes>> bodies;
  for (const auto i : order) {
    const auto& op = ops[static_cast<std::size_t>(i)];
    bodies.push_back(op.event_body ? std::optional(pg::Bytes{*op.event_body}) : std::nullopt);
  }
  return bodies;
}

std::vector<ReportOutcome> ReportStore::store(pg::Connection& connection, std::span<const Op> ops, Time now) {
  std::vector<ReportOutcome> outcomes(ops.size());
  std::vector<std::int32_t> final_answers;
  std::vector<std::int32_t> others;
  for (std::int32_t i = 0; i < static_cast<std::int32_t>(ops.size()); ++i) {
    (ops[static_cast<std::size_t>(i)].status >= 2 ? final_answers : others).push_back(i);
  }
  const auto run = [&](const pg::Statement& statement, const std::vector<std::int32_t>& order) {
    for (const auto row : connection.exec_prepared(statement, report_params(ops, order, now))) {
      auto& outcome = outcomes[static_cast<std::size_t>(row.get<std::int32_t>(0))];
      outcome.known = true;
      outcome.enrollment = row.int64(1);
      outcome.next = next_of(row);
      if (!row.is_null(4)) outcome.request_type = row.text(4);
      outcome.answered = row.get<bool>(5);
      outcome.observed = outcome.answered && row.get<bool>(6);
    }
  };
  if (!final_answers.empty()) run(kClose, final_answers);
  // Answers to commands that are not open: repeated, late, or never asked for.
  for (const auto i : final_answers) {
    if (!outcomes[static_cast<std::size_t>(i)].known) others.push_back(i);
  }
  if (!others.empty()) run(kStore, others);
  return outcomes;
}

pg::Params ReportStore::report_params(std::span<const Op> ops, const std::vector<std::int32_t>& order,
                                      Time now) {
  std::vector<std::string_view> ids;
  std::vector<std::int16_t> parent_lengths;
  std::vector<std::optional<pg::Bytes>> uuids;
  std::vector<std::int16_t> statuses;
  std::vector<std::optional<pg::Json>> chains;
  std::vector<pg::Bytes> bodies;
  std::vector<std::optional<Time>> sessions;
  for (const auto i : order) {
    const auto& op = ops[static_cast<std::size_t>(i)];
    ids.emplace_back(op.enrollment_id);
    parent_lengths.push_back(op.parent_length);
    sessions.push_back(op.session_began);
    uuids.push_back(op.uuid ? std::optional(pg::Bytes{*op.uuid}) : std::nullopt);
    statuses.push_back(op.status);
    chains.push_back(op.error_chain ? std::optional(pg::Json{*op.error_chain}) : std::nullopt);
    bodies.push_back({op.body});
  }
  return pg::Params(order, ids, uuids, statuses, chains, bodies, now, number_of(EventKind::command_reported),
                    url_params_of(ops, order), event_bodies_of(ops, order), parent_lengths, sessions);
}

}  // namespace mooring::core

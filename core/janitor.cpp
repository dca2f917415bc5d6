// SPDX-License-Identifier: Apache-2.0
#include "core/janitor.hpp"

#include "core/command_metrics.hpp"
#include "core/counters.hpp"
#include "core/outbox/event_retention.hpp"
#include "core/scep/challenges.hpp"

namespace mooring::core {
namespace {

constexpr pg::Statement kExpire{"janitor_expire", R"(
with gone as (
  delete from commands c using (
    select id from commands where expires_at <= $1 order by expires_at limit $2 for update skip locked) x
  where c.id = x.id returning c.*
), typed as materialized (
  select g.*, p.request_type from gone g join payloads p on p.id = g.payload_id
), stored as (
  insert into command_results (enrollment_id, uuid, payload_id, request_type, status, item_id, version_id, created_at,
                               answered_at)
  select enrollment_id, uuid, payload_id, request_type, 6, item_id, version_id, created_at, $1 from typed
  on conflict (enrollment_id, uuid) do nothing
), counted as ()" MOORING_COUNT_FROM(R"(
  select case status when 0 then 'commands.queued' else 'commands.not_now' end, -1 from typed)") R"()
select request_type, count(*) from typed group by 1)"};

// BRIN indexes find the old end of these tables without reading the rest.
constexpr pg::Statement kResults{"janitor_results", R"(
delete from command_results where ctid = any (array(
  select ctid from command_results where answered_at < $1 limit $2 for update skip locked)))"};
constexpr pg::Statement kFactChanges{"janitor_fact_changes", R"(
delete from fact_changes where ctid = any (array(
  select ctid from fact_changes where at < $1 limit $2 for update skip locked)))"};
// What only requests carried goes with the last of them. A payload that a new request is about to name is
// locked.
constexpr pg::Statement kRequests{"janitor_requests", R"(
with gone as (
  delete from command_requests where ctid = any (array(
    select q.ctid from command_requests q where q.created_at < $1
      and not exists (select from commands c where c.enrollment_id = any (q.enrollments) and c.uuid = q.uuid)
    limit $2 for update skip locked))
  returning id, payload_id
), unused as (
  delete from payloads where id = any (array(
    select p.id from payloads p
    where p.id in (select payload_id from gone) and p.disposable
      and not exists (select from command_requests q where q.payload_id = p.id and q.id not in (select id from gone))
    for update skip locked))
)
select count(*) from gone)"};

}  // namespace

Tidied tidy(pg::Connection& connection, const Retention& retention, Time now) {
  Tidied tidied;
  for (const auto row : connection.exec(kExpire, now, retention.batch)) {
    tidied.expired += row.int64(1);
    tidied.expired_by_type[row.text(0)] = row.int64(1);
  }
  tidied.results = connection.exec(kResults, now - retention.results, retention.batch).affected();
  tidied.requests = connection.exec(kRequests, now - retention.results, retention.batch)[0].int64(0);
  tidied.facts = connection.exec(kFactChanges, now - retention.facts, retention.batch).affected();
  auto pruned = prune_events(connection, retention.events, retention.events_limit, retention.batch, now);
  tidied.events = pruned.events;
  tidied.dropped = std::move(pruned.dropped);
  tidied.challenges = prune_challenges(connection, now, retention.batch);
  return tidied;
}

Janitor::Janitor(pg::ConnectOptions connect, Retention retention, const Clock& clock, Logger& log,
                 Metrics& metrics, std::chrono::milliseconds every)
    : connect_(std::move(connect)),
      retention_(retention),
      clock_(clock),
      log_(log),
      metrics_(metrics),
      every_(every) {
  dropped_of("");
  thread_ = std::thread([this] { run(); });
}

Janitor::~Janitor() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

prometheus::Counter& Janitor::dropped_of(const std::string& consumer) {
  return metrics_.counter("mooring_events_dropped_total",
                          "Events that were removed by age before a consumer got them.",
                          {{"consumer", consumer}});
}

void Janitor::run() {
  pg::ConnectionKeeper keeper(connect_, log_);
  while (true) {
    {
      std::unique_lock lock(mutex_);
      if (wake_.wait_for(lock, every_, [this] { return stopping_; })) return;
    }
    if (auto* connection = keeper.get()) round(*connection);
  }
}

void Janitor::round(pg::Connection& connection) {
  try {
    const auto tidied = tidy(connection, retention_, clock_.now());
    for (const auto& [type, expired] : tidied.expired_by_type) {
      commands_counter(metrics_, type, "expired").Increment(static_cast<double>(expired));
    }
    if (tidied.expired + tidied.results + tidied.requests + tidied.events + tidied.challenges > 0) {
      log_.debug("old rows removed", {{"expired", tidied.expired},
                                      {"results", tidied.results},
                                      {"requests", tidied.requests},
                                      {"events", tidied.events},
                                      {"challenges", tidied.challenges}});
    }
    for (const auto& [consumer, count] : tidied.dropped) {
      dropped_of(consumer).Increment(static_cast<double>(count));
      log_.error("events were dropped that a consumer never got: they were older than the limit",
                 {{"consumer", consumer}, {"events", count}});
    }
  } catch (const pg::SqlError& error) {
    log_.warning("old rows could not be removed", {{"error", error.what()}});
  }
}

}  // namespace mooring::core

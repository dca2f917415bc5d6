// SPDX-License-Identifier: Apache-2.0
#include "core/outbox/webhook_runner.hpp"

#include <fmt/format.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include "core/outbox/webhook_event.hpp"

namespace mooring::core {
namespace {

constexpr pg::Statement kBacklogEnrollments{"webhook_backlog_enrollments", R"(
select distinct on (enrollment_id) enrollment_id, next_try_at from event_backlog
where consumer_id = $1 and dead_at is null order by enrollment_id, xid, event_id)"};
constexpr pg::Statement kBacklogHeads{"webhook_backlog_heads", R"(
select w.enrollment_id, h.xid, h.event_id, h.attempts
from unnest($2::int8[]) as w(enrollment_id) cross join lateral (
  select q.xid, q.event_id, q.attempts from event_backlog q join events v on v.xid = q.xid and v.id = q.event_id
  where q.consumer_id = $1 and q.enrollment_id = w.enrollment_id and q.dead_at is null
  order by q.xid, q.event_id limit 1
) h)"};
constexpr pg::Statement kStoreBacklog{"webhook_store_backlog", R"(
insert into event_backlog as q (consumer_id, enrollment_id, xid, event_id, attempts, next_try_at, dead_at, failure)
select $1, w.enrollment_id, w.xid, w.id, w.attempts, w.next_try, case when w.dead then $8 end, nullif(w.failure, '')
from unnest($2::int8[], $3::xid8[], $4::int8[], $5::int2[], $6::timestamptz[], $7::bool[], $9::text[])
  as w(enrollment_id, xid, id, attempts, next_try, dead, failure)
on conflict (consumer_id, enrollment_id, xid, event_id) do update set attempts = excluded.attempts,
  next_try_at = excluded.next_try_at, dead_at = excluded.dead_at, failure = coalesce(excluded.failure, q.failure))"};
constexpr pg::Statement kSettleBacklog{"webhook_settle_backlog", R"(
delete from event_backlog q using unnest($2::int8[], $3::xid8[], $4::int8[]) as w(enrollment_id, xid, id)
where q.consumer_id = $1 and q.enrollment_id = w.enrollment_id and q.xid = w.xid and q.event_id = w.id)"};
constexpr pg::Statement kStoreCursor{"webhook_store_cursor", R"(
update event_consumers set cursor_xid = coalesce($2, cursor_xid), cursor_id = coalesce($3, cursor_id),
  seen_at = coalesce($4, seen_at), failed_at = coalesce($5, failed_at), failure = coalesce($6, failure)
where id = $1)"};

constexpr int kEventsOfOneRead = 64;
constexpr int kReadsOfOneStep = 20;  ///< Then other webhooks have their turn.
constexpr std::int64_t kBytesOfOneRead = std::int64_t{16} << 20U;
constexpr std::size_t kLongestFailure = 300;
/// What was delivered within this time before a crash is delivered again.
constexpr auto kStoreEvery = std::chrono::milliseconds(100);

bool speaks_of_receiver(int status) {
  return status == 429 || status == 502 || status == 503 || status == 504;
}

const char* label_of(DeliveryOutcome outcome) {
  switch (outcome) {
    case DeliveryOutcome::taken:
      return "success";
    case DeliveryOutcome::refused:
      return "refused";
    case DeliveryOutcome::unreachable:
      return "unreachable";
  }
  return "unreachable";
}

prometheus::Counter& deliveries_counter(Metrics& metrics, DeliveryOutcome outcome) {
  return metrics.counter("mooring_webhook_deliveries_total", "Deliveries to webhooks by result.",
                         {{"result", label_of(outcome)}});
}

void upsert_backlog(pg::Connection& connection, std::int32_t consumer,
                    const std::vector<BacklogChange>& changes, Time now) {
  std::vector<std::int64_t> enrollments, ids;
  std::vector<pg::Xid> xids;
  std::vector<std::int16_t> attempts;
  std::vector<Time> next_tries;
  std::vector<bool> dead;
  std::vector<std::string_view> failures;
  for (const auto& change : changes) {
    enrollments.push_back(change.enrollment);
    xids.push_back({change.position.xid});
    ids.push_back(change.position.id);
    attempts.push_back(static_cast<std::int16_t>(change.attempts));
    next_tries.push_back(change.next_try);
    dead.push_back(change.dead);
    failures.emplace_back(change.failure);
  }
  connection.exec(kStoreBacklog, consumer, enrollments, xids, ids, attempts, next_tries, dead, now, failures);
}

void delete_backlog(pg::Connection& connection, std::int32_t consumer,
                    const std::vector<BacklogChange>& changes) {
  std::vector<std::int64_t> enrollments, ids;
  std::vector<pg::Xid> xids;
  for (const auto& change : changes) {
    enrollments.push_back(change.enrollment);
    xids.push_back({change.position.xid});
    ids.push_back(change.position.id);
  }
  connection.exec(kSettleBacklog, consumer, enrollments, xids, ids);
}

/// One row may not change twice in one statement: the last word on each event counts.
DeliveryChanges last_words(DeliveryChanges changes) {
  std::map<Position, BacklogChange> last;
  for (auto& change : changes.waiting) last.insert_or_assign(change.position, std::move(change));
  for (const auto& change : changes.settled) last.erase(change.position);
  changes.waiting.clear();
  for (auto& [position, change] : last) changes.waiting.push_back(std::move(change));
  return changes;
}

}  // namespace

DeliveryOutcome outcome_of(const Result<http::Response>& answer) {
  if (!answer || speaks_of_receiver(answer->status)) return DeliveryOutcome::unreachable;
  return answer->status / 100 == 2 ? DeliveryOutcome::taken : DeliveryOutcome::refused;
}

void make_webhook_counters(Metrics& metrics) {
  for (const auto outcome :
       {DeliveryOutcome::taken, DeliveryOutcome::refused, DeliveryOutcome::unreachable}) {
    deliveries_counter(metrics, outcome);
  }
}

WebhookRunner::WebhookRunner(boost::asio::any_io_executor executor, Consumer webhook, EventLog events,
                             const DeliveryPolicy& policy, std::chrono::milliseconds timeout,
                             WebhookTools tools)
    : executor_(std::move(executor)),
      webhook_(std::move(webhook)),
      events_(events),
      timeout_(timeout),
      tools_(std::move(tools)),
      kinds_(numbers_of(kinds_of(webhook_))),
      queue_(policy, webhook_.cursor, static_cast<std::uint64_t>(webhook_.id)) {}

WebhookRunner::~WebhookRunner() = default;

Result<std::shared_ptr<WebhookRunner>> WebhookRunner::make(boost::asio::any_io_executor executor,
                                                           const Consumer& webhook, const EventLog& events,
                                                           const DeliveryPolicy& policy,
                                                           std::chrono::milliseconds timeout,
                                                           WebhookTools tools) {
  auto url = parse_webhook_url(webhook.url);
  if (!url) return std::unexpected(url.error());
  auto key = open_hmac_key(tools.secrets, webhook);
  if (!key) return std::unexpected(key.error());
  auto headers = open_headers(tools.secrets, webhook);
  if (!headers) return std::unexpected(headers.error());
  std::shared_ptr<WebhookRunner> runner(
      new WebhookRunner(std::move(executor), webhook, events, policy, timeout, std::move(tools)));
  runner->url_ = std::move(*url);
  runner->hmac_key_ = std::move(*key);
  runner->headers_ = std::move(*headers);
  return runner;
}

void WebhookRunner::take_over(pg::Connection& connection) {
  for (const auto row : connection.exec(kBacklogEnrollments, webhook_.id)) {
    queue_.has_backlog(row.int64(0), row.get<Time>(1));
  }
}

void WebhookRunner::step(pg::Connection& connection) {
  if (std::chrono::steady_clock::now() - stored_at_ >= kStoreEvery) store(connection);
  load_waiting(connection);
  read_new(connection);
  send();
}

void WebhookRunner::store(pg::Connection& connection) {
  stored_at_ = std::chrono::steady_clock::now();
  if (!queue_.has_changes() && !taken_at_ && !failed_at_) return;
  const auto changes = last_words(queue_.changes());
  const Time now = tools_.clock.now();
  const auto write = [&](pg::Connection& c) -> Result<bool> {
    if (!changes.waiting.empty()) upsert_backlog(c, webhook_.id, changes.waiting, now);
    if (!changes.settled.empty()) delete_backlog(c, webhook_.id, changes.settled);
    const auto xid = changes.cursor ? std::optional(pg::Xid{changes.cursor->xid}) : std::nullopt;
    const auto id = changes.cursor ? std::optional(changes.cursor->id) : std::nullopt;
    const auto failure = failed_at_ ? std::optional(failure_) : std::nullopt;
    c.exec(kStoreCursor, webhook_.id, xid, id, taken_at_, failed_at_, failure);
    return true;
  };
  pg::in_transaction(connection, write).value();
  taken_at_.reset();
  failed_at_.reset();
  for (const auto& change : changes.waiting) {
    if (!change.dead) continue;
    tools_.log.error("a webhook refused an event for good: it is a dead letter now",
                     {{"webhook", webhook_.name},
                      {"event_id", event_uuid(events_, change.position.id).text()},
                      {"attempts", change.attempts},
                      {"error", change.failure}});
  }
}

void WebhookRunner::load_waiting(pg::Connection& connection) {
  const auto enrollments = queue_.due(tools_.clock.now());
  if (enrollments.empty()) return;
  store(connection);
  std::map<std::int64_t, std::pair<Position, int>> heads;
  std::vector<Position> positions;
  for (const auto row : connection.exec(kBacklogHeads, webhook_.id, enrollments)) {
    const Position position{row.get<pg::Xid>(1).value, row.int64(2)};
    heads[row.int64(0)] = {position, row.get<std::int16_t>(3)};
    positions.push_back(position);
  }
  std::map<Position, StoredEvent> events;
  for (auto& event : load_events(connection, positions, true)) events[event.position] = std::move(event);
  for (const auto enrollment : enrollments) {
    const auto head = heads.find(enrollment);
    const auto event = head == heads.end() ? events.end() : events.find(head->second.first);
    if (event == events.end()) {
      queue_.has_no_backlog(enrollment);
    } else {
      queue_.add_waiting(std::move(event->second), head->second.second);
    }
  }
}

void WebhookRunner::read_new(pg::Connection& connection) {
  for (int reads = 0; reads < kReadsOfOneStep; ++reads) {
    if (!queue_.wants_events(tools_.clock.now())) return;
    const Position from = queue_.read_to();
    const auto scan =
        scan_events(connection, from, {.kinds = kinds_}, std::min(kEventsOfOneRead, queue_.room()));
    const auto taken = take_within(scan, kBytesOfOneRead);
    const Position to = taken.size() < scan.found.size() ? taken.back() : scan.end;
    if (to == from) return;
    queue_.add(load_events(connection, taken, true), to);
    send();
    if (!scan.more && to == scan.end) return;
  }
  tools_.wake();
}

void WebhookRunner::send() {
  if (stopped_) return;
  const Time now = tools_.clock.now();
  while (auto delivery = queue_.next(now)) {
    boost::asio::co_spawn(executor_, deliver(shared_from_this(), std::move(*delivery)),
                          boost::asio::detached);
  }
}

Task<void> WebhookRunner::deliver(std::shared_ptr<WebhookRunner> self, Delivery delivery) {
  auto client = self->take_client();
  const auto answer = co_await client->send(self->request_for(*delivery.event));
  if (self->stopped_) co_return;
  if (answer) self->clients_.push_back(std::move(client));
  self->finish(delivery, answer);
  self->send();
  self->tools_.wake();
}

http::Request WebhookRunner::request_for(const StoredEvent& event) const {
  std::string body;
  if (event.sealed_body) {
    if (auto opened = tools_.interest.open_body(*event.sealed_body)) {
      body = std::move(*opened);
    } else {
      tools_.log.error("the message of an event cannot be unsealed: it goes out without",
                       {{"webhook", webhook_.name}, {"error", opened.error().message}});
    }
  }
  http::Request request;
  request.method = "POST";
  request.target = url_.target;
  request.body = webhook_json(event, event_uuid(events_, event.position.id), body);
  for (const auto& [name, value] : headers_) request.headers.set(name, value);
  request.headers.set("Content-Type", "application/json; charset=utf-8");
  if (!hmac_key_.empty()) {
    request.headers.set("X-Hmac-Signature", webhook_signature(hmac_key_, request.body));
  }
  return request;
}

void WebhookRunner::finish(const Delivery& delivery, const Result<http::Response>& answer) {
  const Time now = tools_.clock.now();
  const auto outcome = outcome_of(answer);
  std::string failure;
  if (outcome == DeliveryOutcome::taken) {
    taken_at_ = now;
  } else {
    failure = answer ? fmt::format("answered {}", answer->status) : answer.error().message;
    if (failure.size() > kLongestFailure) failure.resize(kLongestFailure);
    failed_at_ = now;
    failure_ = failure;
  }
  deliveries_counter(tools_.metrics, outcome).Increment();
  queue_.finish(delivery.ticket, outcome, std::move(failure), now);
  if (queue_.circuit_open() == was_open_) return;
  was_open_ = queue_.circuit_open();
  if (was_open_) {
    tools_.log.warning("a webhook takes nothing: its events wait, and it is tried now and then",
                       {{"webhook", webhook_.name}, {"error", failure_}});
  } else {
    tools_.log.info("a webhook takes events again", {{"webhook", webhook_.name}});
  }
}

std::unique_ptr<http::Client> WebhookRunner::take_client() {
  if (!clients_.empty()) {
    auto client = std::move(clients_.back());
    clients_.pop_back();
    return client;
  }
  return std::make_unique<http::Client>(
      executor_, url_.base, http::ClientOptions{.timeout = timeout_, .tls = {.trust = webhook_.trust}});
}

void WebhookRunner::stop() {
  stopped_ = true;
  clients_.clear();
}

}  // namespace mooring::core

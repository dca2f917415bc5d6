// SPDX-License-Identifier: Apache-2.0
#include "core/outbox/consumers.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace mooring::core {
namespace {

#define MOORING_CONSUMER_COLUMNS                                                                    \
  "c.id, c.name, c.kind, array_to_string(c.topics, ','), c.include_idle, c.bodies, c.enabled, "     \
  "c.cursor_xid, "                                                                                  \
  "c.cursor_id, c.created_at, c.updated_at, c.revision, c.seen_at, c.failed_at, c.failure, c.url, " \
  "c.hmac_key, "                                                                                    \
  "c.headers, c.trust from event_consumers c "

constexpr pg::Statement kListConsumers{"consumers_list",
                                       "select " MOORING_CONSUMER_COLUMNS "order by c.name"};
constexpr pg::Statement kFindConsumer{"consumers_find",
                                      "select " MOORING_CONSUMER_COLUMNS "where c.name = $1"};
constexpr pg::Statement kCreateConsumer{"consumers_create", R"(
insert into event_consumers (name, kind, topics, include_idle, bodies, enabled, cursor_xid, cursor_id, url, hmac_key,
                             headers, trust, created_at, updated_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $13) on conflict (name) do nothing)"};
constexpr pg::Statement kUpdateConsumer{"consumers_update", R"(
update event_consumers set topics = $2, include_idle = $3, bodies = $4, enabled = $5, url = $6, hmac_key = $7,
  headers = $8, trust = $9, updated_at = $10, revision = revision + 1 where id = $1)"};
constexpr pg::Statement kMoveConsumer{
    "consumers_move", "update event_consumers set cursor_xid = $2, cursor_id = $3 where id = $1"};
constexpr pg::Statement kDeleteConsumer{"consumers_delete", "delete from event_consumers where id = $1"};
constexpr pg::Statement kAcknowledge{"consumers_acknowledge", R"(
update event_consumers set seen_at = $4,
  cursor_xid = case when (cursor_xid, cursor_id) < ($2::xid8, $3::int8) then $2 else cursor_xid end,
  cursor_id = case when (cursor_xid, cursor_id) < ($2::xid8, $3::int8) then $3 else cursor_id end
where id = $1)"};

constexpr pg::Statement kConsumerLags{"consumers_lags", R"(
select c.id, least(n.created_at, b.created_at)
from event_consumers c
left join lateral (
  select v.created_at from events v where (v.xid, v.id) > (c.cursor_xid, c.cursor_id) order by v.xid, v.id limit 1
) n on true
left join lateral (
  select v.created_at from event_backlog q join events v on v.xid = q.xid and v.id = q.event_id
  where q.consumer_id = c.id and q.dead_at is null order by q.xid, q.event_id limit 1
) b on true)"};
constexpr pg::Statement kDeadLetterCounts{
    "consumers_dead_counts",
    "select consumer_id, count(*) from event_backlog where dead_at is not null group by consumer_id"};

constexpr pg::Statement kDeadLetters{"dead_letters_list", R"(
select xid, event_id, attempts, dead_at, failure from event_backlog
where consumer_id = $1 and dead_at is not null and (xid, event_id) > ($2::xid8, $3::int8)
order by xid, event_id limit $4)"};
constexpr pg::Statement kRetryDeadLetters{"dead_letters_retry", R"(
update event_backlog q set dead_at = null, attempts = 0, next_try_at = $4
from unnest($2::xid8[], $3::int8[]) as w(xid, id)
where q.consumer_id = $1 and q.dead_at is not null and q.xid = w.xid and q.event_id = w.id)"};
constexpr pg::Statement kDropDeadLetters{"dead_letters_drop", R"(
delete from event_backlog q using unnest($2::xid8[], $3::int8[]) as w(xid, id)
where q.consumer_id = $1 and q.dead_at is not null and q.xid = w.xid and q.event_id = w.id)"};
constexpr pg::Statement kRetryAllDeadLetters{"dead_letters_retry_all", R"(
update event_backlog set dead_at = null, attempts = 0, next_try_at = $2
where consumer_id = $1 and dead_at is not null)"};
constexpr pg::Statement kDropAllDeadLetters{
    "dead_letters_drop_all", "delete from event_backlog where consumer_id = $1 and dead_at is not null"};
// Who delivers looks again at what waits.
constexpr pg::Statement kTouchConsumer{"consumers_touch",
                                       "update event_consumers set revision = revision + 1 where id = $1"};

std::vector<std::string> split_topics(std::string_view text) {
  std::vector<std::string> topics;
  while (!text.empty()) {
    const auto comma = text.find(',');
    topics.emplace_back(text.substr(0, comma));
    text = comma == std::string_view::npos ? std::string_view{} : text.substr(comma + 1);
  }
  return topics;
}

std::optional<std::string> bytes_or_nothing(const pg::Row& row, int column) {
  if (row.is_null(column)) return std::nullopt;
  return std::string(row.get<pg::Bytes>(column).view);
}

std::optional<pg::Bytes> as_bytes(const std::optional<std::string>& text) {
  return text ? std::optional(pg::Bytes{*text}) : std::nullopt;
}

Consumer read_consumer(const pg::Row& row) {
  Consumer consumer;
  consumer.id = row.get<std::int32_t>(0);
  consumer.name = row.text(1);
  consumer.kind = static_cast<ConsumerKind>(row.get<std::int16_t>(2));
  consumer.topics = split_topics(row.get<std::string_view>(3));
  consumer.include_idle = row.get<bool>(4);
  consumer.bodies = row.get<bool>(5);
  consumer.enabled = row.get<bool>(6);
  consumer.cursor = {row.get<pg::Xid>(7).value, row.int64(8)};
  consumer.created_at = row.get<Time>(9);
  consumer.updated_at = row.get<Time>(10);
  consumer.revision = row.int64(11);
  consumer.seen_at = row.get<std::optional<Time>>(12);
  consumer.failed_at = row.get<std::optional<Time>>(13);
  consumer.failure = row.get<std::optional<std::string>>(14).value_or("");
  consumer.url = row.get<std::optional<std::string>>(15).value_or("");
  consumer.sealed_hmac_key = bytes_or_nothing(row, 16);
  consumer.sealed_headers = bytes_or_nothing(row, 17);
  consumer.trust = row.get<std::optional<std::string>>(18).value_or("");
  return consumer;
}

std::string secret_context(std::string_view what, std::string_view name) {
  return std::string(what) + ":" + std::string(name);
}

struct PositionArrays {
  std::vector<pg::Xid> xids;
  std::vector<std::int64_t> ids;
};

PositionArrays arrays_of(const std::vector<Position>& positions) {
  PositionArrays arrays;
  for (const auto& position : positions) {
    arrays.xids.push_back({position.xid});
    arrays.ids.push_back(position.id);
  }
  return arrays;
}

}  // namespace

EventKinds kinds_of(const Consumer& consumer) {
  EventKinds kinds;
  for (const auto kind : event_kinds()) {
    if (kind == EventKind::idle && !consumer.include_idle) continue;
    const bool named = std::ranges::find(consumer.topics, topic_of(kind)) != consumer.topics.end();
    if (consumer.topics.empty() || named) kinds.add(kind);
  }
  return kinds;
}

std::vector<std::string_view> event_topics() {
  std::vector<std::string_view> topics;
  for (const auto kind : event_kinds()) {
    const auto topic = topic_of(kind);
    if (std::ranges::find(topics, topic) == topics.end()) topics.push_back(topic);
  }
  return topics;
}

std::string seal_hmac_key(const crypto::SecretBox& secrets, std::string_view name, std::string_view key) {
  return secrets.seal(key, secret_context("webhook-hmac-key", name));
}

std::string seal_headers(const crypto::SecretBox& secrets, std::string_view name,
                         const HeaderFields& fields) {
  return secrets.seal(nlohmann::json(fields).dump(), secret_context("webhook-headers", name));
}

Result<std::string> open_hmac_key(const crypto::SecretBox& secrets, const Consumer& consumer) {
  if (!consumer.sealed_hmac_key) return std::string();
  return secrets.open(*consumer.sealed_hmac_key, secret_context("webhook-hmac-key", consumer.name));
}

Result<HeaderFields> open_headers(const crypto::SecretBox& secrets, const Consumer& consumer) {
  if (!consumer.sealed_headers) return HeaderFields();
  const auto text = secrets.open(*consumer.sealed_headers, secret_context("webhook-headers", consumer.name));
  if (!text) return std::unexpected(text.error());
  return nlohmann::json::parse(*text).get<HeaderFields>();
}

std::vector<Consumer> list_consumers(pg::Connection& connection) {
  std::vector<Consumer> consumers;
  for (const auto row : connection.exec(kListConsumers)) consumers.push_back(read_consumer(row));
  return consumers;
}

std::optional<Consumer> find_consumer(pg::Connection& connection, std::string_view name) {
  const auto rows = connection.exec(kFindConsumer, name);
  if (rows.empty()) return std::nullopt;
  return read_consumer(rows[0]);
}

bool create_consumer(pg::Connection& connection, const Consumer& consumer, Time now) {
  const auto made = connection.exec(kCreateConsumer, consumer.name, static_cast<std::int16_t>(consumer.kind),
                                    consumer.topics, consumer.include_idle, consumer.bodies, consumer.enabled,
                                    pg::Xid{consumer.cursor.xid}, consumer.cursor.id, consumer.url,
                                    as_bytes(consumer.sealed_hmac_key), as_bytes(consumer.sealed_headers),
                                    consumer.trust, now);
  return made.affected() == 1;
}

void update_consumer(pg::Connection& connection, const Consumer& consumer, bool move, Time now) {
  connection.exec(kUpdateConsumer, consumer.id, consumer.topics, consumer.include_idle, consumer.bodies,
                  consumer.enabled, consumer.url, as_bytes(consumer.sealed_hmac_key),
                  as_bytes(consumer.sealed_headers), consumer.trust, now);
  if (move) connection.exec(kMoveConsumer, consumer.id, pg::Xid{consumer.cursor.xid}, consumer.cursor.id);
}

bool delete_consumer(pg::Connection& connection, std::int32_t id) {
  return connection.exec(kDeleteConsumer, id).affected() == 1;
}

void acknowledge(pg::Connection& connection, std::int32_t id, Position cursor, Time now) {
  connection.exec(kAcknowledge, id, pg::Xid{cursor.xid}, cursor.id, now);
}

std::map<std::int32_t, double> consumer_lags(pg::Connection& connection, Time now) {
  std::map<std::int32_t, double> lags;
  for (const auto row : connection.exec(kConsumerLags)) {
    const auto oldest = row.get<std::optional<Time>>(1);
    const Duration lag = oldest ? std::max(Duration{0}, Duration(now - *oldest)) : Duration{0};
    lags[row.get<std::int32_t>(0)] = std::chrono::duration<double>(lag).count();
  }
  return lags;
}

std::map<std::int32_t, std::int64_t> dead_letter_counts(pg::Connection& connection) {
  std::map<std::int32_t, std::int64_t> counts;
  for (const auto row : connection.exec(kDeadLetterCounts)) counts[row.get<std::int32_t>(0)] = row.int64(1);
  return counts;
}

std::vector<DeadLetter> dead_letters(pg::Connection& connection, std::int32_t consumer, Position after,
                                     int limit) {
  std::map<Position, DeadLetter> letters;
  std::vector<Position> positions;
  for (const auto row :
       connection.exec(kDeadLetters, consumer, pg::Xid{after.xid}, after.id, std::int64_t{limit})) {
    const Position position{row.get<pg::Xid>(0).value, row.int64(1)};
    positions.push_back(position);
    letters[position] = {.attempts = row.get<std::int16_t>(2),
                         .dead_at = row.get<Time>(3),
                         .failure = row.get<std::optional<std::string>>(4).value_or("")};
  }
  std::vector<DeadLetter> found;
  for (auto& event : load_events(connection, positions, false)) {
    auto& letter = letters[event.position];
    letter.event = std::move(event);
    found.push_back(std::move(letter));
  }
  return found;
}

std::int64_t settle_dead_letters(pg::Connection& connection, std::int32_t consumer,
                                 const std::vector<Position>& positions, DeadLetterFate fate, Time now) {
  const auto arrays = arrays_of(positions);
  if (fate == DeadLetterFate::drop) {
    return connection.exec(kDropDeadLetters, consumer, arrays.xids, arrays.ids).affected();
  }
  const auto retried = connection.exec(kRetryDeadLetters, consumer, arrays.xids, arrays.ids, now).affected();
  if (retried > 0) connection.exec(kTouchConsumer, consumer);
  return retried;
}

std::int64_t settle_all_dead_letters(pg::Connection& connection, std::int32_t consumer, DeadLetterFate fate,
                                     Time now) {
  if (fate == DeadLetterFate::drop) return connection.exec(kDropAllDeadLetters, consumer).affected();
  const auto retried = connection.exec(kRetryAllDeadLetters, consumer, now).affected();
  if (retried > 0) connection.exec(kTouchConsumer, consumer);
  return retried;
}

}  // namespace mooring::core

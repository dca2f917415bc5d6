// SPDX-License-Identifier: Apache-2.0
// Who has to get events: webhooks, and consumers that fetch and acknowledge. Database functions: they run on
// a database thread and throw pg::SqlError.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/crypto/secret_box.hpp"
#include "base/postgres/connection.hpp"
#include "base/result.hpp"
#include "core/event.hpp"
#include "core/outbox/event_reader.hpp"

namespace mooring::core {

/// event_consumers.kind: never reuse a number.
enum class ConsumerKind : std::int16_t { webhook = 1, pull = 2 };

struct Consumer {
  std::int32_t id = 0;
  std::string name;
  ConsumerKind kind = ConsumerKind::pull;
  std::vector<std::string> topics;  ///< As topic_of(); empty: all.
  bool include_idle = false;
  bool bodies = true;
  bool enabled = true;
  Position cursor;
  Time created_at{};
  Time updated_at{};
  std::int64_t revision = 0;
  std::optional<Time> seen_at;
  std::optional<Time> failed_at;
  std::string failure;
  // Webhooks only:
  std::string url;
  std::optional<std::string> sealed_hmac_key;
  std::optional<std::string> sealed_headers;
  std::string trust;  ///< PEM; empty: the system's roots.
};

/// Kinds that the consumer gets.
EventKinds kinds_of(const Consumer& consumer);
/// Every topic that events may have, once.
std::vector<std::string_view> event_topics();

// What only the delivery may see; each bound to its consumer's name.
using HeaderFields = std::map<std::string, std::string>;
std::string seal_hmac_key(const crypto::SecretBox& secrets, std::string_view name, std::string_view key);
std::string seal_headers(const crypto::SecretBox& secrets, std::string_view name, const HeaderFields& fields);
Result<std::string> open_hmac_key(const crypto::SecretBox& secrets, const Consumer& consumer);
Result<HeaderFields> open_headers(const crypto::SecretBox& secrets, const Consumer& consumer);

std::vector<Consumer> list_consumers(pg::Connection& connection);  ///< By name.
std::optional<Consumer> find_consumer(pg::Connection& connection, std::string_view name);

/// Starts at `consumer.cursor`. False where the name is taken.
bool create_consumer(pg::Connection& connection, const Consumer& consumer, Time now);
/// Everything a person may change, and the cursor where `move` says so.
void update_consumer(pg::Connection& connection, const Consumer& consumer, bool move, Time now);
bool delete_consumer(pg::Connection& connection, std::int32_t id);
/// Moves the cursor forwards, never back; the consumer was seen.
void acknowledge(pg::Connection& connection, std::int32_t id, Position cursor, Time now);

/// Seconds since the oldest event happened that the consumer has still to get; 0 where it has all.
std::map<std::int32_t, double> consumer_lags(pg::Connection& connection, Time now);
/// Events that were given up, by consumer.
std::map<std::int32_t, std::int64_t> dead_letter_counts(pg::Connection& connection);

struct DeadLetter {
  StoredEvent event;
  int attempts = 0;
  Time dead_at{};
  std::string failure;
};
/// In order of their positions, after `after`.
std::vector<DeadLetter> dead_letters(pg::Connection& connection, std::int32_t consumer, Position after,
                                     int limit);
enum class DeadLetterFate : std::uint8_t { retry, drop };
/// Returns how many there were. Retried ones go out before what still waits for the same enrollment.
std::int64_t settle_dead_letters(pg::Connection& connection, std::int32_t consumer,
                                 const std::vector<Position>& positions, DeadLetterFate fate, Time now);
std::int64_t settle_all_dead_letters(pg::Connection& connection, std::int32_t consumer, DeadLetterFate fate,
                                     Time now);

}  // namespace mooring::core

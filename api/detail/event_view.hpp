// SPDX-License-Identifier: Apache-2.0
// An event as clients see it, and what they may ask for. Shared by lists, consumers and streams.
#pragma once

#include <string>

#include "api/detail/json.hpp"
#include "base/crypto/secret_box.hpp"
#include "core/outbox/consumers.hpp"
#include "core/outbox/event_reader.hpp"

namespace mooring::api::detail {

/// `with_body`: adds raw_payload, null where the message was not kept.
Json event_json(const core::StoredEvent& event, const core::EventLog& log, const crypto::SecretBox& secrets,
                bool with_body);

/// ?topic= (repeatable), ?include_idle=, ?device=, ?since=, ?until=. Errors: request.bad_parameter,
/// event.unknown_topic, device.unknown.
Result<core::EventFilter> event_filter_of(const http::Request& request, pg::Connection& db);
/// Each has to be a topic that events may have: event.unknown_topic.
Result<> check_topics(const std::vector<std::string>& topics);

/// A cursor of a client as a position: request.bad_cursor, event.bad_cursor.
Result<core::Position> position_of(pg::Connection& db, const core::EventLog& log, std::string_view cursor);

struct EventPage {
  Json items = Json::array();
  core::Position end;
  std::string cursor;  ///< Of `end`; empty where nothing was looked at.
  bool more = false;
};
EventPage read_events(pg::Connection& db, const core::EventLog& log, const crypto::SecretBox& secrets,
                      core::Position after, const core::EventFilter& filter, int limit, bool with_bodies);

// ---- bodies of requests, see json.hpp
Result<std::optional<bool>> optional_flag(const Json& object, std::string_view key);
Result<std::optional<std::vector<std::string>>> optional_texts(const Json& object, std::string_view key);
/// Names of webhooks and consumers: letters, digits, '.', '_' and '-', 64 at most. consumer.bad_name.
Result<> check_consumer_name(std::string_view name);

}  // namespace mooring::api::detail

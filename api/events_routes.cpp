// SPDX-License-Identifier: Apache-2.0
// /v1/events as a list (event_stream.cpp streams them), and /v1/consumers: who fetches events and
// acknowledges them under a name.
#include <fmt/format.h>

#include <array>

#include "api/detail/endpoint.hpp"
#include "api/detail/event_view.hpp"
#include "core/outbox/consumers.hpp"

namespace mooring::api::detail {
namespace {

constexpr auto kSeenEvery = std::chrono::minutes(1);

Result<int> event_limit(const http::Request& request) {
  const auto page = page_of(request, "events");
  if (!page) return std::unexpected(page.error());
  return page->limit;
}

/// ?after= or ?cursor=: the same cursor, of an event or of a page.
Result<std::optional<std::string>> start_cursor(const http::Request& request) {
  auto after = query_text(request, "after");
  if (!after || *after) return after;
  return query_text(request, "cursor");
}

Result<Answer> get_events(Call call) {
  const auto filter = event_filter_of(call.request, call.db);
  if (!filter) return std::unexpected(filter.error());
  const auto limit = query_text(call.request, "limit");
  if (!limit) return std::unexpected(limit.error());
  const auto number = *limit ? parse_number<int>(**limit) : std::optional(100);
  if (!number || *number < 1 || *number > 1000) {
    return fail(Failure::invalid, "request.bad_parameter", "parameter limit is not a number from 1 to 1000");
  }
  const auto bodies = query_flag(call.request, "bodies");
  if (!bodies) return std::unexpected(bodies.error());
  const auto cursor = start_cursor(call.request);
  if (!cursor) return std::unexpected(cursor.error());
  const auto log = core::read_event_log(call.db);
  core::Position after;
  if (*cursor) {
    const auto position = position_of(call.db, log, **cursor);
    if (!position) return std::unexpected(position.error());
    after = *position;
  } else if (filter->since) {
    after = core::position_before(call.db, *filter->since);
  }
  auto page = read_events(call.db, log, call.secrets, after, *filter, *number, bodies->value_or(false));
  const std::string end = page.cursor.empty() ? cursor->value_or("") : page.cursor;
  auto json = page_json(std::move(page.items), page.more ? std::optional(end) : std::nullopt);
  json["cursor"] = end.empty() ? Json() : Json(end);
  return json_response(200, json);
}

Json consumer_json(const core::Consumer& consumer, const core::EventLog& log,
                   const std::map<std::int32_t, double>& lags) {
  const auto lag = lags.find(consumer.id);
  return {{"name", consumer.name},
          {"kind", consumer.kind == core::ConsumerKind::webhook ? "webhook" : "pull"},
          {"topics", consumer.topics},
          {"include_idle", consumer.include_idle},
          {"bodies", consumer.bodies},
          {"cursor", core::to_text({log.epoch, consumer.cursor, consumer.created_at})},
          {"lag_seconds", lag == lags.end() ? 0.0 : lag->second},
          {"created_at", to_rfc3339(consumer.created_at)},
          {"seen_at", json_of(consumer.seen_at)}};
}

Result<core::Consumer> pull_consumer(Call call) {
  const auto name = call.request.param("name");
  auto found = core::find_consumer(call.db, name);
  if (!found) {
    return fail(Failure::not_found, "consumer.unknown", fmt::format("there is no consumer {}", name));
  }
  if (found->kind == core::ConsumerKind::pull) return std::move(*found);
  return fail(Failure::conflict, "consumer.is_webhook",
              fmt::format("{} is a webhook: look at /v1/webhooks/{}", name, name));
}

/// "now", "beginning", or a cursor.
Result<core::Position> start_of(Call call, const core::EventLog& log, std::string_view from) {
  if (from == "now") return core::horizon(call.db);
  if (from == "beginning") return core::Position{};
  return position_of(call.db, log, from);
}

struct ConsumerChange {
  std::optional<std::vector<std::string>> topics;
  std::optional<bool> include_idle;
  std::optional<bool> bodies;
  std::optional<std::string> from;
};

Result<ConsumerChange> read_consumer_change(Call call) {
  const auto body = parse_object(call.request, {"topics", "include_idle", "bodies", "from"});
  if (!body) return std::unexpected(body.error());
  auto topics = optional_texts(*body, "topics");
  if (!topics) return std::unexpected(topics.error());
  if (*topics) {
    if (auto known = check_topics(**topics); !known) return std::unexpected(known.error());
  }
  const auto idle = optional_flag(*body, "include_idle");
  if (!idle) return std::unexpected(idle.error());
  const auto bodies = optional_flag(*body, "bodies");
  if (!bodies) return std::unexpected(bodies.error());
  const auto from = optional_text(*body, "from");
  if (!from) return std::unexpected(from.error());
  return ConsumerChange{std::move(*topics), *idle, *bodies, *from};
}

Result<Answer> put_consumer(Call call) {
  const auto name = call.request.param("name");
  if (auto fine = check_consumer_name(name); !fine) return std::unexpected(fine.error());
  auto change = read_consumer_change(call);
  if (!change) return std::unexpected(change.error());
  auto consumer = core::find_consumer(call.db, name);
  const bool made = !consumer;
  if (made) {
    consumer = core::Consumer{.name = std::string(name)};
  } else if (consumer->kind != core::ConsumerKind::pull) {
    return fail(Failure::conflict, "consumer.is_webhook", fmt::format("{} is the name of a webhook", name));
  }
  if (change->topics) consumer->topics = std::move(*change->topics);
  consumer->include_idle = change->include_idle.value_or(consumer->include_idle);
  consumer->bodies = change->bodies.value_or(consumer->bodies);
  const auto log = core::read_event_log(call.db);
  if (made || change->from) {
    const auto start = start_of(call, log, change->from.value_or("now"));
    if (!start) return std::unexpected(start.error());
    consumer->cursor = *start;
  }
  if (!made) {
    core::update_consumer(call.db, *consumer, change->from.has_value(), call.now);
  } else if (!core::create_consumer(call.db, *consumer, call.now)) {
    return fail(Failure::conflict, "consumer.exists", fmt::format("{} was just made by someone else", name));
  }
  Answer answer(json_response(made ? 201 : 200, consumer_json(*core::find_consumer(call.db, name), log,
                                                              core::consumer_lags(call.db, call.now))));
  answer.consumers = true;
  return answer;
}

Result<Answer> list_consumers(Call call) {
  const auto log = core::read_event_log(call.db);
  const auto lags = core::consumer_lags(call.db, call.now);
  auto items = Json::array();
  for (const auto& consumer : core::list_consumers(call.db))
    items.push_back(consumer_json(consumer, log, lags));
  return json_response(200, page_json(std::move(items)));
}

Result<Answer> get_consumer(Call call) {
  const auto consumer = pull_consumer(call);
  if (!consumer) return std::unexpected(consumer.error());
  return json_response(
      200, consumer_json(*consumer, core::read_event_log(call.db), core::consumer_lags(call.db, call.now)));
}

Result<Answer> delete_consumer(Call call) {
  const auto consumer = pull_consumer(call);
  if (!consumer) return std::unexpected(consumer.error());
  core::delete_consumer(call.db, consumer->id);
  Answer answer(http::Response::text(204, ""));
  answer.consumers = true;
  return answer;
}

Result<Answer> get_consumer_events(Call call) {
  const auto consumer = pull_consumer(call);
  if (!consumer) return std::unexpected(consumer.error());
  const auto limit = event_limit(call.request);
  if (!limit) return std::unexpected(limit.error());
  const auto log = core::read_event_log(call.db);
  auto page = read_events(call.db, log, call.secrets, consumer->cursor,
                          {.kinds = core::numbers_of(core::kinds_of(*consumer))}, *limit, consumer->bodies);
  // Where nothing was for the consumer there is nothing to acknowledge: it is past all that.
  const bool passed = page.items.empty() && !page.cursor.empty();
  if (passed || !consumer->seen_at || call.now - *consumer->seen_at > kSeenEvery) {
    core::acknowledge(call.db, consumer->id, passed ? page.end : consumer->cursor, call.now);
  }
  const std::string cursor =
      page.cursor.empty() ? core::to_text({log.epoch, consumer->cursor, consumer->created_at}) : page.cursor;
  return json_response(200, {{"items", std::move(page.items)}, {"cursor", cursor}, {"more", page.more}});
}

Result<Answer> acknowledge_events(Call call) {
  const auto consumer = pull_consumer(call);
  if (!consumer) return std::unexpected(consumer.error());
  const auto body = parse_object(call.request, {"cursor"});
  if (!body) return std::unexpected(body.error());
  const auto cursor = required_text(*body, "cursor");
  if (!cursor) return std::unexpected(cursor.error());
  const auto log = core::read_event_log(call.db);
  const auto position = position_of(call.db, log, *cursor);
  if (!position) return std::unexpected(position.error());
  core::acknowledge(call.db, consumer->id, *position, call.now);
  return json_response(200, consumer_json(*core::find_consumer(call.db, consumer->name), log,
                                          core::consumer_lags(call.db, call.now)));
}

}  // namespace

const Endpoint& event_list_endpoint() {
  static constexpr Endpoint kEndpoint{"GET", "/v1/events", Access::read, get_events};
  return kEndpoint;
}

std::span<const Endpoint> consumer_endpoints() {
  static constexpr std::array kEndpoints{
      Endpoint{"GET", "/v1/consumers", Access::read, list_consumers},
      Endpoint{"GET", "/v1/consumers/{name}", Access::read, get_consumer},
      Endpoint{"PUT", "/v1/consumers/{name}", Access::write, put_consumer},
      Endpoint{"DELETE", "/v1/consumers/{name}", Access::write, delete_consumer},
      Endpoint{"GET", "/v1/consumers/{name}/events", Access::read, get_consumer_events},
      Endpoint{"POST", "/v1/consumers/{name}/ack", Access::write, acknowledge_events},
  };
  return kEndpoints;
}

}  // namespace mooring::api::detail

// SPDX-License-Identifier: Apache-2.0
#include "api/detail/event_view.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/encoding.hpp"
#include "core/command.hpp"
#include "core/event_interest.hpp"
#include "director/devices.hpp"

namespace mooring::api::detail {
namespace {

constexpr std::size_t kLongestConsumerName = 64;
/// Of the messages in one answer.
constexpr std::int64_t kBytesOfOnePage = std::int64_t{16} << 20U;

Json message_json(const core::StoredEvent& event, const crypto::SecretBox& secrets) {
  if (!event.sealed_body) return {};
  const auto body = core::open_event_body(secrets, *event.sealed_body);
  return body ? Json(to_base64(*body)) : Json();
}

Result<std::optional<Time>> query_time(const http::Request& request, std::string_view name) {
  const auto text = query_text(request, name);
  if (!text) return std::unexpected(text.error());
  if (!*text) return std::nullopt;
  const auto time = from_rfc3339(**text);
  if (!time) {
    return fail(Failure::invalid, "request.bad_parameter",
                fmt::format("parameter {} is no time: write it as in 2026-11-22T04:51:30Z", name));
  }
  return *time;
}

}  // namespace

Json event_json(const core::StoredEvent& event, const core::EventLog& log, const crypto::SecretBox& secrets,
                bool with_body) {
  Json json{{"id", event.position.id},
            {"event_id", to_lower_ascii(core::event_uuid(log, event.position.id).text())},
            {"cursor", core::to_text({log.epoch, event.position, event.created_at})},
            {"at", to_rfc3339(event.created_at)},
            {"kind", core::name_of(event.kind)},
            {"topic", core::topic_of(event.kind)},
            {"enrollment", text_or_null(event.enrollment_id)},
            {"device", text_or_null(event.device_key)},
            {"serial_number", text_or_null(event.serial_number)},
            {"command_uuid", text_or_null(event.command_uuid)}};
  json["status"] =
      event.status ? Json(core::name_of(static_cast<core::CommandStatus>(*event.status))) : Json();
  json["request_type"] = text_or_null(event.request_type);
  json["detail"] = stored_json(event.detail);
  json["url_params"] = stored_json(event.url_params);
  if (with_body) json["raw_payload"] = message_json(event, secrets);
  return json;
}

Result<> check_topics(const std::vector<std::string>& topics) {
  const auto known = core::event_topics();
  for (const auto& topic : topics) {
    if (std::ranges::find(known, topic) != known.end()) continue;
    return fail(Failure::invalid, "event.unknown_topic",
                fmt::format("there is no topic {}; topics are: {}", topic, fmt::join(known, ", ")));
  }
  return {};
}

Result<core::EventFilter> event_filter_of(const http::Request& request, pg::Connection& db) {
  core::EventFilter filter;
  auto topics = query_texts(request, "topic");
  if (!topics) return std::unexpected(topics.error());
  if (auto known = check_topics(*topics); !known) return std::unexpected(known.error());
  const auto idle = query_flag(request, "include_idle");
  if (!idle) return std::unexpected(idle.error());
  filter.kinds =
      core::numbers_of(core::kinds_of({.topics = std::move(*topics), .include_idle = idle->value_or(false)}));
  const auto since = query_time(request, "since");
  if (!since) return std::unexpected(since.error());
  filter.since = *since;
  const auto until = query_time(request, "until");
  if (!until) return std::unexpected(until.error());
  filter.until = *until;
  const auto device = query_text(request, "device");
  if (!device) return std::unexpected(device.error());
  if (*device) {
    const auto found = director::find_device(db, **device);
    if (!found) return std::unexpected(found.error());
    filter.device = found->id;
  }
  return filter;
}

Result<core::Position> position_of(pg::Connection& db, const core::EventLog& log, std::string_view cursor) {
  const auto parsed = core::parse_event_cursor(cursor);
  if (!parsed) {
    return fail(Failure::invalid, "request.bad_cursor",
                "this is not the cursor of an event: begin again without it, or by time");
  }
  return core::resolve(db, log, *parsed);
}

EventPage read_events(pg::Connection& db, const core::EventLog& log, const crypto::SecretBox& secrets,
                      core::Position after, const core::EventFilter& filter, int limit, bool with_bodies) {
  const auto scan = core::scan_events(db, after, filter, limit);
  const auto taken = with_bodies ? core::take_within(scan, kBytesOfOnePage)
                                 : core::take_within(scan, std::numeric_limits<std::int64_t>::max());
  EventPage page{.end = scan.end, .more = scan.more};
  Time end_at = scan.end_at;
  for (const auto& event : core::load_events(db, taken, with_bodies)) {
    page.items.push_back(event_json(event, log, secrets, with_bodies));
    if (taken.size() < scan.found.size()) {
      page.end = event.position;
      end_at = event.created_at;
      page.more = true;
    }
  }
  if (page.end != after) page.cursor = core::to_text({log.epoch, page.end, end_at});
  return page;
}

Result<std::optional<bool>> optional_flag(const Json& object, std::string_view key) {
  const auto found = object.find(key);
  if (found == object.end() || found->is_null()) return std::nullopt;
  if (found->is_boolean()) return found->get<bool>();
  return fail(Failure::invalid, "request.wrong_type", fmt::format("\"{}\" has to be true or false", key));
}

Result<std::optional<std::vector<std::string>>> optional_texts(const Json& object, std::string_view key) {
  const auto found = object.find(key);
  if (found == object.end() || found->is_null()) return std::nullopt;
  std::vector<std::string> texts;
  const bool is_array = found->is_array();
  for (const auto& item : is_array ? *found : Json::array()) {
    if (!item.is_string() || !is_storable(item.get_ref<const std::string&>())) break;
    texts.push_back(item.get<std::string>());
  }
  if (is_array && texts.size() == found->size()) return texts;
  return fail(Failure::invalid, "request.wrong_type", fmt::format("\"{}\" has to be an array of texts", key));
}

Result<> check_consumer_name(std::string_view name) {
  const bool plain = std::ranges::all_of(name, [](unsigned char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  });
  if (!name.empty() && name.size() <= kLongestConsumerName && plain) return {};
  return fail(Failure::invalid, "consumer.bad_name",
              "a name has 1 to 64 letters, digits, dots, dashes or underscores");
}

}  // namespace mooring::api::detail

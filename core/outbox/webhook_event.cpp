// SPDX-License-Identifier: Apache-2.0
#include "core/outbox/webhook_event.hpp"

#include <nlohmann/json.hpp>

#include "base/crypto/crypto.hpp"
#include "base/encoding.hpp"
#include "base/plist/plist.hpp"
#include "core/command.hpp"

namespace mooring::core {
namespace {

using EventJson = nlohmann::ordered_json;

EventJson parsed_or_null(const std::optional<std::string>& text) {
  if (!text) return {};
  auto parsed = EventJson::parse(*text, nullptr, false);
  return parsed.is_discarded() ? EventJson() : parsed;
}

EventJson ids_of(const StoredEvent& event) {
  EventJson ids{{"id", event.enrollment_id}, {"type", nanomdm_type_of(event.channel)}};
  if (!event.parent_id.empty()) ids["parent_id"] = event.parent_id;
  return ids;
}

/// What check-ins and reports share, up to the message itself.
EventJson source_of(const StoredEvent& event) {
  auto source = EventJson::object();
  const bool hidden = event.channel == EnrollmentKind::user_enrollment_device ||
                      event.channel == EnrollmentKind::user_enrollment;
  if (!event.device_key.empty()) source[hidden ? "enrollment_id" : "udid"] = event.device_key;
  return source;
}

void add_message(EventJson& source, const StoredEvent& event, std::string_view body) {
  if (auto params = parsed_or_null(event.url_params); params.is_object()) source["url_params"] = params;
  source["raw_payload"] = to_base64(body);
  if (!event.enrollment_id.empty()) source["ids"] = ids_of(event);
}

}  // namespace

std::string_view nanomdm_type_of(EnrollmentKind kind) {
  switch (kind) {
    case EnrollmentKind::device:
      return "Device";
    case EnrollmentKind::user:
      return "User";
    case EnrollmentKind::shared_ipad:
      return "Shared iPad";
    case EnrollmentKind::user_enrollment_device:
      return "User Enrollment (Device)";
    case EnrollmentKind::user_enrollment:
      return "User Enrollment";
  }
  return "Device";
}

std::string status_text_of(const StoredEvent& event, std::string_view body) {
  if (event.kind == EventKind::idle) return "Idle";
  switch (static_cast<CommandStatus>(event.status.value_or(-1))) {
    case CommandStatus::not_now:
      return "NotNow";
    case CommandStatus::acknowledged:
      return "Acknowledged";
    case CommandStatus::error:
      return "Error";
    case CommandStatus::command_format_error:
      return "CommandFormatError";
    default:
      break;
  }
  const auto message = plist::parse_dict(body);
  const auto* status = message ? message->string("Status") : nullptr;
  return status == nullptr ? std::string() : *status;
}

std::string webhook_json(const StoredEvent& event, const crypto::Uuid& uuid, std::string_view body) {
  EventJson json{{"topic", topic_of(event.kind)},
                 {"event_id", to_lower_ascii(uuid.text())},
                 {"created_at", to_rfc3339(event.created_at)}};
  EventJson source = source_of(event);
  if (event.kind == EventKind::command_reported || event.kind == EventKind::idle) {
    source["status"] = status_text_of(event, body);
    if (!event.command_uuid.empty()) source["command_uuid"] = event.command_uuid;
    add_message(source, event, body);
    json["acknowledge_event"] = std::move(source);
  } else {
    add_message(source, event, body);
    const auto detail = parsed_or_null(event.detail);
    if (event.kind == EventKind::token_updated && detail.contains("token_update_tally")) {
      source["token_update_tally"] = detail["token_update_tally"];
    }
    json["checkin_event"] = std::move(source);
  }
  return json.dump(-1, ' ', false, EventJson::error_handler_t::replace);
}

std::string webhook_signature(std::string_view key, std::string_view json) {
  return to_base64(crypto::bytes_of(crypto::hmac_sha256(key, json)));
}

}  // namespace mooring::core

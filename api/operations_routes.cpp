// SPDX-License-Identifier: Apache-2.0
// /v1/repush and /v1/events: asking for everything again, and what happened.
#include <array>

#include "api/detail/endpoint.hpp"
#include "api/detail/json.hpp"
#include "core/command.hpp"
#include "core/event.hpp"
#include "director/assignments.hpp"
#include "director/devices.hpp"
#include "director/profiles.hpp"

namespace mooring::api::detail {
namespace {

constexpr pg::Statement kEventsAfter{"api_events_after", R"(
select v.id, v.created_at, v.kind, e.enrollment_id, v.command_uuid, v.status, v.request_type, v.detail
from events v left join enrollments e on e.id = v.enrollment_id where v.id > $1 order by v.id limit $2)"};

Result<Answer> repush_device(Call call, const std::string& id) {
  const auto device = director::find_device(call.db, id);
  if (!device) return std::unexpected(device.error());
  if (!director::request_repush(call.db, device->id, call.now)) {
    return fail(Failure::conflict, "device.no_channel",
                "the device never enrolled: there is nothing to send again");
  }
  return json_response(202, {{"devices", 1}});
}

Result<Answer> repush_profile(Call call, const std::string& name) {
  if (!director::repush_item(call.db, name, call.now)) {
    return fail(Failure::not_found, "profile.unknown", "there is no profile named " + name);
  }
  const auto profile = director::find_profile(call.db, name);
  return json_response(202, {{"devices", profile ? profile->desired : 0}});
}

Result<Answer> post_repush(Call call) {
  const auto body = parse_object(call.request, {"device", "profile"});
  if (!body) return std::unexpected(body.error());
  const auto device = optional_text(*body, "device");
  if (!device) return std::unexpected(device.error());
  const auto profile = optional_text(*body, "profile");
  if (!profile) return std::unexpected(profile.error());
  if (device->has_value() == profile->has_value()) {
    return fail(Failure::invalid, "repush.one_target",
                "name either a \"device\" or a \"profile\", one of the two");
  }
  auto answer = *device ? repush_device(call, **device) : repush_profile(call, **profile);
  if (answer) answer->ring = true;
  return answer;
}

Json event_json(const pg::Row& row) {
  Json json{{"id", row.int64(0)},
            {"at", to_rfc3339(row.get<Time>(1))},
            {"kind", core::name_of(static_cast<core::EventKind>(row.get<std::int16_t>(2)))},
            {"enrollment", json_of(row.get<std::optional<std::string>>(3))}};
  json["command_uuid"] =
      row.is_null(4) ? Json() : Json(core::decode_command_uuid(row.get<pg::Bytes>(4).view));
  const auto status = row.get<std::optional<std::int16_t>>(5);
  json["status"] = status ? Json(core::name_of(static_cast<core::CommandStatus>(*status))) : Json();
  json["request_type"] = json_of(row.get<std::optional<std::string>>(6));
  json["detail"] = row.is_null(7) ? Json() : stored_json(std::string(row.get<pg::Json>(7).view));
  return json;
}

Result<Answer> get_events(Call call) {
  const auto page = numbered_page_of(call.request, "events");
  if (!page) return std::unexpected(page.error());
  const auto after_text = query_text(call.request, "after");
  if (!after_text) return std::unexpected(after_text.error());
  std::int64_t after = page->after;
  if (*after_text) {
    const auto number = parse_number<std::int64_t>(**after_text);
    if (!number || *number < 0) {
      return fail(Failure::invalid, "request.bad_parameter", "parameter after is not the id of an event");
    }
    after = std::max(after, *number);
  }
  const auto rows = call.db.exec(kEventsAfter, after, std::int64_t{page->limit} + 1);
  const int shown = std::min(rows.size(), page->limit);
  auto items = Json::array();
  for (int i = 0; i < shown; ++i) items.push_back(event_json(rows[i]));
  std::optional<std::string> next;
  if (rows.size() > shown) next = make_cursor("events", std::to_string(rows[shown - 1].int64(0)));
  return json_response(200, page_json(std::move(items), next));
}

}  // namespace

std::span<const Endpoint> operation_endpoints() {
  static constexpr std::array kEndpoints{
      Endpoint{"POST", "/v1/repush", Access::write, post_repush},
      Endpoint{"GET", "/v1/events", Access::read, get_events},
  };
  return kEndpoints;
}

}  // namespace mooring::api::detail

// SPDX-License-Identifier: Apache-2.0
// /v1/groups, and the groups and tags of a device.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "api/detail/endpoint.hpp"
#include "api/detail/event_view.hpp"
#include "api/detail/guard.hpp"
#include "api/detail/json.hpp"
#include "director/devices.hpp"
#include "director/groups.hpp"
#include "director/history.hpp"

namespace mooring::api::detail {
namespace {

Json group_json(const director::Group& group) {
  return {{"name", group.name},
          {"priority", group.priority},
          {"expression", json_of(group.expression)},
          {"created_at", to_rfc3339(group.created_at)},
          {"updated_at", to_rfc3339(group.updated_at)}};
}

void log_group(const Call& call, std::string_view action, std::string_view name, const Json& detail) {
  const auto scope = fmt::format("group:{}", name);
  director::log_change(call.db, call.actor, {.action = action, .scope = scope, .detail = detail.dump()},
                       call.now);
}

Result<std::int32_t> priority_of(const Json& body) {
  const auto found = body.find("priority");
  if (found == body.end() || found->is_null()) return 0;
  constexpr std::int64_t kMost = 1'000'000;
  const auto number = found->is_number_integer() ? found->get<std::int64_t>() : kMost + 1;
  if (number >= -kMost && number <= kMost) return static_cast<std::int32_t>(number);
  return fail(Failure::invalid, "group.bad_priority",
              "\"priority\" has to be a whole number between -1000000 and 1000000");
}

Result<Answer> put_group_now(const Call& call) {
  const auto body = parse_object(call.request, {"priority", "expression", "members"});
  if (!body) return std::unexpected(body.error());
  const auto priority = priority_of(*body);
  if (!priority) return std::unexpected(priority.error());
  auto expression = optional_text(*body, "expression");
  if (!expression) return std::unexpected(expression.error());
  auto members = optional_texts(*body, "members");
  if (!members) return std::unexpected(members.error());
  const auto put = director::put_group(call.db,
                                       {.name = std::string(call.request.param("name")),
                                        .priority = *priority,
                                        .expression = std::move(*expression),
                                        .members = std::move(*members)},
                                       call.now);
  if (!put) return std::unexpected(put.error());
  if (put->changed) log_group(call, "group.declared", put->group.name, group_json(put->group));
  Json json{{"changed", put->changed}};
  json.update(group_json(put->group));
  Answer answer = json_response(put->created ? 201 : 200, json);
  answer.ring = put->changed;
  return answer;
}

Result<Answer> put_one_group(Call call) {
  return guarded(call, devices_by_group(call.db, call.request.param("name")),
                 [&] { return put_group_now(call); });
}

Result<Answer> get_groups(Call call) {
  const auto page = page_of(call.request, "groups");
  if (!page) return std::unexpected(page.error());
  auto groups = director::list_groups(call.db, page->after, page->limit + 1);
  std::optional<std::string> next;
  if (groups.size() > static_cast<std::size_t>(page->limit)) {
    groups.pop_back();
    next = make_cursor("groups", groups.back().name);
  }
  auto items = Json::array();
  for (const auto& group : groups) items.push_back(group_json(group));
  return json_response(200, page_json(std::move(items), next));
}

Result<Answer> get_group(Call call) {
  const auto group = director::find_group(call.db, call.request.param("name"));
  if (!group) return std::unexpected(group.error());
  Json json = group_json(*group);
  const auto counts = director::count_members(call.db, group->id);
  json["devices"] = counts.members;
  json["unknown_devices"] = counts.unknown;
  return json_response(200, json);
}

Result<Answer> delete_one_group(Call call) {
  if (const auto deleted = director::delete_group(call.db, call.request.param("name"), call.now); !deleted)
    return std::unexpected(deleted.error());
  log_group(call, "group.deleted", call.request.param("name"), Json::object());
  Answer answer;
  answer.response.status = 204;
  return answer;
}

Result<Answer> get_group_members(Call call) {
  const auto group = director::find_group(call.db, call.request.param("name"));
  if (!group) return std::unexpected(group.error());
  const auto list = fmt::format("group_members.{}", group->id);
  const auto page = page_of(call.request, list);
  if (!page) return std::unexpected(page.error());
  auto names = director::list_member_names(call.db, group->id, page->after, page->limit + 1);
  std::optional<std::string> next;
  if (names.size() > static_cast<std::size_t>(page->limit)) {
    names.pop_back();
    next = make_cursor(list, names.back());
  }
  auto items = Json::array();
  for (const auto& name : names) items.push_back(name);
  return json_response(200, page_json(std::move(items), next));
}

Result<Answer> post_group_members(Call call) {
  const auto body = parse_object(call.request, {"add", "remove"});
  if (!body) return std::unexpected(body.error());
  const auto add = optional_texts(*body, "add");
  if (!add) return std::unexpected(add.error());
  const auto remove = optional_texts(*body, "remove");
  if (!remove) return std::unexpected(remove.error());
  const auto group = call.request.param("name");
  const std::vector<std::string> none;
  const auto& added = *add ? **add : none;
  const auto& removed = *remove ? **remove : none;
  const auto named = static_cast<std::int64_t>(added.size() + removed.size());
  return guarded(call, std::min(named, devices_by_group(call.db, group)), [&]() -> Result<Answer> {
    const auto change = director::change_members(call.db, group, added, removed, call.now);
    if (!change) return std::unexpected(change.error());
    Answer answer = json_response(200, {{"added", change->added}, {"removed", change->removed}});
    answer.ring = change->added + change->removed > 0;
    if (answer.ring) log_group(call, "group.members", group, *body);
    return answer;
  });
}

Result<Answer> get_group_devices(Call call) {
  const auto group = director::find_group(call.db, call.request.param("name"));
  if (!group) return std::unexpected(group.error());
  const auto list = fmt::format("group_devices.{}", group->id);
  const auto page = numbered_page_of(call.request, list);
  if (!page) return std::unexpected(page.error());
  auto members = director::list_members(call.db, group->id, page->after, page->limit + 1);
  std::optional<std::string> next;
  if (members.size() > static_cast<std::size_t>(page->limit)) {
    members.pop_back();
    next = make_cursor(list, std::to_string(members.back().device));
  }
  auto items = Json::array();
  for (const auto& member : members) {
    items.push_back({{"udid", member.udid},
                     {"serial_number", json_of(member.serial_number)},
                     {"known", member.known},
                     {"since", to_rfc3339(member.since)}});
  }
  return json_response(200, page_json(std::move(items), next));
}

Json tags_json(pg::Connection& connection, std::int64_t device) {
  auto tags = Json::array();
  for (const auto& tag : director::tags_of_device(connection, device)) tags.push_back(tag);
  return tags;
}

Result<Answer> get_device_groups(Call call) {
  const auto device = director::find_device(call.db, call.request.param("id"));
  if (!device) return std::unexpected(device.error());
  auto items = Json::array();
  for (const auto& group : director::groups_of_device(call.db, device->id)) {
    items.push_back({{"group", group.name}, {"known", group.known}, {"since", to_rfc3339(group.since)}});
  }
  return json_response(200, {{"tags", tags_json(call.db, device->id)}, {"items", std::move(items)}});
}

Result<Answer> put_device_tags(Call call) {
  const auto device = director::find_device(call.db, call.request.param("id"));
  if (!device) return std::unexpected(device.error());
  const auto body = parse_object(call.request, {"tags"});
  if (!body) return std::unexpected(body.error());
  auto tags = optional_texts(*body, "tags");
  if (!tags) return std::unexpected(tags.error());
  if (!*tags) return fail(Failure::invalid, "request.missing_key", "\"tags\" is missing");
  const auto changed = director::put_tags(call.db, device->id, std::move(**tags), call.now);
  if (!changed) return std::unexpected(changed.error());
  Answer answer = json_response(200, {{"changed", *changed}, {"tags", tags_json(call.db, device->id)}});
  answer.ring = *changed;
  return answer;
}

}  // namespace

std::span<const Endpoint> group_endpoints() {
  static constexpr std::array kEndpoints{
      Endpoint{"GET", "/v1/groups", Access::read, get_groups},
      Endpoint{"GET", "/v1/groups/{name}", Access::read, get_group},
      Endpoint{"PUT", "/v1/groups/{name}", Access::write, put_one_group},
      Endpoint{"DELETE", "/v1/groups/{name}", Access::write, delete_one_group},
      Endpoint{"GET", "/v1/groups/{name}/members", Access::read, get_group_members},
      Endpoint{"POST", "/v1/groups/{name}/members", Access::write, post_group_members},
      Endpoint{"GET", "/v1/groups/{name}/devices", Access::read, get_group_devices},
      Endpoint{"GET", "/v1/devices/{id}/groups", Access::read, get_device_groups},
      Endpoint{"PUT", "/v1/devices/{id}/tags", Access::write, put_device_tags},
  };
  return kEndpoints;
}

}  // namespace mooring::api::detail

// SPDX-License-Identifier: Apache-2.0
// /v1/devices/{id}/items and /profiles: what should be on a device, what is on it, and why they differ.
#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <unordered_map>

#include "api/detail/endpoint.hpp"
#include "api/detail/item_view.hpp"
#include "api/detail/json.hpp"
#include "director/devices.hpp"
#include "director/variables.hpp"
#include "reconciler/load.hpp"

namespace mooring::api::detail {
namespace {

// The reconciler's own open commands: when they were queued and last put off.
constexpr pg::Statement kStateCommands{"api_state_commands", R"(
select c.uuid, c.created_at, c.not_now_at from enrollments e join commands c on c.enrollment_id = e.id
where e.device_id = $1 and c.item_id > 0)"};

struct CommandTimes {
  Time queued_at;
  std::optional<Time> not_now_at;
};
using CommandTimesByUuid = std::unordered_map<std::string, CommandTimes>;

CommandTimesByUuid load_command_times(pg::Connection& connection, std::int64_t device) {
  CommandTimesByUuid times;
  for (const auto row : connection.exec(kStateCommands, device)) {
    times[std::string(row.get<pg::Bytes>(0).view)] = {row.get<Time>(1), row.get<std::optional<Time>>(2)};
  }
  return times;
}

Json open_command_json(const reconciler::OpenCommand* command, const CommandTimesByUuid& times) {
  if (command == nullptr) return {};
  Json json{{"command_uuid", core::decode_command_uuid(command->uuid)},
            {"status", core::name_of(command->status)}};
  const auto found = times.find(command->uuid);
  json["queued_at"] = found == times.end() ? Json() : Json(to_rfc3339(found->second.queued_at));
  json["not_now_at"] = found == times.end() ? Json() : json_of(found->second.not_now_at);
  return json;
}

Json item_json(const ItemView& view, const std::string& name, const CommandTimesByUuid& times) {
  static const reconciler::ItemRecord kNoRecord;
  const auto& record = view.record == nullptr ? kNoRecord : *view.record;
  return {{"name", name},
          {"kind", director::name_of(view.kind)},
          {"identifier", view.identifier},
          {"user", text_or_null(view.user)},
          {"intent", name_of(view.intent)},
          {"scope", view.scope ? Json(name_of(*view.scope)) : Json()},
          {"state", reconciler::name_of(view.state)},
          {"reason", text_or_null(view.reason)},
          {"desired_payload_uuid", text_or_null(view.desired_uuid)},
          {"observed_payload_uuid", text_or_null(view.observed_uuid)},
          {"command", open_command_json(view.command, times)},
          {"attempts", record.attempts},
          {"repairs", record.repairs},
          {"next_try_at", json_of(record.next_try_at)},
          {"verified_at", json_of(record.verified_at)},
          {"drift_since", json_of(record.drift_since)}};
}

std::map<std::int32_t, std::string> load_item_names(pg::Connection& connection,
                                                    const std::vector<ItemView>& views) {
  std::vector<std::int32_t> items;
  for (const auto& view : views) items.push_back(view.item);
  std::map<std::int32_t, std::string> names;
  for (auto& entry : director::names_of_items(connection, items)) names[entry.item] = std::move(entry.name);
  return names;
}

Result<Answer> get_device_items(Call call) {
  const auto device = director::find_device(call.db, call.request.param("id"));
  if (!device) return std::unexpected(device.error());
  const auto snapshot = reconciler::peek(call.db, device->id, call.now);
  auto items = Json::array();
  Json observed_at;
  if (snapshot) {
    const auto views = view_items(*snapshot);
    auto names = load_item_names(call.db, views);
    const auto times = load_command_times(call.db, device->id);
    for (const auto& view : views) items.push_back(item_json(view, names[view.item], times));
    observed_at = json_of(snapshot->own.list.at);
  }
  Json body = page_json(std::move(items));
  body["udid"] = device->udid;
  body["observed_at"] = observed_at;
  return json_response(200, body);
}

/// Items that Mooring has business with on this device, whichever version.
std::vector<std::int32_t> items_on_device(const reconciler::DeviceSnapshot& snapshot) {
  std::set<std::int32_t> items;
  for (const auto& known : snapshot.own.items) items.insert(known.record.item);
  for (const auto& user : snapshot.users) {
    for (const auto& known : user.items) items.insert(known.record.item);
  }
  if (snapshot.desired) {
    for (const auto& desired : *snapshot.desired) items.insert(desired.facts.item);
  }
  return {items.begin(), items.end()};
}

/// By identifier and version part of the PayloadUUID: the name under which that version was declared.
using ManagedNames = std::map<std::pair<std::string, std::string>, std::string>;

ManagedNames load_managed_names(pg::Connection& connection, const reconciler::DeviceSnapshot& snapshot,
                                const reconciler::ChannelSnapshot& channel) {
  std::vector<std::string> versions;
  for (const auto& observed : channel.evidence.profiles->all())
    versions.emplace_back(director::version_part(observed.uuid));
  ManagedNames names;
  for (auto& version : director::known_versions(connection, items_on_device(snapshot), versions)) {
    const auto identity = version.identity.text();
    names[{version.identifier, std::string(director::version_part(identity))}] = std::move(version.item_name);
  }
  return names;
}

/// The device's own, or that of a user for whom something is declared; nullptr where there is none.
const reconciler::ChannelSnapshot* find_channel(const std::optional<reconciler::DeviceSnapshot>& snapshot,
                                                const std::optional<std::string>& user) {
  if (!snapshot) return nullptr;
  if (!user) return &snapshot->own;
  const auto found = std::ranges::find_if(
      snapshot->users, [&](const reconciler::ChannelSnapshot& c) { return c.enabled && c.user == *user; });
  return found == snapshot->users.end() ? nullptr : &*found;
}

Result<Answer> get_device_profiles(Call call) {
  const auto device = director::find_device(call.db, call.request.param("id"));
  if (!device) return std::unexpected(device.error());
  const auto user = query_text(call.request, "user");
  if (!user) return std::unexpected(user.error());
  const auto snapshot = reconciler::peek(call.db, device->id, call.now);
  const auto* channel = find_channel(snapshot, *user);
  if (*user && channel == nullptr) {
    return fail(Failure::not_found, "device.unknown_user",
                "no user of the device with the short name " + **user +
                    " has a list: no such channel, or nothing is declared for users");
  }
  auto items = Json::array();
  if (channel != nullptr && channel->evidence.profiles) {
    const auto names = load_managed_names(call.db, *snapshot, *channel);
    for (const auto& observed : channel->evidence.profiles->all()) {
      const auto known =
          names.find({observed.identifier, std::string(director::version_part(observed.uuid))});
      items.push_back({{"identifier", observed.identifier},
                       {"payload_uuid", observed.uuid},
                       {"display_name", text_or_null(observed.display_name)},
                       {"source", text_or_null(observed.source)},
                       {"managed", known != names.end()},
                       {"profile", known == names.end() ? Json() : Json(known->second)}});
    }
  }
  Json body = page_json(std::move(items));
  body["udid"] = device->udid;
  body["observed_at"] = channel != nullptr ? json_of(channel->list.at) : Json();
  return json_response(200, body);
}

}  // namespace

std::span<const Endpoint> device_state_endpoints() {
  static constexpr std::array kEndpoints{
      Endpoint{"GET", "/v1/devices/{id}/items", Access::read, get_device_items},
      Endpoint{"GET", "/v1/devices/{id}/profiles", Access::read, get_device_profiles},
  };
  return kEndpoints;
}

}  // namespace mooring::api::detail

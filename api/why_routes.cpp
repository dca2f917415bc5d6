// SPDX-License-Identifier: Apache-2.0
// /v1/devices/{id}/why: of each item where it comes from, what was decided, on what evidence, and what comes
// next.
#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "api/detail/endpoint.hpp"
#include "api/detail/item_view.hpp"
#include "api/detail/json.hpp"
#include "director/devices.hpp"
#include "director/history.hpp"
#include "director/profiles.hpp"
#include "reconciler/explain.hpp"
#include "reconciler/load.hpp"
#include "reconciler/words.hpp"

namespace mooring::api::detail {
namespace {

using reconciler::DeviceSnapshot;
using reconciler::ItemState;
using reconciler::RecordIntent;
using reconciler::Weighed;

std::string_view answer_of(director::Truth truth) {
  switch (truth) {
    case director::Truth::no:
      return "no";
    case director::Truth::unknown:
      return "unknown";
    case director::Truth::yes:
      return "yes";
  }
  return "unknown";
}

Json weighed_json(const Weighed& weighed, const std::string& udid) {
  std::string scope(name_of(weighed.scope));
  if (weighed.scope == director::ScopeKind::group) scope += ":" + weighed.group;
  if (weighed.scope == director::ScopeKind::device) scope += ":" + udid;
  return {{"assignment", weighed.assignment},
          {"scope", scope},
          {"intent", weighed.intent == director::Intent::present ? "present" : "absent"},
          {"applies", answer_of(weighed.applies)},
          {"decides", weighed.decides},
          {"because", weighed.because}};
}

/// When it goes on, as far as time alone decides.
std::optional<Time> next_time(const ItemView& view, const DeviceSnapshot& snapshot) {
  if (!snapshot.row.enabled) return std::nullopt;
  switch (view.state) {
    case ItemState::failed:
    case ItemState::quarantined:
      return std::nullopt;
    case ItemState::backing_off:
    case ItemState::waiting:
      return view.record == nullptr ? std::nullopt : view.record->next_try_at;
    case ItemState::commanded:
      return snapshot.row.next_push_at;
    case ItemState::pending:
    case ItemState::acknowledged:
    case ItemState::verified:
      break;
  }
  return snapshot.row.due_at;
}

Json evidence_json(const ItemView& view) {
  const auto* record = view.record;
  return {{"profile_list_at", json_of(view.list_at)},
          {"declared_payload_uuid", text_or_null(view.desired_uuid)},
          {"shown_payload_uuid", text_or_null(view.observed_uuid)},
          {"installed_by_mooring", record != nullptr && record->installed},
          {"verified_at", json_of(record == nullptr ? std::nullopt : record->verified_at)},
          {"drift_since", json_of(record == nullptr ? std::nullopt : record->drift_since)}};
}

Json decision_json(const ItemView& view) {
  const auto* record = view.record;
  return {{"user", text_or_null(view.user)},
          {"state", reconciler::name_of(view.state)},
          {"means", reconciler::meaning_of(view.state, view.intent)},
          {"reason", text_or_null(view.reason)},
          {"attempts", record == nullptr ? 0 : record->attempts},
          {"repairs", record == nullptr ? 0 : record->repairs}};
}

/// All that is to be said of one device, by item.
struct Whys {
  std::map<std::int32_t, ItemView> views;
  std::map<std::int32_t, std::vector<Weighed>> sources;
  std::map<std::int32_t, std::string> names;
};

Whys gather_whys(pg::Connection& connection, std::int64_t device, const DeviceSnapshot* snapshot) {
  Whys whys;
  std::set<std::int32_t> items;
  for (auto& weighed : reconciler::explain(connection, device)) {
    items.insert(weighed.item);
    whys.sources[weighed.item].push_back(std::move(weighed));
  }
  if (snapshot != nullptr) {
    for (auto& view : view_items(*snapshot)) {
      items.insert(view.item);
      // Of several users one who does not have it yet says more.
      auto& kept = whys.views.try_emplace(view.item, view).first->second;
      if (kept.state == ItemState::verified) kept = std::move(view);
    }
  }
  for (auto& entry : director::names_of_items(connection, std::vector(items.begin(), items.end())))
    whys.names[entry.item] = std::move(entry.name);
  return whys;
}

Json why_json(const Whys& whys, std::int32_t item, const std::string& udid, const DeviceSnapshot* snapshot) {
  auto sources = Json::array();
  const auto weighed = whys.sources.find(item);
  if (weighed != whys.sources.end()) {
    for (const auto& source : weighed->second) sources.push_back(weighed_json(source, udid));
  }
  Json json{{"profile", whys.names.at(item)}, {"sources", sources}};
  const auto view = whys.views.find(item);
  if (view == whys.views.end() || snapshot == nullptr) {
    json["intent"] = "none";
    json["summary"] = snapshot == nullptr ? "the device never enrolled: nothing is decided for it"
                      : sources.empty()   ? "no assignment reaches the device"
                                          : "no assignment applies to the device: Mooring leaves it alone";
    json["decision"] = json["evidence"] = json["next"] = nullptr;
    return json;
  }
  json["intent"] = name_of(view->second.intent);
  json["summary"] = reconciler::meaning_of(view->second.state, view->second.intent);
  json["decision"] = decision_json(view->second);
  json["evidence"] = evidence_json(view->second);
  json["next"] = {{"what", snapshot->row.enabled ? Json(reconciler::next_step_of(view->second.state))
                                                 : Json("the device's next enrollment")},
                  {"at", json_of(next_time(view->second, *snapshot))}};
  return json;
}

Result<Answer> get_device_why(Call call) {
  const auto device = director::find_device(call.db, call.request.param("id"));
  if (!device) return std::unexpected(device.error());
  const auto only = query_text(call.request, "profile");
  if (!only) return std::unexpected(only.error());
  const auto snapshot = reconciler::peek(call.db, device->id, call.now);
  const auto* known = snapshot ? &*snapshot : nullptr;
  auto whys = gather_whys(call.db, device->id, known);
  if (*only && std::ranges::none_of(whys.names, [&](const auto& entry) { return entry.second == **only; })) {
    const auto profile = director::find_profile(call.db, **only);
    if (!profile) return fail(Failure::not_found, "profile.unknown", "there is no profile named " + **only);
    whys.names[profile->item] = profile->name;
  }
  auto items = Json::array();
  for (const auto& [item, name] : whys.names) {
    if (!*only || name == **only) items.push_back(why_json(whys, item, device->udid, known));
  }
  Json body = page_json(std::move(items));
  body["udid"] = device->udid;
  body["enrolled"] = device->enrolled;
  return json_response(200, body);
}

}  // namespace

std::span<const Endpoint> why_endpoints() {
  static constexpr std::array kEndpoints{
      Endpoint{"GET", "/v1/devices/{id}/why", Access::read, get_device_why},
  };
  return kEndpoints;
}

}  // namespace mooring::api::detail

// SPDX-License-Identifier: Apache-2.0
// /v1/drift and /v1/summary: how far the fleet is from what is declared.
#include <array>

#include "api/detail/endpoint.hpp"
#include "api/detail/json.hpp"
#include "core/counters.hpp"
#include "director/devices.hpp"
#include "director/profiles.hpp"
#include "reconciler/item_state.hpp"

namespace mooring::api::detail {
namespace {

constexpr pg::Statement kDriftTotals{"api_drift_totals", R"(
select count(i.id), coalesce(sum(c.desired), 0)::int8, coalesce(sum(c.verified), 0)::int8,
       coalesce(sum(c.failed), 0)::int8
from items i left join item_totals c on c.item_id = i.id where i.kind = 1 and i.deleted_at is null)"};
constexpr pg::Statement kDriftItemsDrifted{"api_drift_items_drifted", R"(
select coalesce(sum(w.devices), 0)::int8 from item_drift w join items i on i.id = w.item_id
where i.kind = 1 and i.deleted_at is null and w.devices > 0)"};

using Counters = std::map<std::string, std::int64_t, std::less<>>;

std::int64_t counter(const Counters& counters, std::string_view name) {
  const auto found = counters.find(name);
  return found == counters.end() ? 0 : found->second;
}

Json devices_total_json(const Counters& counters) {
  return {{"known", counter(counters, core::kKnownCounter)},
          {"enrolled", counter(counters, core::kEnrolledCounter)}};
}

Json profile_drift_json(const director::Profile& profile) {
  return {{"profile", profile.name},      {"desired", profile.desired},
          {"verified", profile.verified}, {"drifted", profile.drifted},
          {"failed", profile.failed},     {"oldest_drift_at", json_of(profile.oldest_drift)}};
}

Json drifted_device_json(const director::DriftedDevice& device) {
  const auto state = static_cast<reconciler::ItemState>(device.state);
  const auto reason =
      reconciler::sentence_of(static_cast<reconciler::Reason>(device.reason_code), device.detail);
  return {{"udid", device.udid},
          {"serial_number", json_of(device.serial_number)},
          {"state", reconciler::name_of(state)},
          {"since", to_rfc3339(device.since)},
          {"reason", reason.empty() ? "the next pass over this device decides what to send" : reason}};
}

Result<Answer> get_drift_of_profile(Call call, const std::string& name) {
  const auto page = numbered_page_of(call.request, "drift." + name);
  if (!page) return std::unexpected(page.error());
  const auto profile = director::find_profile(call.db, name);
  if (!profile) return fail(Failure::not_found, "profile.unknown", "there is no profile named " + name);
  auto devices = director::drifted_devices(call.db, profile->item, page->after, page->limit + 1);
  std::optional<std::string> next;
  if (devices.size() > static_cast<std::size_t>(page->limit)) {
    devices.pop_back();
    next = make_cursor("drift." + name, std::to_string(devices.back().device));
  }
  auto items = Json::array();
  for (const auto& device : devices) items.push_back(drifted_device_json(device));
  return json_response(200, page_json(std::move(items), next));
}

Result<Answer> get_drift(Call call) {
  const auto name = query_text(call.request, "profile");
  if (!name) return std::unexpected(name.error());
  if (*name) return get_drift_of_profile(call, **name);
  const auto page = page_of(call.request, "drift");
  if (!page) return std::unexpected(page.error());
  auto profiles = director::list_profiles(call.db, page->after, page->limit + 1);
  std::optional<std::string> next;
  if (profiles.size() > static_cast<std::size_t>(page->limit)) {
    profiles.pop_back();
    next = make_cursor("drift", profiles.back().name);
  }
  auto items = Json::array();
  for (const auto& profile : profiles) items.push_back(profile_drift_json(profile));
  Json body = page_json(std::move(items), next);
  body["devices"] = devices_total_json(core::read_counters(call.db));
  return json_response(200, body);
}

Result<Answer> get_summary(Call call) {
  const auto counters = core::read_counters(call.db);
  const auto totals = call.db.exec(kDriftTotals);
  const auto drifted = call.db.exec(kDriftItemsDrifted);
  return json_response(200, {{"devices", devices_total_json(counters)},
                             {"queue",
                              {{"queued", counter(counters, core::kQueuedCounter)},
                               {"not_now", counter(counters, core::kNotNowCounter)}}},
                             {"profiles",
                              {{"declared", totals[0].int64(0)},
                               {"desired", totals[0].int64(1)},
                               {"verified", totals[0].int64(2)},
                               {"drifted", drifted[0].int64(0)},
                               {"failed", totals[0].int64(3)}}}});
}

}  // namespace

std::span<const Endpoint> drift_endpoints() {
  static constexpr std::array kEndpoints{
      Endpoint{"GET", "/v1/drift", Access::read, get_drift},
      Endpoint{"GET", "/v1/summary", Access::read, get_summary},
  };
  return kEndpoints;
}

}  // namespace mooring::api::detail

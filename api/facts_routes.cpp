// SPDX-License-Identifier: Apache-2.0
// /v1/facts and /v1/devices/{id}/facts: what is known of a device, since when it is different, and its
// certificates.
#include <array>

#include "api/detail/endpoint.hpp"
#include "api/detail/json.hpp"
#include "director/devices.hpp"
#include "director/facts.hpp"
#include "director/inventory_store.hpp"

namespace mooring::api::detail {
namespace {

using director::FactSource;

Json value_json(const director::FactValue& value) {
  return std::visit([](const auto& v) { return Json(v); }, value);
}

/// When its source last answered; null for what check-ins told.
Json told_at(FactSource source, const std::optional<director::Convergence>& state) {
  if (!state) return {};
  if (source == FactSource::information) return json_of(state->information_at);
  if (source == FactSource::security) return json_of(state->security_at);
  return {};
}

Result<Answer> get_fact_names(Call /*call*/) {
  auto items = Json::array();
  for (const auto& name : director::fact_names()) {
    items.push_back({{"fact", name.name},
                     {"type", director::name_of(name.type)},
                     {"source", director::name_of(name.source)},
                     {"key", text_or_null(std::string(name.key))},
                     {"history", !name.is_volatile}});
  }
  return json_response(200, page_json(std::move(items)));
}

Json facts_json(pg::Connection& connection, std::int64_t device) {
  const std::array devices{device};
  const auto known = director::facts_of_devices(connection, devices, true);
  const auto state = director::convergence_of(connection, device);
  auto items = Json::array();
  for (const auto& [name, value] : known.at(device).all()) {
    const auto* fact = director::find_fact_name(name);
    items.push_back({{"fact", name},
                     {"type", director::name_of(fact->type)},
                     {"value", value_json(value)},
                     {"source", director::name_of(fact->source)},
                     {"told_at", told_at(fact->source, state)}});
  }
  return page_json(std::move(items));
}

Result<Answer> get_device_facts(Call call) {
  const auto device = director::find_device(call.db, call.request.param("id"));
  if (!device) return std::unexpected(device.error());
  return json_response(200, facts_json(call.db, device->id));
}

Result<> check_outside_fact(const std::string& name, const Json& value) {
  const auto* fact = director::find_fact_name(name);
  if (fact == nullptr || fact->source != FactSource::outside) {
    return fail(Failure::invalid, "fact.not_yours",
                "\"" + name + "\" is no fact that is told by others than the device: see GET /v1/facts");
  }
  if (value.is_null() || (fact->type == director::FactType::boolean && value.is_boolean())) return {};
  return fail(Failure::invalid, "request.wrong_type",
              "\"" + name + "\" is of type " + std::string(director::name_of(fact->type)) + ", or null");
}

Result<Answer> patch_device_facts(Call call) {
  const auto device = director::find_device(call.db, call.request.param("id"));
  if (!device) return std::unexpected(device.error());
  const auto body = parse_object(call.request);
  if (!body) return std::unexpected(body.error());
  for (const auto& [name, value] : body->items()) {
    if (const auto fine = check_outside_fact(name, value); !fine) return std::unexpected(fine.error());
  }
  director::put_outside_facts(call.db, device->id, body->dump(), call.now);
  Answer answer = json_response(200, facts_json(call.db, device->id));
  answer.ring = true;
  return answer;
}

Result<Answer> get_fact_history(Call call) {
  const auto device = director::find_device(call.db, call.request.param("id"));
  if (!device) return std::unexpected(device.error());
  const auto page = numbered_page_of(call.request, "fact_changes");
  if (!page) return std::unexpected(page.error());
  const auto fact = query_text(call.request, "fact");
  if (!fact) return std::unexpected(fact.error());
  if (*fact && director::find_fact_name(**fact) == nullptr) {
    return fail(Failure::invalid, "fact.unknown", "there is no fact named " + **fact);
  }
  auto changes = director::fact_changes(call.db, device->id, *fact, page->after, page->limit + 1);
  std::optional<std::string> next;
  if (changes.size() > static_cast<std::size_t>(page->limit)) {
    changes.pop_back();
    next = make_cursor("fact_changes", std::to_string(changes.back().id));
  }
  auto items = Json::array();
  for (const auto& change : changes) {
    items.push_back({{"at", to_rfc3339(change.at)},
                     {"fact", change.fact},
                     {"was", stored_json(change.was)},
                     {"now", stored_json(change.now)}});
  }
  return json_response(200, page_json(std::move(items), next));
}

Result<Answer> get_device_certificates(Call call) {
  const auto device = director::find_device(call.db, call.request.param("id"));
  if (!device) return std::unexpected(device.error());
  const auto list = stored_json(director::inventory_of(call.db, device->id, FactSource::certificates));
  auto items = Json::array();
  for (const auto& entry : list) {
    Json item;
    for (const auto* key : {"common_name", "subject", "issuer", "serial", "not_before", "not_after",
                            "is_identity", "sha256", "data"})
      item[key] = entry.contains(key) ? entry[key] : Json();
    items.push_back(std::move(item));
  }
  Json json = page_json(std::move(items));
  const auto state = director::convergence_of(call.db, device->id);
  json["observed_at"] = state ? json_of(state->certificates_at) : Json();
  return json_response(200, json);
}

}  // namespace

std::span<const Endpoint> fact_endpoints() {
  static constexpr std::array kEndpoints{
      Endpoint{"GET", "/v1/facts", Access::read, get_fact_names},
      Endpoint{"GET", "/v1/devices/{id}/certificates", Access::read, get_device_certificates},
      Endpoint{"GET", "/v1/devices/{id}/facts", Access::read, get_device_facts},
      Endpoint{"PATCH", "/v1/devices/{id}/facts", Access::write, patch_device_facts},
      Endpoint{"GET", "/v1/devices/{id}/facts/history", Access::read, get_fact_history},
  };
  return kEndpoints;
}

}  // namespace mooring::api::detail

// SPDX-License-Identifier: Apache-2.0
#include "director/facts.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "core/platform.hpp"

namespace mooring::director {
namespace {

// In the order of the columns of kFactsOfDevices, from the second on.
constexpr std::array<std::string_view, 10> kColumns{
    "udid",         "serial_number", "model",         "model_name", "device_name",
    "product_name", "os_version",    "build_version", "user_name",  "enrollment_profile"};
constexpr pg::Statement kFactsOfDevices{"facts_of_devices", R"(
select id, udid, serial_number, model, model_name, device_name, product_name, os_version, build_version, user_name,
       enrollment_profile, to_jsonb(tags), case when $2 then facts end
from devices where id = any($1))"};
constexpr pg::Statement kFactsInventory{"facts_inventory", R"(
select device_id, source, content from device_inventory where device_id = any($1) and source in (2, 4))"};

}  // namespace

bool fits(FactType type, const FactValue& value) {
  switch (type) {
    case FactType::boolean:
      return std::holds_alternative<bool>(value);
    case FactType::number:
      return std::holds_alternative<double>(value);
    case FactType::text:
    case FactType::version:
    case FactType::time:
      return std::holds_alternative<std::string>(value);
  }
  return false;
}

namespace {

/// Follows the dots of a key; nullptr where it leads nowhere.
const nlohmann::json* find_key(const nlohmann::json& object, std::string_view key) {
  const auto* at = &object;
  while (true) {
    const auto dot = key.find('.');
    const auto found = at->is_object() ? at->find(key.substr(0, dot)) : at->end();
    if (!at->is_object() || found == at->end()) return nullptr;
    at = &*found;
    if (dot == std::string_view::npos) return at;
    key.remove_prefix(dot + 1);
  }
}

void add_platform(Facts& facts) {
  std::vector<std::string_view> names;
  for (const auto* name : {"product_name", "model", "model_name"}) {
    if (const auto* value = facts.find(name)) names.emplace_back(std::get<std::string>(*value));
  }
  const auto platform = platform_by_names(names);
  if (!platform.empty()) facts.set("platform", std::string(platform));
}

Facts read_facts_row(const pg::Row& row) {
  Facts facts;
  for (std::size_t i = 0; i < kColumns.size(); ++i) {
    const auto text = row.get<std::optional<std::string>>(static_cast<int>(i) + 1);
    if (text && !text->empty()) facts.set(kColumns.at(i), *text);
  }
  add_platform(facts);
  const auto tags = nlohmann::json::parse(row.get<pg::Json>(11).view, nullptr, false);
  for (const auto& tag : tags) {
    if (tag.is_string()) facts.add_tag(tag.get<std::string>());
  }
  if (!row.is_null(12)) facts.add(FactSource::information, row.get<pg::Json>(12).view);
  return facts;
}

}  // namespace

void Facts::set(std::string_view name, FactValue value) {
  const auto* known = find_fact_name(name);
  if (known != nullptr && fits(known->type, value))
    values_.insert_or_assign(std::string(name), std::move(value));
}

void Facts::add(FactSource source, std::string_view json) {
  const auto parsed = nlohmann::json::parse(json, nullptr, false);
  if (!parsed.is_object()) return;
  for (const auto& name : fact_names()) {
    const auto* found = name.source == source ? find_key(parsed, name.key) : nullptr;
    if (found == nullptr) continue;
    if (found->is_boolean()) set(name.name, found->get<bool>());
    if (found->is_number()) set(name.name, found->get<double>());
    if (found->is_string()) set(name.name, found->get<std::string>());
  }
}

const FactValue* Facts::find(std::string_view name) const {
  const auto found = values_.find(name);
  return found == values_.end() ? nullptr : &found->second;
}

bool Facts::has_tag(std::string_view tag) const { return std::ranges::find(tags_, tag) != tags_.end(); }

std::string_view platform_by_names(std::span<const std::string_view> names) {
  for (const auto name : names) {
    const auto platform = core::platform_of(name);
    if (platform != schema::Platform::unknown) return schema::name_of(platform);
  }
  return {};
}

std::unordered_map<std::int64_t, Facts> facts_of_devices(pg::Connection& connection,
                                                         std::span<const std::int64_t> devices,
                                                         bool with_inventory) {
  std::unordered_map<std::int64_t, Facts> facts;
  for (const auto row : connection.exec(kFactsOfDevices, devices, with_inventory))
    facts.emplace(row.int64(0), read_facts_row(row));
  if (!with_inventory) return facts;
  for (const auto row : connection.exec(kFactsInventory, devices)) {
    const auto found = facts.find(row.int64(0));
    if (found == facts.end()) continue;
    found->second.add(static_cast<FactSource>(row.get<std::int16_t>(1)), row.get<pg::Json>(2).view);
  }
  return facts;
}

}  // namespace mooring::director

// SPDX-License-Identifier: Apache-2.0
#include "reconciler/renderings.hpp"

#include <algorithm>
#include <set>

#include "director/device_values.hpp"

namespace mooring::reconciler {
namespace {

bool is_rendered(const Desired& desired) { return !desired.facts.variables.empty(); }

/// Those that hold something with variables; their variables go into `names`.
std::vector<DeviceSnapshot*> with_variables(std::span<DeviceSnapshot> snapshots,
                                            std::set<std::string>& names) {
  std::vector<DeviceSnapshot*> found;
  for (auto& snapshot : snapshots) {
    if (!snapshot.desired || std::ranges::none_of(*snapshot.desired, is_rendered)) continue;
    found.push_back(&snapshot);
    for (const auto& desired : *snapshot.desired)
      names.insert(desired.facts.variables.begin(), desired.facts.variables.end());
  }
  return found;
}

}  // namespace

ItemFacts rendered(ItemFacts facts, const director::VariableValues& values) {
  auto rendering = director::rendering_of(facts.variables, values);
  facts.rendering = rendering.hash;
  facts.missing = std::move(rendering.missing);
  const auto version = crypto::Uuid::parse(facts.identity);
  if (facts.rendering && version)
    facts.identity = director::rendered_identity(*version, *facts.rendering).text();
  return facts;
}

bool render_desired(pg::Connection& connection, const DeclarationSet& declared,
                    std::span<DeviceSnapshot> snapshots) {
  std::set<std::string> names;
  const auto concerned = with_variables(snapshots, names);
  if (concerned.empty()) return false;
  std::vector<std::int64_t> devices;
  for (const auto* snapshot : concerned) devices.push_back(snapshot->row.device);
  auto values = director::device_values(connection, devices, std::vector(names.begin(), names.end()));
  for (auto* snapshot : concerned) {
    auto& of_device = values[snapshot->row.device];
    of_device.insert(declared.secrets.begin(), declared.secrets.end());
    auto desired = *snapshot->desired;
    for (auto& entry : desired) {
      if (is_rendered(entry)) entry.facts = rendered(std::move(entry.facts), of_device);
    }
    snapshot->desired = std::make_shared<const std::vector<Desired>>(std::move(desired));
  }
  return true;
}

}  // namespace mooring::reconciler

// SPDX-License-Identifier: Apache-2.0
#include "reconciler/survey.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "reconciler/load.hpp"

namespace mooring::reconciler {
namespace {

constexpr std::int64_t kSurveyPortion = 1000;

constexpr pg::Statement kSurveyLock{"survey_lock",
                                    "select generation from declaration_state where one for update"};
constexpr pg::Statement kSurveyNext{
    "survey_next", "select device_id from reconcile where device_id > $1 order by device_id limit $2"};
constexpr pg::Statement kSurveyInstalled{"survey_installed", R"(
select s.device_id, s.item_id, i.kind || '/' || i.slot from device_items s join items i on i.id = s.item_id
where s.device_id = any($1) and s.installed and s.intent = 1)"};

}  // namespace

Survey::Slots Survey::slots_of(const std::vector<Desired>& desired) {
  Slots slots;
  for (const auto& entry : desired) {
    if (entry.intent == director::Intent::present || entry.held())
      slots.insert(fmt::format("{}/{}", static_cast<int>(entry.facts.kind), entry.facts.slot));
  }
  return slots;
}

Survey::Survey(pg::Connection& connection, Time now) : generation_(connection.exec(kSurveyLock)[0].int64(0)) {
  Declarations declarations;
  std::int64_t last = 0;
  while (true) {
    std::vector<std::int64_t> portion;
    for (const auto row : connection.exec(kSurveyNext, last, kSurveyPortion)) portion.push_back(row.int64(0));
    if (portion.empty()) return;
    last = portion.back();
    for (const auto& snapshot : peek_desired(connection, declarations, portion, now)) {
      if (!snapshot.row.enabled) continue;
      auto held = by_hash_.find(snapshot.desired_hash);
      if (held == by_hash_.end())
        held = by_hash_.emplace(snapshot.desired_hash, slots_of(*snapshot.desired)).first;
      devices_.push_back({snapshot.row.device, &*held});
    }
  }
}

void Survey::walk(pg::Connection& connection, Time now,
                  const std::function<void(std::span<const Change>)>& each) const {
  Declarations declarations;
  std::map<std::string, Slots> by_hash;
  for (std::size_t begin = 0; begin < devices_.size(); begin += kSurveyPortion) {
    const auto size = std::min<std::size_t>(kSurveyPortion, devices_.size() - begin);
    const std::span<const Device> portion(devices_.data() + begin, size);
    std::vector<std::int64_t> ids;
    for (const auto& device : portion) ids.push_back(device.device);
    std::vector<Change> changes;
    for (const auto& snapshot : peek_desired(connection, declarations, ids, now)) {
      const auto known = std::ranges::lower_bound(portion, snapshot.row.device, {}, &Device::device);
      if (known == portion.end() || known->device != snapshot.row.device) continue;
      if (known->held->first == snapshot.desired_hash) continue;
      auto after = by_hash.find(snapshot.desired_hash);
      if (after == by_hash.end())
        after = by_hash.emplace(snapshot.desired_hash, slots_of(*snapshot.desired)).first;
      changes.push_back({known->device, &known->held->second, &after->second});
    }
    if (!changes.empty()) each(changes);
  }
}

Removals Survey::removals(pg::Connection& connection, Time now) const {
  Removals removals;
  walk(connection, now, [&](std::span<const Change> changes) {
    std::map<std::int64_t, const Change*> losers;
    for (const auto& change : changes) {
      if (!std::ranges::includes(*change.after, *change.before)) losers[change.device] = &change;
    }
    if (losers.empty()) return;
    std::vector<std::int64_t> ids;
    for (const auto& [device, change] : losers) ids.push_back(device);
    std::set<std::int64_t> lost;
    for (const auto row : connection.exec(kSurveyInstalled, ids)) {
      const auto& change = *losers.at(row.int64(0));
      const auto slot = row.text(2);
      if (!change.before->contains(slot) || change.after->contains(slot)) continue;
      ++removals.devices_by_item[row.get<std::int32_t>(1)];
      lost.insert(change.device);
    }
    removals.devices += static_cast<std::int64_t>(lost.size());
  });
  return removals;
}

void Survey::for_each_change(pg::Connection& connection, Time now,
                             const std::function<void(std::span<const std::int64_t>)>& each) const {
  walk(connection, now, [&](std::span<const Change> changes) {
    std::vector<std::int64_t> ids;
    for (const auto& change : changes) ids.push_back(change.device);
    each(ids);
  });
}

}  // namespace mooring::reconciler

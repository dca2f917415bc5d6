// SPDX-License-Identifier: Apache-2.0
#include "reconciler/explain.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <tuple>

#include "reconciler/detail/rows.hpp"
#include "reconciler/scope_resolver.hpp"

namespace mooring::reconciler {
namespace {

using director::Truth;

constexpr pg::Statement kExplainRow{"explain_row", "select " MOORING_ROW_COLUMNS R"(
from reconcile r left join enrollments e on e.device_id = r.device_id and e.kind in (0, 3)
where r.device_id = $1)"};

std::string name_in(const GroupNames& names, std::int32_t group) {
  const auto found = names.find(group);
  return found == names.end() ? "that is gone" : found->second;
}

Truth membership_in(const Memberships& groups, std::int32_t group) {
  const auto found = groups.find(group);
  return found == groups.end() ? Truth::no : found->second;
}

std::string joined_names(const GroupNames& names, const std::vector<std::int32_t>& groups) {
  std::vector<std::string> all;
  for (const auto group : groups) all.push_back(name_in(names, group));
  return fmt::format("{}", fmt::join(all, ", "));
}

class Obstacles {
 public:
  Obstacles(const DeviceTraits& device, const Memberships& groups, const GroupNames& names)
      : device_(device), groups_(groups), names_(names) {}

  void conditions(const director::Conditions& conditions) {
    const director::Conditions platforms{.platforms = conditions.platforms};
    note(director::hold_on(platforms, device_.platform, device_.os_version),
         fmt::format("it is for {}, and the device is {}", fmt::join(conditions.platforms, ", "),
                     device_.platform),
         "it is for some platforms only, and which one the device has is not known yet");
    director::Conditions versions = conditions;
    versions.platforms.clear();
    note(director::hold_on(versions, device_.platform, device_.os_version),
         fmt::format("it is for versions {} of the system, and the device has {}", span_of(versions),
                     device_.os_version),
         "it is for some versions of the system only, and which one the device has is not known yet");
  }

  void in_group(std::int32_t group) {
    note(membership_in(groups_, group), fmt::format("the device is not in group {}", name_in(names_, group)),
         unknown_group(group));
  }

  void in_one_of(const std::vector<std::int32_t>& groups) {
    if (groups.empty()) return;
    Truth any = Truth::no;
    for (const auto group : groups) any = director::either(any, membership_in(groups_, group));
    const auto list = joined_names(names_, groups);
    note(any, fmt::format("the device is in none of the groups {}", list),
         fmt::format("whether the device is in one of the groups {} is not known yet", list));
  }

  void not_in_group(std::int32_t group) {
    note(director::negated(membership_in(groups_, group)),
         fmt::format("it leaves out group {}, and the device is in it", name_in(names_, group)),
         unknown_group(group));
  }

  void percent(std::int32_t item, std::int16_t percent) {
    if (percent >= 100) return;
    const int bucket = bucket_of(item, device_.udid);
    note(director::truth_of(bucket < percent),
         fmt::format("it is for {} percent of the devices, and this one comes at {}", percent, bucket + 1),
         {});
  }

  std::vector<std::string> take() { return std::move(found_); }

 private:
  static std::string span_of(const director::Conditions& c) {
    if (c.min_os && c.max_os) return fmt::format("{} to {}", *c.min_os, *c.max_os);
    return c.min_os ? fmt::format("from {} on", *c.min_os) : fmt::format("up to {}", c.max_os.value_or(""));
  }
  std::string unknown_group(std::int32_t group) const {
    return fmt::format("whether the device is in group {} is not known yet", name_in(names_, group));
  }
  void note(Truth truth, std::string no, std::string unknown) {
    if (truth != Truth::yes) found_.push_back(truth == Truth::no ? std::move(no) : std::move(unknown));
  }

  const DeviceTraits& device_;
  const Memberships& groups_;
  const GroupNames& names_;
  std::vector<std::string> found_;
};

/// The entry of what was resolved that this candidate led to.
const Desired* outcome_of(const Candidate& candidate, const std::vector<Desired>& resolved) {
  for (const auto& desired : resolved) {
    const auto& own = candidate.desired;
    if (desired.facts.item == own.facts.item && desired.scope == own.scope && desired.group == own.group)
      return &desired;
  }
  return nullptr;
}

bool has_item(const std::vector<Desired>& resolved, std::int32_t item) {
  return std::ranges::any_of(resolved, [&](const Desired& d) { return d.facts.item == item; });
}

class Explainer {
 public:
  Explainer(const DeviceSnapshot& snapshot, const ScopeResolver& scopes, GroupNames names)
      : snapshot_(snapshot), scopes_(scopes), names_(std::move(names)) {}

  void add(const Candidate& candidate) {
    const auto device = snapshot_.row.device;
    const auto& traits = scopes_.traits_of(device);
    const auto& groups = scopes_.memberships_of(device);
    const auto& declared = candidate.desired;
    Weighed weighed{
        .assignment = candidate.assignment,
        .item = declared.facts.item,
        .scope = declared.scope,
        .group = declared.scope == director::ScopeKind::group ? name_in(names_, declared.group) : "",
        .intent = declared.intent,
        .applies = truth_of(candidate, traits, groups),
        .because = obstacles_of(candidate, traits, groups, names_)};
    const auto* outcome = outcome_of(candidate, *snapshot_.desired);
    weighed.decides = weighed.applies == Truth::yes && outcome != nullptr && !outcome->held();
    if (weighed.applies == Truth::yes && !weighed.decides) weighed.because.push_back(loser_text(candidate));
    ranks_.emplace_back(declared.scope, declared.priority, -declared.group);
    found_.push_back(std::move(weighed));
  }

  std::vector<Weighed> take() {
    std::vector<std::size_t> order(found_.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::ranges::sort(order, [&](std::size_t a, std::size_t b) {
      return std::tuple(found_[a].item, ranks_[b], found_[a].assignment) <
             std::tuple(found_[b].item, ranks_[a], found_[b].assignment);
    });
    std::vector<Weighed> sorted;
    for (const auto i : order) sorted.push_back(std::move(found_[i]));
    return sorted;
  }

 private:
  std::string loser_text(const Candidate& candidate) const {
    const bool held = std::ranges::any_of(*snapshot_.desired, [&](const Desired& d) {
      return d.held() && d.facts.slot == candidate.desired.facts.slot;
    });
    if (held)
      return "an assignment that would go before it may apply: until that is known, all stays as it is";
    if (has_item(*snapshot_.desired, candidate.desired.facts.item))
      return "another assignment of the profile goes before it";
    return "another profile with the same identifier goes before it";
  }

  using Rank = std::tuple<director::ScopeKind, std::int32_t, std::int32_t>;
  const DeviceSnapshot& snapshot_;
  const ScopeResolver& scopes_;
  GroupNames names_;
  std::vector<Weighed> found_;
  std::vector<Rank> ranks_;
};

}  // namespace

std::vector<std::string> obstacles_of(const Candidate& candidate, const DeviceTraits& device,
                                      const Memberships& groups, const GroupNames& names) {
  Obstacles obstacles(device, groups, names);
  if (candidate.desired.scope == director::ScopeKind::group) obstacles.in_group(candidate.desired.group);
  obstacles.in_one_of(candidate.include_any);
  for (const auto group : candidate.include_all) obstacles.in_group(group);
  for (const auto group : candidate.exclude) obstacles.not_in_group(group);
  obstacles.conditions(candidate.conditions);
  obstacles.percent(candidate.desired.facts.item, candidate.percent);
  return obstacles.take();
}

std::vector<Weighed> explain(pg::Connection& connection, std::int64_t device) {
  const std::vector<std::int64_t> devices{device};
  Declarations declarations;
  const auto declared = declarations.at(connection);
  const auto own = load_own(connection, devices, *declared);
  std::vector<DeviceSnapshot> snapshots;
  for (const auto row : connection.exec(kExplainRow, device)) {
    DeviceSnapshot snapshot;
    snapshot.row = detail::read_row(row);
    snapshots.push_back(std::move(snapshot));
  }
  if (snapshots.empty()) return {};
  ScopeResolver scopes(*declared);
  scopes.prepare(connection, snapshots, own);
  scopes.decide(snapshots.front(), own);
  GroupNames names;
  for (const auto& group : declared->groups.groups) names[group.id] = group.name;
  Explainer explainer(snapshots.front(), scopes, std::move(names));
  for (const auto& candidate : declared->shared) explainer.add(candidate);
  const auto named = own.find(device);
  if (named != own.end()) {
    for (const auto& candidate : named->second) explainer.add(candidate);
  }
  return explainer.take();
}

}  // namespace mooring::reconciler

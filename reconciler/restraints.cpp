// SPDX-License-Identifier: Apache-2.0
#include "reconciler/restraints.hpp"

#include <fmt/format.h>

#include "base/crypto/crypto.hpp"
#include "director/pauses.hpp"
#include "director/requirements.hpp"

namespace mooring::reconciler {
namespace {

constexpr pg::Statement kPauses{"restraints_pauses", R"(
select scope, ref, until_at from pauses where scope in (0, 3) and (until_at is null or until_at > $1))"};

constexpr std::size_t kRestraintsHash = 8;

std::int64_t number_of(const Restraints::Until& until) {
  return until ? until->time_since_epoch().count() : std::int64_t{0};
}

}  // namespace

std::string hash_of(const Restraints& restraints) {
  if (restraints.empty()) return {};
  std::string text;
  if (restraints.fleet) fmt::format_to(std::back_inserter(text), "all/{};", number_of(*restraints.fleet));
  for (const auto& [item, until] : restraints.items)
    fmt::format_to(std::back_inserter(text), "{}/{};", item, number_of(until));
  for (const auto& [item, windows] : restraints.windows)
    fmt::format_to(std::back_inserter(text), "{}/{};", item, director::write_windows(windows));
  for (const auto& [sign, order] :
       {std::pair{'<', &restraints.dependents}, {'>', &restraints.requirements}}) {
    for (const auto& [item, others] : *order) {
      for (const auto& other : others)
        fmt::format_to(std::back_inserter(text), "{}{}{};", item, sign, other.item);
    }
  }
  const auto digest = crypto::sha256(text);
  return std::string(crypto::bytes_of(digest).substr(0, kRestraintsHash));
}

Restraints read_restraints(pg::Connection& connection, Time now) {
  Restraints restraints;
  for (const auto row : connection.exec(kPauses, now)) {
    const auto until = row.get<std::optional<Time>>(2);
    if (static_cast<director::PauseScope>(row.get<std::int16_t>(0)) == director::PauseScope::fleet) {
      restraints.fleet.emplace(until);
    } else {
      restraints.items[static_cast<std::int32_t>(row.int64(1))] = until;
    }
  }
  restraints.windows = director::all_windows(connection);
  for (auto& [item, windows] : restraints.windows) director::locate_zones(connection, windows, now);
  for (auto& each : director::all_requirements(connection)) {
    if (!each.deleted) {
      restraints.requirements[each.item].push_back(
          {.item = each.required, .name = std::move(each.required_name)});
    }
    restraints.dependents[each.required].push_back({.item = each.item, .name = std::move(each.item_name)});
  }
  return restraints;
}

}  // namespace mooring::reconciler

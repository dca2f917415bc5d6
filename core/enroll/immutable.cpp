// SPDX-License-Identifier: Apache-2.0
// What devices refuse to see changed when an enrollment profile is installed again (mdm-core 6.2).
#include <algorithm>

#include "core/enroll/builder.hpp"
#include "core/enroll/detail/profile_maker.hpp"

namespace mooring::core::enroll {
namespace {

constexpr const char* kPerUserConnections = "com.apple.mdm.per-user-connections";

const plist::Value& value_or_none(const plist::Dict& dict, const char* key) {
  static const plist::Value kNone;
  const auto* value = dict.find(key);
  return value == nullptr ? kNone : *value;
}

bool has_capability(const plist::Dict& mdm, std::string_view capability) {
  const auto* list = mdm.array("ServerCapabilities");
  return list != nullptr && std::ranges::any_of(*list, [&](const plist::Value& value) {
           const auto* text = value.as<std::string>();
           return text != nullptr && *text == capability;
         });
}

bool adds_rights(const plist::Dict& before, const plist::Dict& after) {
  const auto had = static_cast<std::uint64_t>(before.integer("AccessRights").value_or(0));
  const auto has = static_cast<std::uint64_t>(after.integer("AccessRights").value_or(0));
  return (has & ~had) != 0;
}

}  // namespace

std::vector<std::string> immutable_changes(std::string_view name, const Settings& before,
                                           const Settings& after, const Surroundings& surroundings) {
  const Ticket ticket{.seed = "",
                      .query = before.url_params ? "params" : "",
                      .account_driven = before.account_driven.has_value()};
  const auto old_mdm = detail::ProfileMaker(name, before, surroundings, ticket).mdm();
  const auto new_mdm = detail::ProfileMaker(name, after, surroundings, ticket).mdm();
  std::vector<std::string> changed;
  if (detail::identifier_of(name, before) != detail::identifier_of(name, after))
    changed.emplace_back("identifier");
  for (const auto* key : {"Topic", "ServerURL", "CheckInURL", "EnrollmentMode", "AssignedManagedAppleID",
                          "RequiredAppIDForMDM"}) {
    // Without a topic nobody can have enrolled.
    if (std::string_view(key) == "Topic" && old_mdm.string(key)->empty()) continue;
    if (value_or_none(old_mdm, key) != value_or_none(new_mdm, key))
      changed.emplace_back(std::string("mdm.") + key);
  }
  if (adds_rights(old_mdm, new_mdm)) changed.emplace_back("mdm.AccessRights");
  if (has_capability(old_mdm, kPerUserConnections) != has_capability(new_mdm, kPerUserConnections)) {
    changed.emplace_back("mdm.ServerCapabilities");
  }
  return changed;
}

}  // namespace mooring::core::enroll

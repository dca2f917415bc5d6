// SPDX-License-Identifier: Apache-2.0
// /v1/foreign-profiles: what devices hold that nobody declared here.
#include <fmt/format.h>

#include <array>

#include "api/detail/endpoint.hpp"
#include "api/detail/json.hpp"
#include "core/enroll/profiles.hpp"
#include "director/foreign_profiles.hpp"

namespace mooring::api::detail {
namespace {

/// Enrollment profiles are on the devices' lists, too.
Result<std::vector<std::string>> enrollment_identifiers(const Call& call) {
  std::vector<std::string> identifiers;
  if (call.enrollment == nullptr) return identifiers;
  constexpr int kMost = 1000;
  const auto profiles = call.enrollment->list(call.db, "", kMost);
  if (!profiles) return std::unexpected(profiles.error());
  for (const auto& profile : *profiles) {
    const auto& own = profile.settings.identifier;
    identifiers.push_back(own.empty() ? "mooring.enrollment." + profile.name : own);
  }
  return identifiers;
}

Result<Answer> get_foreign_profiles(Call call) {
  const auto page = page_of(call.request, "foreign_profiles");
  if (!page) return std::unexpected(page.error());
  const auto known = enrollment_identifiers(call);
  if (!known) return std::unexpected(known.error());
  auto profiles = director::foreign_profiles(call.db, *known, page->after, page->limit + 1);
  std::optional<std::string> next;
  if (profiles.size() > static_cast<std::size_t>(page->limit)) {
    profiles.pop_back();
    next = make_cursor("foreign_profiles", profiles.back().identifier);
  }
  auto items = Json::array();
  for (const auto& profile : profiles)
    items.push_back({{"identifier", profile.identifier}, {"devices", profile.devices}});
  return json_response(200, page_json(std::move(items), next));
}

Result<Answer> get_foreign_holders(Call call) {
  const auto identifier = call.request.param("identifier");
  const auto list = fmt::format("holders.{}", identifier);
  const auto page = numbered_page_of(call.request, list);
  if (!page) return std::unexpected(page.error());
  auto holders = director::holders_of(call.db, identifier, page->after, page->limit + 1);
  if (holders.empty() && page->after == 0) {
    return fail(Failure::not_found, "foreign_profile.unknown",
                fmt::format("no device's list shows a profile with the identifier {}", identifier));
  }
  std::optional<std::string> next;
  if (holders.size() > static_cast<std::size_t>(page->limit)) {
    holders.pop_back();
    next = make_cursor(list, std::to_string(holders.back().device));
  }
  auto items = Json::array();
  for (const auto& holder : holders) {
    items.push_back({{"udid", holder.udid},
                     {"serial_number", json_of(holder.serial_number)},
                     {"payload_uuid", holder.payload_uuid},
                     {"display_name", text_or_null(holder.display_name)}});
  }
  return json_response(200, page_json(std::move(items), next));
}

}  // namespace

std::span<const Endpoint> foreign_endpoints() {
  static constexpr std::array kEndpoints{
      Endpoint{"GET", "/v1/foreign-profiles", Access::read, get_foreign_profiles},
      Endpoint{"GET", "/v1/foreign-profiles/{identifier}/devices", Access::read, get_foreign_holders},
  };
  return kEndpoints;
}

}  // namespace mooring::api::detail

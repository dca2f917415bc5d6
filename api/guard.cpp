// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "api/api.hpp"
#include "api/detail/guard.hpp"
#include "api/detail/json.hpp"
#include "base/crypto/crypto.hpp"
#include "base/encoding.hpp"
#include "core/counters.hpp"
#include "director/devices.hpp"
#include "director/profiles.hpp"
#include "reconciler/survey.hpp"

namespace mooring::api::detail {
namespace {

constexpr pg::Statement kGuardGroup{"guard_group", R"(
select coalesce(sum(t.desired), 0)::int8 from item_totals t where t.item_id in (
  select a.item_id from assignments a
  where (a.scope = 1 and a.scope_ref = $1) or $1 = any(a.include_any) or $1 = any(a.include_all) or $1 = any(a.exclude)))"};

bool is_too_much(const RemovalGuard& guard, std::int64_t devices, std::int64_t enrolled) {
  return devices >= guard.devices && devices * 100 > enrolled * guard.percent;
}

std::int64_t enrolled_devices(pg::Connection& connection) {
  const auto counters = core::read_counters(connection);
  const auto found = counters.find(core::kEnrolledCounter);
  return found == counters.end() ? 0 : found->second;
}

/// Holds for this change to this state of the declarations.
std::string confirmation_of(const http::Request& request, std::int64_t generation) {
  constexpr std::size_t kBytes = 8;
  const auto digest =
      crypto::sha256(fmt::format("{} {}\n{}\n{}", request.method, request.path(), generation, request.body));
  return to_hex(crypto::bytes_of(digest).substr(0, kBytes));
}

Json losses_json(pg::Connection& connection, const reconciler::Removals& removals) {
  std::vector<std::int32_t> items;
  for (const auto& [item, devices] : removals.devices_by_item) items.push_back(item);
  auto json = Json::array();
  for (const auto& entry : director::names_of_items(connection, items))
    json.push_back({{"profile", entry.name}, {"devices", removals.devices_by_item.at(entry.item)}});
  return json;
}

Answer refuse_removal(const Call& call, const reconciler::Survey& survey,
                      const reconciler::Removals& removals, const std::string& confirmation) {
  const Error error{
      Failure::conflict, "guard.mass_removal",
      fmt::format("this would remove profiles from {} of {} devices: nothing was changed. Repeat the "
                  "request with confirm={} if that is meant",
                  removals.devices, survey.enrolled(), confirmation)};
  auto response = http::problem(error, call.request.id);
  auto body = Json::parse(response.body);
  body["devices"] = removals.devices;
  body["enrolled"] = survey.enrolled();
  body["profiles"] = losses_json(call.db, removals);
  body["confirm"] = confirmation;
  response.body = body.dump(-1, ' ', false, Json::error_handler_t::replace);
  Answer answer = std::move(response);
  answer.rolls_back = true;
  return answer;
}

}  // namespace

Result<Answer> guarded(const Call& call, std::int64_t most, const std::function<Result<Answer>()>& change) {
  if (call.guard == nullptr || !is_too_much(*call.guard, most, enrolled_devices(call.db))) return change();
  const auto confirmed = query_text(call.request, "confirm");
  if (!confirmed) return std::unexpected(confirmed.error());
  const reconciler::Survey survey(call.db, call.now);
  auto answer = change();
  if (!answer || answer->rolls_back) return answer;
  const auto removals = survey.removals(call.db, call.now);
  if (!is_too_much(*call.guard, removals.devices, survey.enrolled())) return answer;
  const auto confirmation = confirmation_of(call.request, survey.generation());
  if (*confirmed == confirmation) return answer;
  return refuse_removal(call, survey, removals, confirmation);
}

std::int64_t devices_with(pg::Connection& connection, std::string_view profile) {
  const auto found = director::find_profile(connection, profile);
  return found ? found->desired : 0;
}

std::int64_t devices_by_group(pg::Connection& connection, std::string_view group) {
  return connection.exec(kGuardGroup, group)[0].int64(0);
}

}  // namespace mooring::api::detail

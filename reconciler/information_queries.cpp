// SPDX-License-Identifier: Apache-2.0
#include "reconciler/information_queries.hpp"

#include <array>
#include <map>
#include <unordered_map>

#include "core/platform.hpp"
#include "core/queue.hpp"
#include "director/inventory.hpp"

namespace mooring::reconciler {
namespace {

constexpr std::string_view kDeviceInformation = "DeviceInformation";

constexpr pg::Statement kQueriesTargets{"queries_targets", R"(
select d.id, coalesce(d.product_name, ''), coalesce(d.model, ''), coalesce(d.model_name, ''),
       coalesce(d.os_version, ''), exists (select from enrollments e where e.device_id = d.id and e.kind = 3)
from devices d where d.id = any($1))"};

schema::Target read_target(const pg::Row& row) {
  schema::Target target;
  for (const int column : {1, 2, 3}) {
    target.platform = core::platform_of(row.text(column));
    if (target.platform != schema::Platform::unknown) break;
  }
  target.os_version = row.text(4);
  target.user_enrollment = row.get<bool>(5);
  return target;
}

}  // namespace

void choose_queries(pg::Connection& connection, std::span<Plan> plans, Time now) {
  std::unordered_map<std::int64_t, PlannedCommand*> asked;
  std::vector<std::int64_t> devices;
  for (auto& plan : plans) {
    for (auto& command : plan.commands) {
      if (command.item != core::kInventoryItem || command.request_type != kDeviceInformation) continue;
      asked[plan.row.device] = &command;
      devices.push_back(plan.row.device);
    }
  }
  if (devices.empty()) return;
  std::map<std::string, std::int32_t> payloads;  // by command: few differ
  for (const auto row : connection.exec(kQueriesTargets, devices)) {
    const auto command = director::device_information_command(read_target(row));
    auto& payload = payloads[command];
    if (payload == 0) {
      payload = core::store_payload(connection, {.body = command, .request_type = kDeviceInformation}, now);
    }
    asked.at(row.int64(0))->payload = payload;
  }
}

}  // namespace mooring::reconciler

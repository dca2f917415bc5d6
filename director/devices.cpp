// SPDX-License-Identifier: Apache-2.0
#include "director/devices.hpp"

#include <fmt/format.h>

#include <unordered_map>

namespace mooring::director {
namespace {

// Kinds 0 and 3 are the device itself; others are users on it.
#define MOORING_DEVICE_COLUMNS                                                                   \
  "select d.id, d.udid, d.serial_number, d.device_name, d.model, d.model_name, d.product_name, " \
  "d.os_version, d.build_version, coalesce(e.enrolled, false), e.seen, "                         \
  "coalesce((select r.drifted from reconcile r where r.device_id = d.id), 0)::int8, "            \
  "d.created_at, d.user_name, d.enrollment_profile "                                             \
  "from devices d left join lateral ("                                                           \
  "  select bool_or(n.enabled) filter (where n.kind in (0, 3)) as enrolled, "                    \
  "         max(greatest(a.last_seen_at, n.token_updated_at, n.authenticated_at)) as seen "      \
  "  from enrollments n left join enrollment_activity a on a.enrollment_id = n.id "              \
  "  where n.device_id = d.id) e on true "

constexpr pg::Statement kDevicesList{
    "devices_list", MOORING_DEVICE_COLUMNS
    "where d.id > $1 and ($2::bool is null or coalesce(e.enrolled, false) = $2) order by d.id limit $3"};
constexpr pg::Statement kDevicesOfSerial{
    "devices_of_serial", MOORING_DEVICE_COLUMNS
    "where d.id > $1 and ($2::bool is null or coalesce(e.enrolled, false) = $2) and d.serial_number = $4 "
    "order by d.id limit $3"};
constexpr pg::Statement kDevicesByUdid{"devices_by_udid", MOORING_DEVICE_COLUMNS "where d.udid = $1"};
constexpr pg::Statement kDevicesBySerial{"devices_by_serial",
                                         MOORING_DEVICE_COLUMNS "where d.serial_number = $1 limit 2"};
constexpr pg::Statement kDevicesFacts{"devices_facts", "select facts, facts_at from devices where id = $1"};

constexpr pg::Statement kDevicesEnrollments{"devices_enrollments", R"(
select e.id, e.enrollment_id, e.kind, e.enabled, e.token_update_tally, e.awaiting_configuration,
       e.push_token is not null, e.topic, e.user_short_name, e.user_long_name, e.authenticated_at,
       e.token_updated_at, e.checked_out_at, greatest(a.last_seen_at, e.token_updated_at, e.authenticated_at),
       e.unlock_token is not null, e.bootstrap_token is not null
from enrollments e left join enrollment_activity a on a.enrollment_id = e.id
where e.device_id = $1 order by e.id)"};
constexpr pg::Statement kDevicesChannel{"devices_channel", R"(
select id from enrollments where device_id = $1 and kind in (0, 3) order by enabled desc, id desc limit 1)"};
constexpr pg::Statement kDevicesFindEnrollment{"devices_find_enrollment",
                                               "select id from enrollments where enrollment_id = $1"};
constexpr pg::Statement kDevicesResolveEnrollments{"devices_resolve_enrollments", R"(
select enrollment_id, id from enrollments where enrollment_id = any($1))"};
constexpr pg::Statement kDevicesResolve{"devices_resolve", R"(
with named as (
  select udid as name, id from devices where udid = any($1)
  union all
  select serial_number, id from devices where serial_number = any($1)
)
select distinct on (n.name, n.id) n.name, e.id
from named n join enrollments e on e.device_id = n.id and e.kind in (0, 3)
order by n.name, n.id, e.enabled desc, e.id desc)"};

constexpr pg::Statement kDevicesConvergence{"devices_convergence", R"(
select generation, converged_generation, marks <> handled, changed_at, converged_at, list_at, information_at, due_at,
       security_at, certificates_at, requested_at
from reconcile where device_id = $1)"};
constexpr pg::Statement kDevicesRefresh{"devices_refresh", R"(
update reconcile set marks = marks + 1, refresh_mark = marks + 1, due_at = least(due_at, $2) where device_id = $1)"};
constexpr pg::Statement kDevicesRepush{"devices_repush", R"(
update reconcile set marks = marks + 1, repush_mark = marks + 1, due_at = least(due_at, $2) where device_id = $1)"};

constexpr pg::Statement kDevicesDrifted{"devices_drifted", R"(
select distinct on (s.device_id) s.device_id, d.udid, d.serial_number, s.state, s.drift_since, s.reason_code,
       coalesce(s.detail, '')
from device_items s join devices d on d.id = s.device_id
where s.item_id = $1 and s.drift_since is not null and s.device_id > $2 order by s.device_id, s.drift_since limit $3)"};
constexpr pg::Statement kDevicesKnownVersions{"devices_known_versions", R"(
select v.identity, i.slot, i.name from versions v join items i on i.id = v.item_id
where v.item_id = any($1) and upper(left(v.identity::text, 18)) = any($2))"};
constexpr pg::Statement kDevicesItemNames{"devices_item_names",
                                          "select id, name from items where id = any($1)"};

constexpr pg::Statement kDevicesUdids{"devices_udids", R"(
select d.udid from unnest($1::int8[]) with ordinality as t(id, place) join devices d on d.id = t.id order by t.place)"};

Device read_device(const pg::Row& row) {
  Device device{.id = row.int64(0), .udid = row.text(1)};
  device.serial_number = row.get<std::optional<std::string>>(2);
  device.device_name = row.get<std::optional<std::string>>(3);
  device.model = row.get<std::optional<std::string>>(4);
  device.model_name = row.get<std::optional<std::string>>(5);
  device.product_name = row.get<std::optional<std::string>>(6);
  device.os_version = row.get<std::optional<std::string>>(7);
  device.build_version = row.get<std::optional<std::string>>(8);
  device.enrolled = row.get<bool>(9);
  device.last_seen_at = row.get<std::optional<Time>>(10);
  device.drifted = row.int64(11);
  device.created_at = row.get<Time>(12);
  device.user_name = row.get<std::optional<std::string>>(13);
  device.enrollment_profile = row.get<std::optional<std::string>>(14);
  return device;
}

Enrollment read_enrollment(const pg::Row& row) {
  Enrollment enrollment{.id = row.int64(0), .enrollment_id = row.text(1)};
  enrollment.kind = static_cast<core::EnrollmentKind>(row.get<std::int16_t>(2));
  enrollment.enabled = row.get<bool>(3);
  enrollment.token_update_tally = row.get<std::int32_t>(4);
  enrollment.awaiting_configuration = row.get<bool>(5);
  enrollment.has_push_token = row.get<bool>(6);
  enrollment.topic = row.get<std::optional<std::string>>(7);
  enrollment.user_short_name = row.get<std::optional<std::string>>(8);
  enrollment.user_long_name = row.get<std::optional<std::string>>(9);
  enrollment.authenticated_at = row.get<std::optional<Time>>(10);
  enrollment.token_updated_at = row.get<std::optional<Time>>(11);
  enrollment.checked_out_at = row.get<std::optional<Time>>(12);
  enrollment.last_seen_at = row.get<std::optional<Time>>(13);
  enrollment.has_unlock_token = row.get<bool>(14);
  enrollment.has_bootstrap_token = row.get<bool>(15);
  return enrollment;
}

/// In the order of `ids`, each once.
std::vector<ResolvedTarget> group_targets(std::span<const std::string> ids, const pg::Rows& rows) {
  std::unordered_map<std::string, std::size_t> places;
  std::vector<ResolvedTarget> targets;
  for (const auto& id : ids) {
    if (places.emplace(id, targets.size()).second) targets.push_back({.named = id, .enrollments = {}});
  }
  for (const auto row : rows) targets[places.at(row.text(0))].enrollments.push_back(row.int64(1));
  return targets;
}

}  // namespace

std::vector<Device> list_devices(pg::Connection& connection, const DeviceFilter& filter, std::int64_t after,
                                 int limit) {
  const auto rows = filter.serial_number
                        ? connection.exec(kDevicesOfSerial, after, filter.enrolled, std::int64_t{limit},
                                          *filter.serial_number)
                        : connection.exec(kDevicesList, after, filter.enrolled, std::int64_t{limit});
  std::vector<Device> devices;
  for (const auto row : rows) devices.push_back(read_device(row));
  return devices;
}

Result<Device> find_device(pg::Connection& connection, std::string_view udid_or_serial) {
  const auto by_udid = connection.exec(kDevicesByUdid, udid_or_serial);
  if (!by_udid.empty()) return read_device(by_udid[0]);
  const auto by_serial = connection.exec(kDevicesBySerial, udid_or_serial);
  if (by_serial.size() == 1) return read_device(by_serial[0]);
  if (by_serial.empty()) {
    return fail(Failure::not_found, "device.unknown",
                fmt::format("there is no device with the UDID or serial number {}", udid_or_serial));
  }
  return fail(Failure::conflict, "device.ambiguous",
              fmt::format("several devices have the serial number {}: name one by its UDID", udid_or_serial));
}

DeviceFacts facts_of_device(pg::Connection& connection, std::int64_t device) {
  const auto rows = connection.exec(kDevicesFacts, device);
  if (rows.empty()) return {};
  DeviceFacts facts{.facts = std::nullopt, .facts_at = rows[0].get<std::optional<Time>>(1)};
  if (!rows[0].is_null(0)) facts.facts = std::string(rows[0].get<pg::Json>(0).view);
  return facts;
}

std::string_view name_of(core::EnrollmentKind kind) {
  switch (kind) {
    case core::EnrollmentKind::device:
      return "device";
    case core::EnrollmentKind::user:
      return "user";
    case core::EnrollmentKind::shared_ipad:
      return "shared_ipad";
    case core::EnrollmentKind::user_enrollment_device:
      return "user_enrollment_device";
    case core::EnrollmentKind::user_enrollment:
      return "user_enrollment";
  }
  return "unknown";
}

std::vector<Enrollment> enrollments_of_device(pg::Connection& connection, std::int64_t device) {
  std::vector<Enrollment> enrollments;
  for (const auto row : connection.exec(kDevicesEnrollments, device)) {
    enrollments.push_back(read_enrollment(row));
  }
  return enrollments;
}

Result<std::int64_t> device_channel(pg::Connection& connection, std::int64_t device) {
  const auto rows = connection.exec(kDevicesChannel, device);
  if (!rows.empty()) return rows[0].int64(0);
  return fail(Failure::conflict, "device.no_channel", "the device has no device channel: it never enrolled");
}

std::optional<std::int64_t> find_enrollment(pg::Connection& connection, std::string_view enrollment_id) {
  const auto rows = connection.exec(kDevicesFindEnrollment, enrollment_id);
  if (rows.size() != 1) return std::nullopt;
  return rows[0].int64(0);
}

std::vector<ResolvedTarget> resolve_enrollments(pg::Connection& connection,
                                                std::span<const std::string> ids) {
  return group_targets(ids, connection.exec(kDevicesResolveEnrollments, ids));
}

std::vector<ResolvedTarget> resolve_devices(pg::Connection& connection, std::span<const std::string> ids) {
  return group_targets(ids, connection.exec(kDevicesResolve, ids));
}

std::optional<Convergence> convergence_of(pg::Connection& connection, std::int64_t device) {
  const auto rows = connection.exec(kDevicesConvergence, device);
  if (rows.empty()) return std::nullopt;
  const auto row = rows[0];
  return Convergence{.generation = row.get<std::int32_t>(0),
                     .converged_generation = row.get<std::int32_t>(1),
                     .waits_for_pass = row.get<bool>(2),
                     .changed_at = row.get<std::optional<Time>>(3),
                     .converged_at = row.get<std::optional<Time>>(4),
                     .profile_list_at = row.get<std::optional<Time>>(5),
                     .information_at = row.get<std::optional<Time>>(6),
                     .security_at = row.get<std::optional<Time>>(8),
                     .certificates_at = row.get<std::optional<Time>>(9),
                     .requested_at = row.get<std::optional<Time>>(10),
                     .next_pass_at = row.get<Time>(7)};
}

bool request_refresh(pg::Connection& connection, std::int64_t device, Time now) {
  return connection.exec(kDevicesRefresh, device, now).affected() == 1;
}

bool request_repush(pg::Connection& connection, std::int64_t device, Time now) {
  return connection.exec(kDevicesRepush, device, now).affected() == 1;
}

std::vector<DriftedDevice> drifted_devices(pg::Connection& connection, std::int32_t item, std::int64_t after,
                                           int limit) {
  std::vector<DriftedDevice> devices;
  for (const auto row : connection.exec(kDevicesDrifted, item, after, std::int64_t{limit})) {
    devices.push_back({.device = row.int64(0),
                       .udid = row.text(1),
                       .serial_number = row.get<std::optional<std::string>>(2),
                       .state = row.get<std::int16_t>(3),
                       .since = row.get<Time>(4),
                       .reason_code = row.get<std::int16_t>(5),
                       .detail = row.text(6)});
  }
  return devices;
}

std::vector<KnownVersion> known_versions(pg::Connection& connection, std::span<const std::int32_t> items,
                                         std::span<const std::string> version_parts) {
  std::vector<KnownVersion> versions;
  for (const auto row : connection.exec(kDevicesKnownVersions, items, version_parts)) {
    versions.push_back({row.get<crypto::Uuid>(0), row.text(1), row.text(2)});
  }
  return versions;
}

std::vector<std::string> udids_of(pg::Connection& connection, std::span<const std::int64_t> devices) {
  std::vector<std::string> udids;
  for (const auto row : connection.exec(kDevicesUdids, devices)) udids.push_back(row.text(0));
  return udids;
}

std::vector<ItemName> names_of_items(pg::Connection& connection, std::span<const std::int32_t> items) {
  std::vector<ItemName> names;
  for (const auto row : connection.exec(kDevicesItemNames, items)) {
    names.push_back({row.get<std::int32_t>(0), row.text(1)});
  }
  return names;
}

}  // namespace mooring::director

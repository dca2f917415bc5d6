// SPDX-License-Identifier: Apache-2.0
#include "api/compat/mdmdirector/device_records.hpp"

namespace mooring::api::mdmdirector {
namespace {

#define MOORING_DIRECTOR_DEVICE(with_lists)                                                                  \
  "select d.id, d.udid, coalesce(d.serial_number, ''), coalesce(d.device_name, ''), coalesce(d.model, ''), " \
  "coalesce(d.model_name, ''), coalesce(d.product_name, ''), coalesce(d.os_version, ''), "                   \
  "coalesce(d.build_version, ''), coalesce(e.enabled, false), e.authenticated_at is not null, "              \
  "coalesce(e.token_update_tally, 0) > 0, coalesce(r.generation, 0) > 0, "                                   \
  "coalesce(d.facts_at, e.token_updated_at, d.created_at), r.requested_at, r.next_push_at, e.seen, "         \
  "r.certificates_at, r.list_at, r.information_at, r.security_at, d.facts, s.content, "                      \
  "case when " with_lists                                                                                    \
  " then (select c.content from device_inventory c "                                                         \
  "  where c.device_id = d.id and c.source = 3) end, "                                                       \
  "case when " with_lists                                                                                    \
  " then (select p.content from device_profiles p where p.device_id = d.id) end "                            \
  "from devices d left join lateral ("                                                                       \
  "  select n.enabled, n.authenticated_at, n.token_update_tally, n.token_updated_at, "                       \
  "         greatest(a.last_seen_at, n.token_updated_at, n.authenticated_at) as seen "                       \
  "  from enrollments n left join enrollment_activity a on a.enrollment_id = n.id "                          \
  "  where n.device_id = d.id and n.kind in (0, 3) order by n.enabled desc, n.id desc limit 1) e on true "   \
  "left join reconcile r on r.device_id = d.id "                                                             \
  "left join device_inventory s on s.device_id = d.id and s.source = 2 "

constexpr pg::Statement kDirectorDevices{
    "director_devices", MOORING_DIRECTOR_DEVICE("$3") "where d.id > $1 order by d.id limit $2"};
constexpr pg::Statement kDirectorOfUdid{"director_of_udid",
                                        MOORING_DIRECTOR_DEVICE("true") "where d.udid = $1"};
constexpr pg::Statement kDirectorOfSerial{
    "director_of_serial",
    MOORING_DIRECTOR_DEVICE("true") "where d.serial_number = $1 order by e.seen desc nulls last limit 1"};
constexpr pg::Statement kDirectorProfiles{"director_profiles", R"(
select i.slot, v.identity, a.intent = 1
from assignments a join items i on i.id = a.item_id join versions v on v.id = i.current_version
where a.scope = 2 and a.scope_ref in ($1, $2) and i.kind = 1 order by i.slot)"};

std::optional<std::string> json_in(const pg::Row& row, int column) {
  if (row.is_null(column)) return std::nullopt;
  return std::string(row.get<pg::Json>(column).view);
}

DeviceRecord read_record(const pg::Row& row) {
  const auto time = [&](int column) { return row.get<std::optional<Time>>(column); };
  DeviceRecord device{.id = row.int64(0),
                      .udid = row.text(1),
                      .serial_number = row.text(2),
                      .device_name = row.text(3),
                      .model = row.text(4),
                      .model_name = row.text(5),
                      .product_name = row.text(6),
                      .os_version = row.text(7),
                      .build_version = row.text(8),
                      .enrolled = row.get<bool>(9),
                      .authenticated = row.get<bool>(10),
                      .has_token = row.get<bool>(11),
                      .looked_at = row.get<bool>(12),
                      .updated_at = time(13),
                      .requested_at = time(14),
                      .next_push_at = time(15),
                      .seen_at = time(16),
                      .certificates_at = time(17),
                      .list_at = time(18),
                      .information_at = time(19),
                      .security_at = time(20),
                      .facts = json_in(row, 21),
                      .security = json_in(row, 22),
                      .certificates = json_in(row, 23)};
  if (!row.is_null(24)) device.list = std::string(row.get<pg::Bytes>(24).view);
  return device;
}

std::optional<DeviceRecord> read_one(pg::Connection& connection, const pg::Statement& statement,
                                     std::string_view name) {
  const auto rows = connection.exec(statement, name);
  if (rows.empty()) return std::nullopt;
  auto device = read_record(rows[0]);
  for (const auto row : connection.exec(kDirectorProfiles, device.udid, device.serial_number)) {
    device.profiles.push_back({.identifier = row.text(0),
                               .payload_uuid = row.get<crypto::Uuid>(1).text(),
                               .installed = row.get<bool>(2)});
  }
  return device;
}

}  // namespace

std::vector<DeviceRecord> read_devices(pg::Connection& connection, std::int64_t after, int limit,
                                       bool with_lists) {
  std::vector<DeviceRecord> devices;
  for (const auto row : connection.exec(kDirectorDevices, after, std::int64_t{limit}, with_lists))
    devices.push_back(read_record(row));
  return devices;
}

std::optional<DeviceRecord> read_device_of_udid(pg::Connection& connection, std::string_view udid) {
  return read_one(connection, kDirectorOfUdid, udid);
}

std::optional<DeviceRecord> read_device_of_serial(pg::Connection& connection, std::string_view serial) {
  if (serial.empty()) return std::nullopt;
  return read_one(connection, kDirectorOfSerial, serial);
}

}  // namespace mooring::api::mdmdirector

// SPDX-License-Identifier: Apache-2.0
// Devices as people ask for them. Functions run on a database thread and throw pg::SqlError.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/postgres/connection.hpp"
#include "base/result.hpp"
#include "core/message.hpp"

namespace mooring::director {

struct Device {
  std::int64_t id = 0;
  std::string udid;
  std::optional<std::string> serial_number;
  std::optional<std::string> device_name;
  std::optional<std::string> model;
  std::optional<std::string> model_name;
  std::optional<std::string> product_name;
  std::optional<std::string> os_version;
  std::optional<std::string> build_version;
  std::optional<std::string> user_name;           ///< Who enrolled it, where somebody gave credentials.
  std::optional<std::string> enrollment_profile;  ///< Through which profile it came, where known.
  bool enrolled = false;                          ///< Its device channel takes commands.
  std::optional<Time> last_seen_at;               ///< Of any of its channels; up to ten minutes late.
  std::int64_t drifted = 0;                       ///< Items that differ from what is declared.
  Time created_at;
};

struct DeviceFilter {
  std::optional<std::string> serial_number;
  std::optional<bool> enrolled;
};
/// In the order of their ids, those after `after`.
std::vector<Device> list_devices(pg::Connection& connection, const DeviceFilter& filter, std::int64_t after,
                                 int limit);
/// By UDID, otherwise by serial number: device.unknown, device.ambiguous (a serial number of several
/// devices).
Result<Device> find_device(pg::Connection& connection, std::string_view udid_or_serial);

struct DeviceFacts {
  std::optional<std::string> facts;  ///< QueryResponses of DeviceInformation as JSON.
  std::optional<Time> facts_at;
};
DeviceFacts facts_of_device(pg::Connection& connection, std::int64_t device);

struct Enrollment {
  std::int64_t id = 0;
  std::string enrollment_id;
  core::EnrollmentKind kind = core::EnrollmentKind::device;
  bool enabled = false;
  std::int32_t token_update_tally = 0;
  bool awaiting_configuration = false;
  bool has_push_token = false;
  bool has_unlock_token = false;
  bool has_bootstrap_token = false;
  std::optional<std::string> topic;
  std::optional<std::string> user_short_name;
  std::optional<std::string> user_long_name;
  std::optional<Time> authenticated_at;
  std::optional<Time> token_updated_at;
  std::optional<Time> checked_out_at;
  std::optional<Time> last_seen_at;
};
std::string_view name_of(core::EnrollmentKind kind);
std::vector<Enrollment> enrollments_of_device(pg::Connection& connection, std::int64_t device);
/// The enrollment that is the device itself; device.no_channel where there is none.
Result<std::int64_t> device_channel(pg::Connection& connection, std::int64_t device);
/// nullopt also where the text names two channels: DEVICE:USER is another device's name as well.
std::optional<std::int64_t> find_enrollment(pg::Connection& connection, std::string_view enrollment_id);

/// What somebody named as a target of a command, and what it stands for.
struct ResolvedTarget {
  std::string named;
  std::vector<std::int64_t> enrollments;  ///< None: unknown; several: a serial number of several devices.
};
std::vector<ResolvedTarget> resolve_enrollments(pg::Connection& connection, std::span<const std::string> ids);
/// By UDID or serial number, to device channels.
std::vector<ResolvedTarget> resolve_devices(pg::Connection& connection, std::span<const std::string> ids);

/// How far a device has come with what is declared for it.
struct Convergence {
  std::int32_t generation = 0;
  std::int32_t converged_generation = 0;
  bool waits_for_pass = false;  ///< Something happened that no pass has looked at yet.
  std::optional<Time> changed_at;
  std::optional<Time> converged_at;
  std::optional<Time> profile_list_at;
  // When it last answered; of what it was last asked for, whichever it was, requested_at.
  std::optional<Time> information_at;
  std::optional<Time> security_at;
  std::optional<Time> certificates_at;
  std::optional<Time> requested_at;
  Time next_pass_at;
};
std::optional<Convergence> convergence_of(pg::Connection& connection, std::int64_t device);

/// Asks the next pass for all lists of the device, or to send everything again. False where it never
/// enrolled.
bool request_refresh(pg::Connection& connection, std::int64_t device, Time now);
bool request_repush(pg::Connection& connection, std::int64_t device, Time now);

struct DriftedDevice {
  std::int64_t device = 0;
  std::string udid;
  std::optional<std::string> serial_number;
  std::int16_t state = 0;  ///< reconciler::ItemState
  Time since;
  std::int16_t reason_code = 0;  ///< reconciler::Reason
  std::string detail;            ///< What the reason alone does not say.
};
std::vector<DriftedDevice> drifted_devices(pg::Connection& connection, std::int32_t item, std::int64_t after,
                                           int limit);

/// Which of the versions of `items` have an identity with one of these version parts (variables.hpp): what a
/// device's list shows of ours.
struct KnownVersion {
  crypto::Uuid identity;
  std::string identifier;
  std::string item_name;
};
std::vector<KnownVersion> known_versions(pg::Connection& connection, std::span<const std::int32_t> items,
                                         std::span<const std::string> version_parts);

/// In the order of `devices`, those that exist.
std::vector<std::string> udids_of(pg::Connection& connection, std::span<const std::int64_t> devices);

struct ItemName {
  std::int32_t item = 0;
  std::string name;
};
std::vector<ItemName> names_of_items(pg::Connection& connection, std::span<const std::int32_t> items);

}  // namespace mooring::director

// SPDX-License-Identifier: Apache-2.0
// What devices send, as plain types: pure functions from a parsed property list. Unknown keys are ignored, an
// optional key of a wrong type counts as absent (Apple: mdm/checkin/*.yaml).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/plist/value.hpp"
#include "base/result.hpp"

namespace mooring::core {

/// Stored in the database: never renumber.
enum class EnrollmentKind : std::uint8_t {
  device = 0,
  user = 1,
  shared_ipad = 2,
  user_enrollment_device = 3,
  user_enrollment = 4,
};

/// One MDM channel. Identifiers keep their case and form; whatever a device sent is an identifier.
struct EnrollmentId {
  std::string id;  ///< Of the device, or DEVICE:USER.
  EnrollmentKind kind = EnrollmentKind::device;
  std::string parent;  ///< The device channel of a user channel; empty on device channels.

  const std::string& device() const { return parent.empty() ? id : parent; }
  /// Bytes of `id` that name the device of a user channel; 0 on device channels. A ':' may stand anywhere in
  /// an identifier: `id` and this together name a channel, `id` alone does not.
  std::int16_t parent_length() const { return static_cast<std::int16_t>(parent.size()); }
  bool operator==(const EnrollmentId&) const = default;
};

/// UDID first, then EnrollmentID. An empty key counts as absent.
/// Errors: checkin.no_enrollment_id, checkin.bad_enrollment_id (no string, longer than 255 bytes, a Shared
/// iPad without UserShortName).
Result<EnrollmentId> resolve_enrollment_id(const plist::Dict& message);

struct Authenticate {
  EnrollmentId enrollment;
  std::string topic;
  std::string udid;
  std::string serial_number;
  std::string model;
  std::string model_name;
  std::string device_name;
  std::string os_version;
  std::string build_version;
  std::string product_name;
  std::string imei;
  std::string meid;
};

struct TokenUpdate {
  EnrollmentId enrollment;
  std::string topic;
  std::string push_magic;
  std::string token;                        ///< Bytes.
  std::optional<std::string> unlock_token;  ///< Bytes, never empty; absent keeps the stored one.
  std::optional<bool> awaiting_configuration;
  bool not_on_console = false;
  std::string user_id;
  std::string user_short_name;
  std::string user_long_name;
};

struct CheckOut {
  EnrollmentId enrollment;
};

/// In Apple's schema, and served by another part (bootstrap tokens, declarative management, ...).
struct OtherCheckin {
  EnrollmentId enrollment;
  std::string message_type;
};

using Checkin = std::variant<Authenticate, TokenUpdate, CheckOut, OtherCheckin>;

/// Every MessageType that Apple knows.
std::span<const std::string_view> checkin_types();

/// True for check-ins (MessageType), false for reports; both may come to one URL.
bool is_checkin(const plist::Dict& message);

/// Errors: those of resolve_enrollment_id, checkin.unknown_message_type, checkin.missing_key (names the key).
Result<Checkin> parse_checkin(const plist::Dict& message);

enum class ReportStatus : std::uint8_t {
  idle,
  acknowledged,
  error,
  command_format_error,
  not_now,
  unknown,  ///< A word that Apple added later; status_text holds it.
};

struct ErrorChainItem {
  std::int64_t code = 0;
  std::string domain;
  std::string localized;
  std::string us_english;
  bool operator==(const ErrorChainItem&) const = default;
};

struct Report {
  EnrollmentId enrollment;
  ReportStatus status = ReportStatus::unknown;
  std::string status_text;
  std::string command_uuid;                 ///< Empty on Idle.
  std::string request_type;                 ///< Empty where the device leaves it out, which most do.
  std::vector<ErrorChainItem> error_chain;  ///< Outermost first.
};

/// Errors: those of resolve_enrollment_id, report.no_status.
Result<Report> parse_report(const plist::Dict& message);

}  // namespace mooring::core

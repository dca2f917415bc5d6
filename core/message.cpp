// SPDX-License-Identifier: Apache-2.0
#include "core/message.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "base/encoding.hpp"

namespace mooring::core {
namespace {

constexpr std::size_t kLongestEnrollmentId = 255;
constexpr std::string_view kSharedIpadUserId = "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF";
constexpr std::array<std::string_view, 9> kMessageTypes = {
    "Authenticate",      "TokenUpdate",           "CheckOut", "UserAuthenticate", "SetBootstrapToken",
    "GetBootstrapToken", "DeclarativeManagement", "GetToken", "ReturnToService"};

std::unexpected<Error> bad_enrollment_id(std::string_view why) {
  return fail(Failure::invalid, "checkin.bad_enrollment_id", fmt::format("the message has {}", why));
}

std::unexpected<Error> missing_key(std::string_view type, std::string_view key) {
  return fail(Failure::invalid, "checkin.missing_key",
              fmt::format("{} without {}, or with a {} of another type", type, key, key));
}

std::string text_of(const plist::Dict& message, std::string_view key) {
  const std::string* text = message.string(key);
  return text == nullptr ? std::string() : *text;
}

// Empty where the key is absent or empty.
Result<std::string> identifier_of(const plist::Dict& message, std::string_view key) {
  const plist::Value* value = message.find(key);
  if (value == nullptr) return std::string();
  const auto* text = value->as<std::string>();
  if (text == nullptr) return bad_enrollment_id(fmt::format("a {} that is no string", key));
  return *text;
}

Result<EnrollmentId> bounded(EnrollmentId enrollment) {
  if (enrollment.id.size() > kLongestEnrollmentId) {
    return bad_enrollment_id("an enrollment identifier of more than 255 bytes");
  }
  return enrollment;
}

Result<EnrollmentId> on_device(std::string udid, const plist::Dict& message) {
  const auto user_id = identifier_of(message, "UserID");
  if (!user_id) return std::unexpected(user_id.error());
  if (user_id->empty()) return bounded({std::move(udid), EnrollmentKind::device, ""});
  if (!equal_ignoring_case(*user_id, kSharedIpadUserId)) {
    return bounded({udid + ":" + *user_id, EnrollmentKind::user, udid});
  }
  // Every user of a Shared iPad has the same UserID; the short name (a Managed Apple ID) tells them apart.
  const auto short_name = identifier_of(message, "UserShortName");
  if (!short_name) return std::unexpected(short_name.error());
  if (short_name->empty()) return bad_enrollment_id("the UserID of Shared iPads and no UserShortName");
  return bounded({udid + ":" + *short_name, EnrollmentKind::shared_ipad, udid});
}

Result<EnrollmentId> on_user_enrollment(std::string enrollment_id, const plist::Dict& message) {
  const auto user_id = identifier_of(message, "EnrollmentUserID");
  if (!user_id) return std::unexpected(user_id.error());
  if (user_id->empty()) {
    return bounded({std::move(enrollment_id), EnrollmentKind::user_enrollment_device, ""});
  }
  return bounded({enrollment_id + ":" + *user_id, EnrollmentKind::user_enrollment, enrollment_id});
}

Result<Checkin> authenticate_of(EnrollmentId enrollment, const plist::Dict& message) {
  Authenticate out;
  out.topic = text_of(message, "Topic");
  if (out.topic.empty()) return missing_key("Authenticate", "Topic");
  out.enrollment = std::move(enrollment);
  out.udid = text_of(message, "UDID");
  out.serial_number = text_of(message, "SerialNumber");
  out.model = text_of(message, "Model");
  out.model_name = text_of(message, "ModelName");
  out.device_name = text_of(message, "DeviceName");
  out.os_version = text_of(message, "OSVersion");
  out.build_version = text_of(message, "BuildVersion");
  out.product_name = text_of(message, "ProductName");
  out.imei = text_of(message, "IMEI");
  out.meid = text_of(message, "MEID");
  return out;
}

Result<Checkin> token_update_of(EnrollmentId enrollment, const plist::Dict& message) {
  TokenUpdate out;
  out.topic = text_of(message, "Topic");
  if (out.topic.empty()) return missing_key("TokenUpdate", "Topic");
  out.push_magic = text_of(message, "PushMagic");
  if (out.push_magic.empty()) return missing_key("TokenUpdate", "PushMagic");
  const plist::Data* token = message.data("Token");
  if (token == nullptr || token->bytes.empty()) return missing_key("TokenUpdate", "Token");
  out.token = token->bytes;
  if (const plist::Data* unlock = message.data("UnlockToken"); unlock != nullptr && !unlock->bytes.empty()) {
    out.unlock_token = unlock->bytes;
  }
  out.enrollment = std::move(enrollment);
  out.awaiting_configuration = message.boolean("AwaitingConfiguration");
  out.not_on_console = message.boolean("NotOnConsole").value_or(false);
  out.user_id = text_of(message, "UserID");
  out.user_short_name = text_of(message, "UserShortName");
  out.user_long_name = text_of(message, "UserLongName");
  return out;
}

ReportStatus report_status_of(std::string_view text) {
  if (text == "Idle") return ReportStatus::idle;
  if (text == "Acknowledged") return ReportStatus::acknowledged;
  if (text == "Error") return ReportStatus::error;
  if (text == "CommandFormatError") return ReportStatus::command_format_error;
  if (text == "NotNow") return ReportStatus::not_now;
  return ReportStatus::unknown;
}

std::vector<ErrorChainItem> error_chain_of(const plist::Dict& message) {
  std::vector<ErrorChainItem> chain;
  const plist::Array* items = message.array("ErrorChain");
  if (items == nullptr) return chain;
  for (const plist::Value& item : *items) {
    const auto* dict = item.as<plist::Dict>();
    if (dict == nullptr) continue;
    chain.push_back({dict->integer("ErrorCode").value_or(0), text_of(*dict, "ErrorDomain"),
                     text_of(*dict, "LocalizedDescription"), text_of(*dict, "USEnglishDescription")});
  }
  return chain;
}

}  // namespace

Result<EnrollmentId> resolve_enrollment_id(const plist::Dict& message) {
  auto udid = identifier_of(message, "UDID");
  if (!udid) return std::unexpected(udid.error());
  if (!udid->empty()) return on_device(std::move(*udid), message);
  auto enrollment_id = identifier_of(message, "EnrollmentID");
  if (!enrollment_id) return std::unexpected(enrollment_id.error());
  if (!enrollment_id->empty()) return on_user_enrollment(std::move(*enrollment_id), message);
  return fail(Failure::invalid, "checkin.no_enrollment_id",
              "the message has neither a UDID nor an EnrollmentID");
}

std::span<const std::string_view> checkin_types() { return kMessageTypes; }

bool is_checkin(const plist::Dict& message) { return message.find("MessageType") != nullptr; }

Result<Checkin> parse_checkin(const plist::Dict& message) {
  const std::string* type = message.string("MessageType");
  if (type == nullptr) return missing_key("a check-in", "MessageType");
  auto enrollment = resolve_enrollment_id(message);
  if (!enrollment) return std::unexpected(enrollment.error());
  if (*type == "Authenticate") return authenticate_of(std::move(*enrollment), message);
  if (*type == "TokenUpdate") return token_update_of(std::move(*enrollment), message);
  // Sent once and never repeated: a CheckOut without its Topic still says who left.
  if (*type == "CheckOut") return CheckOut{std::move(*enrollment)};
  if (std::ranges::find(kMessageTypes, *type) != kMessageTypes.end()) {
    return OtherCheckin{std::move(*enrollment), *type};
  }
  return fail(Failure::invalid, "checkin.unknown_message_type",
              fmt::format("the message type {} is not known", type->substr(0, 64)));
}

Result<Report> parse_report(const plist::Dict& message) {
  auto enrollment = resolve_enrollment_id(message);
  if (!enrollment) return std::unexpected(enrollment.error());
  const std::string* status = message.string("Status");
  if (status == nullptr || status->empty()) {
    return fail(Failure::invalid, "report.no_status", "a report without Status");
  }
  return Report{.enrollment = std::move(*enrollment),
                .status = report_status_of(*status),
                .status_text = *status,
                .command_uuid = text_of(message, "CommandUUID"),
                .request_type = text_of(message, "RequestType"),
                .error_chain = error_chain_of(message)};
}

}  // namespace mooring::core

// SPDX-License-Identifier: Apache-2.0
#include "api/compat/mdmdirector/device_view.hpp"

#include <fmt/format.h>

#include <array>
#include <span>

#include "base/encoding.hpp"
#include "director/observed_profiles.hpp"

namespace mooring::api::mdmdirector {
namespace {

using detail::Json;

enum class Kind : std::uint8_t { text, flag, number, time };

struct Field {
  const char* name;
  Kind kind;
  const char* key = nullptr;    ///< Apple's, where it is another.
  const char* other = nullptr;  ///< Also seen for the same.
};

// What DeviceInformation tells, beside the fields that check-ins bring.
constexpr std::array kDeviceFields{
    Field{"DeviceCapacity", Kind::number},
    Field{"AvailableDeviceCapacity", Kind::number},
    Field{"BatteryLevel", Kind::number},
    Field{"CellularTechnology", Kind::number},
    Field{"IMEI", Kind::text},
    Field{"MEID", Kind::text},
    Field{"ModemFirmwareVersion", Kind::text},
    Field{"IsSupervised", Kind::flag},
    Field{"IsDeviceLocatorServiceEnabled", Kind::flag},
    Field{"IsActivationLockEnabled", Kind::flag},
    Field{"IsDoNotDisturbInEffect", Kind::flag},
    Field{"DeviceID", Kind::text},
    Field{"EASDeviceIdentifier", Kind::text},
    Field{"IsCloudBackupEnabled", Kind::flag},
    Field{"LocalHostName", Kind::text},
    Field{"HostName", Kind::text},
    Field{"SystemIntegrityProtectionEnabled", Kind::flag},
    Field{"AppAnalyticsEnabled", Kind::flag},
    Field{"IsMDMLostModeEnabled", Kind::flag},
    Field{"AwaitingConfiguration", Kind::flag},
    Field{"MaximumResidentUsers", Kind::number},
    Field{"BluetoothMAC", Kind::text},
    Field{"CarrierSettingsVersion", Kind::text},
    Field{"CurrentCarrierNetwork", Kind::text},
    Field{"CurrentMCC", Kind::text},
    Field{"CurrentMNC", Kind::text},
    Field{"DataRoamingEnabled", Kind::text},
    Field{"DiagnosticSubmissionEnabled", Kind::flag},
    Field{"ICCID", Kind::text},
    Field{"IsMultiUser", Kind::flag},
    Field{"IsNetworkTethered", Kind::flag},
    Field{"IsRoaming", Kind::flag},
    Field{"LastCloudBackupDate", Kind::time},
    Field{"PersonalHotspotEnabled", Kind::flag},
    Field{"PhoneNumber", Kind::text},
    Field{"PushToken", Kind::text},
    Field{"SIMCarrierNetwork", Kind::text},
    Field{"SIMMCC", Kind::text},
    Field{"SIMMNC", Kind::text},
    Field{"SubscriberCarrierNetwork", Kind::text},
    Field{"SubscriberMCC", Kind::text},
    Field{"SubscriberMNC", Kind::text},
    Field{"SupplementalBuildVersion", Kind::text},
    Field{"SupplementalOSVersionExtra", Kind::text},
    Field{"VoiceRoamingEnabled", Kind::flag},
    Field{"WiFiMAC", Kind::text},
    Field{"EthernetMAC", Kind::text},
};
constexpr std::array kUpdateFields{
    Field{"CatalogURL", Kind::text},
    Field{"IsDefaultCatalog", Kind::flag},
    Field{"PreviousScanDate", Kind::time},
    Field{"PreviousScanResult", Kind::text},
    Field{"PerformPeriodicCheck", Kind::flag},
    Field{"AutomaticCheckEnabled", Kind::flag, "AutoCheckEnabled", "AutomaticCheckEnabled"},
    Field{"BackgroundDownloadEnabled", Kind::flag},
    Field{"AutomaticAppInstallationEnabled", Kind::flag},
    Field{"AutomaticOSInstallationEnabled", Kind::flag},
    Field{"AutomaticSecurityUpdatesEnabled", Kind::flag},
};
constexpr std::array kSecurityFields{
    Field{"AuthenticatedRootVolumeEnabled", Kind::flag},
    Field{"BootstrapTokenAllowedForAuthentication", Kind::text},
    Field{"BootstrapTokenRequiredForKernelExtensionApproval", Kind::flag},
    Field{"BootstrapTokenRequiredForSoftwareUpdate", Kind::flag},
    Field{"HardwareEncryptionCaps", Kind::number},
    Field{"PasscodePresent", Kind::flag},
    Field{"PasscodeCompliant", Kind::flag},
    Field{"PasscodeCompliantWithProfiles", Kind::flag},
    Field{"PasscodeLockGracePeriod", Kind::number},
    Field{"PasscodeLockGracePeriodEnforced", Kind::number},
    Field{"FDEEnabled", Kind::flag, "FDE_Enabled"},
    Field{"FDEHasPersonalRecoveryKey", Kind::flag, "FDE_HasPersonalRecoveryKey"},
    Field{"FDEHasInstitutionalRecoveryKey", Kind::flag, "FDE_HasInstitutionalRecoveryKey"},
    Field{"FDEPersonalRecoveryKeyDeviceKey", Kind::text, "-"},
    Field{"SystemIntegrityProtectionEnabled", Kind::flag},
    Field{"RemoteDesktopEnabled", Kind::flag},
};
constexpr std::array kFirmwareFields{Field{"PasswordExists", Kind::flag}, Field{"ChangePending", Kind::flag},
                                     Field{"AllowOroms", Kind::flag}};
constexpr std::array kManagementFields{
    Field{"EnrolledViaDEP", Kind::flag}, Field{"UserApprovedEnrollment", Kind::flag},
    Field{"IsUserEnrollment", Kind::flag}, Field{"IsActivationLockManageable", Kind::flag}};
constexpr std::array kFirewallFields{Field{"BlockAllIncoming", Kind::flag},
                                     Field{"FirewallEnabled", Kind::flag}, Field{"StealthMode", Kind::flag}};
constexpr std::array kBootFields{Field{"ExternalBootLevel", Kind::text},
                                 Field{"SecureBootLevel", Kind::text}};
constexpr std::array kReducedFields{Field{"AllowsAnyAppleSignedOS", Kind::flag},
                                    Field{"AllowsMDM", Kind::flag},
                                    Field{"AllowsUserKextApproval", Kind::flag}};

/// Its zero time stands for never.
Json time_json(const std::optional<Time>& time) {
  return time ? to_rfc3339(*time) : std::string("0001-01-01T00:00:00Z");
}

Json as_text(const Json* value) {
  if (value == nullptr || value->is_null()) return "";
  return value->is_string() ? *value : Json(value->dump());
}

Json as_flag(const Json* value) {
  if (value == nullptr) return false;
  if (value->is_boolean()) return *value;
  return value->is_string() && *value == "true";
}

Json value_of(Kind kind, const Json* value) {
  switch (kind) {
    case Kind::text:
      return as_text(value);
    case Kind::flag:
      return as_flag(value);
    case Kind::number:
      return value != nullptr && value->is_number() ? *value : Json(0);
    case Kind::time:
      return value != nullptr && value->is_string() ? *value : time_json(std::nullopt);
  }
  return {};
}

const Json* member(const Json& object, const char* key) {
  if (key == nullptr || !object.is_object()) return nullptr;
  const auto found = object.find(key);
  return found == object.end() ? nullptr : &*found;
}

void add_fields(Json& json, const Json& from, std::span<const Field> fields) {
  for (const auto& field : fields) {
    const auto* value = member(from, field.key == nullptr ? field.name : field.key);
    if (value == nullptr) value = member(from, field.other);
    json[field.name] = value_of(field.kind, value);
  }
}

/// A row of its own in MDMDirector, which names its device.
Json part_json(const Json& from, std::span<const Field> fields, const std::string& udid) {
  Json json{{"DeviceUDID", udid}};
  add_fields(json, from, fields);
  return json;
}

Json child_of(const Json& object, const char* key) {
  const auto* found = member(object, key);
  return found == nullptr ? Json() : *found;
}

Json security_json(const Json& info, const std::string& udid) {
  Json json = part_json(info, kSecurityFields, udid);
  json["FDEPersonalRecoveryKeyCMS"] = Json();  // recovery keys are not kept among what everybody reads
  json["FirmwarePasswordStatus"] = part_json(child_of(info, "FirmwarePasswordStatus"), kFirmwareFields, udid);
  json["ManagementStatus"] = part_json(child_of(info, "ManagementStatus"), kManagementFields, udid);
  json["FirewallSettings"] = part_json(child_of(info, "FirewallSettings"), kFirewallFields, udid);
  const auto boot = child_of(info, "SecureBoot");
  json["SecureBoot"] = part_json(boot, kBootFields, udid);
  json["SecureBoot"]["ReducedSecurity"] = part_json(child_of(boot, "ReducedSecurity"), kReducedFields, udid);
  return json;
}

Json certificates_json(const DeviceRecord& device) {
  auto certificates = Json::array();
  for (const auto& entry : detail::stored_json(device.certificates)) {
    certificates.push_back({{"CommonName", as_text(member(entry, "common_name"))},
                            {"Subject", as_text(member(entry, "subject"))},
                            {"Issuer", as_text(member(entry, "issuer"))},
                            {"NotBefore", value_of(Kind::time, member(entry, "not_before"))},
                            {"NotAfter", value_of(Kind::time, member(entry, "not_after"))},
                            {"Data", as_text(member(entry, "data"))},
                            {"DeviceUDID", device.udid}});
  }
  return certificates;
}

Json list_json(const DeviceRecord& device) {
  auto list = Json::array();
  const auto observed = director::ObservedProfiles::decode(device.list.value_or(""));
  for (const auto& profile : observed.all()) {
    list.push_back({{"PayloadIdentifier", profile.identifier},
                    {"PayloadUUID", profile.uuid},
                    {"PayloadDisplayName", profile.display_name},
                    {"DeviceUDID", device.udid}});
  }
  return list;
}

Json profiles_json(const DeviceRecord& device) {
  auto profiles = Json::array();
  for (const auto& profile : device.profiles) {
    profiles.push_back({{"PayloadIdentifier", profile.identifier},
                        {"PayloadUUID", profile.payload_uuid},
                        {"HashedPayloadUUID", profile.payload_uuid},
                        {"Installed", profile.installed},
                        {"DeviceUDID", device.udid}});
  }
  return profiles;
}

void add_unless_empty(Json& json, const char* name, Json list) {
  if (!list.empty()) json[name] = std::move(list);
}

void add_life(Json& json, const DeviceRecord& device) {
  json["Active"] = device.enrolled;
  json["AuthenticateRecieved"] = device.authenticated;  // their spelling
  json["TokenUpdateRecieved"] = device.has_token;
  json["InitialTasksRun"] = device.looked_at;
  json["Erase"] = false;
  json["Lock"] = false;
  json["UnlockPin"] = "";
  json["TempUnlockPin"] = {{"UnlockPin", ""}, {"PinSet", time_json(std::nullopt)}, {"DeviceUDID", ""}};
  json["UpdatedAt"] = time_json(device.updated_at);
  json["LastInfoRequested"] = time_json(device.requested_at);
  json["NextPush"] = time_json(device.next_push_at);
  json["LastCheckedIn"] = time_json(device.seen_at);
  json["LastCertificateList"] = time_json(device.certificates_at);
  json["LastProfileList"] = time_json(device.list_at);
  json["LastDeviceInfo"] = time_json(device.information_at);
  json["LastSecurityInfo"] = time_json(device.security_at);
}

}  // namespace

Json device_json(const DeviceRecord& device, Nested nested) {
  Json json{{"UDID", device.udid},
            {"SerialNumber", device.serial_number},
            {"DeviceName", device.device_name},
            {"BuildVersion", device.build_version},
            {"ModelName", device.model_name},
            {"Model", device.model},
            {"OSVersion", device.os_version},
            {"ProductName", device.product_name}};
  const auto facts = detail::stored_json(device.facts);
  add_fields(json, facts, kDeviceFields);
  add_life(json, device);
  const bool with_settings = nested != Nested::none;
  const std::string udid = with_settings ? device.udid : std::string();
  json["OSUpdateSettings"] =
      part_json(with_settings ? child_of(facts, "OSUpdateSettings") : Json(), kUpdateFields, udid);
  json["SecurityInfo"] = security_json(with_settings ? detail::stored_json(device.security) : Json(), udid);
  if (nested != Nested::all) return json;
  add_unless_empty(json, "Certificates", certificates_json(device));
  add_unless_empty(json, "ProfileList", list_json(device));
  add_unless_empty(json, "Profiles", profiles_json(device));
  return json;
}

}  // namespace mooring::api::mdmdirector

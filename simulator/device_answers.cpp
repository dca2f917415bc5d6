// SPDX-License-Identifier: Apache-2.0
// What a simulated device does for each command. A new command is one function and one line in answers().
#include <algorithm>

#include "schema/schema.hpp"
#include "simulator/device.hpp"
#include "simulator/report.hpp"

namespace mooring::simulator {
namespace {

constexpr std::int64_t kProfileMalformed = 1000;
constexpr std::int64_t kInstallationFailed = 4001;
constexpr std::int64_t kProfileNotInstalled = 12075;

plist::Dict firewall_settings() {
  return {{"FirewallEnabled", true},
          {"BlockAllIncoming", false},
          {"StealthMode", false},
          {"Applications", plist::Array{}}};
}

plist::Dict security_of_mac() {
  return {{"FDE_Enabled", true},
          {"FDE_HasPersonalRecoveryKey", true},
          {"FDE_HasInstitutionalRecoveryKey", false},
          {"SystemIntegrityProtectionEnabled", true},
          {"AuthenticatedRootVolumeEnabled", true},
          {"RemoteDesktopEnabled", false},
          {"IsRecoveryLockEnabled", false},
          {"BootstrapTokenAllowedForAuthentication", "allowed"},
          {"FirewallSettings", firewall_settings()},
          {"FirmwarePasswordStatus",
           plist::Dict{{"PasswordExists", false}, {"ChangePending", false}, {"AllowOroms", true}}},
          {"SecureBoot", plist::Dict{{"SecureBootLevel", "full"}, {"ExternalBootLevel", "disallowed"}}},
          {"ManagementStatus", plist::Dict{{"EnrolledViaDEP", false},
                                           {"UserApprovedEnrollment", true},
                                           {"IsUserEnrollment", false},
                                           {"IsActivationLockManageable", false}}}};
}

plist::Dict security_of_mobile() {
  return {{"HardwareEncryptionCaps", 3},
          {"PasscodePresent", true},
          {"PasscodeCompliant", true},
          {"PasscodeCompliantWithProfiles", true}};
}

}  // namespace

const std::map<std::string_view, Device::Answer>& Device::answers() {
  static const std::map<std::string_view, Answer> kAnswers{
      {"InstallProfile", &Device::install_profile},
      {"RemoveProfile", &Device::remove_profile},
      {"ProfileList", &Device::profile_list},
      {"CertificateList", &Device::certificate_list},
      {"DeviceInformation", &Device::device_information},
      {"SecurityInfo", &Device::security_info},
      {"DeviceConfigured", &Device::device_configured},
      {"EraseDevice", &Device::erase_device},
      {"DeviceLock", &Device::acknowledge},
      {"RestartDevice", &Device::acknowledge},
      {"ShutDownDevice", &Device::acknowledge},
      {"ClearPasscode", &Device::acknowledge},
  };
  return kAnswers;
}

plist::Dict Device::acknowledge(const plist::Dict&, const std::string&, Time) { return acknowledged(); }

plist::Dict Device::install_profile(const plist::Dict& command, const std::string& uuid, Time now) {
  const auto* payload = command.data("Payload");
  auto profile = read_profile(payload->bytes);
  if (!profile) {
    return failed("Error", kProfileMalformed, "MCProfileErrorDomain",
                  "The profile is malformed: " + profile.error().message);
  }
  if (active_ != nullptr) return install_for_user(std::move(*profile));
  const auto& behaviour = options_.behaviour;
  const bool refused = behaviour.refuse.contains(profile->identifier);
  const bool landed = !refused && !behaviour.ack_without_effect.contains(profile->identifier);
  install_log_[profile->identifier].push_back(
      {.payload_uuid = profile->uuid, .command_uuid = uuid, .at = now, .landed = landed});
  if (refused) {
    return failed("Error", kInstallationFailed, "MCInstallationErrorDomain",
                  "The profile \"" + profile->identifier + "\" could not be installed.");
  }
  profile->managed = true;
  if (landed) store_.install(std::move(*profile));
  return acknowledged();
}

plist::Dict Device::install_for_user(InstalledProfile profile) {
  ++active_->installs[profile.identifier];
  if (options_.behaviour.refuse.contains(profile.identifier)) {
    return failed("Error", kInstallationFailed, "MCInstallationErrorDomain",
                  "The profile \"" + profile.identifier + "\" could not be installed.");
  }
  profile.managed = true;
  active_->store.install(std::move(profile));
  return acknowledged();
}

plist::Dict Device::remove_profile(const plist::Dict& command, const std::string&, Time) {
  const auto identifier = *command.string("Identifier");
  const auto* profile = store().find(identifier);
  // A profile that the user installed is none of MDM's: to MDM it does not exist.
  if (profile == nullptr || !profile->managed) {
    return failed("Error", kProfileNotInstalled, "MCMDMErrorDomain",
                  "The profile \"" + identifier + "\" is not installed.");
  }
  store().remove(identifier);
  ++(active_ == nullptr ? removals_ : active_->removals)[identifier];
  return acknowledged();
}

plist::Dict Device::profile_list(const plist::Dict& command, const std::string&, Time) {
  auto report = acknowledged();
  report.set("ProfileList", store().listing(command.boolean("ManagedOnly").value_or(false), target()));
  return report;
}

plist::Dict Device::certificate_list(const plist::Dict&, const std::string&, Time) {
  auto report = acknowledged();
  report.set("CertificateList", store().certificates());
  return report;
}

plist::Dict Device::facts() const {
  plist::Dict facts{{"UDID", identity_.udid},
                    {"SerialNumber", identity_.serial},
                    {"DeviceName", identity_.device_name},
                    {"OSVersion", identity_.os_version},
                    {"BuildVersion", identity_.build_version},
                    {"Model", identity_.model},
                    {"ModelName", identity_.model_name},
                    {"ProductName", identity_.product_name},
                    {"DeviceCapacity", 494.4},
                    {"AvailableDeviceCapacity", 250.5},
                    {"BatteryLevel", 0.75},
                    {"IsSupervised", true},
                    {"IsAppleSilicon", true},
                    {"IsActivationLockEnabled", false},
                    {"IsMDMLostModeEnabled", false},
                    {"AwaitingConfiguration", awaiting_configuration_},
                    {"HostName", identity_.serial + ".example.com"},
                    {"LocalHostName", identity_.serial},
                    {"WiFiMAC", "f0:18:98:00:00:01"},
                    {"BluetoothMAC", "f0:18:98:00:00:02"},
                    {"SystemIntegrityProtectionEnabled", true},
                    {"OSUpdateSettings", plist::Dict{{"AutoCheckEnabled", true},
                                                     {"AutomaticAppInstallationEnabled", false},
                                                     {"AutomaticOSInstallationEnabled", true},
                                                     {"AutomaticSecurityUpdatesEnabled", true},
                                                     {"BackgroundDownloadEnabled", true},
                                                     {"CatalogURL", "https://swscan.apple.com/"},
                                                     {"IsDefaultCatalog", true},
                                                     {"PerformPeriodicCheck", true},
                                                     {"PreviousScanDate", plist::Date{1'790'000'000}},
                                                     {"PreviousScanResult", "0"}}}};
  for (const auto& [query, value] : told_) facts.set(query, value);
  return facts;
}

namespace {

/// What of an answer exists on a device: a newer system no longer says everything.
plist::Value available_part(const schema::Key& key, const plist::Value& value, const schema::Target& target) {
  const auto* dict = value.as<plist::Dict>();
  if (dict == nullptr || key.keys.empty()) return value;
  plist::Dict part;
  for (const auto& [name, member] : *dict) {
    const auto* known = key.find(name);
    if (known == nullptr || schema::available_to(known->supports, target)) part.set(name, member);
  }
  return part;
}

}  // namespace

plist::Dict Device::device_information(const plist::Dict& command, const std::string&, Time) {
  const auto* responses =
      schema::Schema::apple().command("DeviceInformation")->response.find("QueryResponses");
  const auto known = facts();
  plist::Dict answer;
  for (const auto& query : *command.array("Queries")) {
    const auto* name = query.as<std::string>();
    const auto* value = name == nullptr ? nullptr : known.find(*name);
    const auto* key = value == nullptr ? nullptr : responses->find(*name);
    if (key != nullptr && schema::available_to(key->supports, target()))
      answer.set(*name, available_part(*key, *value, target()));
  }
  auto report = acknowledged();
  report.set("QueryResponses", std::move(answer));
  return report;
}

plist::Dict Device::security_info(const plist::Dict&, const std::string&, Time) {
  auto report = acknowledged();
  auto info = identity_.platform == Platform::mac ? security_of_mac() : security_of_mobile();
  for (const auto& [key, value] : security_) info.set(key, value);
  report.set("SecurityInfo", std::move(info));
  return report;
}

plist::Dict Device::device_configured(const plist::Dict&, const std::string&, Time) {
  awaiting_configuration_ = false;
  return acknowledged();
}

plist::Dict Device::erase_device(const plist::Dict&, const std::string&, Time) {
  wipe();
  return acknowledged();
}

}  // namespace mooring::simulator

// SPDX-License-Identifier: Apache-2.0
// The names of facts. Keys are Apple's, of DeviceInformation and SecurityInfo; a dot leads into a dictionary.
#include <algorithm>
#include <array>

#include "director/facts.hpp"

namespace mooring::director {
namespace {

using Type = FactType;
using Source = FactSource;

/// Moves by itself: no change that anybody would look for.
constexpr bool kVolatile = true;

// Sorted by name. What check-ins tell, too, has the key of DeviceInformation all the same.
constexpr std::array<FactName, 112> kFactNames{{
    {"activation_lock", Type::boolean, Source::information, "IsActivationLockEnabled"},
    {"activation_lock_manageable", Type::boolean, Source::security,
     "ManagementStatus.IsActivationLockManageable"},
    {"activation_lock_supported", Type::boolean, Source::information, "IsActivationLockSupported"},
    {"app_analytics", Type::boolean, Source::information, "AppAnalyticsEnabled"},
    {"apple_silicon", Type::boolean, Source::information, "IsAppleSilicon"},
    {"authenticated_root_volume", Type::boolean, Source::security, "AuthenticatedRootVolumeEnabled"},
    {"auto_lock_time", Type::number, Source::security, "AutoLockTime"},
    {"available_capacity", Type::number, Source::information, "AvailableDeviceCapacity", kVolatile},
    {"awaiting_configuration", Type::boolean, Source::information, "AwaitingConfiguration"},
    {"battery_level", Type::number, Source::information, "BatteryLevel", kVolatile},
    {"bluetooth_mac", Type::text, Source::information, "BluetoothMAC"},
    {"bootstrap_token_allowed", Type::boolean, Source::information, "MDMOptions.BootstrapTokenAllowed"},
    {"bootstrap_token_authentication", Type::text, Source::security,
     "BootstrapTokenAllowedForAuthentication"},
    {"bootstrap_token_for_kernel_extensions", Type::boolean, Source::security,
     "BootstrapTokenRequiredForKernelExtensionApproval"},
    {"bootstrap_token_for_updates", Type::boolean, Source::security,
     "BootstrapTokenRequiredForSoftwareUpdate"},
    {"build_version", Type::text, Source::checkin, "BuildVersion"},
    {"capacity", Type::number, Source::information, "DeviceCapacity"},
    {"carrier_settings_version", Type::text, Source::information, "CarrierSettingsVersion"},
    {"cellular_technology", Type::number, Source::information, "CellularTechnology"},
    {"cloud_backup", Type::boolean, Source::information, "IsCloudBackupEnabled"},
    {"current_carrier", Type::text, Source::information, "CurrentCarrierNetwork", kVolatile},
    {"current_mcc", Type::text, Source::information, "CurrentMCC", kVolatile},
    {"current_mnc", Type::text, Source::information, "CurrentMNC", kVolatile},
    {"data_roaming", Type::boolean, Source::information, "DataRoamingEnabled"},
    {"dep", Type::boolean, Source::security, "ManagementStatus.EnrolledViaDEP"},
    {"device_id", Type::text, Source::information, "DeviceID"},
    {"device_locator", Type::boolean, Source::information, "IsDeviceLocatorServiceEnabled"},
    {"device_name", Type::text, Source::checkin, "DeviceName"},
    {"diagnostic_submission", Type::boolean, Source::information, "DiagnosticSubmissionEnabled"},
    {"do_not_disturb", Type::boolean, Source::information, "IsDoNotDisturbInEffect", kVolatile},
    {"eas_device_identifier", Type::text, Source::information, "EASDeviceIdentifier"},
    {"encryption_capabilities", Type::number, Source::security, "HardwareEncryptionCaps"},
    {"enrollment_profile", Type::text, Source::checkin, ""},
    {"erase_preflight", Type::text, Source::information, "EACSPreflight", kVolatile},
    {"estimated_resident_users", Type::number, Source::information, "EstimatedResidentUsers", kVolatile},
    {"ethernet_mac", Type::text, Source::information, "EthernetMAC"},
    {"external_boot", Type::text, Source::security, "SecureBoot.ExternalBootLevel"},
    {"filevault", Type::boolean, Source::security, "FDE_Enabled"},
    {"filevault_institutional_key", Type::boolean, Source::security, "FDE_HasInstitutionalRecoveryKey"},
    {"filevault_personal_key", Type::boolean, Source::security, "FDE_HasPersonalRecoveryKey"},
    {"firewall", Type::boolean, Source::security, "FirewallSettings.FirewallEnabled"},
    {"firewall_block_all", Type::boolean, Source::security, "FirewallSettings.BlockAllIncoming"},
    {"firewall_logging", Type::boolean, Source::security, "FirewallSettings.LoggingEnabled"},
    {"firewall_stealth", Type::boolean, Source::security, "FirewallSettings.StealthMode"},
    {"firmware_password", Type::boolean, Source::security, "FirmwarePasswordStatus.PasswordExists"},
    {"firmware_password_change_pending", Type::boolean, Source::security,
     "FirmwarePasswordStatus.ChangePending"},
    {"gatekeeper", Type::boolean, Source::outside, "gatekeeper"},
    {"has_battery", Type::boolean, Source::information, "HasBattery"},
    {"host_name", Type::text, Source::information, "HostName"},
    {"iccid", Type::text, Source::information, "ICCID"},
    {"imei", Type::text, Source::information, "IMEI"},
    {"ios_app_installs", Type::boolean, Source::information, "SupportsiOSAppInstalls"},
    {"last_cloud_backup", Type::time, Source::information, "LastCloudBackupDate", kVolatile},
    {"local_host_name", Type::text, Source::information, "LocalHostName"},
    {"lost_mode", Type::boolean, Source::information, "IsMDMLostModeEnabled"},
    {"maximum_resident_users", Type::number, Source::information, "MaximumResidentUsers"},
    {"meid", Type::text, Source::information, "MEID"},
    {"model", Type::text, Source::checkin, "Model"},
    {"model_name", Type::text, Source::checkin, "ModelName"},
    {"model_number", Type::text, Source::information, "ModelNumber"},
    {"modem_firmware_version", Type::text, Source::information, "ModemFirmwareVersion"},
    {"multi_user", Type::boolean, Source::information, "IsMultiUser"},
    {"network_tethered", Type::boolean, Source::information, "IsNetworkTethered", kVolatile},
    {"organization_name", Type::text, Source::information, "OrganizationInfo.OrganizationName"},
    {"os_version", Type::version, Source::checkin, "OSVersion"},
    {"passcode", Type::boolean, Source::security, "PasscodePresent"},
    {"passcode_compliant", Type::boolean, Source::security, "PasscodeCompliant"},
    {"passcode_compliant_with_profiles", Type::boolean, Source::security, "PasscodeCompliantWithProfiles"},
    {"passcode_grace_period", Type::number, Source::security, "PasscodeLockGracePeriod"},
    {"passcode_grace_period_enforced", Type::number, Source::security, "PasscodeLockGracePeriodEnforced"},
    {"personal_hotspot", Type::boolean, Source::information, "PersonalHotspotEnabled"},
    {"phone_number", Type::text, Source::information, "PhoneNumber"},
    {"pin_required_for_erase", Type::boolean, Source::information, "PINRequiredForEraseDevice"},
    {"pin_required_for_lock", Type::boolean, Source::information, "PINRequiredForDeviceLock"},
    {"platform", Type::text, Source::checkin, ""},
    {"product_name", Type::text, Source::checkin, "ProductName"},
    {"provisioning_udid", Type::text, Source::information, "ProvisioningUDID"},
    {"quota_size", Type::number, Source::information, "QuotaSize"},
    {"recovery_lock", Type::boolean, Source::security, "IsRecoveryLockEnabled"},
    {"remote_desktop", Type::boolean, Source::security, "RemoteDesktopEnabled"},
    {"resident_users", Type::number, Source::information, "ResidentUsers", kVolatile},
    {"roaming", Type::boolean, Source::information, "IsRoaming", kVolatile},
    {"secure_boot", Type::text, Source::security, "SecureBoot.SecureBootLevel"},
    {"serial_number", Type::text, Source::checkin, "SerialNumber"},
    {"sim_carrier", Type::text, Source::information, "SIMCarrierNetwork"},
    {"sip", Type::boolean, Source::security, "SystemIntegrityProtectionEnabled"},
    {"software_update_id", Type::text, Source::information, "SoftwareUpdateDeviceID"},
    {"store_account", Type::boolean, Source::information, "iTunesStoreAccountIsActive"},
    {"subscriber_carrier", Type::text, Source::information, "SubscriberCarrierNetwork"},
    {"subscriber_mcc", Type::text, Source::information, "SubscriberMCC"},
    {"subscriber_mnc", Type::text, Source::information, "SubscriberMNC"},
    {"supervised", Type::boolean, Source::information, "IsSupervised"},
    {"supplemental_build_version", Type::text, Source::information, "SupplementalBuildVersion"},
    {"supplemental_os_version_extra", Type::text, Source::information, "SupplementalOSVersionExtra"},
    {"temporary_session_only", Type::boolean, Source::information, "TemporarySessionOnly"},
    {"time_zone", Type::text, Source::information, "TimeZone"},
    {"udid", Type::text, Source::checkin, "UDID"},
    {"update_app_installation", Type::boolean, Source::information,
     "OSUpdateSettings.AutomaticAppInstallationEnabled"},
    {"update_auto_check", Type::boolean, Source::information, "OSUpdateSettings.AutoCheckEnabled"},
    {"update_background_download", Type::boolean, Source::information,
     "OSUpdateSettings.BackgroundDownloadEnabled"},
    {"update_catalog_url", Type::text, Source::information, "OSUpdateSettings.CatalogURL"},
    {"update_default_catalog", Type::boolean, Source::information, "OSUpdateSettings.IsDefaultCatalog"},
    {"update_os_installation", Type::boolean, Source::information,
     "OSUpdateSettings.AutomaticOSInstallationEnabled"},
    {"update_periodic_check", Type::boolean, Source::information, "OSUpdateSettings.PerformPeriodicCheck"},
    {"update_previous_scan", Type::time, Source::information, "OSUpdateSettings.PreviousScanDate", kVolatile},
    {"update_previous_scan_result", Type::text, Source::information, "OSUpdateSettings.PreviousScanResult",
     kVolatile},
    {"update_security_updates", Type::boolean, Source::information,
     "OSUpdateSettings.AutomaticSecurityUpdatesEnabled"},
    {"user_approved", Type::boolean, Source::security, "ManagementStatus.UserApprovedEnrollment"},
    {"user_enrollment", Type::boolean, Source::security, "ManagementStatus.IsUserEnrollment"},
    {"user_name", Type::text, Source::checkin, ""},
    {"voice_roaming", Type::boolean, Source::information, "VoiceRoamingEnabled"},
    {"wifi_mac", Type::text, Source::information, "WiFiMAC"},
}};
static_assert(std::ranges::is_sorted(kFactNames, {}, &FactName::name));

}  // namespace

std::span<const FactName> fact_names() { return kFactNames; }

const FactName* find_fact_name(std::string_view name) {
  const auto found = std::ranges::lower_bound(kFactNames, name, {}, &FactName::name);
  return found == kFactNames.end() || found->name != name ? nullptr : &*found;
}

std::string_view name_of(FactType type) {
  switch (type) {
    case FactType::boolean:
      return "boolean";
    case FactType::number:
      return "number";
    case FactType::text:
      return "text";
    case FactType::version:
      return "version";
    case FactType::time:
      return "time";
  }
  return "unknown";
}

std::string_view name_of(FactSource source) {
  switch (source) {
    case FactSource::checkin:
      return "checkin";
    case FactSource::information:
      return "information";
    case FactSource::security:
      return "security";
    case FactSource::certificates:
      return "certificates";
    case FactSource::outside:
      return "outside";
  }
  return "unknown";
}

}  // namespace mooring::director

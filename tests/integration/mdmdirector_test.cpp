// SPDX-License-Identifier: Apache-2.0
// What MDMDirector's API tells of devices, by its names.
#include <gtest/gtest.h>

#include <set>

#include "base/encoding.hpp"
#include "base/plist/plist.hpp"
#include "tests/integration/api_fixture.hpp"
#include "tests/support/pki.hpp"
#include "tests/support/world.hpp"

namespace mooring::test::mdmdirector_test {
namespace {

using api_test::Answer;
using api_test::ApiFixture;
using api_test::Json;

constexpr const char* kNever = "0001-01-01T00:00:00Z";

// MDMDirector's names for what a device tells, and for its own part.
constexpr const char* kNames[]{"DeviceName",
                               "BuildVersion",
                               "ModelName",
                               "Model",
                               "OSVersion",
                               "ProductName",
                               "SerialNumber",
                               "DeviceCapacity",
                               "AvailableDeviceCapacity",
                               "BatteryLevel",
                               "CellularTechnology",
                               "IMEI",
                               "MEID",
                               "ModemFirmwareVersion",
                               "IsSupervised",
                               "IsDeviceLocatorServiceEnabled",
                               "IsActivationLockEnabled",
                               "IsDoNotDisturbInEffect",
                               "DeviceID",
                               "EASDeviceIdentifier",
                               "IsCloudBackupEnabled",
                               "OSUpdateSettings",
                               "LocalHostName",
                               "HostName",
                               "SystemIntegrityProtectionEnabled",
                               "AppAnalyticsEnabled",
                               "IsMDMLostModeEnabled",
                               "AwaitingConfiguration",
                               "MaximumResidentUsers",
                               "BluetoothMAC",
                               "CarrierSettingsVersion",
                               "CurrentCarrierNetwork",
                               "CurrentMCC",
                               "CurrentMNC",
                               "DataRoamingEnabled",
                               "DiagnosticSubmissionEnabled",
                               "ICCID",
                               "IsMultiUser",
                               "IsNetworkTethered",
                               "IsRoaming",
                               "LastCloudBackupDate",
                               "PersonalHotspotEnabled",
                               "PhoneNumber",
                               "PushToken",
                               "SIMCarrierNetwork",
                               "SIMMCC",
                               "SIMMNC",
                               "SubscriberCarrierNetwork",
                               "SubscriberMCC",
                               "SubscriberMNC",
                               "SupplementalBuildVersion",
                               "SupplementalOSVersionExtra",
                               "VoiceRoamingEnabled",
                               "WiFiMAC",
                               "EthernetMAC",
                               "UDID",
                               "Active",
                               "SecurityInfo",
                               "UpdatedAt",
                               "AuthenticateRecieved",
                               "TokenUpdateRecieved",
                               "InitialTasksRun",
                               "Erase",
                               "Lock",
                               "UnlockPin",
                               "TempUnlockPin",
                               "LastInfoRequested",
                               "NextPush",
                               "LastCheckedIn",
                               "LastCertificateList",
                               "LastProfileList",
                               "LastDeviceInfo",
                               "LastSecurityInfo"};

struct MdmDirectorApi : ::testing::Test {
  ApiFixture api;
  World& world = api.world;
  std::unique_ptr<simulator::Device> mac = make();

  std::unique_ptr<simulator::Device> make() {
    for (int index = 0;; ++index) {
      auto device = world.make_device(index);
      if (device->identity().platform == simulator::Platform::mac) return device;
    }
  }
  Answer get(const std::string& path, const std::string& credentials) {
    auto request = api.make("GET", "/mdmdirector" + path);
    request.headers.set("Authorization", "Basic " + to_base64(credentials));
    return api.send(std::move(request));
  }
  Answer get(const std::string& path) { return get(path, "mdmdirector:" + api.token); }
  std::string udid() const { return mac->identity().udid; }
};

// covers: director.39, director.42
TEST_F(MdmDirectorApi, ADeviceHasTheNamesAndValuesOfTheOriginal) {
  world.enroll(*mac);
  world.settle(*mac);
  const auto answer = get("/device/" + udid());
  ASSERT_EQ(answer.status, 200);
  const auto& device = answer.body;
  for (const auto* name : kNames) EXPECT_TRUE(device.contains(name)) << name;
  EXPECT_EQ(device["UDID"], udid());
  EXPECT_EQ(device["SerialNumber"], mac->identity().serial);
  EXPECT_EQ(device["OSVersion"], mac->identity().os_version);
  EXPECT_EQ(device["DeviceCapacity"], 494.4);
  EXPECT_EQ(device["IsSupervised"], true);
  EXPECT_EQ(device["HostName"], mac->identity().serial + ".example.com");
  EXPECT_EQ(device["IMEI"], "") << "what is not known has the original's zero value";
  EXPECT_EQ(device["IsRoaming"], false);
  EXPECT_EQ(device["LastCloudBackupDate"], kNever);
  EXPECT_EQ(device["Active"], true);
  EXPECT_EQ(device["AuthenticateRecieved"], true);
  EXPECT_EQ(device["TokenUpdateRecieved"], true);
  EXPECT_EQ(device["InitialTasksRun"], true);
  EXPECT_NE(answer.response.body.find("\n    \"UDID\""), std::string::npos) << "indented by four";

  // Booleans survive other events.
  world.enroll(*mac);
  EXPECT_EQ(get("/device/" + udid()).body["IsSupervised"], true);
  EXPECT_EQ(get("/device/" + udid()).body["SystemIntegrityProtectionEnabled"], true);
}

// covers: director.29
TEST_F(MdmDirectorApi, TimesOfTheListsAreKeptAndNeverIsTheZeroTime) {
  world.enroll(*mac);
  auto device = get("/device/" + udid()).body;
  for (const auto* name :
       {"LastInfoRequested", "LastCertificateList", "LastProfileList", "LastDeviceInfo", "LastSecurityInfo"})
    EXPECT_EQ(device[name], kNever) << name;
  world.settle(*mac);
  device = get("/device/" + udid()).body;
  for (const auto* name : {"LastInfoRequested", "LastCertificateList", "LastProfileList", "LastDeviceInfo",
                           "LastSecurityInfo", "LastCheckedIn"})
    EXPECT_EQ(device[name], to_rfc3339(world.clock.now())) << name;
}

// covers: director.40, director.43
TEST_F(MdmDirectorApi, SecurityAndUpdateSettingsAreShownWithTheirChildren) {
  mac->tell_security("SecureBoot",
                     plist::Dict{{"SecureBootLevel", "medium"}, {"ExternalBootLevel", "allowed"}});
  mac->tell_security("FirmwarePasswordStatus",
                     plist::Dict{{"PasswordExists", true}, {"ChangePending", false}, {"AllowOroms", true}});
  world.enroll(*mac);
  world.settle(*mac);
  const auto device = get("/device/" + udid()).body;
  const auto& security = device["SecurityInfo"];
  EXPECT_EQ(security["DeviceUDID"], udid());
  EXPECT_EQ(security["FDEEnabled"], true);
  EXPECT_EQ(security["FDEHasPersonalRecoveryKey"], true);
  EXPECT_EQ(security["SystemIntegrityProtectionEnabled"], true);
  EXPECT_EQ(security["BootstrapTokenAllowedForAuthentication"], "allowed");
  EXPECT_EQ(security["FirmwarePasswordStatus"]["PasswordExists"], true);
  EXPECT_EQ(security["FirmwarePasswordStatus"]["AllowOroms"], true);
  EXPECT_EQ(security["ManagementStatus"]["UserApprovedEnrollment"], true);
  EXPECT_EQ(security["ManagementStatus"]["EnrolledViaDEP"], false);
  EXPECT_EQ(security["FirewallSettings"]["FirewallEnabled"], true);
  EXPECT_EQ(security["SecureBoot"]["SecureBootLevel"], "medium");
  EXPECT_EQ(security["SecureBoot"]["ReducedSecurity"]["AllowsMDM"], false);
  const auto& updates = device["OSUpdateSettings"];
  EXPECT_EQ(updates["AutomaticCheckEnabled"], true);
  EXPECT_EQ(updates["AutomaticOSInstallationEnabled"], true);
  EXPECT_EQ(updates["AutomaticAppInstallationEnabled"], false);
  EXPECT_EQ(updates["CatalogURL"], "https://swscan.apple.com/");
  EXPECT_EQ(updates["PreviousScanDate"], to_rfc3339(Time{std::chrono::seconds(1'790'000'000)}));
}

// covers: director.41, director.20
TEST_F(MdmDirectorApi, CertificatesAndProfilesAreInTheFullAnswerAlone) {
  const auto authority = make_authority("Example CA");
  const plist::Dict payload{{"PayloadType", "com.apple.security.root"},
                            {"PayloadIdentifier", "com.example.ca.payload"},
                            {"PayloadUUID", "B0E3C5B8-6E2D-4F59-9A57-3B0C5A1C7D12"},
                            {"PayloadVersion", 1},
                            {"PayloadContent", plist::Data{authority.certificate.der}}};
  ASSERT_TRUE(mac->user_installs_profile(
      plist::to_xml(plist::Dict{{"PayloadType", "Configuration"},
                                {"PayloadIdentifier", "com.example.ca"},
                                {"PayloadUUID", "6F0B1C5E-0C9A-4B5B-8E55-0E6B4B1B2C12"},
                                {"PayloadVersion", 1},
                                {"PayloadContent", plist::Array(1, payload)}})));
  world.enroll(*mac);
  world.declare("wifi", profile("com.example.wifi"));
  world.assign("wifi", "device:" + udid());
  world.declare("old", profile("com.example.old"));
  world.assign("old", "device:" + mac->identity().serial, director::Intent::absent);
  world.settle(*mac);
  const auto full = get("/device/serial/" + mac->identity().serial).body;
  ASSERT_EQ(full["Certificates"].size(), 1U);
  const auto& certificate = full["Certificates"][0];
  EXPECT_EQ(certificate["Subject"], authority.certificate.subject);
  EXPECT_EQ(certificate["Issuer"], authority.certificate.issuer);
  EXPECT_EQ(certificate["NotBefore"], to_rfc3339(authority.certificate.not_before));
  EXPECT_EQ(certificate["NotAfter"], to_rfc3339(authority.certificate.not_after));
  EXPECT_EQ(certificate["Data"], to_base64(authority.certificate.der));
  EXPECT_EQ(full["ProfileList"].size(), 2U);
  EXPECT_EQ(full["ProfileList"][1]["PayloadIdentifier"], "com.example.wifi");
  EXPECT_EQ(full["ProfileList"][1]["PayloadUUID"], mac->profile("com.example.wifi")->uuid);
  ASSERT_EQ(full["Profiles"].size(), 2U);
  EXPECT_EQ(full["Profiles"][0]["PayloadIdentifier"], "com.example.old");
  EXPECT_EQ(full["Profiles"][0]["Installed"], false);
  EXPECT_EQ(full["Profiles"][1]["Installed"], true);

  const auto limited = get("/device/" + udid() + "?info=limited").body;
  for (const auto* name : {"Certificates", "ProfileList", "Profiles"}) EXPECT_FALSE(limited.contains(name));
  EXPECT_EQ(limited["SerialNumber"], mac->identity().serial);
  EXPECT_EQ(limited["SecurityInfo"]["FDEEnabled"], false) << "nested objects are empty";
}

// covers: director.42
TEST_F(MdmDirectorApi, TheFleetIsListedWholeAndWhatIsUnknownIsNotFound) {
  EXPECT_EQ(get("/device").body, Json::array());
  std::vector<std::unique_ptr<simulator::Device>> devices;
  for (int i = 0; i < 3; ++i) {
    devices.push_back(world.make_device(i));
    world.enroll(*devices.back());
    world.settle(*devices.back());
  }
  world.db.connection().script(
      "insert into devices (udid, created_at) select 'MORE' || g, now() from generate_series(1, 400) g");
  const auto all = get("/device").body;
  ASSERT_EQ(all.size(), 403U);
  std::set<std::string> udids;
  for (const auto& device : all) udids.insert(device["UDID"]);
  EXPECT_EQ(udids.size(), 403U);
  EXPECT_TRUE(all[0].contains("ProfileList") || all[0].contains("SecurityInfo"));
  EXPECT_EQ(get("/device?info=limited").body.size(), 403U);
  for (const auto* path : {"/device/NOBODY", "/device/serial/NOBODY"}) {
    const auto answer = get(path);
    EXPECT_EQ(answer.status, 404) << path;
    EXPECT_EQ(answer.response.body, "");
  }
  EXPECT_EQ(get("/device/MORE1").body["Active"], false);
  world.db.connection().script(
      "update devices set serial_number = 'SAME' where udid like 'MORE%' or udid = '" +
      devices[0]->identity().udid + "'");
  EXPECT_EQ(get("/device/serial/SAME").body["UDID"], devices[0]->identity().udid) << "the one seen last";
}

// covers: director.42
TEST_F(MdmDirectorApi, OnlyTheUserMdmdirectorWithATokenMayRead) {
  for (const auto& credentials : {std::string("mdmdirector:wrong"), "nanomdm:" + api.token, std::string()}) {
    const auto answer = get("/device", credentials);
    EXPECT_EQ(answer.status, 401);
    EXPECT_EQ(answer.response.body, "Unauthorised.\n");
    EXPECT_TRUE(answer.response.headers.get("WWW-Authenticate").starts_with("Basic realm="));
  }
  EXPECT_EQ(api.get("/mdmdirector/device").status, 401) << "a bearer is none of theirs";
}

}  // namespace
}  // namespace mooring::test::mdmdirector_test

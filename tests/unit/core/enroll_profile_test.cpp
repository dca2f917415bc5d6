// SPDX-License-Identifier: Apache-2.0
// Enrollment profiles from settings to payloads: every key, the defaults, the rules, the names.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/encoding.hpp"
#include "base/plist/plist.hpp"
#include "core/enroll/builder.hpp"
#include "schema/schema.hpp"

namespace mooring::core::enroll {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr const char* kTopic = "com.apple.mgmt.External.5f1e";
constexpr const char* kEveryMdmKey = R"({
  "Topic": "com.apple.mgmt.own", "ServerURL": "https://mdm.example.org/connect?site=7",
  "CheckInURL": "https://mdm.example.org/checkin", "SignMessage": false, "AccessRights": 19,
  "UseDevelopmentAPNS": true, "ManagedAppleID": "a@example.org", "AssignedManagedAppleID": "b@example.org",
  "EnrollmentMode": "ADDE", "ServerURLPinningCertificateUUIDs": ["11111111-2222-3333-4444-555555555555"],
  "CheckInURLPinningCertificateUUIDs": ["11111111-2222-3333-4444-555555555555"],
  "PinningRevocationCheckRequired": true, "ServerCapabilities": ["com.apple.mdm.token"],
  "CheckOutWhenRemoved": false, "RequiredAppIDForMDM": 640199958,
  "PromptUserToAllowBootstrapTokenForAuthentication": true})";
constexpr const char* kRootPayload = R"({"PayloadType": "com.apple.security.root",
  "PayloadUUID": "11111111-2222-3333-4444-555555555555", "PayloadContent": "MAA="})";

Settings settings_of(const std::string& json) {
  auto settings = parse_settings(json);
  EXPECT_TRUE(settings) << settings.error().message;
  return settings ? std::move(*settings) : Settings{};
}

Surroundings around() { return {.device_url = "https://mdm.example.org:8443", .topic = kTopic}; }
Ticket ticket(std::string seed = "one") { return {.seed = std::move(seed), .challenge = "c0ffee"}; }

plist::Dict build(const std::string& json, const Ticket& own = ticket(),
                  const Surroundings& where = around()) {
  auto profile = build_profile("test", settings_of(json), where, own);
  EXPECT_TRUE(profile) << profile.error().message;
  return profile ? std::move(*profile) : plist::Dict{};
}

plist::Dict payload(const plist::Dict& profile, std::string_view type) {
  for (const auto& value : *profile.array("PayloadContent")) {
    const auto& dict = *value.as<plist::Dict>();
    if (*dict.string("PayloadType") == type) return dict;
  }
  ADD_FAILURE() << "no payload of type " << type;
  return {};
}
plist::Dict mdm(const plist::Dict& profile) { return payload(profile, "com.apple.mdm"); }
plist::Dict scep(const plist::Dict& profile) {
  return *payload(profile, "com.apple.security.scep").dict("PayloadContent");
}

crypto::Certificate certificate(const std::string& name) {
  const auto key = crypto::PrivateKey::generate(crypto::KeyType::ec_p256);
  const crypto::NewCertificate content{.subject = {{"CN", name}},
                                       .public_key = key.public_key(),
                                       .not_before = Time{} + std::chrono::hours(24 * 365 * 50),
                                       .not_after = Time{} + std::chrono::hours(24 * 365 * 60),
                                       .ca = true};
  auto made = crypto::issue(content, {.key = key});
  EXPECT_TRUE(made) << made.error().message;
  return *made;
}

// covers: mdm.E01
TEST(EnrollmentProfile, OfNothingHasAllThatADeviceNeeds) {
  const auto profile = build("{}");
  EXPECT_EQ(to_string(schema::Schema::apple().check_profile(profile)), "");
  EXPECT_EQ(*profile.string("PayloadIdentifier"), "mooring.enrollment.test");
  EXPECT_EQ(*profile.string("PayloadScope"), "System");
  const auto payload = mdm(profile);
  EXPECT_EQ(*payload.string("Topic"), kTopic);
  EXPECT_EQ(*payload.string("ServerURL"), "https://mdm.example.org:8443/mdm");
  EXPECT_EQ(*payload.string("CheckInURL"), "https://mdm.example.org:8443/mdm/checkin");
  EXPECT_EQ(payload.boolean("SignMessage"), true);
  EXPECT_EQ(payload.boolean("CheckOutWhenRemoved"), true);
  EXPECT_EQ(payload.integer("AccessRights"), 8191);
  EXPECT_EQ(payload.array("ServerCapabilities")->size(), 3U);
  EXPECT_EQ(payload.find("EnrollmentMode"), nullptr);
  const auto identity = scep(profile);
  EXPECT_EQ(*identity.string("URL"), "https://mdm.example.org:8443/scep");
  EXPECT_EQ(*identity.string("Challenge"), "c0ffee");
  EXPECT_EQ(*identity.string("Key Type"), "RSA");
  EXPECT_EQ(identity.integer("Keysize"), 2048);
  EXPECT_EQ(identity.integer("Key Usage"), 5);
  EXPECT_EQ(identity.boolean("KeyIsExtractable"), false);
  EXPECT_EQ(identity.boolean("AllowAllAppsAccess"), false);
}

// covers: mdm.E01
TEST(EnrollmentProfile, TakesEveryKeyOfTheMdmPayload) {
  const auto json = std::string(R"({"mdm": )") + kEveryMdmKey + R"(, "payloads": [)" + kRootPayload + "]}";
  const auto profile = build(json);
  EXPECT_EQ(to_string(schema::Schema::apple().check_profile(profile)), "");
  const auto payload = mdm(profile);
  // All keys of the schema but those that every payload has.
  for (const auto& key : schema::Schema::apple().payload("com.apple.mdm")->request.keys) {
    if (key.name == "PayloadDescription" || key.name == "PayloadOrganization") continue;
    EXPECT_NE(payload.find(key.name), nullptr) << key.name;
  }
  EXPECT_EQ(*payload.string("ServerURL"), "https://mdm.example.org/connect?site=7");
  EXPECT_EQ(payload.integer("AccessRights"), 19);
  EXPECT_EQ(payload.integer("RequiredAppIDForMDM"), 640199958);
  EXPECT_EQ(payload.boolean("SignMessage"), false);
}

TEST(EnrollmentProfile, WithItsOwnServerUrlOnlyDoesNotSendCheckInsElsewhere) {
  const auto payload = mdm(build(R"({"mdm": {"ServerURL": "https://other.example.org/mdm"}})"));
  EXPECT_EQ(payload.find("CheckInURL"), nullptr);
}

// covers: mdm.E01
TEST(EnrollmentProfile, IdentityAndPinsResolveToPayloadsInside) {
  const auto root = certificate("Root");
  auto where = around();
  where.trust = {root, root};
  const auto profile =
      build(R"({"mdm": {"ServerURLPinningCertificateUUIDs": [")" + root.hash() + "\"]}}", ticket(), where);
  const auto trust = payload(profile, "com.apple.security.root");
  EXPECT_EQ(trust.data("PayloadContent")->bytes, root.der);
  EXPECT_EQ(*mdm(profile).array("ServerURLPinningCertificateUUIDs"),
            plist::Array(1, plist::Value(*trust.string("PayloadUUID"))));
  EXPECT_EQ(*mdm(profile).string("IdentityCertificateUUID"),
            *payload(profile, "com.apple.security.scep").string("PayloadUUID"));
  EXPECT_EQ(profile.array("PayloadContent")->size(), 3U) << "the root once";
  const auto broken = build_profile(
      "test", settings_of(R"({"mdm": {"CheckInURLPinningCertificateUUIDs": ["nobody"]}})"), where, ticket());
  ASSERT_FALSE(broken);
  EXPECT_THAT(broken.error().message, HasSubstr("mdm.CheckInURLPinningCertificateUUIDs names nobody"));
}

TEST(EnrollmentProfile, TrustIsAutomaticExtraOrNone) {
  const auto own = certificate("Own");
  const auto extra = certificate("Extra");
  auto where = around();
  where.trust = {own};
  auto settings = settings_of(R"({"trust": {"automatic": false}})");
  settings.certificates = {extra};
  const auto only = build_profile("test", settings, where, ticket());
  EXPECT_EQ(payload(*only, "com.apple.security.root").data("PayloadContent")->bytes, extra.der);
  settings.automatic_trust = true;
  EXPECT_EQ(build_profile("test", settings, where, ticket())->array("PayloadContent")->size(), 4U);
  const auto parsed = parse_settings("{\"trust\": {\"certificates\": [\"" + [&] {
    auto pem = extra.pem();
    for (auto at = pem.find('\n'); at != std::string::npos; at = pem.find('\n', at + 2))
      pem.replace(at, 1, "\\n");
    return pem;
  }() + "\"]}}");
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(parsed->certificates, std::vector{extra});
}

// covers: mdm.E03, seed.12
TEST(EnrollmentProfile, NamesStayForOneDeviceAndDifferBetweenDevices) {
  const auto first = build("{}", ticket("one"));
  auto renewal_ticket = ticket("one");
  renewal_ticket.challenge = "another";
  const auto renewal = build("{}", renewal_ticket);
  const auto other = build("{}", ticket("two"));
  for (const auto* type : {"com.apple.mdm", "com.apple.security.scep"}) {
    EXPECT_EQ(*payload(first, type).string("PayloadUUID"), *payload(renewal, type).string("PayloadUUID"));
    EXPECT_EQ(*payload(first, type).string("PayloadIdentifier"),
              *payload(other, type).string("PayloadIdentifier"));
    EXPECT_NE(*payload(first, type).string("PayloadUUID"), *payload(other, type).string("PayloadUUID"));
  }
  EXPECT_EQ(*first.string("PayloadUUID"), *renewal.string("PayloadUUID"));
  EXPECT_NE(*first.string("PayloadUUID"), *other.string("PayloadUUID"));
  EXPECT_EQ(*first.string("PayloadIdentifier"), *other.string("PayloadIdentifier"));
  EXPECT_EQ(*scep(renewal).string("Challenge"), "another");
  EXPECT_EQ(mdm(first), mdm(renewal));
}

TEST(EnrollmentProfile, ScepKeysAreTakenAndVariablesFilledWhereTheyAreKnown) {
  const std::string json =
      R"({"scep": {"Name": "CA", "Keysize": 4096, "Key Usage": 1, "Retries": 5, "RetryDelay": 20,
    "CAFingerprint": "AAEC", "SubjectAltName": {"dNSName": ["a", "b"], "rfc822Name": "c"},
    "Subject": [[["O", "Example"]], [["CN", "%SerialNumber%"]], [["1.2.5.3", "%HardwareUUID% %ComputerName%"]]]}})";
  auto known = ticket();
  known.serial_number = "C02X";
  const auto identity = scep(build(json, known));
  EXPECT_EQ(identity.data("CAFingerprint")->bytes, std::string("\0\1\2", 3));
  EXPECT_EQ(identity.integer("Keysize"), 4096);
  EXPECT_EQ(identity.integer("Retries"), 5);
  const auto text = plist::to_xml_fragment(*identity.find("Subject"));
  EXPECT_THAT(text, HasSubstr("<string>C02X</string>"));
  EXPECT_THAT(text, HasSubstr("%HardwareUUID% %ComputerName%"));
  EXPECT_EQ(to_string(schema::Schema::apple().check_profile(build(json))), "");
}

TEST(EnrollmentProfile, AnotherScepServerKeepsItsOwnChallenge) {
  const auto identity =
      scep(build(R"({"scep": {"URL": "http://ca.example.org/scep", "Challenge": "theirs"}})"));
  EXPECT_EQ(*identity.string("Challenge"), "theirs");
  EXPECT_EQ(*identity.string("URL"), "http://ca.example.org/scep");
  EXPECT_EQ(scep(build(R"({"scep": {"URL": "http://ca.example.org/scep"}})")).string("Challenge"), nullptr);
}

TEST(EnrollmentProfile, AcmeAndPkcs12StandInForScep) {
  const auto acme =
      build(R"({"identity": {"PayloadType": "com.apple.security.acme", "KeyType": "ECSECPrimeRandom",
    "DirectoryURL": "https://acme.example.org/dir", "ClientIdentifier": "%SerialNumber%", "KeySize": 384,
    "HardwareBound": true, "Attest": true, "Subject": [[["CN", "x"]]]}})");
  EXPECT_EQ(to_string(schema::Schema::apple().check_profile(acme)), "");
  EXPECT_EQ(*mdm(acme).string("IdentityCertificateUUID"),
            *payload(acme, "com.apple.security.acme").string("PayloadUUID"));
  const auto p12 =
      build(R"({"identity": {"PayloadType": "com.apple.security.pkcs12", "PayloadContent": "AAEC",
    "Password": "x"}})");
  EXPECT_EQ(to_string(schema::Schema::apple().check_profile(p12)), "");
  EXPECT_EQ(payload(p12, "com.apple.security.pkcs12").data("PayloadContent")->bytes,
            std::string("\0\1\2", 3));
}

TEST(EnrollmentProfile, ContainerKeysAreTaken) {
  const auto profile = build(R"({"display_name": "Work", "organization": "Example", "description": "d",
    "identifier": "org.example.mdm", "scope": "User", "removal_disallowed": true,
    "consent_text": {"default": "Agree?"}, "payloads": ["<dict><key>PayloadType</key><string>com.example.x</string><key>Blob</key><data>AAEC</data></dict>"]})");
  EXPECT_EQ(to_string(schema::Schema::apple().check_profile(profile)), "");
  EXPECT_EQ(*profile.string("PayloadDisplayName"), "Work");
  EXPECT_EQ(*profile.string("PayloadOrganization"), "Example");
  EXPECT_EQ(*profile.string("PayloadIdentifier"), "org.example.mdm");
  EXPECT_EQ(*profile.string("PayloadScope"), "User");
  EXPECT_EQ(profile.boolean("PayloadRemovalDisallowed"), true);
  EXPECT_EQ(*profile.dict("ConsentText")->string("default"), "Agree?");
  EXPECT_EQ(payload(profile, "com.example.x").data("Blob")->bytes, std::string("\0\1\2", 3));
  EXPECT_EQ(*payload(profile, "com.example.x").string("PayloadIdentifier"), "org.example.mdm.extra.1");
}

TEST(EnrollmentProfile, QueryOfTheDownloadGoesOnWhereItIsWanted) {
  auto tagged = ticket();
  tagged.query = "site=7";
  EXPECT_EQ(*mdm(build("{}", tagged)).string("ServerURL"), "https://mdm.example.org:8443/mdm");
  const auto payload = mdm(build(R"({"url_params": true})", tagged));
  EXPECT_EQ(*payload.string("ServerURL"), "https://mdm.example.org:8443/mdm?site=7");
  EXPECT_EQ(*payload.string("CheckInURL"), "https://mdm.example.org:8443/mdm/checkin?site=7");
}

// covers: mdm.E06
TEST(EnrollmentProfile, AccountDrivenSaysModeAndAccount) {
  auto own = ticket();
  own.account_driven = true;
  own.user_name = "ada";
  const std::string json =
      R"({"account_driven": {"version": "mdm-byod", "managed_apple_id": "{user}@appleid.example.org"}})";
  const auto payload = mdm(build(json, own));
  EXPECT_EQ(*payload.string("EnrollmentMode"), "BYOD");
  EXPECT_EQ(*payload.string("AssignedManagedAppleID"), "ada@appleid.example.org");
  EXPECT_EQ(mdm(build(json)).string("EnrollmentMode"), nullptr) << "a manual download";
}

TEST(EnrollmentProfile, WithoutTopicThereIsNone) {
  const auto profile = build_profile("test", Settings{}, {.device_url = "https://h"}, ticket());
  ASSERT_FALSE(profile);
  EXPECT_EQ(profile.error().code, "enrollment_profile.no_topic");
}

TEST(EnrollmentProfile, EqualNamesInsideAreRefused) {
  const auto twice = std::string(R"({"payloads": [)") + kRootPayload + "," + kRootPayload + "]}";
  const auto profile = build_profile("test", settings_of(twice), around(), ticket());
  ASSERT_FALSE(profile);
  EXPECT_THAT(profile.error().message,
              HasSubstr("PayloadUUID 11111111-2222-3333-4444-555555555555 stands in two"));
}

struct Refusal {
  const char* name;
  std::string json;
  const char* message;
};
class BadSettings : public testing::TestWithParam<Refusal> {};

TEST_P(BadSettings, AreRefusedByTheNameOfTheKey) {
  const auto settings = parse_settings(GetParam().json);
  ASSERT_FALSE(settings);
  EXPECT_THAT(settings.error().message, HasSubstr(GetParam().message));
}

INSTANTIATE_TEST_SUITE_P(
    Keys, BadSettings,
    testing::Values(
        Refusal{"NoJson", "{", "is a JSON object"}, Refusal{"NoObject", "[]", "is a JSON object"},
        Refusal{"UnknownKey", R"({"colour": 1})", "colour is not a known key"},
        Refusal{"UnknownInner", R"({"trust": {"all": true}})", "trust.all is not a known key"},
        Refusal{"WrongType", R"({"signed": "yes"})", "signed must be true or false"},
        Refusal{"Access", R"({"access": "ldap"})", "access must be one of closed, open, basic, digest"},
        Refusal{"Scope", R"({"scope": "Both"})", "scope must be System or User"},
        Refusal{"UnknownMdmKey", R"({"mdm": {"Topik": "x"}})", "mdm.Topik is not a key of the schema"},
        Refusal{"MdmType", R"({"mdm": {"SignMessage": 1}})",
                "mdm.SignMessage is of type integer, should be boolean"},
        Refusal{"Topic", R"({"mdm": {"Topic": "com.example"}})", "mdm.Topic must begin with com.apple.mgmt."},
        Refusal{"Http", R"({"mdm": {"ServerURL": "http://x/"}})", "mdm.ServerURL must be a URL"},
        Refusal{"UrlSpace", R"({"mdm": {"CheckInURL": "https://x/ y"}})", "mdm.CheckInURL must be a URL"},
        Refusal{"NoRights", R"({"mdm": {"AccessRights": 0}})", "mdm.AccessRights must be between 1 and 8191"},
        Refusal{"TooManyRights", R"({"mdm": {"AccessRights": 8192}})", "mdm.AccessRights must be between"},
        Refusal{"RightWithoutItsOther", R"({"mdm": {"AccessRights": 2}})", "which needs 1"},
        Refusal{"ProvisioningRight", R"({"mdm": {"AccessRights": 129}})", "which needs 64"},
        Refusal{"Capability", R"({"mdm": {"ServerCapabilities": ["fly"]}})",
                "mdm.ServerCapabilities[0] has a value that is not allowed: fly"},
        Refusal{"CapabilityTwice",
                R"({"mdm": {"ServerCapabilities": ["com.apple.mdm.token", "com.apple.mdm.token"]}})",
                "mdm.ServerCapabilities names com.apple.mdm.token twice"},
        Refusal{"MadeKey", R"({"mdm": {"IdentityCertificateUUID": "x"}})",
                "mdm.IdentityCertificateUUID is made by the server"},
        Refusal{"Mode", R"({"mdm": {"EnrollmentMode": "MINE"}})", "mdm.EnrollmentMode has a value"},
        Refusal{"ModeOfAnother",
                R"({"mdm": {"EnrollmentMode": "BYOD"}, "account_driven": {"version": "mdm-adde"}})",
                "account_driven.version mdm-adde means ADDE"},
        Refusal{"AccountVersion", R"({"account_driven": {"version": "mdm"}})",
                "account_driven.version must be mdm-byod or mdm-adde"},
        Refusal{"Keysize", R"({"scep": {"Keysize": 3000}})", "scep.Keysize has a value that is not allowed"},
        Refusal{"KeyType", R"({"scep": {"Key Type": "ECSECPrimeRandom"}})", "scep.Key Type must be RSA"},
        Refusal{"StaticChallenge", R"({"scep": {"Challenge": "secret"}})",
                "scep.Challenge is for a certificate"},
        Refusal{"Subject", R"({"scep": {"Subject": [[["CN"]]]}})", "scep.Subject[0] must hold pairs"},
        Refusal{"Fingerprint", R"({"scep": {"CAFingerprint": "not base64!"}})",
                "scep.CAFingerprint is not base64"},
        Refusal{"TwoIdentities", R"({"scep": {}, "identity": {"PayloadType": "com.apple.security.pkcs12"}})",
                "exclude each other"},
        Refusal{"IdentityType", R"({"identity": {"PayloadType": "com.apple.wifi.managed"}})",
                "identity.PayloadType must be"},
        Refusal{"IdentityKeys", R"({"identity": {"PayloadType": "com.apple.security.acme"}})",
                "identity.ClientIdentifier is missing"},
        Refusal{"Pkcs12Content", R"({"identity": {"PayloadType": "com.apple.security.pkcs12"}})",
                "identity.PayloadContent is missing"},
        Refusal{"Certificate", R"({"trust": {"certificates": ["nonsense"]}})",
                "trust.certificates[0] is not a certificate in PEM"},
        Refusal{"PayloadWithoutType", R"({"payloads": [{}]})", "payloads[0].PayloadType is missing"},
        Refusal{"SecondMdm", R"({"payloads": [{"PayloadType": "com.apple.mdm"}]})", "is made by the server"},
        Refusal{"PayloadXml", R"({"payloads": ["<array/>"]})", "payloads[0] is a text, but no property list"},
        Refusal{"Null", R"({"mdm": {"Topic": null}})", "mdm.Topic is null: leave the key out"},
        Refusal{"Consent", R"({"consent_text": {"en": 1}})", "consent_text.en must be a text"},
        Refusal{"Deep", R"({"payloads": [)" + std::string(50, '[') + std::string(50, ']') + "]}",
                "payloads[0]"},
        Refusal{"DeepInside", R"({"mdm": {"Topic": )" + std::string(50, '[') + std::string(50, ']') + "}}",
                "is nested too deeply"}),
    [](const auto& param) { return std::string(param.param.name); });

struct Update {
  const char* name;
  const char* before;
  const char* after;
  std::vector<std::string> changed;
};
class Updates : public testing::TestWithParam<Update> {};

// covers: mdm.E03
TEST_P(Updates, ChangeOnlyWhatDevicesAccept) {
  EXPECT_EQ(
      immutable_changes("test", settings_of(GetParam().before), settings_of(GetParam().after), around()),
      GetParam().changed);
}

INSTANTIATE_TEST_SUITE_P(
    Keys, Updates,
    testing::Values(
        Update{"Nothing", "{}", "{}", {}},
        Update{"WhatMayChange",
               "{}",
               R"({"display_name": "x", "mdm": {"SignMessage": false, "AccessRights": 1}})",
               {}},
        Update{"DefaultSpeltOut", "{}", R"({"mdm": {"Topic": "com.apple.mgmt.External.5f1e"}})", {}},
        Update{"Topic", "{}", R"({"mdm": {"Topic": "com.apple.mgmt.other"}})", {"mdm.Topic"}},
        Update{"Urls",
               "{}",
               R"({"mdm": {"ServerURL": "https://other.example.org/mdm"}})",
               {"mdm.ServerURL", "mdm.CheckInURL"}},
        Update{"CheckInUrl",
               "{}",
               R"({"mdm": {"CheckInURL": "https://other.example.org/mdm"}})",
               {"mdm.CheckInURL"}},
        Update{"MoreRights",
               R"({"mdm": {"AccessRights": 3}})",
               R"({"mdm": {"AccessRights": 5}})",
               {"mdm.AccessRights"}},
        Update{"PerUser",
               "{}",
               R"({"mdm": {"ServerCapabilities": ["com.apple.mdm.token"]}})",
               {"mdm.ServerCapabilities"}},
        Update{"OtherCapabilities",
               "{}",
               R"({"mdm": {"ServerCapabilities": ["com.apple.mdm.per-user-connections"]}})",
               {}},
        Update{"Mode",
               R"({"account_driven": {"version": "mdm-byod"}})",
               R"({"account_driven": {"version": "mdm-adde"}})",
               {"mdm.EnrollmentMode"}},
        Update{"Account",
               R"({"account_driven": {"version": "mdm-byod"}})",
               R"({"account_driven": {"version": "mdm-byod", "managed_apple_id": "{user}@x"}})",
               {"mdm.AssignedManagedAppleID"}},
        Update{"AccountAdded", "{}", R"({"account_driven": {"version": "mdm-byod"}})", {}},
        Update{"QueryDropped", R"({"url_params": true})", "{}", {"mdm.ServerURL", "mdm.CheckInURL"}},
        Update{"App", "{}", R"({"mdm": {"RequiredAppIDForMDM": 1}})", {"mdm.RequiredAppIDForMDM"}},
        Update{"Identifier", "{}", R"({"identifier": "org.example.x"})", {"identifier"}}),
    [](const auto& param) { return std::string(param.param.name); });

}  // namespace
}  // namespace mooring::core::enroll

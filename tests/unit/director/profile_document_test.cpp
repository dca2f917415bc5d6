// SPDX-License-Identifier: Apache-2.0
#include "director/profile_document.hpp"

#include <gtest/gtest.h>

#include "base/encoding.hpp"
#include "base/plist/plist.hpp"
#include "tests/unit/crypto/signed_message.hpp"

namespace mooring::director::profile_document_test {
namespace {

using mooring::test::signed_message;
using plist::Array;
using plist::Data;
using plist::Dict;

Dict wifi_payload() {
  return {{"PayloadType", "com.apple.wifi.managed"},
          {"PayloadIdentifier", "com.example.wifi.1"},
          {"PayloadUUID", "11111111-2222-3333-4444-555555555555"},
          {"PayloadVersion", 1},
          {"SSID_STR", "Boat & Harbour"},
          {"Priority", 0.5}};
}

Dict wifi_profile() {
  return {{"PayloadContent", Array{wifi_payload()}},
          {"PayloadDescription", "Joins the harbour"},
          {"PayloadDisplayName", "Wi-Fi"},
          {"PayloadIdentifier", "com.example.wifi"},
          {"PayloadOrganization", "Example"},
          {"PayloadScope", "System"},
          {"PayloadType", "Configuration"},
          {"PayloadUUID", "AAAAAAAA-BBBB-CCCC-DDDD-EEEEEEEEEEEE"},
          {"PayloadVersion", 1}};
}

std::string code_of(const Result<ProfileDocument>& result) { return result ? "" : result.error().code; }
std::string code_of(const Dict& profile) { return code_of(read_profile(to_xml(profile))); }

Dict changed(std::string key, plist::Value value) {
  Dict profile = wifi_profile();
  profile.set(std::move(key), std::move(value));
  return profile;
}

Dict with_payload(Dict payload) {
  Array payloads;
  payloads.emplace_back(wifi_payload());
  payloads.emplace_back(std::move(payload));
  return changed("PayloadContent", std::move(payloads));
}

TEST(ReadProfile, TellsWhatTheProfileIs) {
  const auto document = read_profile(to_xml(wifi_profile()));
  ASSERT_TRUE(document) << document.error().message;
  EXPECT_EQ(document->identifier, "com.example.wifi");
  EXPECT_EQ(document->display_name, "Wi-Fi");
  EXPECT_EQ(document->organization, "Example");
  EXPECT_EQ(document->description, "Joins the harbour");
  EXPECT_EQ(document->scope, "System");
  EXPECT_EQ(document->payload_types, std::vector<std::string>{"com.apple.wifi.managed"});
  EXPECT_FALSE(document->was_signed);
}

TEST(ReadProfile, ReplacesOnlyTheTopLevelUuid) {
  const auto document = read_profile(to_xml(wifi_profile()));
  ASSERT_TRUE(document);
  const auto content = plist::parse_dict(document->content);
  ASSERT_TRUE(content);
  EXPECT_EQ(*content, changed("PayloadUUID", document->payload_uuid.text()));
}

TEST(ReadProfile, GivesAnUuidToAProfileWithoutOne) {
  Dict profile = wifi_profile();
  profile.erase("PayloadUUID");
  const auto document = read_profile(to_xml(profile));
  ASSERT_TRUE(document);
  EXPECT_EQ(document->payload_uuid, read_profile(to_xml(wifi_profile()))->payload_uuid);
  EXPECT_EQ(*plist::parse_dict(document->content)->string("PayloadUUID"), document->payload_uuid.text());
}

// covers: state.R2
TEST(ReadProfile, ChangedContentGivesAnotherUuidAndTheSameContentNever) {
  const auto original = read_profile(to_xml(wifi_profile()));
  ASSERT_TRUE(original);

  Dict reordered;
  const Dict profile = wifi_profile();
  for (const auto* entry = profile.end(); entry != profile.begin();) {
    --entry;
    reordered.set(entry->first, entry->second);
  }
  std::string spaced = to_xml(wifi_profile());
  for (std::size_t at = 0; (at = spaced.find("<key>", at)) != std::string::npos; at += 10) {
    spaced.insert(at, " \n\r ");
  }
  for (const std::string& same :
       {to_xml(wifi_profile()), to_xml(changed("PayloadUUID", "another")), to_xml(reordered), spaced,
        "\xEF\xBB\xBF" + to_xml(wifi_profile()), to_binary(wifi_profile()),
        signed_message(to_xml(wifi_profile())), original->content}) {
    const auto again = read_profile(same);
    ASSERT_TRUE(again) << again.error().message;
    EXPECT_EQ(again->hash, original->hash);
    EXPECT_EQ(again->payload_uuid, original->payload_uuid);
  }

  Dict other_ssid = wifi_payload();
  other_ssid.set("SSID_STR", "Boat & Harbour 2");
  Dict other_inner_uuid = wifi_payload();
  other_inner_uuid.set("PayloadUUID", "99999999-2222-3333-4444-555555555555");
  Dict text_for_number = wifi_payload();
  text_for_number.set("Priority", "0.5");
  for (const Dict& other :
       {changed("PayloadContent", Array(1, other_ssid)),
        changed("PayloadContent", Array(1, other_inner_uuid)),
        changed("PayloadContent", Array(1, text_for_number)), changed("PayloadDisplayName", "WLAN"),
        changed("PayloadIdentifier", "com.example.wifi2"), changed("PayloadRemovalDisallowed", true),
        with_payload(wifi_payload())}) {
    const auto document = read_profile(to_xml(other));
    ASSERT_TRUE(document) << document.error().message;
    EXPECT_NE(document->hash, original->hash) << to_xml(other);
    EXPECT_NE(document->payload_uuid, original->payload_uuid);
  }
}

TEST(ReadProfile, UnwrapsSignedProfiles) {
  for (const bool pem : {false, true}) {
    const auto document = read_profile(signed_message(to_xml(wifi_profile()), {.pem = pem}));
    ASSERT_TRUE(document) << document.error().message;
    EXPECT_TRUE(document->was_signed);
    EXPECT_EQ(document->content, read_profile(to_xml(wifi_profile()))->content);
  }
  EXPECT_EQ(code_of(read_profile(signed_message(to_xml(wifi_profile()), {.detached = true}))),
            "profile.malformed");
  EXPECT_EQ(code_of(read_profile(signed_message("hello"))), "profile.malformed");
}

TEST(ReadProfile, RefusesWhatIsNoProfile) {
  EXPECT_EQ(code_of(read_profile("")), "profile.malformed");
  EXPECT_EQ(code_of(read_profile("hello")), "profile.malformed");
  EXPECT_EQ(code_of(read_profile(plist::to_xml(Array{}))), "profile.malformed");
  EXPECT_EQ(code_of(changed("PayloadContent", Array{"text"})), "profile.malformed");
  EXPECT_EQ(code_of(changed("PayloadType", "com.apple.wifi.managed")), "profile.not_configuration");
  EXPECT_EQ(code_of(changed("PayloadIdentifier", "")), "profile.bad_identifier");
  EXPECT_EQ(code_of(changed("PayloadIdentifier", 5)), "profile.bad_identifier");
  EXPECT_EQ(code_of(changed("PayloadIdentifier", std::string(256, 'i'))), "profile.bad_identifier");
  EXPECT_EQ(code_of(changed("PayloadIdentifier", std::string(255, 'i'))), "");
  EXPECT_EQ(code_of(changed("Filler", std::string(kLargestProfile, 'x'))), "profile.too_large");
  Dict encrypted = changed("EncryptedPayloadContent", Data{"secret"});
  encrypted.erase("PayloadContent");
  EXPECT_EQ(code_of(encrypted), "profile.encrypted");
}

TEST(ReadProfile, NamesTheKeyThatIsMissing) {
  for (const std::string key : {"PayloadType", "PayloadIdentifier", "PayloadVersion", "PayloadContent"}) {
    Dict profile = wifi_profile();
    profile.erase(key);
    const auto document = read_profile(to_xml(profile));
    ASSERT_EQ(code_of(document), "profile.missing_key") << key;
    EXPECT_NE(document.error().message.find(key), std::string::npos);
  }
  for (const std::string key : {"PayloadType", "PayloadIdentifier", "PayloadUUID", "PayloadVersion"}) {
    Dict payload = wifi_payload();
    payload.erase(key);
    const auto document = read_profile(to_xml(with_payload(payload)));
    ASSERT_EQ(code_of(document), "profile.missing_key") << key;
    EXPECT_NE(document.error().message.find(key), std::string::npos);
    EXPECT_NE(document.error().message.find("payload 2"), std::string::npos);
  }
}

TEST(ReadProfile, ListsEachPayloadTypeOnce) {
  Dict other = wifi_payload();
  other.set("PayloadType", "com.apple.dock");
  Array payloads;
  for (const Dict& payload : {wifi_payload(), other, wifi_payload()}) payloads.emplace_back(payload);
  const auto document = read_profile(to_xml(changed("PayloadContent", payloads)));
  ASSERT_TRUE(document);
  EXPECT_EQ(document->payload_types, (std::vector<std::string>{"com.apple.wifi.managed", "com.apple.dock"}));
}

Dict command_of(const std::string& fragment) {
  const auto command = plist::parse_dict("<plist>" + fragment + "</plist>");
  EXPECT_TRUE(command) << fragment;
  return command.value_or(Dict{});
}

TEST(ProfileCommands, AreThoseOfApplesSchema) {
  const auto document = read_profile(to_xml(wifi_profile()));
  ASSERT_TRUE(document);
  EXPECT_EQ(command_of(install_profile_command(*document)),
            (Dict{{"RequestType", "InstallProfile"}, {"Payload", Data{document->content}}}));
  EXPECT_EQ(install_profile_command(*document), install_profile_command(document->content));
  EXPECT_EQ(command_of(remove_profile_command("com.example.a&b")),
            (Dict{{"RequestType", "RemoveProfile"}, {"Identifier", "com.example.a&b"}}));
  EXPECT_EQ(command_of(profile_list_command(false)), (Dict{{"RequestType", "ProfileList"}}));
  EXPECT_EQ(command_of(profile_list_command(true)),
            (Dict{{"RequestType", "ProfileList"}, {"ManagedOnly", true}}));
}

}  // namespace
}  // namespace mooring::director::profile_document_test

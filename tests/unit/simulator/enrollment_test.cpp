// SPDX-License-Identifier: Apache-2.0
#include "simulator/enrollment.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/encoding.hpp"
#include "base/plist/plist.hpp"
#include "simulator/scep_client.hpp"

namespace mooring::simulator {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

plist::Dict scep_payload() {
  // Spelt out: an Array made of one Array in braces would be a copy of it.
  const auto rdn = [](const char* name, const char* value) {
    return plist::Array{plist::Value(plist::Array{name, value})};
  };
  const plist::Array subject{rdn("O", "Example"), rdn("CN", "%SerialNumber%")};
  return {
      {"PayloadType", "com.apple.security.scep"},
      {"PayloadUUID", "6F1C7C5A-0000-4000-8000-000000000001"},
      {"PayloadContent",
       plist::Dict{{"URL", "https://mdm.example.com/scep"}, {"Challenge", "once"}, {"Subject", subject}}}};
}

plist::Dict mdm_payload() {
  return {{"PayloadType", "com.apple.mdm"},
          {"IdentityCertificateUUID", "6F1C7C5A-0000-4000-8000-000000000001"},
          {"Topic", "com.apple.mgmt.External.x"},
          {"ServerURL", "https://mdm.example.com/mdm"},
          {"SignMessage", true}};
}

std::string profile_of(plist::Dict mdm, plist::Dict scep) {
  return plist::to_xml(plist::Dict{{"PayloadType", "Configuration"},
                                   {"PayloadIdentifier", "com.example.enroll"},
                                   {"PayloadContent", plist::Array{std::move(mdm), std::move(scep)}}});
}

TEST(EnrollmentProfile, TellsServerAndIdentity) {
  const auto profile = read_enrollment_profile(profile_of(mdm_payload(), scep_payload()));
  ASSERT_TRUE(profile) << profile.error().message;
  EXPECT_EQ(profile->server_url, "https://mdm.example.com/mdm");
  EXPECT_EQ(profile->check_in_url, profile->server_url);
  EXPECT_EQ(profile->topic, "com.apple.mgmt.External.x");
  EXPECT_TRUE(profile->sign_message);
  EXPECT_EQ(profile->scep_url, "https://mdm.example.com/scep");
  EXPECT_EQ(profile->scep_challenge, "once");
  EXPECT_THAT(profile->subject, ElementsAre(Pair("O", "Example"), Pair("CN", "%SerialNumber%")));
}

TEST(EnrollmentProfile, IsReadOutOfItsSignature) {
  const auto key = crypto::PrivateKey::generate(crypto::KeyType::ec_p256);
  const auto now = std::chrono::time_point_cast<Time::duration>(std::chrono::system_clock::now());
  const auto certificate = crypto::issue({.subject = {{"CN", "Signer"}},
                                          .public_key = key.public_key(),
                                          .serial = {},
                                          .not_before = now - std::chrono::hours(1),
                                          .not_after = now + std::chrono::hours(1),
                                          .dns_names = {}},
                                         {.certificate = nullptr, .key = key});
  ASSERT_TRUE(certificate);
  const auto bytes = crypto::sign_attached(profile_of(mdm_payload(), scep_payload()), {*certificate, key});
  ASSERT_TRUE(bytes);
  const auto profile = read_enrollment_profile(*bytes);
  ASSERT_TRUE(profile) << profile.error().message;
  EXPECT_EQ(profile->identifier, "com.example.enroll");
}

TEST(EnrollmentProfile, WhoseIdentityIsNotItsScepPayloadIsRefused) {
  auto mdm = mdm_payload();
  mdm.set("IdentityCertificateUUID", "another");
  const auto profile = read_enrollment_profile(profile_of(mdm, scep_payload()));
  ASSERT_FALSE(profile);
  EXPECT_EQ(profile.error().code, "enrollment.profile");
  EXPECT_THAT(profile.error().message, HasSubstr("IdentityCertificateUUID"));
}

TEST(EnrollmentProfile, WithoutTopicOrServerIsRefused) {
  for (const char* key : {"Topic", "ServerURL"}) {
    auto mdm = mdm_payload();
    mdm.erase(key);
    const auto profile = read_enrollment_profile(profile_of(mdm, scep_payload()));
    ASSERT_FALSE(profile) << key;
    EXPECT_THAT(profile.error().message, HasSubstr(key));
  }
}

TEST(SplitUrl, TakesAbsoluteWebUrlsOnly) {
  const auto url = split_url("https://mdm.example.com:8443/mdm?site=a");
  ASSERT_TRUE(url);
  EXPECT_EQ(url->base, "https://mdm.example.com:8443");
  EXPECT_EQ(url->target, "/mdm?site=a");
  EXPECT_EQ(split_url("http://host")->target, "/");
  EXPECT_EQ(split_url("http://host?x")->target, "/?x");
  EXPECT_FALSE(split_url("/mdm"));
  EXPECT_FALSE(split_url("ftp://host/"));
  EXPECT_FALSE(split_url("https:///mdm"));
}

TEST(ScepCapabilities, AreWholeLines) {
  const auto caps = ScepCapabilities::parse("AES\r\nSHA-256\nPOSTPKIOperation");
  EXPECT_TRUE(caps.aes && caps.sha256 && caps.post);
  const auto others = ScepCapabilities::parse("AES192\nXSHA-256\nPOST");
  EXPECT_FALSE(others.aes || others.sha256 || others.post);
  EXPECT_TRUE(ScepCapabilities::parse("SCEPStandard").aes);
}

}  // namespace
}  // namespace mooring::simulator

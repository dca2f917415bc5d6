// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "schema/schema.hpp"

namespace mooring::schema {
namespace {

using plist::Array;
using plist::Data;
using plist::Dict;

/// Array{array} would be a copy.
Array one(plist::Value element) { return Array(1, std::move(element)); }

Dict payload(const char* type, Dict own) {
  Dict dict{{"PayloadType", type}, {"PayloadVersion", 1}, {"PayloadIdentifier", "a.b"}, {"PayloadUUID", "u"}};
  for (const auto& [key, value] : own) dict.set(key, value);
  return dict;
}

Dict profile_of(Dict inner) {
  return payload("Configuration", {{"PayloadContent", Array{std::move(inner)}},
                                   {"ConsentText", Dict{{"default", "Agree?"}, {"en", "Agree?"}}}});
}

std::string problems_of(Dict inner) {
  return to_string(Schema::apple().check_profile(profile_of(std::move(inner))));
}

Dict scep(Dict content) {
  content.set("URL", "https://example.org/scep");
  return payload("com.apple.security.scep", {{"PayloadContent", std::move(content)}});
}

TEST(Profile, GoodOnesHaveNoProblems) {
  EXPECT_EQ(problems_of(payload("com.apple.mdm", {{"IdentityCertificateUUID", "u"},
                                                  {"Topic", "com.apple.mgmt.x"},
                                                  {"ServerURL", "https://example.org/mdm"},
                                                  {"ServerCapabilities", Array{"com.apple.mdm.token"}}})),
            "");
  EXPECT_EQ(problems_of(scep({{"Key Usage", 5},
                              {"Subject", one(one(Array{"CN", "x"}))},
                              {"SubjectAltName", Dict{{"dNSName", Array{"a", "b"}}, {"rfc822Name", "c"}}}})),
            "");
  EXPECT_EQ(problems_of(payload("com.example.unknown", {{"Anything", true}})), "");
}

TEST(Profile, EachProblemIsNamedWithItsPlace) {
  EXPECT_EQ(problems_of(scep({{"Keysize", 1000}})),
            "PayloadContent[0].PayloadContent.Keysize has a value that is not allowed: 1000 (allowed: 1024, "
            "2048, 4096)");
  EXPECT_EQ(problems_of(scep({{"Subject", one(Array{"CN", "x"})}})),
            "PayloadContent[0].PayloadContent.Subject[0][0] is of type string, should be array; "
            "PayloadContent[0].PayloadContent.Subject[0][1] is of type string, should be array");
  EXPECT_EQ(problems_of(payload("com.apple.security.root", {{"PayloadContent", "text"}})),
            "PayloadContent[0].PayloadContent is of type string, should be data");
  Dict nameless = payload("com.example.unknown", {});
  nameless.erase("PayloadUUID");
  EXPECT_EQ(problems_of(nameless), "PayloadContent[0].PayloadUUID is missing");
  EXPECT_EQ(
      to_string(Schema::apple().check_profile(payload("Settings", {}))),
      "PayloadType has a value that is not allowed: Settings (allowed: Configuration); PayloadContent is "
      "missing");
}

TEST(Profile, PayloadsKnowTheirOwnAndTheCommonKeys) {
  const auto* mdm = Schema::apple().payload("com.apple.mdm");
  ASSERT_NE(mdm, nullptr);
  EXPECT_NE(mdm->request.find("CheckOutWhenRemoved"), nullptr);
  EXPECT_NE(mdm->request.find("PayloadDisplayName"), nullptr);
  EXPECT_EQ(Schema::apple().payload("com.apple.wifi.managed"), nullptr);
}

}  // namespace
}  // namespace mooring::schema

// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "base/plist/value.hpp"
#include "core/identity/bounded_cache.hpp"
#include "core/identity/judge.hpp"
#include "core/identity/unknown_devices.hpp"
#include "schema/schema.hpp"

#include <nlohmann/json.hpp>

namespace mooring::core::test {
namespace {

constexpr Time kJudgedAt{std::chrono::hours(500'000)};

struct Judged {
  const char* rule;
  std::function<void(AssociationFacts&, Claim&, AssociationRules&)> given;
  std::string expected;  ///< "known", "associate", "renewal", or a code.
};

class IdentityJudge : public testing::TestWithParam<Judged> {};

std::string verdict_of(const Result<Verdict>& verdict) {
  if (!verdict) return verdict.error().code;
  if (verdict->renewal) return verdict->associate ? "associate, renewal" : "known, renewal";
  return verdict->associate ? "associate" : "known";
}

// covers: mdm.A05, mdm.A06, mdm.A07, mdm.A09
TEST_P(IdentityJudge, Holds) {
  AssociationFacts facts;
  Claim claim{.enrollment = "DEVICE"};
  AssociationRules rules;
  GetParam().given(facts, claim, rules);
  EXPECT_EQ(verdict_of(judge(facts, claim, rules, kJudgedAt)), GetParam().expected);
}

using Facts = AssociationFacts;

INSTANTIATE_TEST_SUITE_P(
    Rules, IdentityJudge,
    testing::Values(
        Judged{"AuthenticateAssociatesAnUnusedCertificate",
               [](Facts&, Claim& c, AssociationRules&) { c.authenticate = true; }, "associate"},
        Judged{"AuthenticateAgainUnderTheSameOne",
               [](Facts& f, Claim& c, AssociationRules&) {
                 c.authenticate = true;
                 f.speaks_for = "DEVICE";
               },
               "known"},
        Judged{"AuthenticateWithAnothersCertificate",
               [](Facts& f, Claim& c, AssociationRules&) {
                 c.authenticate = true;
                 f.speaks_for = "OTHER";
               },
               "identity.in_use"},
        Judged{"AuthenticateOfALiveEnrollmentWithAFreshOneIsANewEnrollment",
               [](Facts& f, Claim& c, AssociationRules&) {
                 c.authenticate = f.known = f.enabled = f.issued = true;
                 f.bound_udid = "DEVICE";
                 f.identities = f.live_identities = 1;
               },
               "associate"},
        Judged{"AuthenticateWhereAllWereRevoked",
               [](Facts& f, Claim& c, AssociationRules&) {
                 c.authenticate = f.known = true;
                 f.identities = 2;
               },
               "associate"},
        Judged{"AuthenticateUnderACertificateBoundToAnotherUdid",
               [](Facts& f, Claim& c, AssociationRules&) {
                 c.authenticate = f.issued = true;
                 f.bound_udid = "OTHER";
               },
               "identity.bound"},
        Judged{"AuthenticateUnderACertificateBoundToAnotherSerial",
               [](Facts& f, Claim& c, AssociationRules&) {
                 c.authenticate = f.issued = true;
                 f.bound_serial = "C02OTHER";
                 c.serial_number = "C02THIS";
               },
               "identity.bound"},
        Judged{"AuthenticateWithoutTheSerialItIsBoundTo",
               [](Facts& f, Claim& c, AssociationRules&) {
                 c.authenticate = f.issued = true;
                 f.bound_serial = "C02THIS";
               },
               "identity.bound"},
        Judged{"AuthenticateUnderItsOwnBoundCertificate",
               [](Facts& f, Claim& c, AssociationRules&) {
                 c.authenticate = f.issued = true;
                 f.bound_serial = c.serial_number = "C02THIS";
                 f.bound_udid = "DEVICE";
               },
               "associate"},
        Judged{"AuthenticateUnderTheRenewalOfAnother",
               [](Facts& f, Claim& c, AssociationRules&) {
                 c.authenticate = f.issued = true;
                 f.renews_for = "OTHER";
               },
               "identity.bound"},
        Judged{"AuthenticateUnderARenewalOfALiveEnrollment",
               [](Facts& f, Claim& c, AssociationRules&) {
                 c.authenticate = f.known = f.enabled = f.issued = true;
                 f.renews_for = "DEVICE";
                 f.identities = f.live_identities = 1;
               },
               "associate, renewal"},
        Judged{"AuthenticateAfterTheTokenUpdateOfARenewal",
               [](Facts& f, Claim& c, AssociationRules&) {
                 c.authenticate = f.known = f.enabled = f.issued = true;
                 f.speaks_for = f.renews_for = "DEVICE";
                 f.identities = f.live_identities = 2;
               },
               "known, renewal"},
        Judged{"AuthenticateUnderARenewalOfAnEndedEnrollment",
               [](Facts& f, Claim& c, AssociationRules&) {
                 c.authenticate = f.known = f.issued = true;
                 f.renews_for = "DEVICE";
                 f.identities = f.live_identities = 1;
               },
               "associate"},
        Judged{"AuthenticateUnderARenewalOfARevokedOneIsANewEnrollment",
               [](Facts& f, Claim& c, AssociationRules&) {
                 c.authenticate = f.known = f.enabled = f.issued = f.renewed_revoked = true;
                 f.renews_for = "DEVICE";
                 f.identities = 1;
               },
               "associate"},
        Judged{"AMessageOfAKnownPair", [](Facts& f, Claim&, AssociationRules&) { f.speaks_for = "DEVICE"; },
               "known"},
        Judged{"AMessageUnderAnothersCertificate",
               [](Facts& f, Claim&, AssociationRules&) { f.speaks_for = "OTHER"; }, "identity.in_use"},
        Judged{"AMessageUnderAnUnknownCertificate",
               [](Facts& f, Claim&, AssociationRules&) {
                 f.known = true;
                 f.identities = f.live_identities = 1;
               },
               "identity.not_associated"},
        Judged{"AMessageOfAnUnknownEnrollment", [](Facts&, Claim&, AssociationRules&) {},
               "identity.unknown_device"},
        Judged{"AMessageOfAnEnrollmentThatCameFromAnotherServer",
               [](Facts& f, Claim&, AssociationRules&) { f.known = f.enabled = f.migrated = true; },
               "associate"},
        Judged{"AMessageOfAnEnrollmentThatCameFromAnotherServerAndEnded",
               [](Facts& f, Claim&, AssociationRules&) { f.known = f.migrated = true; },
               "identity.not_associated"},
        Judged{"ASecondCertificateOfAnEnrollmentThatCameFromAnotherServer",
               [](Facts& f, Claim&, AssociationRules&) {
                 f.known = f.enabled = f.migrated = true;
                 f.identities = f.live_identities = 1;
               },
               "identity.not_associated"},
        Judged{"AMessageOfARemovedEnrollment",
               [](Facts& f, Claim&, AssociationRules&) {
                 f.known = true;
                 f.identities = 1;
               },
               "identity.removed"},
        Judged{"AMessageUnderARenewal",
               [](Facts& f, Claim&, AssociationRules&) {
                 f.known = f.enabled = f.issued = true;
                 f.renews_for = "DEVICE";
                 f.identities = f.live_identities = 1;
               },
               "associate"},
        Judged{"AMessageUnderACertificateIssuedForThisDevice",
               [](Facts& f, Claim&, AssociationRules&) {
                 f.known = f.enabled = f.issued = true;
                 f.bound_serial = f.serial_number = "C02THIS";
                 f.identities = f.live_identities = 1;
               },
               "associate"},
        Judged{"AMessageUnderACertificateIssuedForAnother",
               [](Facts& f, Claim&, AssociationRules& r) {
                 f.known = f.issued = r.retro = true;
                 f.bound_udid = "OTHER";
               },
               "identity.bound"},
        Judged{"AMessageUnderARenewalOfARevokedOne",
               [](Facts& f, Claim&, AssociationRules&) {
                 f.known = f.issued = f.renewed_revoked = true;
                 f.renews_for = "DEVICE";
                 f.identities = 2;
                 f.live_identities = 1;
               },
               "identity.not_associated"},
        Judged{"AMessageUnderAnUnboundFreshOneOfOurs",
               [](Facts& f, Claim&, AssociationRules&) {
                 f.known = f.issued = true;
                 f.identities = f.live_identities = 1;
               },
               "identity.not_associated"},
        Judged{"RetroTakesAnEnrollmentWithoutAny",
               [](Facts& f, Claim&, AssociationRules& r) { f.known = r.retro = true; }, "associate"},
        Judged{"RetroTakesAnUnknownEnrollment", [](Facts&, Claim&, AssociationRules& r) { r.retro = true; },
               "associate"},
        Judged{"WithoutRetroItDoesNot", [](Facts& f, Claim&, AssociationRules&) { f.known = true; },
               "identity.not_associated"},
        Judged{"RetroDoesNotAddToOne",
               [](Facts& f, Claim&, AssociationRules& r) {
                 f.known = r.retro = true;
                 f.identities = f.live_identities = 1;
               },
               "identity.not_associated"},
        Judged{"RetroDoesNotBringBackARemovedOne",
               [](Facts& f, Claim&, AssociationRules& r) {
                 f.known = r.retro = true;
                 f.identities = 1;
               },
               "identity.removed"},
        Judged{"RetroDoesNotTakeAUsedCertificate",
               [](Facts& f, Claim&, AssociationRules& r) {
                 f.known = r.retro = true;
                 f.speaks_for = "OTHER";
               },
               "identity.in_use"},
        Judged{"ASupersededOneWithinItsGrace",
               [](Facts& f, Claim&, AssociationRules& r) {
                 f.speaks_for = "DEVICE";
                 f.superseded_at = kJudgedAt - r.superseded_grace + std::chrono::seconds(1);
               },
               "known"},
        Judged{"ASupersededOneAfterItsGrace",
               [](Facts& f, Claim&, AssociationRules& r) {
                 f.speaks_for = "DEVICE";
                 f.superseded_at = kJudgedAt - r.superseded_grace;
               },
               "identity.superseded"},
        Judged{"ARevokedOne",
               [](Facts& f, Claim& c, AssociationRules&) {
                 f.revoked = c.authenticate = true;
                 f.speaks_for = "DEVICE";
               },
               "identity.revoked"},
        Judged{"ARevokedCertificateThatWasNeverUsed",
               [](Facts& f, Claim& c, AssociationRules&) { f.revoked = f.issued = c.authenticate = true; },
               "identity.revoked"},
        Judged{"ACertificateWithChangedBytes",
               [](Facts& f, Claim& c, AssociationRules&) { f.altered = c.authenticate = true; },
               "identity.altered"}),
    [](const auto& info) { return info.param.rule; });

// covers: mdm.C14
TEST(UnknownDevice, HearsWhatItsSystemKnows) {
  struct Row {
    const char* product;
    const char* version;
    bool knows;
  };
  for (const auto& [product, version, knows] :
       {Row{"iPhone14,5", "17.0", true}, Row{"iPhone14,5", "16.7.2", false}, Row{"iPad13,1", "18.1", true},
        Row{"iPad13,1", "9.3", false}, Row{"MacBookPro18,1", "14.0", true}, Row{"Mac14,2", "13.6", false},
        Row{"iMac21,1", "13.0", false}, Row{"VirtualMac2,1", "15.1", true}, Row{"AppleTV11,1", "16.6", false},
        Row{"Watch6,1", "10.0", true}, Row{"Watch6,1", "9.6", false}, Row{"RealityDevice14,1", "1.0", false},
        Row{"RealityDevice14,1", "1.1", true}, Row{"iPhone14,5", "", true}, Row{"", "16.0", true},
        Row{"Unheard1,1", "1.0", true}}) {
    EXPECT_EQ(knows_error_codes(product, version), knows) << product << " " << version;
  }
  const auto told = unrecognized_device(true, "id");
  EXPECT_EQ(told.status, 403);
  EXPECT_EQ(told.headers.get("Content-Type"), "application/json");
  const auto body = nlohmann::json::parse(told.body);
  EXPECT_EQ(body["code"], "com.apple.unrecognized.device");
  plist::Dict dict;
  for (const auto& [key, value] : body.items()) dict.set(key, value.get<std::string>());
  EXPECT_EQ(schema::to_string(schema::Schema::apple().check_error_body(dict)), "");
  EXPECT_EQ(unrecognized_device(false, "id").status, 401);
}

TEST(BoundedCacheTest, KeepsWhatIsAskedForAndStaysSmall) {
  BoundedCache<int> cache(100);
  cache.put("kept", 1);
  for (int i = 0; i < 10'000; ++i) {
    cache.put(std::to_string(i), i);
    EXPECT_EQ(cache.get("kept"), 1);
    EXPECT_LE(cache.size(), 102U);
  }
  EXPECT_EQ(cache.get("9999"), 9999);
  EXPECT_EQ(cache.get("1"), std::nullopt);
  cache.put("kept", 2);
  EXPECT_EQ(cache.get("kept"), 2);
  cache.erase("kept");
  EXPECT_EQ(cache.get("kept"), std::nullopt);
}

}  // namespace
}  // namespace mooring::core::test

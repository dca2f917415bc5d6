// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "base/crypto/crypto.hpp"
#include "core/scep/policy.hpp"

namespace mooring::core::scep {
namespace {

constexpr Time kPolicyNow{std::chrono::microseconds{1'793'000'000'000'000}};
constexpr auto kUdid = "00008030-001C2D223456802E";

struct SubjectCase {
  const char* name;
  std::vector<crypto::NameAttribute> asked;
  Binding binding;
  std::vector<crypto::NameAttribute> granted;  ///< Empty: refused.
};

class ScepSubject : public testing::TestWithParam<SubjectCase> {};

// covers: mdm.S04
TEST_P(ScepSubject, FollowsThePolicy) {
  const auto& given = GetParam();
  const auto subject = subject_of({.subject = given.asked}, given.binding);
  if (given.granted.empty()) {
    ASSERT_FALSE(subject);
    EXPECT_EQ(subject.error().info, FailInfo::bad_request);
  } else {
    ASSERT_TRUE(subject) << subject.error().why;
    EXPECT_EQ(*subject, given.granted);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Table, ScepSubject,
    testing::Values(
        SubjectCase{"kept", {{"O", "Acme"}, {"CN", "MDM"}}, {}, {{"O", "Acme"}, {"CN", "MDM"}}},
        SubjectCase{"others_left_out", {{"CN", "x"}, {"title", "boss"}, {"1.2.3.4", "y"}}, {}, {{"CN", "x"}}},
        SubjectCase{"none_at_all", {}, {}, {{"CN", "device"}}},
        SubjectCase{"none_but_bound", {}, {.udid = kUdid}, {{"CN", kUdid}}},
        SubjectCase{"none_but_serial", {}, {.serial_number = "C02"}, {{"CN", "C02"}}},
        SubjectCase{"empty_value", {{"CN", ""}}, {}, {}},
        SubjectCase{"too_long", {{"CN", std::string(65, 'x')}}, {}, {}},
        SubjectCase{"as_long_as_allowed", {{"CN", std::string(64, 'x')}}, {}, {{"CN", std::string(64, 'x')}}},
        SubjectCase{"control_character", {{"CN", std::string("a\0b", 3)}}, {}, {}},
        SubjectCase{"no_utf8", {{"CN", "\xFF"}}, {}, {}},
        SubjectCase{"too_many", std::vector<crypto::NameAttribute>(17, {"OU", "x"}), {}, {}},
        SubjectCase{"own_udid",
                    {{"CN", "00008030-001c2d223456802e"}},
                    {.udid = kUdid},
                    {{"CN", "00008030-001c2d223456802e"}}},
        SubjectCase{"other_udid", {{"CN", "00008030-FFFFFFFFFFFFFFFF"}}, {.udid = kUdid}, {}},
        SubjectCase{
            "other_udid_as_uid", {{"CN", "MDM"}, {"UID", "00008030-FFFFFFFFFFFFFFFF"}}, {.udid = kUdid}, {}},
        SubjectCase{"udid_without_binding", {{"CN", kUdid}}, {.serial_number = "C02"}, {{"CN", kUdid}}},
        SubjectCase{
            "own_serial", {{"serialNumber", "c02"}}, {.serial_number = "C02"}, {{"serialNumber", "c02"}}},
        SubjectCase{"other_serial", {{"serialNumber", "C03"}}, {.serial_number = "C02"}, {}},
        SubjectCase{
            "serial_with_udid_bound", {{"serialNumber", "C03"}}, {.udid = kUdid}, {{"serialNumber", "C03"}}}),
    [](const auto& info) { return info.param.name; });

Message pkcs_req(std::string challenge) {
  Message message;
  message.type = MessageType::pkcs_req;
  message.ask = CertificateAsk{.challenge = std::move(challenge)};
  return message;
}

bool grants(const Decision& decision) { return std::holds_alternative<Grant>(decision); }
bool refuses(const Decision& decision, FailInfo info) {
  const auto* refusal = std::get_if<Refusal>(&decision);
  return refusal != nullptr && refusal->info == info;
}

// covers: mdm.S04
TEST(ScepDecision, AChallengeCountsWhileItIsFreshAndUnused) {
  const auto message = pkcs_req("c");
  Known known;
  EXPECT_TRUE(refuses(decide(message, known, {}, kPolicyNow), FailInfo::bad_request)) << "unknown";
  known.challenge = Known::Challenge{.id = 7, .expires_at = kPolicyNow + std::chrono::seconds(1)};
  EXPECT_TRUE(grants(decide(message, known, {}, kPolicyNow)));
  EXPECT_TRUE(
      refuses(decide(message, known, {}, kPolicyNow + std::chrono::seconds(1)), FailInfo::bad_request));
  known.challenge->used = true;
  EXPECT_TRUE(refuses(decide(message, known, {}, kPolicyNow), FailInfo::bad_request));
  known.challenge->one_time = false;
  EXPECT_TRUE(grants(decide(message, known, {}, kPolicyNow)));
  EXPECT_TRUE(refuses(decide(pkcs_req(""), {}, {}, kPolicyNow), FailInfo::bad_request)) << "none came";
}

// covers: mdm.A07
TEST(ScepDecision, AChallengeForARenewalNamesWhatItRenews) {
  Known known;
  known.challenge =
      Known::Challenge{.id = 7, .expires_at = kPolicyNow + std::chrono::hours(1), .renews = "old"};
  const auto decision = decide(pkcs_req("c"), known, {}, kPolicyNow);
  ASSERT_TRUE(grants(decision));
  EXPECT_EQ(std::get<Grant>(decision).renews, "old");
  EXPECT_FALSE(std::get<Grant>(decision).renewal) << "the request is not signed by it";
  known.challenge->renewed_revoked = true;
  EXPECT_TRUE(refuses(decide(pkcs_req("c"), known, {}, kPolicyNow), FailInfo::bad_request));
}

// covers: mdm.S09
TEST(ScepDecision, ARepetitionHasTheSameCredential) {
  Known known;
  known.challenge = Known::Challenge{.id = 7, .used = true, .expires_at = kPolicyNow - std::chrono::hours(1)};
  known.prior = Known::Prior{.der = "d", .challenge = 7};
  EXPECT_TRUE(std::holds_alternative<Repeat>(decide(pkcs_req("c"), known, {}, kPolicyNow)));
  known.prior->challenge = 8;
  EXPECT_TRUE(refuses(decide(pkcs_req("c"), known, {}, kPolicyNow), FailInfo::bad_request));
  EXPECT_TRUE(grants(decide(pkcs_req("c"), known, {.static_challenge = true}, kPolicyNow)))
      << "issued for a challenge of its own, not for the static one";
  known.prior->challenge.reset();
  EXPECT_TRUE(
      std::holds_alternative<Repeat>(decide(pkcs_req("c"), known, {.static_challenge = true}, kPolicyNow)));
}

// covers: mdm.S05
TEST(ScepDecision, ARenewalIsProvenByACertificateOfOurs) {
  auto message = pkcs_req("");
  message.type = MessageType::renewal_req;
  Known known;
  EXPECT_TRUE(refuses(decide(message, known, {}, kPolicyNow), FailInfo::bad_message_check));
  known.challenge = Known::Challenge{.id = 7, .expires_at = kPolicyNow + std::chrono::hours(1)};
  EXPECT_TRUE(refuses(decide(message, known, {}, kPolicyNow), FailInfo::bad_message_check))
      << "a challenge is no substitute";
  known.signer = Known::Signer{.der = "d", .not_after = kPolicyNow, .binding = {.udid = kUdid}};
  const auto decision = decide(message, known, {}, kPolicyNow);
  ASSERT_TRUE(grants(decision));
  EXPECT_TRUE(std::get<Grant>(decision).renewal);
  EXPECT_EQ(std::get<Grant>(decision).binding.udid, kUdid);
  const auto later = kPolicyNow + std::chrono::hours(1);
  EXPECT_TRUE(refuses(decide(message, known, {}, later), FailInfo::bad_request));
  EXPECT_TRUE(grants(decide(message, known, {.renewal_grace = std::chrono::hours(1)}, later)));
  EXPECT_TRUE(grants(decide(pkcs_req(""), known, {}, kPolicyNow))) << "strongSwan renews by PKCSReq";
  known.signer->revoked = true;
  EXPECT_TRUE(refuses(decide(message, known, {}, kPolicyNow), FailInfo::bad_request));
}

}  // namespace
}  // namespace mooring::core::scep

// SPDX-License-Identifier: Apache-2.0
#include "core/push_answer.hpp"

#include <gtest/gtest.h>

#include <set>

namespace mooring::core {
namespace {

using namespace std::chrono_literals;

const Time kAnswerNow = std::chrono::sys_days{std::chrono::year{2026} / 11 / 1};

std::string reason_body(const std::string& reason) { return "{\"reason\":\"" + reason + "\"}"; }

PushJudgement judged(int status, const std::string& reason, std::string_view retry_after = {}) {
  const auto body = reason_body(reason);
  return judge_push({.status = status, .body = body, .retry_after = retry_after}, kAnswerNow - 24h,
                    kAnswerNow);
}

struct AnswerCase {
  const char* name;
  int status;
  const char* reason;
  PushVerdict verdict;
};

class PushAnswers : public ::testing::TestWithParam<AnswerCase> {};

// covers: mdm.P03
TEST_P(PushAnswers, MeanWhatApplesTableSays) {
  const auto& [name, status, reason, verdict] = GetParam();
  const auto judgement = judged(status, reason);
  EXPECT_EQ(judgement.verdict, verdict);
  EXPECT_EQ(judgement.reason, reason);
}

INSTANTIATE_TEST_SUITE_P(
    , PushAnswers,
    ::testing::Values(AnswerCase{"BadToken", 400, "BadDeviceToken", PushVerdict::token_dead},
                      AnswerCase{"ForeignToken", 400, "DeviceTokenNotForTopic", PushVerdict::token_dead},
                      AnswerCase{"Unregistered", 410, "Unregistered", PushVerdict::token_dead},
                      AnswerCase{"Expired", 410, "ExpiredToken", PushVerdict::token_dead},
                      AnswerCase{"Topic", 400, "TopicDisallowed", PushVerdict::refused},
                      AnswerCase{"BadTopic", 400, "BadTopic", PushVerdict::refused},
                      AnswerCase{"BadCertificate", 403, "BadCertificate", PushVerdict::refused},
                      AnswerCase{"Environment", 403, "BadCertificateEnvironment", PushVerdict::refused},
                      AnswerCase{"Forbidden", 403, "Forbidden", PushVerdict::refused},
                      AnswerCase{"Throttled", 429, "TooManyRequests", PushVerdict::device_waits},
                      AnswerCase{"Internal", 500, "InternalServerError", PushVerdict::service_waits},
                      AnswerCase{"Busy", 503, "ServiceUnavailable", PushVerdict::service_waits},
                      AnswerCase{"Shutdown", 503, "Shutdown", PushVerdict::service_waits},
                      AnswerCase{"Idle", 400, "IdleTimeout", PushVerdict::service_waits},
                      AnswerCase{"Path", 404, "BadPath", PushVerdict::mistake},
                      AnswerCase{"Method", 405, "MethodNotAllowed", PushVerdict::mistake},
                      AnswerCase{"TooLarge", 413, "PayloadTooLarge", PushVerdict::mistake},
                      AnswerCase{"Empty", 400, "PayloadEmpty", PushVerdict::mistake},
                      AnswerCase{"Date", 400, "BadExpirationDate", PushVerdict::mistake}),
    [](const auto& param) { return param.param.name; });

// covers: mdm.P03
TEST(PushAnswer, AReasonThatIsNewIsJudgedByItsStatus) {
  EXPECT_EQ(judged(403, "SomethingNew").verdict, PushVerdict::refused);
  EXPECT_EQ(judged(410, "SomethingNew").verdict, PushVerdict::token_dead);
  EXPECT_EQ(judged(429, "SomethingNew").verdict, PushVerdict::device_waits);
  EXPECT_EQ(judged(502, "SomethingNew").verdict, PushVerdict::service_waits);
  EXPECT_EQ(judged(400, "SomethingNew").verdict, PushVerdict::mistake);
  EXPECT_EQ(judged(403, "SomethingNew").reason, "Other") << "labels are bounded";
  EXPECT_EQ(judged(500, "BadDeviceToken").verdict, PushVerdict::service_waits)
      << "a reason under another status does not kill a token";
}

TEST(PushAnswer, ABodyThatIsNoJsonIsNoHarm) {
  for (const char* body : {"", "<html>", "[]", "{\"reason\":7}", "\xff\xfe"}) {
    const auto judgement =
        judge_push({.status = 503, .body = body, .retry_after = {}}, kAnswerNow, kAnswerNow);
    EXPECT_EQ(judgement.verdict, PushVerdict::service_waits) << body;
    EXPECT_EQ(judgement.reason, "Other") << body;
  }
}

// covers: mdm.P03
TEST(PushAnswer, UnregisteredBeforeTheLastTokenUpdateSpeaksOfAnOlderToken) {
  const auto judged_at = [](Time timestamp) {
    const auto ms =
        std::chrono::duration_cast<std::chrono::milliseconds>(timestamp.time_since_epoch()).count();
    const auto body = "{\"reason\":\"Unregistered\",\"timestamp\":" + std::to_string(ms) + "}";
    return judge_push({.status = 410, .body = body, .retry_after = {}}, kAnswerNow, kAnswerNow).verdict;
  };
  EXPECT_EQ(judged_at(kAnswerNow + 1s), PushVerdict::token_dead);
  EXPECT_EQ(judged_at(kAnswerNow), PushVerdict::device_waits);
  EXPECT_EQ(judged_at(kAnswerNow - 1h), PushVerdict::device_waits);
}

TEST(PushAnswer, RetryAfterIsSecondsOrADate) {
  EXPECT_EQ(judged(503, "ServiceUnavailable", "120").retry_after, 120s);
  EXPECT_EQ(judged(503, "ServiceUnavailable", "Sun, 01 Nov 2026 00:05:00 GMT").retry_after, 300s);
  EXPECT_EQ(judged(503, "ServiceUnavailable", "Sat, 31 Oct 2026 23:00:00 GMT").retry_after, 0s);
  EXPECT_EQ(judged(503, "ServiceUnavailable", "-5").retry_after, 0s);
  for (const char* text : {"", "soon", "12x", "99999999999999999999"}) {
    EXPECT_EQ(judged(503, "ServiceUnavailable", text).retry_after, std::nullopt) << text;
  }
}

// covers: mdm.P02
TEST(PushAnswer, TheBodyHoldsTheMagicAndNothingElse) {
  EXPECT_EQ(push_body("ABC-1"), "{\"mdm\":\"ABC-1\"}");
  EXPECT_EQ(push_body("a\"b\\c\n"), "{\"mdm\":\"a\\\"b\\\\c\\n\"}");
  EXPECT_EQ(push_body("\xC3\xA9"), "{\"mdm\":\"\xC3\xA9\"}");
}

}  // namespace
}  // namespace mooring::core

// SPDX-License-Identifier: Apache-2.0
#include "api/detail/text.hpp"

#include <gtest/gtest.h>

#include "api/auth.hpp"

namespace mooring::api::text_test {
namespace {

using namespace detail;

http::Request get(std::string target) {
  http::Request request;
  request.target = std::move(target);
  return request;
}

template <class T>
std::string code_of(const Result<T>& result) {
  return result ? "" : result.error().code;
}

TEST(Base64Url, HasNoCharacterThatAUrlWouldChange) {
  const std::string bytes("\xfb\xff\xfe\x00\x01", 5);
  EXPECT_EQ(to_base64url(bytes), "-__-AAE");
  EXPECT_EQ(from_base64url(to_base64url(bytes)), bytes);
  EXPECT_EQ(from_base64url("a+b="), std::nullopt);
  EXPECT_EQ(from_base64url("a b"), std::nullopt);
}

TEST(ParseNumber, TakesWholeTextsOnly) {
  EXPECT_EQ(parse_number<int>("42"), 42);
  EXPECT_EQ(parse_number<int>("-7"), -7);
  for (const auto* text : {"", "4x", " 4", "99999999999", "1.5"}) {
    EXPECT_EQ(parse_number<int>(text), std::nullopt) << text;
  }
}

TEST(QueryText, RefusesWhatADatabaseCannotHold) {
  EXPECT_EQ(query_text(get("/x?a=b%20c"), "a").value(), "b c");
  EXPECT_EQ(query_text(get("/x?b=1"), "a").value(), std::nullopt);
  EXPECT_EQ(code_of(query_text(get("/x?a=b%00"), "a")), "request.bad_parameter");
  EXPECT_EQ(code_of(query_text(get("/x?a=%ff"), "a")), "request.bad_parameter");
  EXPECT_EQ(code_of(query_text(get("/x?a=%zz"), "a")), "request.bad_parameter");
  EXPECT_EQ(code_of(query_text(get("/x?a=1&a=2"), "a")), "request.bad_parameter");
}

TEST(QueryTexts, GivesEveryValueInOrder) {
  const auto values = query_texts(get("/x?device=B&y=1&device=A"), "device");
  ASSERT_TRUE(values);
  EXPECT_EQ(*values, (std::vector<std::string>{"B", "A"}));
}

TEST(QueryFlag, IsTrueOrFalse) {
  EXPECT_EQ(query_flag(get("/x?f=true"), "f").value(), true);
  EXPECT_EQ(query_flag(get("/x?f=false"), "f").value(), false);
  EXPECT_EQ(query_flag(get("/x"), "f").value(), std::nullopt);
  EXPECT_EQ(code_of(query_flag(get("/x?f=1"), "f")), "request.bad_parameter");
}

TEST(ParseSpan, NeedsAUnitAndAReasonableLength) {
  EXPECT_EQ(parse_span("expires_in", "15m").value(), std::chrono::minutes(15));
  EXPECT_EQ(parse_span("expires_in", "7d").value(), std::chrono::hours(168));
  for (const auto* text : {"", "15", "m", "-5m", "0s", "10000d"}) {
    EXPECT_EQ(code_of(parse_span("expires_in", text)), "request.bad_parameter") << text;
  }
}

TEST(PageOf, BeginsWithAHundred) {
  const auto page = page_of(get("/v1/devices"), "devices");
  ASSERT_TRUE(page);
  EXPECT_EQ(page->limit, 100);
  EXPECT_EQ(page->after, "");
}

TEST(PageOf, KeepsTheLimitBetweenOneAndAThousand) {
  EXPECT_EQ(page_of(get("/x?limit=1000"), "x")->limit, 1000);
  for (const auto* target : {"/x?limit=0", "/x?limit=1001", "/x?limit=-1", "/x?limit=ten", "/x?limit="}) {
    EXPECT_EQ(code_of(page_of(get(target), "x")), "request.bad_parameter") << target;
  }
}

TEST(Cursor, GoesOnWhereItsOwnListEnded) {
  const std::string cursor = make_cursor("profiles", "wifi:guest");
  EXPECT_EQ(page_of(get("/x?cursor=" + cursor), "profiles")->after, "wifi:guest");
  EXPECT_EQ(code_of(page_of(get("/x?cursor=" + cursor), "devices")), "request.bad_cursor");
  EXPECT_EQ(code_of(page_of(get("/x?cursor=%21"), "profiles")), "request.bad_cursor");
  EXPECT_EQ(code_of(page_of(get("/x?cursor="), "profiles")), "request.bad_cursor");
}

TEST(Cursor, OfANumberedListHoldsANumber) {
  EXPECT_EQ(numbered_page_of(get("/x?cursor=" + make_cursor("devices", "17")), "devices")->after, 17);
  EXPECT_EQ(numbered_page_of(get("/x"), "devices")->after, 0);
  const std::string foreign = make_cursor("devices", "seventeen");
  EXPECT_EQ(code_of(numbered_page_of(get("/x?cursor=" + foreign), "devices")), "request.bad_cursor");
}

struct IfMatchCase {
  const char* field;
  const char* etag;
  bool holds;
};
class IfMatch : public ::testing::TestWithParam<IfMatchCase> {};

TEST_P(IfMatch, HoldsForTheNamedStateOnly) {
  http::Request request;
  if (*GetParam().field != '\0') request.headers.set("If-Match", GetParam().field);
  EXPECT_EQ(if_match_holds(request, GetParam().etag), GetParam().holds);
}

INSTANTIATE_TEST_SUITE_P(Fields, IfMatch,
                         ::testing::Values(IfMatchCase{"", "\"a\"", true}, IfMatchCase{"", "", true},
                                           IfMatchCase{"*", "\"a\"", true}, IfMatchCase{"*", "", false},
                                           IfMatchCase{"\"a\"", "\"a\"", true},
                                           IfMatchCase{"\"b\", \"a\"", "\"a\"", true},
                                           IfMatchCase{"\"b\"", "\"a\"", false},
                                           IfMatchCase{"\"a\"", "", false},
                                           IfMatchCase{"W/\"a\"", "\"a\"", false}));

TEST(BearerToken, IsReadWhateverTheCaseOfTheScheme) {
  EXPECT_EQ(bearer_token("Bearer mrg_1").value(), "mrg_1");
  EXPECT_EQ(bearer_token("bearer  mrg_1 ").value(), "mrg_1");
  for (const auto* field : {"", "Bearer", "Bearer ", "Basic bXJnOjE=", "mrg_1"}) {
    EXPECT_EQ(code_of(bearer_token(field)), "auth.missing") << field;
  }
}

}  // namespace
}  // namespace mooring::api::text_test

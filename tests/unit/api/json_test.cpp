// SPDX-License-Identifier: Apache-2.0
#include "api/detail/json.hpp"

#include <gtest/gtest.h>

namespace mooring::api::json_test {
namespace {

using namespace detail;

http::Request with_body(std::string body) {
  http::Request request;
  request.body = std::move(body);
  return request;
}

template <class T>
std::string code_of(const Result<T>& result) {
  return result ? "" : result.error().code;
}

TEST(ParseObject, NamesAnUnknownKeyAndTheKnownOnes) {
  const auto result = parse_object(with_body(R"({"profile":"wifi","scop":"all"})"), {"profile", "scope"});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, "request.unknown_key");
  EXPECT_NE(result.error().message.find("\"scop\""), std::string::npos);
  EXPECT_NE(result.error().message.find("profile, scope"), std::string::npos);
}

TEST(ParseObject, RefusesWhatIsNoObject) {
  for (const auto* body : {"", "{", "[]", "\"x\"", "null", "{\"a\":\"\xff\"}", "{} {}"}) {
    EXPECT_EQ(code_of(parse_object(with_body(body), {"a"})), "request.malformed") << body;
  }
  EXPECT_TRUE(parse_object(with_body("{}"), {}));
}

TEST(ParseObject, RefusesShapesThatCostMoreThanTheirBytes) {
  const std::string deep = "{\"a\":" + std::string(100000, '[') + std::string(100000, ']') + "}";
  EXPECT_EQ(code_of(parse_object(with_body(deep))), "request.too_deep");
  std::string open_only;
  for (int i = 0; i < 100000; ++i) open_only += "{\"a\":";
  EXPECT_EQ(code_of(parse_object(with_body(open_only))), "request.too_deep");
  std::string wide = "{\"k\":0";
  for (int i = 0; i < 10000; ++i) wide += ",\"k" + std::to_string(i) + "\":0";
  EXPECT_EQ(code_of(parse_object(with_body(wide + "}"))), "request.too_many_keys");
  std::string list = "{\"list\":[{\"a\":1,\"b\":\"[[{\\\":\"}";
  for (int i = 0; i < 20000; ++i) list += ",{\"a\":1,\"b\":2}";
  const auto many_small = parse_object(with_body(list + "]}"));
  ASSERT_TRUE(many_small) << many_small.error().message;
  EXPECT_EQ((*many_small)["list"].size(), 20001U);
}

TEST(PlistOfJson, LeavesNullMembersOutAndKeepsNumbersAsTheyAre) {
  const auto made =
      plist_of(Json::parse(R"({"a":null,"b":[1,-1,1.0,true,"x"],"c":{"d":18446744073709551615}})"));
  ASSERT_TRUE(made);
  EXPECT_EQ(*made,
            plist::Value(plist::Dict{{"b", plist::Array{1, -1, 1.0, true, "x"}},
                                     {"c", plist::Dict{{"d", std::uint64_t{18446744073709551615U}}}}}));
  EXPECT_EQ(code_of(plist_of(Json::parse("[null]"))), "request.wrong_type");
}

TEST(RequiredText, TellsMissingFromWrong) {
  const auto object = parse_object(with_body(R"({"a":"x","b":1,"c":"","d":"\u0000"})"), {"a", "b", "c", "d"});
  ASSERT_TRUE(object);
  EXPECT_EQ(required_text(*object, "a").value(), "x");
  EXPECT_EQ(code_of(required_text(*object, "b")), "request.wrong_type");
  EXPECT_EQ(code_of(required_text(*object, "c")), "request.missing_key");
  EXPECT_EQ(code_of(required_text(*object, "d")), "request.wrong_type");
  EXPECT_EQ(code_of(required_text(*object, "e")), "request.missing_key");
  EXPECT_EQ(optional_text(*object, "e").value(), std::nullopt);
}

TEST(PageJson, EndsWithNull) {
  EXPECT_EQ(page_json(Json::array()).dump(), R"({"items":[],"next_cursor":null})");
  EXPECT_EQ(page_json(Json::array({1}), "abc").dump(), R"({"items":[1],"next_cursor":"abc"})");
}

TEST(PlistAsJson, KeepsMeaning) {
  const plist::Value report(plist::Dict{{"Status", "Acknowledged"},
                                        {"Level", 0.5},
                                        {"Supervised", true},
                                        {"Big", std::uint64_t{18446744073709551615U}},
                                        {"Token", plist::Data{std::string("\x01\x02", 2)}},
                                        {"At", plist::Date{1'800'000'000}},
                                        {"List", plist::Array{1, "two"}}});
  EXPECT_EQ(json_of(report).dump(),
            R"({"Status":"Acknowledged","Level":0.5,"Supervised":true,"Big":18446744073709551615,)"
            R"("Token":"AQI=","At":"2027-01-15T08:00:00.000Z","List":[1,"two"]})");
}

TEST(StoredJson, OfDamagedTextIsNull) {
  EXPECT_TRUE(stored_json(std::nullopt).is_null());
  EXPECT_TRUE(stored_json("{").is_null());
  EXPECT_EQ(stored_json(R"([{"ErrorCode":12}])")[0]["ErrorCode"], 12);
}

TEST(JsonResponse, SurvivesForeignBytes) {
  const auto response = json_response(200, {{"name", "\xff"}});
  EXPECT_EQ(response.body, "{\"name\":\"\xEF\xBF\xBD\"}\n");
  EXPECT_EQ(response.headers.get("Content-Type"), "application/json");
}

}  // namespace
}  // namespace mooring::api::json_test

// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/http/message.hpp"

namespace mooring::http {
namespace {

using testing::ElementsAre;
using testing::Pair;

TEST(Headers, NamesCompareWithoutCase) {
  Headers headers;
  headers.add("Content-Type", "text/plain");
  EXPECT_EQ(headers.get("content-TYPE"), "text/plain");
  EXPECT_TRUE(headers.has("CONTENT-TYPE"));
  EXPECT_FALSE(headers.has("Content"));
  EXPECT_EQ(headers.get("absent"), "");
}

TEST(Headers, SetReplacesAllOfThatNameInPlace) {
  Headers headers;
  headers.add("A", "1");
  headers.add("b", "2");
  headers.add("a", "3");
  headers.set("a", "4");
  headers.set("c", "5");
  EXPECT_THAT(headers.all(), ElementsAre(Pair("A", "4"), Pair("b", "2"), Pair("c", "5")));
}

struct TargetCase {
  const char* target;
  const char* path;
  const char* query;
};
class Target : public testing::TestWithParam<TargetCase> {};

TEST_P(Target, SplitsIntoPathAndQuery) {
  const Request request{.target = GetParam().target};
  EXPECT_EQ(request.path(), GetParam().path);
  EXPECT_EQ(request.query(), GetParam().query);
}
INSTANTIATE_TEST_SUITE_P(Forms, Target,
                         testing::Values(TargetCase{"/", "/", ""}, TargetCase{"/a?b=c?d", "/a", "b=c?d"},
                                         TargetCase{"/a?", "/a", ""},
                                         TargetCase{"http://host:80/a/b?c", "/a/b", "c"},
                                         TargetCase{"http://host", "/", ""},
                                         TargetCase{"http://host?q", "/", "q"}, TargetCase{"*", "*", ""}));

TEST(QueryParam, IsTheFirstOfItsNameDecoded) {
  const Request request{.target = "/?operation=PKIOperation&m%65ssage=a%2Bb+c&x&x=2&bad=%zz"};
  EXPECT_EQ(request.query_param("operation"), "PKIOperation");
  EXPECT_EQ(request.query_param("message"), "a+b c");
  EXPECT_EQ(request.query_param("x"), "");
  EXPECT_EQ(request.query_param("bad"), "%zz");
  EXPECT_EQ(request.query_param("absent"), std::nullopt);
}

struct StatusCase {
  Failure failure;
  int status;
};
class StatusOf : public testing::TestWithParam<StatusCase> {};
TEST_P(StatusOf, Failure) { EXPECT_EQ(status_of(GetParam().failure), GetParam().status); }
INSTANTIATE_TEST_SUITE_P(
    All, StatusOf,
    testing::Values(StatusCase{Failure::invalid, 400}, StatusCase{Failure::unauthorized, 401},
                    StatusCase{Failure::forbidden, 403}, StatusCase{Failure::not_found, 404},
                    StatusCase{Failure::conflict, 409}, StatusCase{Failure::too_large, 413},
                    StatusCase{Failure::unsupported, 415}, StatusCase{Failure::internal, 500},
                    StatusCase{Failure::busy, 503}, StatusCase{Failure::unavailable, 503},
                    StatusCase{Failure::timeout, 504}));

TEST(Problem, IsAnRfc9457Document) {
  const auto response = problem({Failure::conflict, "profile.changed", "Someone was faster."}, "id-1");
  EXPECT_EQ(response.status, 409);
  EXPECT_EQ(response.headers.get("content-type"), "application/problem+json");
  const auto document = nlohmann::json::parse(response.body);
  EXPECT_EQ(document, (nlohmann::json{{"type", "about:blank"},
                                      {"title", "Conflict"},
                                      {"status", 409},
                                      {"code", "profile.changed"},
                                      {"detail", "Someone was faster."},
                                      {"request_id", "id-1"}}));
}

TEST(Problem, OfAFullQueueSaysWhenToComeBack) {
  EXPECT_EQ(problem({Failure::busy, "queue.full", "Full."}).headers.get("Retry-After"), "1");
  EXPECT_EQ(problem({Failure::invalid, "x", "X."}).headers.get("Retry-After"), "");
}

TEST(Problem, SurvivesForeignBytesInItsMessage) {
  const auto response = problem({Failure::invalid, "x", "bad \xff byte"});
  EXPECT_EQ(nlohmann::json::parse(response.body)["detail"], "bad \xEF\xBF\xBD byte");
}

TEST(Problem, MayTakeAStatusOfItsOwn) {
  const auto response = problem(412, {Failure::conflict, "etag.stale", "Stale."});
  EXPECT_EQ(response.status, 412);
  EXPECT_EQ(nlohmann::json::parse(response.body)["title"], "Precondition Failed");
}

}  // namespace
}  // namespace mooring::http

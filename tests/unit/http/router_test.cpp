// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/http/detail/router.hpp"

namespace mooring::http::detail {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;
using Kind = RouteMatch::Kind;

Task<Response> never(Request) { co_return Response{}; }
Route route_to(std::string method, std::string pattern) {
  return {std::move(method), std::move(pattern), never};
}

const Router& sample_router() {
  static const Router kRouter(
      {route_to("GET", "/"), route_to("GET", "/v1/devices/{id}"), route_to("POST", "/v1/devices/sync"),
       route_to("DELETE", "/v1/devices/{id}"), route_to("GET", "/v1/devices/{device}/items/{item}"),
       route_to("GET", "/files/{path...}"), route_to("GET", "/files/index"), route_to("PUT", "/mdm")});
  return kRouter;
}

struct FoundCase {
  const char* method;
  const char* path;
  const char* pattern;
};
class RouterFinds : public testing::TestWithParam<FoundCase> {};
TEST_P(RouterFinds, ThePattern) {
  const auto match = sample_router().find(GetParam().method, GetParam().path);
  ASSERT_EQ(match.kind, Kind::found);
  EXPECT_EQ(sample_router().routes()[match.route].pattern, GetParam().pattern);
}
INSTANTIATE_TEST_SUITE_P(Paths, RouterFinds,
                         testing::Values(FoundCase{"GET", "/", "/"}, FoundCase{"PUT", "/mdm", "/mdm"},
                                         FoundCase{"GET", "/v1/devices/7", "/v1/devices/{id}"},
                                         FoundCase{"DELETE", "/v1/devices/7", "/v1/devices/{id}"},
                                         FoundCase{"POST", "/v1/devices/sync", "/v1/devices/sync"},
                                         FoundCase{"GET", "/v1/devices/sync",
                                                   "/v1/devices/{id}"},  // The literal is for POST only.
                                         FoundCase{"GET", "/v1/devices/sync/items/2",
                                                   "/v1/devices/{device}/items/{item}"},
                                         FoundCase{"HEAD", "/v1/devices/7", "/v1/devices/{id}"},
                                         FoundCase{"GET", "/files/index", "/files/index"},
                                         FoundCase{"GET", "/files/index/more", "/files/{path...}"},
                                         FoundCase{"GET", "/files/", "/files/{path...}"},
                                         FoundCase{"GET", "/v1/%64evices/7", "/v1/devices/{id}"}));

class RouterKnowsNot : public testing::TestWithParam<const char*> {};
TEST_P(RouterKnowsNot, ThePath) {
  EXPECT_EQ(sample_router().find("GET", GetParam()).kind, Kind::unknown_path);
}
INSTANTIATE_TEST_SUITE_P(Paths, RouterKnowsNot,
                         testing::Values("", "*", "/v1", "/v1/devices", "/v1/devices/", "/v1/devices/7/",
                                         "//", "/files", "/V1/devices/7", "/v1/devices/7/items/"));

class RouterRefuses : public testing::TestWithParam<const char*> {};
TEST_P(RouterRefuses, TheEscape) { EXPECT_EQ(sample_router().find("GET", GetParam()).kind, Kind::bad_path); }
INSTANTIATE_TEST_SUITE_P(Paths, RouterRefuses,
                         testing::Values("/v1/devices/%", "/v1/devices/%4", "/v1/devices/%zz",
                                         "/v1/devices/a%00b", "/v1/devices/%ff", "/files/a/%C0%AF"));

TEST(Router, DecodesParametersButNotTheirSlashes) {
  const auto match = sample_router().find("GET", "/v1/devices/a%2Fb/items/c%20d");
  EXPECT_THAT(match.params, ElementsAre(Pair("device", "a/b"), Pair("item", "c d")));
}

TEST(Router, GivesTheRestWhole) {
  EXPECT_THAT(sample_router().find("GET", "/files/a/b%20c/d").params, ElementsAre(Pair("path", "a/b c/d")));
}

TEST(Router, NamesAllMethodsOfAKnownPath) {
  const auto match = sample_router().find("PATCH", "/v1/devices/sync");
  EXPECT_EQ(match.kind, Kind::other_method);
  EXPECT_EQ(match.allow, "DELETE, GET, HEAD, POST");
}

struct MistakeCase {
  const char* name;
  std::vector<Route> routes;
  const char* says;
};
class RouterTable : public testing::TestWithParam<MistakeCase> {};
TEST_P(RouterTable, NamesTheMistake) {
  EXPECT_THAT(Router(GetParam().routes).mistake(), HasSubstr(GetParam().says));
}
INSTANTIATE_TEST_SUITE_P(
    Mistakes, RouterTable,
    testing::Values(
        MistakeCase{"Twice", {route_to("GET", "/a/{x}"), route_to("GET", "/a/{y}")}, "is there twice"},
        MistakeCase{"Relative", {route_to("GET", "a")}, "does not start with /"},
        MistakeCase{"RestInTheMiddle", {route_to("GET", "/{a...}/b")}, "goes on after"},
        MistakeCase{"Nameless", {route_to("GET", "/{}")}, "without a name"},
        MistakeCase{"NoHandler", {Route{"GET", "/", nullptr}}, "no handler"}),
    [](const auto& info) { return info.param.name; });

TEST(Router, SampleHasNoMistake) { EXPECT_THAT(sample_router().mistake(), IsEmpty()); }

}  // namespace
}  // namespace mooring::http::detail

// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "api/detail/new_command.hpp"
#include "base/encoding.hpp"
#include "base/plist/plist.hpp"

namespace mooring::api::order_test {
namespace {

using detail::CommandOrder;
using detail::read_order;

std::string command(const plist::Dict& inner = {{"RequestType", "RestartDevice"}},
                    const std::string& uuid = "one-two-three") {
  plist::Dict document{{"Command", inner}};
  if (!uuid.empty()) document.set("CommandUUID", uuid);
  return plist::to_xml(document);
}

Result<CommandOrder> raw(const std::string& query, const std::string& body = command()) {
  http::Request request;
  request.target = "/v1/commands?" + query;
  request.headers.set("Content-Type", "application/xml");
  request.body = body;
  return read_order(request);
}

Result<CommandOrder> json(const nlohmann::json& body) {
  http::Request request;
  request.target = "/v1/commands";
  request.headers.set("Content-Type", "application/json; charset=utf-8");
  request.body = body.dump();
  return read_order(request);
}

std::string code_of(const Result<CommandOrder>& order) { return order ? "" : order.error().code; }

TEST(ReadOrder, TakesThePlistAsItIs) {
  const auto order = raw("enrollment=A&enrollment=B&device=C02&priority=-5&expires_in=15m&push=false");
  ASSERT_TRUE(order) << order.error().message;
  EXPECT_EQ(order->body, command());
  EXPECT_EQ(order->command_uuid, "one-two-three");
  EXPECT_EQ(order->request_type, "RestartDevice");
  EXPECT_EQ(order->enrollments, (std::vector<std::string>{"A", "B"}));
  EXPECT_EQ(order->devices, std::vector<std::string>{"C02"});
  EXPECT_EQ(order->priority, -5);
  EXPECT_EQ(order->expires_in, std::chrono::minutes(15));
  EXPECT_FALSE(order->push);
}

TEST(ReadOrder, TakesTheSameAsJson) {
  const auto order = json({{"plist", to_base64(command())},
                           {"enrollments", {"A"}},
                           {"devices", {"C02"}},
                           {"priority", 100},
                           {"expires_in", "1h"},
                           {"push", false}});
  ASSERT_TRUE(order) << order.error().message;
  EXPECT_EQ(order->body, command());
  EXPECT_EQ(order->enrollments, std::vector<std::string>{"A"});
  EXPECT_EQ(order->devices, std::vector<std::string>{"C02"});
  EXPECT_EQ(order->priority, 100);
  EXPECT_EQ(order->expires_in, std::chrono::hours(1));
  EXPECT_FALSE(order->push);
}

TEST(ReadOrder, PushesAtPriorityZeroForEverUnlessAskedOtherwise) {
  const auto order = raw("enrollment=A");
  ASSERT_TRUE(order);
  EXPECT_EQ(order->priority, 0);
  EXPECT_EQ(order->expires_in, std::nullopt);
  EXPECT_TRUE(order->push);
}

TEST(ReadOrder, RefusesACommandThatCouldNotBeFollowed) {
  EXPECT_EQ(code_of(raw("enrollment=A", command({{"RequestType", "RestartDevice"}}, ""))),
            "command.malformed");
  EXPECT_EQ(code_of(raw("enrollment=A", command(plist::Dict{}))), "command.malformed");
  EXPECT_EQ(code_of(raw("enrollment=A", plist::to_xml(plist::Dict{{"CommandUUID", "x"}}))),
            "command.malformed");
  EXPECT_EQ(code_of(raw("enrollment=A", command({{"RequestType", "X"}}, std::string(256, 'u')))),
            "command.malformed");
  EXPECT_EQ(code_of(raw("enrollment=A", plist::to_xml(plist::Array{}))), "plist.not_a_dictionary");
  EXPECT_EQ(code_of(raw("enrollment=A", "hello")), "plist.malformed");
}

TEST(ReadOrder, NamesWhatIsWrongWithTheRest) {
  EXPECT_EQ(code_of(raw("")), "command.no_target");
  EXPECT_EQ(code_of(raw("enrollment=A&priority=101")), "command.bad_priority");
  EXPECT_EQ(code_of(raw("enrollment=A&priority=high")), "command.bad_priority");
  EXPECT_EQ(code_of(raw("enrollment=A&expires_in=15")), "request.bad_parameter");
  EXPECT_EQ(code_of(raw("enrollment=A&push=maybe")), "request.bad_parameter");
  const auto plist = to_base64(command());
  EXPECT_EQ(code_of(json({{"plist", plist}})), "command.no_target");
  EXPECT_EQ(code_of(json({{"enrollments", {"A"}}})), "request.missing_key");
  EXPECT_EQ(code_of(json({{"plist", "*"}, {"enrollments", {"A"}}})), "command.bad_base64");
  EXPECT_EQ(code_of(json({{"plist", plist}, {"enrollments", "A"}})), "request.wrong_type");
  EXPECT_EQ(code_of(json({{"plist", plist}, {"enrollments", {1}}})), "request.wrong_type");
  EXPECT_EQ(code_of(json({{"plist", plist}, {"enrollments", {"A"}}, {"priority", 1.5}})),
            "command.bad_priority");
  EXPECT_EQ(code_of(json({{"plist", plist}, {"enrollments", {"A"}}, {"push", 1}})), "request.wrong_type");
  EXPECT_EQ(code_of(json({{"plist", plist}, {"enrollment", {"A"}}})), "request.unknown_key");
}

}  // namespace
}  // namespace mooring::api::order_test

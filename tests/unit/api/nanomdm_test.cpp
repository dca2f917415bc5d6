// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/compat/nanomdm/reply.hpp"
#include "base/encoding.hpp"

namespace mooring::api::nanomdm {
namespace {

std::string ids_of(std::string_view raw) {
  std::string text;
  for (const auto& group : read_ids(raw)) {
    text += "<" + group.whole + ">";
    for (const auto& part : group.parts) text += "(" + part + ")";
  }
  return text;
}

TEST(NanoMdmIds, AreOpaqueBetweenCommas) {
  EXPECT_EQ(ids_of("A"), "<A>");
  EXPECT_EQ(ids_of("A,B%3AC:d,%20"), "<A><B:C:d>< >");
  EXPECT_EQ(ids_of("A%2CB,C"), "<A,B>(A)(B)<C>") << "one id with a comma, or two";
  EXPECT_EQ(ids_of("a%2Fb/c"), "<a/b/c>");
  EXPECT_EQ(ids_of(",,A,"), "<A>");
  EXPECT_EQ(ids_of(""), "");
  EXPECT_EQ(ids_of("100%"), "<100%>") << "left as sent";
}

struct Shape {
  const char* name;
  Reply reply;
  std::size_t queued;
  int status;
  const char* body;
};
class EnqueueShape : public testing::TestWithParam<Shape> {};

// covers: mdm.O01
TEST_P(EnqueueShape, IsNanoMdms) {
  const auto& shape = GetParam();
  const auto response = enqueue_response(shape.reply, shape.queued);
  EXPECT_EQ(response.status, shape.status);
  EXPECT_EQ(response.body, std::string(shape.body) + "\n");
}

INSTANTIATE_TEST_SUITE_P(
    NanoMdm, EnqueueShape,
    testing::Values(
        Shape{"AllWell",
              {.status = {{"A", {.push_result = "id-1"}}}, .command_uuid = "C", .request_type = "T"},
              1,
              200,
              R"({"status":{"A":{"push_result":"id-1"}},"command_uuid":"C","request_type":"T"})"},
        Shape{"NoPush",
              {.no_push = true, .command_uuid = "C", .request_type = "T"},
              1,
              200,
              R"({"no_push":true,"command_uuid":"C","request_type":"T"})"},
        Shape{
            "OneUnknown",
            {.status = {{"A", {.push_result = "id-1"}}, {"B", {.command_error = "unknown"}}},
             .command_uuid = "C",
             .request_type = "T"},
            1,
            207,
            R"({"status":{"A":{"push_result":"id-1"},"B":{"command_error":"unknown"}},"command_uuid":"C","request_type":"T"})"},
        Shape{"QueuedButNotPushed",
              {.status = {{"A", {.push_error = "gone"}}}, .command_uuid = "C", .request_type = "T"},
              1,
              207,
              R"({"status":{"A":{"push_error":"gone"}},"command_uuid":"C","request_type":"T"})"},
        Shape{"QueuedWithoutPushCertificate",
              {.push_error = "no certificate", .command_uuid = "C", .request_type = "T"},
              1,
              500,
              R"({"push_error":"no certificate","command_uuid":"C","request_type":"T"})"},
        Shape{"NobodyKnown",
              {.status = {{"A", {.command_error = "unknown"}}}, .command_uuid = "C", .request_type = "T"},
              0,
              500,
              R"({"status":{"A":{"command_error":"unknown"}},"command_uuid":"C","request_type":"T"})"},
        Shape{"NoPlist", {.command_error = "malformed"}, 0, 500, R"({"command_error":"malformed"})"}),
    [](const auto& param) { return std::string(param.param.name); });

// covers: mdm.O01
TEST(NanoMdmPush, SaysHowManyWereReached) {
  const auto status = [](std::map<std::string, IdStatus> ids, std::string whole = {}) {
    return push_response({.status = std::move(ids), .push_error = std::move(whole)}).status;
  };
  EXPECT_EQ(status({{"A", {.push_result = "1"}}, {"B", {.push_result = "2"}}}), 200);
  EXPECT_EQ(status({{"A", {.push_result = "1"}}, {"B", {.push_error = "x"}}}), 207);
  EXPECT_EQ(status({{"A", {.push_result = "1"}}}, "no certificate for another topic"), 207);
  EXPECT_EQ(status({{"A", {.push_error = "x"}}}), 500);
  EXPECT_EQ(status({}, "no push service"), 500);
}

TEST(NanoMdmReply, TellsADevicesErrorFromThePushServices) {
  Reply reply;
  reply.add_push("A", Result<std::string>("apns"));
  reply.add_push("B", fail(Failure::conflict, "push.not_pushable", "no token"));
  reply.add_push("C", fail(Failure::not_found, "push.no_certificate", "no certificate"));
  EXPECT_EQ(reply.status["A"].push_result, "apns");
  EXPECT_EQ(reply.status["B"].push_error, "no token");
  EXPECT_EQ(reply.push_error, "no certificate");
  EXPECT_EQ(reply.status.size(), 2U);
}

// covers: mdm.O01
TEST(NanoMdmToken, ComesAsBasicPasswordOrBearer) {
  EXPECT_EQ(token_of("Basic " + to_base64("nanomdm:mrg_x")).value(), "mrg_x");
  EXPECT_EQ(token_of("basic " + to_base64("nanomdm:a:b")).value(), "a:b");
  EXPECT_EQ(token_of("Bearer mrg_x").value(), "mrg_x");
  for (const std::string bad : {"", "Basic", "Basic !!", "Digest x"}) EXPECT_FALSE(token_of(bad)) << bad;
  EXPECT_FALSE(token_of("Basic " + to_base64("micromdm:mrg_x")));
}

TEST(PercentEncode, LeavesOnlyUnreservedCharacters) {
  EXPECT_EQ(percent_encode("aZ09-._~ &=+/\xC3\xA9"), "aZ09-._~%20%26%3D%2B%2F%C3%A9");
}

}  // namespace
}  // namespace mooring::api::nanomdm

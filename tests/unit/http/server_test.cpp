// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/http/client.hpp"
#include "tests/unit/http/http_fixture.hpp"

namespace mooring::http {
namespace {

using namespace std::chrono_literals;
using test::eventually;
using test::RawConnection;
using test::TestServer;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

Task<Response> echo(Request request) {
  std::string text = request.method + " " + request.target + " " + request.body;
  for (const auto& [name, value] : request.params) text += " " + name + "=" + value;
  co_return Response::text(200, std::move(text));
}
Task<Response> throws(Request) {
  throw std::runtime_error("boom");
  co_return Response{};
}
Task<Response> throws_later(Request) {
  co_await suspend<int>([](Completion<int> done) { done(0); });
  throw 42;
}
Task<Response> empty_204(Request) { co_return Response{.status = 204}; }
Task<Response> nonsense(Request) { co_return Response{.status = 7}; }
Task<Response> splitting(Request) {
  Response response = Response::text(200, "ok");
  response.headers.add("X-Evil", "a\r\nInjected: yes");
  response.headers.add("Bad Name\r\n", "x");
  response.headers.add("Content-Length", "99");
  co_return response;
}

std::vector<Route> sample_routes() {
  return {{"GET", "/echo", echo},         {"PUT", "/echo", echo},          {"GET", "/v1/devices/{id}", echo},
          {"GET", "/throws", throws},     {"GET", "/later", throws_later}, {"GET", "/empty", empty_204},
          {"GET", "/nonsense", nonsense}, {"GET", "/splitting", splitting}};
}

std::string get(const std::string& target, const std::string& fields = {}) {
  return "GET " + target + " HTTP/1.1\r\nHost: x\r\n" + fields + "\r\n";
}

TEST(HttpServer, KeepsAConnectionForManyRequests) {
  TestServer server(sample_routes());
  RawConnection connection(server.port());
  for (int i = 0; i < 3; ++i) {
    connection.send(get("/v1/devices/a%20b?c=d"));
    EXPECT_THAT(connection.response(),
                AllOf(StartsWith("HTTP/1.1 200 OK\r\n"), HasSubstr("Date: "), Not(HasSubstr("Connection:")),
                      HasSubstr("\r\n\r\nGET /v1/devices/a%20b?c=d  id=a b")));
  }
}

TEST(HttpServer, AnswersPipelinedRequestsInOrder) {
  TestServer server(sample_routes());
  RawConnection connection(server.port());
  connection.send(get("/echo?1") + "PUT /echo?2 HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody" +
                  get("/none") + get("/echo?3"));
  EXPECT_THAT(connection.response(), HasSubstr("GET /echo?1 "));
  EXPECT_THAT(connection.response(), HasSubstr("PUT /echo?2 body"));
  EXPECT_THAT(connection.response(), StartsWith("HTTP/1.1 404 "));
  EXPECT_THAT(connection.response(), HasSubstr("GET /echo?3 "));
}

TEST(HttpServer, TakesARequestInAnyPieces) {
  TestServer server(sample_routes());
  RawConnection connection(server.port());
  const std::string request =
      "\r\nPUT /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: "
      "chunked\r\n\r\n4;x=y\r\nbody\r\n3\r\n123\r\n0\r\n\r\n";
  for (const char c : request) connection.send({&c, 1});
  EXPECT_THAT(connection.response(), HasSubstr("PUT /echo body123"));
  connection.send(get("/echo"));
  EXPECT_THAT(connection.response(), HasSubstr("GET /echo"));
}

TEST(HttpServer, ClosesWhereTheClientAsksForIt) {
  TestServer server(sample_routes());
  RawConnection connection(server.port());
  connection.send(get("/echo", "Connection: close\r\n"));
  EXPECT_THAT(connection.response(), HasSubstr("Connection: close\r\n"));
  EXPECT_TRUE(connection.closed());
}

TEST(HttpServer, KeepsHttp10OnlyOnRequestAndSaysSo) {
  TestServer server(sample_routes());
  RawConnection kept(server.port());
  kept.send("GET /echo HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_THAT(kept.response(), HasSubstr("Connection: keep-alive\r\n"));
  kept.send("GET /echo HTTP/1.0\r\n\r\n");
  EXPECT_THAT(kept.response(), HasSubstr("Connection: close\r\n"));
  EXPECT_TRUE(kept.closed());
}

TEST(HttpServer, AnswersHeadWithTheLengthAndNoBody) {
  TestServer server(sample_routes());
  RawConnection connection(server.port());
  connection.send("HEAD /echo HTTP/1.1\r\nHost: x\r\n\r\n" + get("/echo"));
  EXPECT_THAT(connection.response(true),
              AllOf(StartsWith("HTTP/1.1 200"), HasSubstr("Content-Length: 11\r\n")));
  EXPECT_THAT(connection.response(), AllOf(StartsWith("HTTP/1.1 200"), HasSubstr("GET /echo")));
}

TEST(HttpServer, AnswersAnUnknownPathWith404) {
  TestServer server(sample_routes());
  const auto response = fetch(server.url(), {.target = "/none"});
  ASSERT_TRUE(response);
  EXPECT_EQ(response->status, 404);
  EXPECT_EQ(response->headers.get("Content-Type"), "application/problem+json");
  EXPECT_THAT(response->body, HasSubstr("\"code\":\"http.not_found\""));
}

TEST(HttpServer, AnswersAnotherMethodWith405AndAllow) {
  TestServer server(sample_routes());
  const auto response = fetch(server.url(), {.method = "DELETE", .target = "/echo"});
  ASSERT_TRUE(response);
  EXPECT_EQ(response->status, 405);
  EXPECT_EQ(response->headers.get("Allow"), "GET, HEAD, PUT");
}

TEST(HttpServer, Sends204WithoutLength) {
  TestServer server(sample_routes());
  RawConnection connection(server.port());
  connection.send(get("/empty"));
  EXPECT_THAT(connection.response(),
              AllOf(StartsWith("HTTP/1.1 204 No Content"), Not(HasSubstr("Content-Length"))));
}

class HandlerFailure : public testing::TestWithParam<const char*> {};
TEST_P(HandlerFailure, BecomesA500AndALogLineAndTheConnectionGoesOn) {
  TestServer server(sample_routes());
  RawConnection connection(server.port());
  connection.send(get(GetParam(), "X-Request-Id: find-me\r\n"));
  EXPECT_THAT(connection.response(),
              AllOf(StartsWith("HTTP/1.1 500 "), HasSubstr("\"code\":\"http.internal\""),
                    HasSubstr("\"request_id\":\"find-me\""), Not(HasSubstr("boom"))));
  EXPECT_THAT(server.log_text(), AllOf(HasSubstr("level=error"), HasSubstr("request_id=find-me"),
                                       HasSubstr(std::string("route=") + GetParam())));
  connection.send(get("/echo"));
  EXPECT_THAT(connection.response(), StartsWith("HTTP/1.1 200 "));
}
INSTANTIATE_TEST_SUITE_P(Kinds, HandlerFailure, testing::Values("/throws", "/later", "/nonsense"));

TEST(HttpServer, LetsNoHandlerSplitAResponse) {
  TestServer server(sample_routes());
  RawConnection connection(server.port());
  connection.send(get("/splitting"));
  EXPECT_THAT(connection.response(),
              AllOf(HasSubstr("X-Evil: a  Injected: yes\r\n"), Not(HasSubstr("Bad Name")),
                    HasSubstr("Content-Length: 2\r\n"), Not(HasSubstr("Content-Length: 99"))));
}

TEST(RequestId, OfTheClientIsKeptWhereItIsSane) {
  TestServer server(sample_routes());
  RawConnection connection(server.port());
  connection.send(get("/echo", "X-Request-Id: aZ0._-\r\n"));
  EXPECT_THAT(connection.response(), HasSubstr("X-Request-Id: aZ0._-\r\n"));
}

class ForeignRequestId : public testing::TestWithParam<std::string> {};
TEST_P(ForeignRequestId, IsReplacedByOneOfOurOwn) {
  TestServer server(sample_routes());
  RawConnection connection(server.port());
  connection.send(get("/echo", "X-Request-Id: " + GetParam() + "\r\n"));
  EXPECT_THAT(connection.response(), AllOf(testing::ContainsRegex("X-Request-Id: [0-9a-f]{8}-[0-9]+\r\n"),
                                           Not(HasSubstr(GetParam() + "\r"))));
}
INSTANTIATE_TEST_SUITE_P(Kinds, ForeignRequestId,
                         testing::Values("two words", "quote\"", "a=b", std::string(65, 'x')));

TEST(HttpServer, DrainLetsARunningRequestFinishAndClosesIdleConnections) {
  test::HeldHandler held;
  TestServer server({{"GET", "/slow", held.handler()}});
  RawConnection busy(server.port());
  RawConnection idle(server.port());
  busy.send(get("/slow"));
  auto finish = held.wait_for_request();
  EXPECT_TRUE(
      eventually([&] { return server.metrics().contains("mooring_http_connections{listener=\"test\"} 2"); }));
  auto drained = server.drain(10s);
  EXPECT_TRUE(idle.closed());
  EXPECT_THROW(RawConnection refused(server.port()), std::runtime_error);
  EXPECT_EQ(drained.wait_for(0s), std::future_status::timeout);
  finish(200);
  EXPECT_THAT(busy.response(),
              AllOf(StartsWith("HTTP/1.1 200 "), HasSubstr("Connection: close\r\n"), HasSubstr("finished")));
  EXPECT_EQ(drained.wait_for(test::kPatience), std::future_status::ready);
}

TEST(HttpServer, DrainGivesUpOnAHandlerAfterItsGrace) {
  test::HeldHandler held;
  TestServer server({{"GET", "/stuck", held.handler()}});
  RawConnection stuck(server.port());
  stuck.send(get("/stuck"));
  auto never_called = held.wait_for_request();
  EXPECT_EQ(server.drain(30ms).wait_for(test::kPatience), std::future_status::ready);
  EXPECT_TRUE(stuck.closed());
  server.on_io([&] { never_called = nullptr; });
}

TEST(HttpServer, AHandlerMayAnswerAfterItsServerIsGone) {
  test::HeldHandler held;
  TestServer server({{"GET", "/late", held.handler()}});
  RawConnection connection(server.port());
  connection.send(get("/late"));
  auto finish = held.wait_for_request();
  server.on_io([&] { server.destroy(); });
  finish(200);
  EXPECT_TRUE(connection.closed());
}

TEST(HttpServer, CountsRequestsByRouteMethodAndStatus) {
  TestServer server(sample_routes());
  RawConnection connection(server.port());
  EXPECT_THAT(server.metrics(),
              HasSubstr("mooring_http_requests_total{listener=\"test\",method=\"GET\",route="
                        "\"/v1/devices/{id}\",status=\"200\"} 0"));
  for (const auto* request :
       {"GET /v1/devices/1", "GET /v1/devices/2", "GET /none", "FOO /bar", "BAR /bar"}) {
    connection.send(std::string(request) + " HTTP/1.1\r\nHost: x\r\n\r\n");
    connection.response();
  }
  const auto counted = [&](const std::string& labels, int count) {
    return eventually([&] {
      return server.metrics().contains("mooring_http_requests_total{listener=\"test\"," + labels + "} " +
                                       std::to_string(count) + "\n");
    });
  };
  EXPECT_TRUE(counted(R"(method="GET",route="/v1/devices/{id}",status="200")", 2));
  EXPECT_TRUE(counted(R"(method="GET",route="none",status="404")", 1));
  EXPECT_TRUE(counted(R"(method="other",route="none",status="404")", 2));
  EXPECT_THAT(server.metrics(), Not(HasSubstr("FOO")));
  EXPECT_THAT(server.metrics(),
              HasSubstr("mooring_http_request_duration_seconds_count{listener=\"test\",route="
                        "\"/v1/devices/{id}\"} 2"));
}

TEST(HttpServer, NamesTheAddressThatIsTaken) {
  TestServer first(sample_routes());
  const auto taken = "127.0.0.1:" + std::to_string(first.port());
  try {
    TestServer second(sample_routes(), {.name = "api", .listen = taken});
    ADD_FAILURE() << "bound twice";
  } catch (const std::runtime_error& e) {
    EXPECT_THAT(e.what(), AllOf(HasSubstr(taken), HasSubstr("in use"), HasSubstr("--api-listen")));
  }
}

class BadListen : public testing::TestWithParam<const char*> {};
TEST_P(BadListen, IsExplained) {
  boost::asio::io_context io;
  Logger log(LogLevel::off, LogFormat::logfmt);
  Metrics metrics;
  Server server(io.get_executor(), {.name = "api", .listen = GetParam()}, {}, log, metrics);
  const auto started = server.start();
  ASSERT_FALSE(started);
  EXPECT_THAT(started.error().message, HasSubstr("host:port"));
}
INSTANTIATE_TEST_SUITE_P(Forms, BadListen,
                         testing::Values("", "8443", "127.0.0.1", "::1:80", "x:99999", "x:-1", "x:"));

TEST(HttpServer, ShowsAWildcardAsAnAddressToConnectTo) {
  TestServer server(sample_routes(), {.listen = "0.0.0.0:0"});
  EXPECT_EQ(server.url(), "http://127.0.0.1:" + std::to_string(server.port()));
}

}  // namespace
}  // namespace mooring::http

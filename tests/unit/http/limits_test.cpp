// SPDX-License-Identifier: Apache-2.0
// What the server bears, and where it stops.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

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

Task<Response> body_size(Request request) {
  co_return Response::text(200, std::to_string(request.body.size()) + " " +
                                    std::to_string(request.target.size()) + " " +
                                    std::string(request.headers.get("X-Trailer")));
}
Task<Response> large_answer(Request) {
  co_return Response::text(200, std::string(std::size_t{64} << 20U, 'x'));
}

std::vector<Route> limited_routes() {
  return {{"PUT", "/small", body_size, 10},
          {"PUT", "/large", body_size},
          {"GET", "/large", body_size},
          {"GET", "/answer", large_answer}};
}
std::string put(const std::string& target, const std::string& fields) {
  return "PUT " + target + " HTTP/1.1\r\nHost: x\r\n" + fields + "\r\n";
}

TEST(BodyLimit, IsTheRoutesOwnAndKnownFromTheHeaderAlone) {
  TestServer server(limited_routes());
  RawConnection connection(server.port());
  connection.send(put("/small", "Content-Length: 10\r\n") + "0123456789");
  EXPECT_THAT(connection.response(), StartsWith("HTTP/1.1 200 "));
  connection.send(put("/small", "Content-Length: 11\r\n"));
  EXPECT_THAT(connection.response(),
              AllOf(StartsWith("HTTP/1.1 413 Content Too Large"), HasSubstr("Connection: close\r\n"),
                    HasSubstr("\"code\":\"http.body_too_large\""), HasSubstr("limit of 10 bytes")));
  connection.finish_sending();
  EXPECT_TRUE(connection.closed());
}

TEST(BodyLimit, HoldsForChunksToo) {
  TestServer server(limited_routes());
  RawConnection connection(server.port());
  connection.send(put("/small", "Transfer-Encoding: chunked\r\n") +
                  "6\r\nabcdef\r\n6\r\nabcdef\r\n0\r\n\r\n");
  EXPECT_THAT(connection.response(), StartsWith("HTTP/1.1 413 "));
}

TEST(BodyLimit, OfTheServerHoldsWhereTheRouteHasNone) {
  TestServer server(limited_routes(), {.body_limit = 100000});
  RawConnection connection(server.port());
  connection.send(put("/large", "Content-Length: 100000\r\n") + std::string(100000, 'x'));
  EXPECT_THAT(connection.response(), HasSubstr("\r\n\r\n100000 "));
  connection.send(put("/large", "Content-Length: 100001\r\n"));
  EXPECT_THAT(connection.response(), StartsWith("HTTP/1.1 413 "));
}

TEST(BodyLimit, AnswerReachesAClientThatGoesOnSending) {
  TestServer server(limited_routes());
  RawConnection connection(server.port());
  connection.send(put("/small", "Content-Length: 4000000\r\n"));
  EXPECT_TRUE(connection.send(std::string(4000000, 'x')));
  EXPECT_THAT(connection.response(), StartsWith("HTTP/1.1 413 "));
}

TEST(HeaderLimit, AllowsALongTarget) {
  TestServer server(limited_routes());
  RawConnection connection(server.port());
  const std::string target = "/large?" + std::string(65000, 'q');
  connection.send("GET " + target + " HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(connection.response(), HasSubstr("\r\n\r\n0 65007 "));
}

struct HeaderCase {
  const char* name;
  std::string bytes;
};
class HeaderLimit : public testing::TestWithParam<HeaderCase> {};
TEST_P(HeaderLimit, IsAnsweredWith431) {
  TestServer server(limited_routes(), {.header_limit = 2000});
  RawConnection connection(server.port());
  // Field by field: a parser that forgets what it has consumed would take them for ever.
  std::size_t at = 0;
  while (at < GetParam().bytes.size()) {
    const auto end = std::min(GetParam().bytes.find("\r\n", at), GetParam().bytes.size() - 2) + 2;
    if (!connection.send(std::string_view(GetParam().bytes).substr(at, end - at))) break;
    at = end;
  }
  EXPECT_THAT(connection.response(), StartsWith("HTTP/1.1 431 "));
}
std::string many_fields() {
  std::string fields = "GET /large HTTP/1.1\r\nHost: x\r\n";
  for (int i = 0; i < 200; ++i) fields += "X-Field: 0123456789\r\n";
  return fields;
}
INSTANTIATE_TEST_SUITE_P(Kinds, HeaderLimit,
                         testing::Values(HeaderCase{"Target", "GET /" + std::string(2100, 'x')},
                                         HeaderCase{"OneField",
                                                    "GET / HTTP/1.1\r\nA: " + std::string(2100, 'x')},
                                         HeaderCase{"ManyFields", many_fields()}),
                         [](const auto& info) { return info.param.name; });

class Malformed : public testing::TestWithParam<HeaderCase> {};
TEST_P(Malformed, IsAnsweredWith400AndTheConnectionCloses) {
  TestServer server(limited_routes());
  RawConnection connection(server.port());
  connection.send(GetParam().bytes);
  EXPECT_THAT(connection.response(), AllOf(StartsWith("HTTP/1.1 400 "), HasSubstr("Connection: close\r\n"),
                                           HasSubstr("\"code\":\"http.malformed\"")));
  connection.finish_sending();
  EXPECT_TRUE(connection.closed());
}
INSTANTIATE_TEST_SUITE_P(
    Kinds, Malformed,
    testing::Values(
        HeaderCase{"Noise", "\x16\x03\x01\x02\x01\xfc\x03\x03 hello\r\n\r\n"},
        HeaderCase{"NoHost", "GET /large HTTP/1.1\r\n\r\n"},
        HeaderCase{"TwoHosts", "GET /large HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"},
        HeaderCase{"SpaceBeforeColon", "GET /large HTTP/1.1\r\nHost : x\r\n\r\n"},
        HeaderCase{"LengthAndChunks", put("/large", "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n")},
        HeaderCase{"ChunksAndLength", put("/large", "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n")},
        HeaderCase{"TwoLengths", put("/large", "Content-Length: 5\r\nContent-Length: 6\r\n")},
        HeaderCase{"NegativeLength", put("/large", "Content-Length: -1\r\n")},
        HeaderCase{"HugeLength", put("/large", "Content-Length: 99999999999999999999\r\n")},
        HeaderCase{"BadChunk", put("/large", "Transfer-Encoding: chunked\r\n") + "xyz\r\n"},
        HeaderCase{"EndlessChunkLine",
                   put("/large", "Transfer-Encoding: chunked\r\n") + "1;" + std::string(20000, 'x')},
        HeaderCase{"ChunksIn10", "PUT /large HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"}),
    [](const auto& info) { return info.param.name; });

TEST(Protocol, RefusesOtherVersionsCodingsAndExpectations) {
  TestServer server(limited_routes());
  RawConnection http2(server.port());
  http2.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  EXPECT_THAT(http2.response(), StartsWith("HTTP/1.1 505 "));
  for (const auto* coding : {"gzip", "gzip, chunked", "chunked, gzip", "identity"}) {
    RawConnection coded(server.port());
    coded.send(put("/large", std::string("Transfer-Encoding: ") + coding + "\r\n"));
    EXPECT_THAT(coded.response(), StartsWith("HTTP/1.1 501 ")) << coding;
  }
  RawConnection expecting(server.port());
  expecting.send(put("/large", "Expect: miracles\r\nContent-Length: 1\r\n"));
  EXPECT_THAT(expecting.response(), StartsWith("HTTP/1.1 417 "));
}

TEST(Protocol, ATrailerIsNoHeader) {
  TestServer server(limited_routes());
  RawConnection connection(server.port());
  connection.send(put("/large", "Transfer-Encoding: chunked\r\n") +
                  "1\r\nx\r\n0\r\nX-Trailer: forged\r\n\r\n");
  EXPECT_THAT(connection.response(), AllOf(HasSubstr("\r\n\r\n1 6 "), Not(HasSubstr("forged"))));
}

TEST(Expect100, IsHonouredBeforeTheBodyAndOnlyWhereItIsWanted) {
  TestServer server(limited_routes());
  RawConnection connection(server.port());
  connection.send(put("/small", "Expect: 100-continue\r\nContent-Length: 4\r\n"));
  EXPECT_EQ(connection.response(), "HTTP/1.1 100 Continue\r\n\r\n");
  connection.send("body");
  EXPECT_THAT(connection.response(), HasSubstr("\r\n\r\n4 "));
  connection.send(put("/small", "Expect: 100-continue\r\nContent-Length: 40\r\n"));
  EXPECT_THAT(connection.response(), StartsWith("HTTP/1.1 413 "));
}

TEST(UnreadBody, OfARefusedRequestIsNeverTakenForTheNextOne) {
  TestServer server(limited_routes());
  RawConnection connection(server.port());
  const std::string smuggled = "GET /large HTTP/1.1\r\nHost: x\r\n\r\n";
  connection.send(put("/none", "Content-Length: " + std::to_string(smuggled.size()) + "\r\n") + smuggled);
  EXPECT_THAT(connection.response(), AllOf(StartsWith("HTTP/1.1 404 "), HasSubstr("Connection: close\r\n")));
  connection.finish_sending();
  std::string rest;
  EXPECT_TRUE(connection.closed(&rest));
  EXPECT_EQ(rest, "");
}

TEST(MaxConnections, ClosesWhatIsBeyondAtOnce) {
  TestServer server(limited_routes(), {.max_connections = 1});
  RawConnection first(server.port());
  first.send("GET /large HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(first.response(), StartsWith("HTTP/1.1 200 "));
  RawConnection second(server.port());
  EXPECT_TRUE(second.closed());
  first.send("GET /large HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(first.response(), StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(server.log_text(), HasSubstr("limit of open connections"));
}

struct SlowCase {
  const char* name;
  const char* bytes;
  const char* answer;
};
class SlowClient : public testing::TestWithParam<SlowCase> {};
TEST_P(SlowClient, IsCutOff) {
  TestServer server(limited_routes(),
                    {.header_timeout = 100ms, .body_timeout = 100ms, .idle_timeout = 100ms});
  RawConnection connection(server.port());
  connection.send(GetParam().bytes);
  std::string rest;
  if (std::string_view(GetParam().answer).empty()) {
    EXPECT_TRUE(connection.closed(&rest));
    EXPECT_EQ(rest, "");
  } else {
    EXPECT_THAT(connection.response(),
                AllOf(StartsWith(GetParam().answer), HasSubstr("Connection: close\r\n")));
  }
}
INSTANTIATE_TEST_SUITE_P(
    Kinds, SlowClient,
    testing::Values(SlowCase{"Silent", "", ""}, SlowCase{"HalfLine", "GET /la", "HTTP/1.1 408 "},
                    SlowCase{"HalfHeader", "GET /large HTTP/1.1\r\nHost: x\r\n", "HTTP/1.1 408 "},
                    SlowCase{"HalfBody", "PUT /large HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nbody",
                             "HTTP/1.1 408 "},
                    SlowCase{"HalfChunk",
                             "PUT /large HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nb",
                             "HTTP/1.1 408 "}),
    [](const auto& info) { return info.param.name; });

TEST(SlowClient, GainsNothingFromTrickling) {
  TestServer server(limited_routes(), {.header_timeout = 100ms});
  RawConnection connection(server.port());
  // Every byte comes in time; the header as a whole does not.
  EXPECT_TRUE(
      eventually([&] { return !connection.send("x") || server.metrics().contains(R"(status="408")"); }));
  EXPECT_THAT(connection.response(), StartsWith("HTTP/1.1 408 "));
}

TEST(SlowClient, ThatDoesNotReadItsAnswerIsCutOff) {
  TestServer server(limited_routes(), {.write_timeout = 100ms});
  RawConnection connection(server.port());
  connection.send("GET /answer HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_TRUE(eventually([&] {
    return server.metrics().contains("mooring_http_connections{listener=\"test\"} 0") &&
           server.metrics().contains("route=\"/answer\",status=\"200\"} 1");
  }));
}

TEST(SlowClient, ThatKeepsReadingGetsALargeAnswerWhole) {
  TestServer server(limited_routes(), {.write_timeout = 2000ms});
  RawConnection connection(server.port());
  connection.send("GET /answer HTTP/1.1\r\nHost: x\r\n\r\n");
  const auto response = connection.response();
  EXPECT_EQ(response.size() - response.find("\r\n\r\n") - 4, std::size_t{64} << 20U);
}

TEST(IdleConnection, IsClosedAfterItsTimeAndNotBefore) {
  TestServer server(limited_routes(), {.header_timeout = 100ms, .idle_timeout = 300ms});
  RawConnection connection(server.port());
  connection.send("GET /large HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(connection.response(), StartsWith("HTTP/1.1 200 "));
  const auto answered = std::chrono::steady_clock::now();
  EXPECT_TRUE(connection.closed());
  EXPECT_GE(std::chrono::steady_clock::now() - answered, 200ms);
}

}  // namespace
}  // namespace mooring::http

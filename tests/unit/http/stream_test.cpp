// SPDX-License-Identifier: Apache-2.0
// Bodies whose end is not known when they begin.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/filter.h>

#include "base/http/client.hpp"
#include "tests/unit/http/tls_fixture.hpp"

namespace mooring::http {
namespace {

using namespace std::chrono_literals;
using test::eventually;
using test::RawConnection;
using test::TestServer;
using testing::AllOf;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

Response streamed(std::function<Task<void>(BodyWriter&)> stream) {
  Response response;
  response.headers.set("Content-Type", "text/event-stream");
  response.stream = std::move(stream);
  return response;
}

Task<void> write_three(BodyWriter& writer) {
  for (const auto* piece : {"one", "", "two two", "three"}) co_await writer.write(piece);
}
Task<void> break_off(BodyWriter& writer) {
  co_await writer.write("half");
  throw std::runtime_error("the source dried up");
}

/// A stream that goes on until it is told to end, and says how it ended.
struct Endless {
  std::atomic<int> pieces = 0;
  std::atomic<bool> ended = false;
  std::atomic<std::chrono::milliseconds> pause{std::chrono::milliseconds(5)};
  std::string piece = "tick\n";

  static Task<void> run(Endless* self, BodyWriter* writer) {
    while (co_await writer->write(self->piece)) {
      ++self->pieces;
      if (!co_await writer->wait(self->pause.load())) break;
    }
    self->ended = true;
  }
  Handler handler() {
    return [this](Request) { return respond(this); };
  }
  static Task<Response> respond(Endless* self) {
    co_return streamed([self](BodyWriter& writer) { return run(self, &writer); });
  }
};

Task<Response> three(Request) { co_return streamed(write_three); }
Task<Response> broken_stream(Request) { co_return streamed(break_off); }
Task<Response> plain_text(Request) { co_return Response::text(200, "plain"); }

class Streaming : public testing::Test {
 protected:
  std::vector<Route> routes() {
    return {{"GET", "/three", three},
            {"GET", "/broken", broken_stream},
            {"GET", "/plain", plain_text},
            {"GET", "/endless", endless_.handler()}};
  }
  Endless endless_;
};

constexpr const char* kThreeChunks = "\r\n\r\n3\r\none\r\n7\r\ntwo two\r\n5\r\nthree\r\n0\r\n\r\n";

TEST_F(Streaming, GoesInChunksAndTheConnectionStays) {
  TestServer server(routes());
  RawConnection connection(server.port());
  for (int i = 0; i < 2; ++i) {
    connection.send("GET /three HTTP/1.1\r\nHost: x\r\n\r\n");
    ASSERT_TRUE(connection.read_until("0\r\n\r\n"));
    EXPECT_THAT(connection.take(),
                AllOf(StartsWith("HTTP/1.1 200 OK\r\n"), HasSubstr("Transfer-Encoding: chunked\r\n"),
                      HasSubstr("Content-Type: text/event-stream\r\n"), Not(HasSubstr("Content-Length")),
                      EndsWith(kThreeChunks)));
  }
  connection.send("GET /plain HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(connection.response(), EndsWith("\r\n\r\nplain"));
}

TEST_F(Streaming, EndsWithTheConnectionForHttp10) {
  TestServer server(routes());
  RawConnection connection(server.port());
  connection.send("GET /three HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  std::string answer;
  EXPECT_TRUE(connection.closed(&answer));
  EXPECT_THAT(answer, AllOf(HasSubstr("Connection: close\r\n"), Not(HasSubstr("Transfer-Encoding")),
                            EndsWith("\r\n\r\nonetwo twothree")));
}

TEST_F(Streaming, IsNotStartedForHead) {
  TestServer server(routes());
  RawConnection connection(server.port());
  connection.send("HEAD /endless HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(connection.response(true), AllOf(StartsWith("HTTP/1.1 200 OK"), EndsWith("\r\n\r\n")));
  connection.send("GET /plain HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(connection.response(), EndsWith("\r\n\r\nplain"));
  EXPECT_EQ(endless_.pieces, 0);
}

TEST_F(Streaming, ReachesTheClientPieceByPiece) {
  TestServer server(routes());
  RawConnection connection(server.port());
  connection.send("GET /endless HTTP/1.1\r\nHost: x\r\n\r\n");
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(connection.read_until("5\r\ntick\n\r\n"));
    connection.take();
  }
  EXPECT_FALSE(endless_.ended);
}

TEST_F(Streaming, OfARequestThatCameWhileItRanIsAnsweredAfterIt) {
  TestServer server(routes());
  RawConnection connection(server.port());
  connection.send("GET /three HTTP/1.1\r\nHost: x\r\n\r\nGET /plain HTTP/1.1\r\nHost: x\r\n\r\n");
  ASSERT_TRUE(connection.read_until("\r\n\r\nplain"));
  EXPECT_THAT(connection.take(), HasSubstr("0\r\n\r\nHTTP/1.1 200 OK"));
}

TEST_F(Streaming, EndsWhenTheClientGoes) {
  endless_.pause = std::chrono::milliseconds(1h);  // Nothing is written that would show it.
  TestServer server(routes());
  {
    RawConnection connection(server.port());
    connection.send("GET /endless HTTP/1.1\r\nHost: x\r\n\r\n");
    ASSERT_TRUE(connection.read_until("tick"));
  }
  EXPECT_TRUE(eventually([&] { return endless_.ended.load(); }));
  EXPECT_TRUE(eventually([&] { return server.metrics().contains("connections{listener=\"test\"} 0"); }));
}

TEST_F(Streaming, EndsWholeWhenTheServerDrains) {
  endless_.pause = std::chrono::milliseconds(1h);
  TestServer server(routes());
  RawConnection connection(server.port());
  connection.send("GET /endless HTTP/1.1\r\nHost: x\r\n\r\n");
  ASSERT_TRUE(connection.read_until("tick"));
  EXPECT_EQ(server.drain(1h).wait_for(test::kPatience), std::future_status::ready);
  std::string rest;
  EXPECT_TRUE(connection.closed(&rest));
  EXPECT_THAT(rest, EndsWith("\r\n0\r\n\r\n"));
  EXPECT_TRUE(endless_.ended);
}

TEST_F(Streaming, EndsWithItsServer) {
  endless_.pause = std::chrono::milliseconds(1h);
  TestServer server(routes());
  RawConnection connection(server.port());
  connection.send("GET /endless HTTP/1.1\r\nHost: x\r\n\r\n");
  ASSERT_TRUE(connection.read_until("tick"));
  server.on_io([&] { server.destroy(); });
  EXPECT_TRUE(connection.closed());
  EXPECT_TRUE(eventually([&] { return endless_.ended.load(); }));
}

TEST_F(Streaming, CutsOffAReaderThatDoesNotRead) {
  endless_.piece = std::string(100'000, 'x');
  endless_.pause = 0ms;
  TestServer server(routes(), {.write_timeout = 100ms});
  RawConnection connection(server.port());
  connection.send("GET /endless HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_TRUE(eventually([&] { return endless_.ended.load(); }));
  EXPECT_TRUE(eventually([&] { return server.metrics().contains("connections{listener=\"test\"} 0"); }));
}

/// Lets nothing more into the socket: for the peer this machine has vanished, without any farewell.
void vanish(const RawConnection& connection) {
  sock_filter drop{.code = BPF_RET | BPF_K, .jt = 0, .jf = 0, .k = 0};
  const sock_fprog program{.len = 1, .filter = &drop};
  ASSERT_EQ(::setsockopt(connection.descriptor(), SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program), 0);
}

TEST_F(Streaming, CutsOffAClientThatVanished) {
  TestServer server(routes(), {.write_timeout = 300ms});
  RawConnection connection(server.port());
  connection.send("GET /endless HTTP/1.1\r\nHost: x\r\n\r\n");
  ASSERT_TRUE(connection.read_until("tick"));
  vanish(connection);
  EXPECT_TRUE(eventually([&] { return endless_.ended.load(); }));
}

TEST_F(Streaming, AClientThatVanishedBetweenRequestsIsForgottenAfterTheIdleTime) {
  TestServer server(routes(), {.idle_timeout = 100ms});
  RawConnection connection(server.port());
  connection.send("GET /plain HTTP/1.1\r\nHost: x\r\n\r\n");
  connection.response();
  vanish(connection);
  EXPECT_TRUE(eventually([&] { return server.metrics().contains("connections{listener=\"test\"} 0"); }));
}

TEST_F(Streaming, ThatFailsCutsTheBodyAndIsLogged) {
  TestServer server(routes());
  RawConnection connection(server.port());
  connection.send("GET /broken HTTP/1.1\r\nHost: x\r\n\r\n");
  std::string answer;
  EXPECT_TRUE(connection.closed(&answer));
  EXPECT_THAT(answer, EndsWith("4\r\nhalf\r\n"));
  EXPECT_THAT(server.log_text(), AllOf(HasSubstr("the source dried up"), HasSubstr("route=/broken")));
}

TEST_F(Streaming, WorksOverTls) {
  const test::TestTrust trust;
  TestServer server(routes(), {.tls = test::must_make(trust.server.identity())});
  test::TlsConnection connection(server.port());
  connection.send("GET /three HTTP/1.1\r\nHost: x\r\n\r\n");
  ASSERT_TRUE(connection.read_until("0\r\n\r\n"));
  EXPECT_THAT(connection.take(), EndsWith(kThreeChunks));
  connection.send("GET /endless HTTP/1.1\r\nHost: x\r\n\r\n");
  ASSERT_TRUE(connection.read_until("tick"));
  server.drain(1h).wait_for(test::kPatience);
  EXPECT_TRUE(connection.said_goodbye());
  EXPECT_THAT(connection.take(), EndsWith("0\r\n\r\n"));
}

struct Pieces {
  std::vector<std::string> seen;
  std::size_t enough = 1000;
};
Task<void> read_pieces(Client* client, Request request, Pieces* pieces, Result<Response>* result) {
  const auto take = [pieces](std::string_view piece) {
    pieces->seen.emplace_back(piece);
    return pieces->seen.size() < pieces->enough;
  };
  *result = co_await client->stream(std::move(request), take);
}

Result<Response> read_stream(const std::string& url, const std::string& target, Pieces& pieces,
                             std::chrono::milliseconds timeout = 10s) {
  boost::asio::io_context io(1);
  Client client(io.get_executor(), url, timeout);
  Result<Response> result = fail(Failure::internal, "test", "did not run");
  boost::asio::co_spawn(io, read_pieces(&client, {.target = target}, &pieces, &result),
                        boost::asio::detached);
  io.run();
  return result;
}

TEST_F(Streaming, IsReadByTheClientAsItComes) {
  TestServer server(routes());
  Pieces all;
  const auto whole = read_stream(server.url(), "/three", all);
  ASSERT_TRUE(whole) << whole.error().message;
  EXPECT_EQ(whole->body, "");
  std::string joined;
  for (const auto& piece : all.seen) joined += piece;
  EXPECT_EQ(joined, "onetwo twothree");

  Pieces some{.enough = 3};
  const auto stopped = read_stream(server.url(), "/endless", some);
  ASSERT_TRUE(stopped);
  EXPECT_EQ(stopped->headers.get("Content-Type"), "text/event-stream");
  EXPECT_THAT(some.seen, ElementsAre("tick\n", "tick\n", "tick\n"));
  EXPECT_TRUE(eventually([&] { return endless_.ended.load(); }));
}

TEST_F(Streaming, MayTakeTheClientLongerThanItsTimeoutAsLongAsPiecesCome) {
  TestServer server(routes());
  endless_.pause = 20ms;
  Pieces some{.enough = 20};
  EXPECT_TRUE(read_stream(server.url(), "/endless", some, 200ms));
  endless_.pause = std::chrono::milliseconds(1h);
  Pieces none;
  const auto silent = read_stream(server.url(), "/endless", none, 100ms);
  ASSERT_FALSE(silent);
  EXPECT_EQ(silent.error().failure, Failure::timeout);
}

TEST_F(Streaming, ThatBreaksOffIsAnErrorForTheClient) {
  TestServer server(routes());
  Pieces half;
  EXPECT_FALSE(read_stream(server.url(), "/broken", half));
  EXPECT_THAT(half.seen, ElementsAre("half"));
}

TEST(HandlerTimeout, IsAnsweredWith504AndTheHandlerMayStillEnd) {
  test::HeldHandler held;
  TestServer server({{"GET", "/never", held.handler()}, {"GET", "/plain", plain_text}},
                    {.handler_timeout = 100ms});
  RawConnection connection(server.port());
  connection.send("GET /never HTTP/1.1\r\nHost: x\r\nX-Request-Id: stuck-1\r\n\r\n");
  auto answer = held.wait_for_request();
  EXPECT_THAT(connection.response(),
              AllOf(StartsWith("HTTP/1.1 504 "), HasSubstr("Connection: close\r\n"),
                    HasSubstr("\"code\":\"http.handler_timeout\""), HasSubstr("stuck-1")));
  EXPECT_TRUE(connection.closed());
  EXPECT_THAT(server.log_text(),
              AllOf(HasSubstr("no response in time"), HasSubstr("route=/never"), HasSubstr("stuck-1")));
  EXPECT_THAT(server.metrics(), AllOf(HasSubstr(R"(route="/never",status="504"} 1)"),
                                      HasSubstr("connections{listener=\"test\"} 1")));
  answer(200);
  EXPECT_TRUE(eventually([&] { return server.metrics().contains("connections{listener=\"test\"} 0"); }));
  EXPECT_THAT(server.metrics(), Not(HasSubstr(R"(route="/never",status="200"} 1)")));
  RawConnection other(server.port());
  other.send("GET /plain HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(other.response(), EndsWith("plain"));
}

TEST(HandlerTimeout, IsAnsweredOverTlsToo) {
  test::HeldHandler held;
  const test::TestTrust trust;
  TestServer server({{"GET", "/never", held.handler()}},
                    {.tls = test::must_make(trust.server.identity()), .handler_timeout = 100ms});
  test::TlsConnection connection(server.port());
  connection.send("GET /never HTTP/1.1\r\nHost: x\r\n\r\n");
  auto answer = held.wait_for_request();
  EXPECT_THAT(connection.response(), StartsWith("HTTP/1.1 504 "));
  EXPECT_TRUE(connection.said_goodbye());
  answer(200);
}

Task<Response> large_fields(Request) {
  auto response = Response::text(200, std::string(5000, 'b'));
  for (int i = 0; i < 10; ++i) response.headers.add("X-Field", std::string(1000, 'f'));
  co_return response;
}
Task<void> send_limited(Client* client, ClientLimits limits, Result<Response>* result) {
  *result = co_await client->send({.target = "/large"}, limits);
}

TEST(ClientLimits, HoldForOneRequest) {
  TestServer server({{"GET", "/large", large_fields}});
  boost::asio::io_context io(1);
  Client client(io.get_executor(), server.url());
  const auto send = [&](ClientLimits limits) {
    Result<Response> result = fail(Failure::internal, "test", "did not run");
    boost::asio::co_spawn(io, send_limited(&client, limits, &result), boost::asio::detached);
    io.restart();
    io.run();
    return result;
  };
  EXPECT_TRUE(send({}));
  const auto header = send({.header = 5000});
  ASSERT_FALSE(header);
  EXPECT_EQ(header.error().code, "http.response_too_large");
  EXPECT_THAT(header.error().message, HasSubstr("5000 bytes for its header"));
  const auto body = send({.body = 4999});
  ASSERT_FALSE(body);
  EXPECT_EQ(body.error().failure, Failure::too_large);
  EXPECT_THAT(body.error().message, HasSubstr("4999 bytes for its body"));
  EXPECT_TRUE(send({.body = 5000}));
}

TEST(ClientLimits, OfTheClientHoldForAll) {
  TestServer server({{"GET", "/large", large_fields}});
  const auto response =
      fetch(server.url(), {.target = "/large"}, ClientOptions{.timeout = 10s, .limits = {.body = 100}});
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, "http.response_too_large");
}

}  // namespace
}  // namespace mooring::http

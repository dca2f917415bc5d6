// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>

#include "base/http/client.hpp"
#include "tests/unit/http/http_fixture.hpp"

namespace mooring::http {
namespace {

using namespace std::chrono_literals;
using test::TestServer;
using testing::HasSubstr;

/// Answers connections one after the other with given bytes; each script is one connection, each of its lines
/// one answer. An empty script closes without an answer.
class ScriptedServer {
 public:
  explicit ScriptedServer(std::vector<std::vector<std::string>> scripts)
      : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (::bind(fd_, reinterpret_cast<const sockaddr*>(&address), size) != 0 || ::listen(fd_, 16) != 0) {
      throw std::runtime_error("cannot listen");
    }
    ::getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size);
    url_ = "http://127.0.0.1:" + std::to_string(ntohs(address.sin_port));
    thread_ = std::thread([this, scripts = std::move(scripts)] { run(scripts); });
  }
  ~ScriptedServer() {
    thread_.join();
    ::close(fd_);
  }
  const std::string& url() const { return url_; }
  int requests() const { return requests_; }

 private:
  void run(const std::vector<std::vector<std::string>>& scripts) {
    for (const auto& script : scripts) {
      const int connection = ::accept(fd_, nullptr, nullptr);
      for (const auto& answer : script) {
        if (!read_request(connection)) break;
        ++requests_;
        ::send(connection, answer.data(), answer.size(), MSG_NOSIGNAL);
      }
      ::close(connection);
    }
  }
  static bool read_request(int connection) {
    std::string bytes;
    char piece[4096];
    while (!bytes.contains("\r\n\r\n")) {
      const auto count = ::recv(connection, piece, sizeof piece, 0);
      if (count <= 0) return false;
      bytes.append(piece, static_cast<std::size_t>(count));
    }
    return true;
  }
  int fd_;
  std::string url_;
  std::atomic<int> requests_ = 0;
  std::thread thread_;
};

std::string ok(const std::string& body) {
  return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

Task<void> send_all(Client* client, std::vector<Request> requests, std::vector<Result<Response>>* results) {
  for (auto& request : requests) results->push_back(co_await client->send(std::move(request)));
}

/// Sends requests through one client, one after the other.
std::vector<Result<Response>> exchange(const std::string& url, std::vector<Request> requests,
                                       std::chrono::milliseconds timeout = 10s) {
  boost::asio::io_context io(1);
  Client client(io.get_executor(), url, timeout);
  std::vector<Result<Response>> results;
  boost::asio::co_spawn(io, send_all(&client, std::move(requests), &results), boost::asio::detached);
  io.run();
  return results;
}

Task<Response> mirror(Request request) { co_return Response::text(200, std::move(request.body)); }

TEST(HttpClient, KeepsItsConnection) {
  ScriptedServer server({{ok("one"), ok("two")}});
  const auto results = exchange(server.url(), {{.target = "/1"}, {.target = "/2"}});
  ASSERT_TRUE(results[0] && results[1]);
  EXPECT_EQ(results[0]->body, "one");
  EXPECT_EQ(results[1]->body, "two");
}

TEST(HttpClient, ConnectsAgainWhereAKeptConnectionWasClosed) {
  ScriptedServer server({{ok("one")}, {ok("two")}});
  const auto results =
      exchange(server.url(), {{.target = "/1"}, {.method = "PUT", .target = "/2", .body = "x"}});
  ASSERT_TRUE(results[0] && results[1]);
  EXPECT_EQ(results[1]->body, "two");
  EXPECT_EQ(server.requests(), 2);
}

TEST(HttpClient, DoesNotRepeatARequestOnAFreshConnection) {
  ScriptedServer server({{""}});
  const auto results = exchange(server.url(), {{.target = "/1"}});
  ASSERT_FALSE(results[0]);
  EXPECT_EQ(results[0].error().failure, Failure::unavailable);
}

TEST(HttpClient, DoesNotRepeatARequestWhoseAnswerBrokeOff) {
  ScriptedServer server({{ok("one"), "HTTP/1.1 200 OK\r\nContent-Le"}});
  const auto results = exchange(server.url(), {{.target = "/1"}, {.target = "/2"}});
  ASSERT_FALSE(results[1]);
  EXPECT_EQ(results[1].error().failure, Failure::unavailable);
  EXPECT_EQ(server.requests(), 2);
}

struct AnswerCase {
  const char* name;
  std::string bytes;
  const char* body;
};
class ClientReads : public testing::TestWithParam<AnswerCase> {};
TEST_P(ClientReads, TheAnswer) {
  ScriptedServer server({{GetParam().bytes}});
  const auto results = exchange(server.url(), {{}});
  ASSERT_TRUE(results[0]) << results[0].error().message;
  EXPECT_EQ(results[0]->body, GetParam().body);
  EXPECT_EQ(results[0]->headers.get("x-trailer"), "");
}
INSTANTIATE_TEST_SUITE_P(
    Forms, ClientReads,
    testing::Values(AnswerCase{"WithLength", ok("body"), "body"},
                    AnswerCase{"UntilClose", "HTTP/1.1 200 OK\r\n\r\nall of it", "all of it"},
                    AnswerCase{"Chunked",
                               "HTTP/1.1 200 OK\r\nTransfer-Encoding: "
                               "chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\nX-Trailer: t\r\n\r\n",
                               "abc"},
                    AnswerCase{"AfterContinue", "HTTP/1.1 100 Continue\r\n\r\n" + ok("later"), "later"},
                    AnswerCase{"NoContent", "HTTP/1.1 204 No Content\r\n\r\n", ""}),
    [](const auto& info) { return info.param.name; });

TEST(HttpClient, KnowsThatHeadHasNoBody) {
  ScriptedServer server({{"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", ok("next")}});
  const auto results = exchange(server.url(), {{.method = "HEAD"}, {}});
  ASSERT_TRUE(results[0] && results[1]);
  EXPECT_EQ(results[0]->headers.get("Content-Length"), "1000");
  EXPECT_EQ(results[1]->body, "next");
}

TEST(HttpClient, RefusesNoise) {
  ScriptedServer server({{"SSH-2.0-OpenSSH_9.2\r\n\r\n\r\n"}});
  const auto results = exchange(server.url(), {{}});
  ASSERT_FALSE(results[0]);
  EXPECT_EQ(results[0].error().code, "http.bad_response");
}

TEST(HttpClient, TimesOutAndRecovers) {
  test::HeldHandler held;
  TestServer server({{"GET", "/stuck", held.handler()}, {"PUT", "/mirror", mirror}});
  const auto results = exchange(
      server.url(), {{.target = "/stuck"}, {.method = "PUT", .target = "/mirror", .body = "fine"}}, 300ms);
  ASSERT_FALSE(results[0]);
  EXPECT_EQ(results[0].error().failure, Failure::timeout);
  EXPECT_THAT(results[0].error().message, HasSubstr("300 ms"));
  ASSERT_TRUE(results[1]);
  EXPECT_EQ(results[1]->body, "fine");
  auto never_called = held.wait_for_request();
  server.on_io([&] { never_called = nullptr; });
}

TEST(HttpClient, StopsWhereItIsClosedDuringARequest) {
  test::HeldHandler held;
  TestServer server({{"GET", "/stuck", held.handler()}, {"PUT", "/mirror", mirror}});
  boost::asio::io_context io(1);
  Client client(io.get_executor(), server.url());
  std::vector<Result<Response>> results;
  std::vector<Request> requests{{.method = "PUT", .target = "/mirror"}, {.target = "/stuck"}};
  boost::asio::co_spawn(io, send_all(&client, requests, &results), boost::asio::detached);
  while (results.empty()) io.run_one();
  auto never_called = std::async(std::launch::async, [&] { return held.wait_for_request(); });
  while (never_called.wait_for(0s) != std::future_status::ready) io.run_one_for(5ms);
  client.close();
  io.run();
  ASSERT_EQ(results.size(), 2U);
  ASSERT_FALSE(results[1]);
  EXPECT_EQ(results[1].error().failure, Failure::unavailable);
  auto drop = never_called.get();
  server.on_io([&] { drop = nullptr; });
}

TEST(HttpClient, SaysWhereNobodyListens) {
  std::string url;
  {
    TestServer gone({});
    url = gone.url();
  }
  const auto result = fetch(url, {});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().failure, Failure::unavailable);
  EXPECT_THAT(result.error().message, testing::AllOf(HasSubstr(url), HasSubstr("refused")));
}

class BadBaseUrl : public testing::TestWithParam<const char*> {};
TEST_P(BadBaseUrl, IsRefused) {
  const auto result = fetch(GetParam(), {});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, "http.base_url");
}
INSTANTIATE_TEST_SUITE_P(Forms, BadBaseUrl,
                         testing::Values("", "host:80", "ftp://host", "http://", "http://host/path",
                                         "http://h:x", "http://:80"));

TEST(HttpClient, RefusesATargetThatWouldSplitTheRequest) {
  const auto result = fetch("http://127.0.0.1:1", {.target = "/a b"});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, "http.request_line");
}

TEST(HttpClient, CarriesLargeBodiesBothWaysAndResolvesNames) {
  TestServer server({{"PUT", "/mirror", mirror}});
  std::string body(5 << 20, '\0');
  for (std::size_t i = 0; i < body.size(); ++i) body[i] = static_cast<char>(i * 31 >> 3U);
  const auto url = "http://localhost:" + std::to_string(server.port());
  const auto result = fetch(url, {.method = "PUT", .target = "/mirror", .body = body});
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_TRUE(result->body == body);
}

TEST(HttpClient, TakesAnAnswerThatComesBeforeTheBodyIsSent) {
  TestServer server({{"PUT", "/small", mirror, 10}});
  const auto result = fetch(
      server.url(), {.method = "PUT", .target = "/small", .body = std::string(std::size_t{20} << 20U, 'x')});
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(result->status, 413);
}

}  // namespace
}  // namespace mooring::http

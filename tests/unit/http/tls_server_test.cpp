// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tests/unit/http/tls_fixture.hpp"

namespace mooring::http {
namespace {

using namespace std::chrono_literals;
using test::eventually;
using test::RawConnection;
using test::TestCertificate;
using test::TestServer;
using test::TestTrust;
using test::TlsConnection;
using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

Task<Response> tls_show_peer(Request request) { co_return Response::text(200, request.peer_certificate); }
Task<Response> tls_mirror(Request request) { co_return Response::text(200, std::move(request.body)); }
Task<Response> tls_sizes(Request request) {
  co_return Response::text(200, std::to_string(request.target.size()));
}

class TlsServer : public testing::Test {
 protected:
  static std::vector<Route> routes() {
    return {{"GET", "/peer", tls_show_peer}, {"PUT", "/mirror", tls_mirror}, {"GET", "/size", tls_sizes}};
  }
  ServerOptions options(ServerOptions others = {}) {
    others.tls = context_;
    return others;
  }
  TestTrust trust_;
  std::shared_ptr<TlsContext> context_ = test::must_make(trust_.server.identity(), true);
};

class TlsOf : public TlsServer, public testing::WithParamInterface<int> {};
INSTANTIATE_TEST_SUITE_P(Versions, TlsOf, testing::Values(TLS1_2_VERSION, TLS1_3_VERSION),
                         [](const auto& info) { return info.param == TLS1_2_VERSION ? "Tls12" : "Tls13"; });

TEST_P(TlsOf, AnswersManyRequestsOnOneConnection) {
  TestServer server(routes(), options());
  EXPECT_THAT(server.url(), StartsWith("https://"));
  TlsConnection connection(server.port(), {.version = GetParam()});
  ASSERT_TRUE(connection.connected());
  EXPECT_EQ(connection.protocol(), "http/1.1");
  for (int i = 0; i < 3; ++i) {
    EXPECT_THAT(connection.get("/size"), AllOf(StartsWith("HTTP/1.1 200 OK"), EndsWith("\r\n\r\n5")));
  }
  EXPECT_TRUE(eventually(
      [&] { return server.metrics().contains(R"(handshakes_total{listener="test",outcome="full"} 1)"); }));
}

TEST_P(TlsOf, HandsOverWhatTheClientShowsAndNothingWhereItShowsNone) {
  TestServer server(routes(), options());
  const TestCertificate device({.name = "device"});  // Self-signed: no concern of TLS.
  TlsConnection with(server.port(), {.version = GetParam(), .certificate = &device});
  ASSERT_TRUE(with.connected());
  EXPECT_THAT(with.get("/peer"), EndsWith("\r\n\r\n" + device.der()));
  EXPECT_THAT(with.get("/peer"), EndsWith("\r\n\r\n" + device.der())) << "in the second request";
  TlsConnection without(server.port(), {.version = GetParam()});
  EXPECT_THAT(without.get("/peer"), EndsWith("\r\n\r\n"));
}

TEST_P(TlsOf, TakesAnExpiredClientCertificateForOthersToJudge) {
  TestServer server(routes(), options());
  const TestCertificate old({.name = "old", .days_from = -20, .days_to = -10});
  TlsConnection connection(server.port(), {.version = GetParam(), .certificate = &old});
  EXPECT_THAT(connection.get("/peer"), EndsWith(old.der()));
}

TEST_P(TlsOf, KnowsTheClientOfAResumedSession) {
  TestServer server(routes(), options());
  const TestCertificate device({.name = "device"});
  TlsConnection first(server.port(), {.version = GetParam(), .certificate = &device});
  first.get("/peer");
  const auto session = first.session();
  TlsConnection second(server.port(), {.version = GetParam(), .resume = session.get()});
  EXPECT_THAT(second.get("/peer"), EndsWith(device.der()));
  EXPECT_TRUE(second.resumed());
  EXPECT_THAT(server.metrics(), HasSubstr(R"(handshakes_total{listener="test",outcome="resumed"} 1)"));
}

TEST_P(TlsOf, CarriesLargeBodiesBothWays) {
  TestServer server(routes(), options());
  TlsConnection connection(server.port(), {.version = GetParam()});
  std::string body(3'000'000, '\0');
  for (std::size_t i = 0; i < body.size(); ++i) body[i] = static_cast<char>(i * 7 % 251);
  connection.send("PUT /mirror HTTP/1.1\r\nHost: x\r\nContent-Length: 3000000\r\n\r\n");
  connection.send(body);
  const auto response = connection.response();
  EXPECT_TRUE(response.ends_with(body)) << response.size();
}

TEST_P(TlsOf, SaysGoodbyeBeforeItCloses) {
  TestServer server(routes(), options({.idle_timeout = 50ms}));
  TlsConnection asked(server.port(), {.version = GetParam()});
  asked.send("GET /size HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_TRUE(asked.said_goodbye());
  EXPECT_THAT(asked.take(), EndsWith("\r\n\r\n5"));
  TlsConnection idle(server.port(), {.version = GetParam()});
  idle.get("/size");
  EXPECT_TRUE(idle.said_goodbye());
}

TEST_P(TlsOf, DrainClosesIdleConnections) {
  TestServer server(routes(), options());
  TlsConnection idle(server.port(), {.version = GetParam()});
  idle.get("/size");
  EXPECT_EQ(server.drain(60s).wait_for(test::kPatience), std::future_status::ready);
  EXPECT_TRUE(idle.said_goodbye());
}

// Renegotiation is 1.2's; 1.3 has key updates in its place, which the server follows.
TEST_F(TlsServer, RefusesToRenegotiateAndStays) {
  TestServer server(routes(), options());
  TlsConnection connection(server.port(), {.version = TLS1_2_VERSION});
  ASSERT_TRUE(connection.connected());
  SSL_renegotiate(connection.ssl());
  EXPECT_NE(SSL_do_handshake(connection.ssl()), 1);
  ERR_clear_error();
  EXPECT_THAT(TlsConnection(server.port()).get("/size"), StartsWith("HTTP/1.1 200 "));
}

TEST_F(TlsServer, FollowsKeyUpdates) {
  TestServer server(routes(), options());
  TlsConnection connection(server.port());
  for (int i = 0; i < 5; ++i) {
    ASSERT_EQ(SSL_key_update(connection.ssl(), SSL_KEY_UPDATE_REQUESTED), 1);
    EXPECT_THAT(connection.get("/size"), StartsWith("HTTP/1.1 200 "));
  }
}

TEST_F(TlsServer, SpeaksNothingOlderThan12) {
  TestServer server(routes(), options());
  EXPECT_FALSE(TlsConnection(server.port(), {.version = TLS1_1_VERSION}).connected());
}

TEST_F(TlsServer, RefusesAClientThatSpeaksOnlyOtherProtocols) {
  TestServer server(routes(), options());
  EXPECT_FALSE(TlsConnection(server.port(), {.protocols = "\x02h2"}).connected());
  EXPECT_EQ(TlsConnection(server.port(), {.protocols = std::string("\x02h2\x08http/1.1")}).protocol(),
            "http/1.1");
  EXPECT_TRUE(TlsConnection(server.port(), {.protocols = ""}).connected());
}

TEST_F(TlsServer, TellsWhoeverSpeaksHttpToUseHttps) {
  TestServer server(routes(), options());
  RawConnection connection(server.port());
  connection.send("GET /size HTTP/1.1\r\nHost: x\r\n\r\n");
  connection.finish_sending();
  std::string answer;
  EXPECT_TRUE(connection.closed(&answer));
  EXPECT_THAT(answer, AllOf(StartsWith("HTTP/1.1 400 Bad Request"), HasSubstr("https://")));
}

TEST_F(TlsServer, ClosesOnGarbageAndServesOthers) {
  TestServer server(routes(), options());
  TlsConnection good(server.port());
  for (const auto& garbage :
       {std::string(300, '\xff'), std::string("\x16\x03\x01\x00\x05hello", 10), std::string(20000, '\0')}) {
    RawConnection connection(server.port());
    connection.send(garbage);
    connection.finish_sending();
    EXPECT_TRUE(connection.closed());
  }
  // Inside an established connection too.
  TlsConnection broken(server.port());
  ASSERT_TRUE(broken.connected());
  broken.raw().send(std::string(100, 'x'));
  EXPECT_EQ(broken.response(), "");
  EXPECT_THAT(good.get("/size"), StartsWith("HTTP/1.1 200 "));
  EXPECT_TRUE(eventually([&] {
    return server.metrics().contains(R"(handshakes_total{listener="test",outcome="failed"} 3)") &&
           server.metrics().contains("mooring_http_connections{listener=\"test\"} 1");
  }));
}

TEST_F(TlsServer, AClientThatIsSilentInTheHandshakeIsCutOff) {
  TestServer server(routes(), options({.header_timeout = 100ms}));
  RawConnection silent(server.port());
  EXPECT_TRUE(silent.closed());
  RawConnection half(server.port());
  half.send(std::string("\x16\x03\x01\x02\x00\x01\x00", 7));
  EXPECT_TRUE(half.closed());
}

TEST_F(TlsServer, AClientThatIsSlowAfterTheHandshakeIsToldSo) {
  TestServer server(routes(), options({.header_timeout = 100ms, .body_timeout = 100ms}));
  TlsConnection silent(server.port());
  EXPECT_EQ(silent.response(), "");
  TlsConnection half(server.port());
  half.send("GET /size HTTP/1.1\r\nHo");
  EXPECT_THAT(half.response(), StartsWith("HTTP/1.1 408 "));
  TlsConnection body(server.port());
  body.send("PUT /mirror HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf");
  EXPECT_THAT(body.response(), StartsWith("HTTP/1.1 408 "));
}

TEST_F(TlsServer, HoldsItsHeaderLimit) {
  TestServer server(routes(), options({.header_limit = std::size_t{96} * 1024}));
  TlsConnection connection(server.port());
  EXPECT_THAT(connection.get("/size?" + std::string(65530, 'q')), EndsWith("\r\n\r\n65536"));
  EXPECT_THAT(connection.get("/size?" + std::string(std::size_t{97} * 1024, 'q')),
              StartsWith("HTTP/1.1 431 "));
}

TEST_F(TlsServer, ShowsANewCertificateToNewConnections) {
  TestServer server(routes(), options());
  TlsConnection before(server.port());
  EXPECT_EQ(before.server_name(), "server");
  const TestCertificate next({.name = "next", .days_to = 90});
  const Time until = context_->not_after();
  ASSERT_TRUE(context_->replace(next.identity()));
  EXPECT_EQ(TlsConnection(server.port()).server_name(), "next");
  EXPECT_THAT(before.get("/size"), StartsWith("HTTP/1.1 200 ")) << "the old connection goes on";
  EXPECT_GT(context_->not_after(), until + std::chrono::days(50));
}

TEST_F(TlsServer, KeepsItsCertificateWhereTheNewOneIsBroken) {
  TestServer server(routes(), options());
  const auto identity = trust_.server.identity();
  const auto other = TestCertificate({.name = "other"}).identity();
  const auto code = [&](const TlsIdentity& broken) { return context_->replace(broken).error().code; };
  EXPECT_EQ(code({"", identity.private_key}), "tls.certificate");
  EXPECT_EQ(code({"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", identity.private_key}),
            "tls.certificate");
  EXPECT_EQ(code({identity.certificate_chain, "nonsense"}), "tls.private_key");
  EXPECT_EQ(code({identity.certificate_chain, other.private_key}), "tls.mismatch");
  EXPECT_EQ(TlsConnection(server.port()).server_name(), "server");
}

class TlsFilesTest : public testing::Test {
 protected:
  TlsFilesTest()
      : directory_(std::filesystem::temp_directory_path() / ("tls-" + std::to_string(::getpid()))) {
    std::filesystem::create_directories(directory_);
  }
  ~TlsFilesTest() override { std::filesystem::remove_all(directory_); }
  void write(const char* name, const std::string& content) { std::ofstream(directory_ / name) << content; }
  std::filesystem::path directory_;
};

TEST_F(TlsFilesTest, AreReadAndSeenToChange) {
  TlsFiles files(directory_ / "cert.pem", directory_ / "key.pem");
  EXPECT_THAT(files.read().error().message, HasSubstr((directory_ / "cert.pem").string()));
  EXPECT_FALSE(files.changed()) << "nothing came since the failed read";
  write("cert.pem", "one");
  EXPECT_TRUE(files.changed());
  EXPECT_THAT(files.read().error().message, HasSubstr("key.pem"));
  write("key.pem", "two");
  const auto identity = files.read();
  ASSERT_TRUE(identity);
  EXPECT_EQ(identity->certificate_chain, "one");
  EXPECT_EQ(identity->private_key, "two");
  EXPECT_FALSE(files.changed());
  write("key.pem", "three");
  EXPECT_TRUE(files.changed());
  write("key.pem", "");
  EXPECT_EQ(files.read().error().code, "tls.file");
}

}  // namespace
}  // namespace mooring::http

// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/ip/tcp.hpp>

#include "base/http/client.hpp"
#include "tests/unit/http/tls_fixture.hpp"

namespace mooring::http {
namespace {

using namespace std::chrono_literals;
using test::TestCertificate;
using test::TestServer;
using test::TestTrust;
using testing::HasSubstr;
using testing::StartsWith;

Task<Response> show_client(Request request) { co_return Response::text(200, request.peer_certificate); }
Task<Response> mirror_back(Request request) { co_return Response::text(200, std::move(request.body)); }

const std::vector<Route> kRoutes{{"GET", "/peer", show_client}, {"PUT", "/mirror", mirror_back}};

class TlsClient : public testing::Test {
 protected:
  static ServerOptions listening(const TestCertificate& certificate, bool ask = true) {
    return {.tls = test::must_make(certificate.identity(), ask)};
  }
  ClientOptions trusting() const { return {.timeout = 10s, .tls = {.trust = trust_.root.pem()}}; }
  static std::string by_name(const TestServer& server) {
    return "https://localhost:" + std::to_string(server.port());
  }
  /// The code with which a client refuses a server that shows `certificate`.
  std::string refused(const TestCertificate& certificate) const {
    TestServer server(kRoutes, listening(certificate));
    const auto response = fetch(by_name(server), {.target = "/peer"}, trusting());
    return response ? "answered" : response.error().code;
  }
  TestTrust trust_;
};

TEST_F(TlsClient, TrustsTheGivenRootByNameAndByAddress) {
  TestServer server(kRoutes, listening(trust_.server));
  for (const auto& url : {by_name(server), server.url()}) {
    const auto response =
        fetch(url, {.method = "PUT", .target = "/mirror", .body = std::string(500'000, 'x')}, trusting());
    ASSERT_TRUE(response) << response.error().message;
    EXPECT_EQ(response->body.size(), 500'000U);
  }
}

TEST_F(TlsClient, SaysWhatIsWrongWithACertificate) {
  const std::string here = "DNS:localhost,IP:127.0.0.1";
  EXPECT_EQ(refused(trust_.server), "answered");
  const TestCertificate stranger({.name = "Other root", .ca = true});
  EXPECT_EQ(refused(TestCertificate({.alternative = here}, &stranger)), "tls.untrusted");
  EXPECT_EQ(refused(TestCertificate({.alternative = here})), "tls.untrusted");
  EXPECT_EQ(refused(TestCertificate({.alternative = "DNS:example.com"}, &trust_.root)), "tls.wrong_host");
  EXPECT_EQ(refused(TestCertificate({.alternative = here, .days_from = -9, .days_to = -1}, &trust_.root)),
            "tls.expired");
  EXPECT_EQ(refused(TestCertificate({.alternative = here, .days_from = 1}, &trust_.root)),
            "tls.not_yet_valid");
}

TEST_F(TlsClient, ChecksAnAddressAgainstAddressesOnly) {
  const TestCertificate named({.name = "127.0.0.1", .alternative = "DNS:localhost"}, &trust_.root);
  TestServer server(kRoutes, listening(named));
  EXPECT_TRUE(fetch(by_name(server), {.target = "/peer"}, trusting()));
  const auto response = fetch(server.url(), {.target = "/peer"}, trusting());
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, "tls.wrong_host");
  EXPECT_THAT(response.error().message, HasSubstr(server.url()));
}

TEST_F(TlsClient, TrustsOnlyTheSystemsRootsWhereNoneIsGiven) {
  TestServer server(kRoutes, listening(trust_.server));
  const auto response = fetch(server.url(), {.target = "/peer"}, ClientOptions{.timeout = 10s});
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, "tls.untrusted");
  EXPECT_TRUE(fetch(server.url(), {.target = "/peer"}, {.timeout = 10s, .tls = {.verify = false}}));
}

TEST_F(TlsClient, ShowsItsCertificate) {
  TestServer server(kRoutes, listening(trust_.server));
  const TestCertificate device({.name = "device"});
  auto options = trusting();
  options.tls.identity = device.identity();
  const auto response = fetch(server.url(), {.target = "/peer"}, options);
  ASSERT_TRUE(response) << response.error().message;
  EXPECT_EQ(response->body, device.der());
}

Task<void> two_connections(Client* client, std::vector<Result<Response>>* results) {
  for (int i = 0; i < 2; ++i) {
    Request request{.target = "/peer"};
    request.headers.set("Connection", "close");
    results->push_back(co_await client->send(std::move(request)));
  }
}

TEST_F(TlsClient, ResumesItsSessionAndIsStillKnown) {
  const TestCertificate device({.name = "device"});
  for (const bool resume : {true, false}) {
    TestServer server(kRoutes, listening(trust_.server));
    auto options = trusting();
    options.tls.identity = device.identity();
    options.tls.resume = resume;
    boost::asio::io_context io(1);
    Client client(io.get_executor(), server.url(), options);
    std::vector<Result<Response>> results;
    boost::asio::co_spawn(io, two_connections(&client, &results), boost::asio::detached);
    io.run();
    ASSERT_TRUE(results[0] && results[1]);
    EXPECT_EQ(results[1]->body, device.der());
    EXPECT_THAT(server.metrics(), HasSubstr(resume ? R"(outcome="resumed"} 1)" : R"(outcome="full"} 2)"));
  }
}

TEST_F(TlsClient, ExplainsAnIdentityThatCannotBeUsed) {
  const auto code = [&](ClientTls tls) {
    TestServer server(kRoutes, listening(trust_.server));
    return fetch(server.url(), {.target = "/peer"}, {.timeout = 10s, .tls = std::move(tls)}).error().code;
  };
  const TestCertificate other({.name = "other"});
  EXPECT_EQ(code({.trust = "nothing"}), "tls.trust");
  EXPECT_EQ(code({.trust = trust_.root.pem(), .identity = {other.pem(), "nothing"}}), "tls.private_key");
  EXPECT_EQ(code({.trust = trust_.root.pem(), .identity = {other.pem(), trust_.root.key_pem()}}),
            "tls.mismatch");
}

TEST_F(TlsClient, NoticesAPeerThatDoesNotSpeakTls) {
  TestServer plain(kRoutes);
  const auto response =
      fetch("https://127.0.0.1:" + std::to_string(plain.port()), {.target = "/peer"}, trusting());
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, "tls.handshake");
}

TEST_F(TlsClient, TimesOutInTheHandshake) {
  boost::asio::io_context io(1);
  boost::asio::ip::tcp::acceptor silent(io, {boost::asio::ip::make_address("127.0.0.1"), 0});
  const auto url = "https://127.0.0.1:" + std::to_string(silent.local_endpoint().port());
  auto options = trusting();
  options.timeout = 50ms;
  const auto response = fetch(url, {.target = "/peer"}, options);
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().failure, Failure::timeout);
}

}  // namespace
}  // namespace mooring::http

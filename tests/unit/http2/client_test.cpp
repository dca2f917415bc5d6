// SPDX-License-Identifier: Apache-2.0
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>

#include "tests/unit/http2/http2_fixture.hpp"

namespace mooring::http2::test {
namespace {

class Http2ClientTest : public Http2Test {};

TEST_F(Http2ClientTest, CarriesRequestAndAnswerWhole) {
  serve({});
  connect();
  send(request("/3/device/ab?x=1", std::string(40000, 'b')));
  ASSERT_TRUE(until([&] { return answers == 1; }));
  ASSERT_EQ(seen.size(), 1U);
  EXPECT_EQ(seen[0].method, "POST");
  EXPECT_EQ(seen[0].target, "/3/device/ab?x=1");
  EXPECT_EQ(seen[0].headers.get("x-test"), "yes");
  EXPECT_EQ(last->value().status, 200);
  EXPECT_EQ(last->value().body, std::string(40000, 'b'));
  EXPECT_EQ(last->value().headers.get("x-target"), "/3/device/ab?x=1");
}

TEST_F(Http2ClientTest, ManyRequestsShareOneConnection) {
  serve({.max_streams = 100});
  connect();
  send(2000);
  ASSERT_TRUE(until([&] { return answers == 2000; }));
  EXPECT_EQ(server->connections(), 1U);
  EXPECT_EQ(client->stats().connections, 1U);
}

TEST_F(Http2ClientTest, KeepsTheConnectionBetweenRequests) {
  serve({});
  connect();
  for (std::size_t i = 1; i <= 5; ++i) {
    send(1);
    ASSERT_TRUE(until([&] { return answers == i; }));
    run_for(milliseconds(5));
  }
  EXPECT_EQ(server->connections(), 1U);
}

TEST_F(Http2ClientTest, NeverMoreStreamsThanThePeerAllows) {
  serve({.max_streams = 1});
  connect();
  send(50);
  ASSERT_TRUE(until([&] { return answers == 50; }));
  EXPECT_EQ(most_answering, 1U);
}

TEST_F(Http2ClientTest, FollowsALimitThatIsRaisedLater) {
  serve({.max_streams = 1});
  connect();
  hold = true;
  send(20);
  ASSERT_TRUE(until([&] { return answering == 1; }));
  server->set_max_streams(8);
  ASSERT_TRUE(until([&] { return answering == 8; }));
  release_held();
  ASSERT_TRUE(until([&] { return answers == 20; }));
}

TEST_F(Http2ClientTest, AfterGoAwayTheOldConnectionFinishesAndANewOneTakesTheRest) {
  serve({});
  connect();
  hold = true;
  send(3);
  ASSERT_TRUE(until([&] { return answering == 3; }));
  server->go_away();
  run_for(milliseconds(200));
  hold = false;
  send(5);
  ASSERT_TRUE(until([&] { return answers == 5; }));
  EXPECT_EQ(server->connections(), 2U);
  release_held();
  ASSERT_TRUE(until([&] { return answers == 8; }));
  EXPECT_TRUE(errors.empty());
  EXPECT_EQ(seen.size(), 8U) << "none was sent twice";
}

TEST_F(Http2ClientTest, WhatGoAwayDidNotCoverIsSentAgainOnce) {
  int arrived = 0;
  serve({.fate = [&](const http::Request&) { return ++arrived == 4 ? Fate::go_away : Fate::answer; }});
  connect();
  send(10);
  ASSERT_TRUE(until([&] { return done() == 10; }));
  EXPECT_TRUE(errors.empty());
  EXPECT_EQ(seen.size(), 10U);
  EXPECT_EQ(client->stats().connections, 2U);
}

TEST_F(Http2ClientTest, ALostConnectionIsAnErrorForEachRequestOnIt) {
  serve({});
  connect();
  hold = true;
  send(3);
  ASSERT_TRUE(until([&] { return answering == 3; }));
  server->cut();
  ASSERT_TRUE(until([&] { return errors.size() == 3; }));
  for (const auto& error : errors) EXPECT_EQ(error.code, "http2.connection_lost");
  hold = false;
  send(1);
  ASSERT_TRUE(until([&] { return answers == 1; }));
}

TEST_F(Http2ClientTest, WhatWasNotSentYetOutlivesALostConnection) {
  serve({.max_streams = 2});
  connect();
  hold = true;
  send(6);
  ASSERT_TRUE(until([&] { return answering == 2; }));
  hold = false;
  server->cut();
  ASSERT_TRUE(until([&] { return done() == 6; }));
  EXPECT_EQ(errors.size(), 2U);
  EXPECT_EQ(answers, 4U);
}

TEST_F(Http2ClientTest, AServerThatAlwaysCutsIsNotTriedForEver) {
  serve({.fate = [](const http::Request&) { return Fate::cut; }});
  connect();
  send(5);
  ASSERT_TRUE(until([&] { return errors.size() == 5; }));
  EXPECT_LE(server->connections(), 5U);
}

TEST_F(Http2ClientTest, NobodyThereIsAnErrorForAll) {
  serve({});
  connect();
  server.reset();
  send(4);
  ASSERT_TRUE(until([&] { return errors.size() == 4; }));
  for (const auto& error : errors) {
    EXPECT_EQ(error.code, "http2.connect");
    EXPECT_NE(error.message.find("127.0.0.1:"), std::string::npos) << error.message;
  }
}

TEST_F(Http2ClientTest, ALateAnswerIsATimeoutAndTheConnectionGoesOn) {
  serve({});
  connect({.request_timeout = milliseconds(500)});
  hold = true;
  send(2);
  ASSERT_TRUE(until([&] { return errors.size() == 2; }));
  EXPECT_EQ(errors[0].failure, Failure::timeout);
  EXPECT_EQ(errors[0].code, "http2.timeout");
  hold = false;
  send(1);
  ASSERT_TRUE(until([&] { return answers == 1; }));
  EXPECT_EQ(server->connections(), 1U);
}

TEST_F(Http2ClientTest, TheDeadlineCountsTheWaitForAFreeStreamToo) {
  serve({.max_streams = 1});
  connect({.request_timeout = milliseconds(500)});
  hold = true;
  send(3);
  ASSERT_TRUE(until([&] { return errors.size() == 3; }));
  EXPECT_EQ(seen.size(), 1U);
}

/// Accepts one connection, says `greeting`, and nothing more.
class MutePeer {
 public:
  MutePeer(boost::asio::io_context& io, std::string greeting)
      : acceptor_(io, {boost::asio::ip::make_address("127.0.0.1"), 0}),
        socket_(io),
        greeting_(std::move(greeting)) {
    acceptor_.async_accept(socket_, [this](const boost::system::error_code& error) {
      if (!error) boost::asio::write(socket_, boost::asio::buffer(greeting_));
    });
  }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(acceptor_.local_endpoint().port()); }

 private:
  boost::asio::ip::tcp::acceptor acceptor_;
  boost::asio::ip::tcp::socket socket_;
  std::string greeting_;
};

TEST_F(Http2ClientTest, APeerThatAcceptsAndSaysNothingIsGivenUp) {
  const MutePeer peer(io, "");
  client = std::make_unique<Client>(io.get_executor(), peer.url(),
                                    ClientOptions{.connect_timeout = milliseconds(60)});
  send(2);
  ASSERT_TRUE(until([&] { return errors.size() == 2; }));
  EXPECT_EQ(errors[0].code, "http2.connect");
}

TEST_F(Http2ClientTest, APeerThatFallsSilentIsAskedByPingAndGivenUp) {
  const std::string settings_frame("\0\0\0\4\0\0\0\0\0", 9);
  const MutePeer peer(io, settings_frame);
  client = std::make_unique<Client>(
      io.get_executor(), peer.url(),
      ClientOptions{.ping_after = milliseconds(30), .ping_timeout = milliseconds(30)});
  send(1);
  ASSERT_TRUE(until([&] { return errors.size() == 1; }));
  EXPECT_EQ(errors[0].code, "http2.connection_lost");
  EXPECT_NE(errors[0].message.find("PING"), std::string::npos);
}

TEST_F(Http2ClientTest, AnIdleConnectionIsKeptAliveByPing) {
  serve({});
  connect({.ping_after = milliseconds(20), .ping_timeout = milliseconds(1000)});
  send(1);
  ASSERT_TRUE(until([&] { return answers == 1; }));
  run_for(milliseconds(1300));  // longer than an unanswered ping would live
  send(1);
  ASSERT_TRUE(until([&] { return answers == 2; }));
  EXPECT_EQ(server->connections(), 1U);
}

TEST_F(Http2ClientTest, AnAnswerWithoutEndIsCutAtTheLimit) {
  serve({});
  connect({.response_limit = 1000});
  send(request("/", std::string(5000, 'x')));
  ASSERT_TRUE(until([&] { return errors.size() == 1; }));
  EXPECT_EQ(errors[0].code, "http2.too_large");
}

TEST_F(Http2ClientTest, ClosingAnswersWhoeverWaits) {
  serve({});
  connect();
  hold = true;
  send(2);
  ASSERT_TRUE(until([&] { return answering == 2; }));
  send(1);
  client->close();
  EXPECT_EQ(errors.size(), 3U);
  for (const auto& error : errors) EXPECT_EQ(error.code, "http2.closed");
}

TEST_F(Http2ClientTest, RefusesAnAddressThatIsNone) {
  serve({});
  for (const char* url :
       {"", "api.push.apple.com", "ftp://host", "https://", "https://host:port", "http://a/b"}) {
    client = std::make_unique<Client>(io.get_executor(), url, ClientOptions{});
    errors.clear();
    send(1);
    ASSERT_TRUE(until([&] { return errors.size() == 1; })) << url;
    EXPECT_EQ(errors[0].code, "http2.url") << url;
  }
}

}  // namespace
}  // namespace mooring::http2::test

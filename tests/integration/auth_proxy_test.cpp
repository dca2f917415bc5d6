// SPDX-License-Identifier: Apache-2.0
// Requests under /authproxy/: who is proven, what the server behind hears, what the device gets.
#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include "core/auth_proxy.hpp"
#include "tests/integration/identity_fixture.hpp"
#include "tests/unit/http/http_fixture.hpp"

namespace mooring::test {
namespace {

/// Answers with what it heard.
struct Upstream {
  Upstream() : server(routes()) {}
  std::vector<http::Route> routes() {
    const auto hear = [this](http::Request request) -> Task<http::Response> {
      heard = std::move(request);
      auto response = http::Response::text(201, "from behind", "application/x-thing");
      response.headers.set("X-From", "upstream");
      co_return response;
    };
    return {{.method = "PUT", .pattern = "/base/{path...}", .handler = hear},
            {.method = "GET", .pattern = "/base/{path...}", .handler = hear}};
  }
  http::Request heard;
  http::test::TestServer server;
};

struct AuthProxyTest : testing::Test {
  AuthProxyTest() { devices.enroll(holder); }

  http::Response send(http::Request request, const std::string& url) {
    core::AuthProxy proxy(io.get_executor(), *core::AuthProxyTarget::parse(url), identity,
                          devices.world.db.log);
    std::optional<http::Response> out;
    for (auto& route : proxy.routes()) {
      if (route.method != request.method) continue;
      boost::asio::co_spawn(io, route.handler(std::move(request)),
                            [&](std::exception_ptr, http::Response response) { out = std::move(response); });
      break;
    }
    io.restart();
    io.run();
    return out.value_or(http::Response{.status = 0, .headers = {}, .body = {}});
  }
  static http::Request signed_request(const Holder& by) {
    http::Request request;
    request.method = "PUT";
    request.target = "/authproxy/a%20b/c?d=e%26f";
    request.id = "trace-1";
    request.body = "any \r\n body";
    request.headers.add("Content-Type", "text/x-any");
    request.headers.add("X-Enrollment-ID", "SOMEBODY-ELSE");
    request.headers.add("x-trace-id", "forged");
    request.headers.add("Connection", "keep-alive");
    IdentityWorld::sign(request, by);
    return request;
  }

  IdentityWorld devices;
  Holder holder = IdentityWorld::make_identity();
  boost::asio::io_context io;
  crypto::CryptoPool crypto{1};
  core::Identity identity{IdentityWorld::with_anchor({}),
                          devices.world.db.connect_options(),
                          crypto,
                          devices.world.clock,
                          devices.world.db.log,
                          devices.world.db.metrics};
  Upstream upstream;
};

// covers: mdm.A10
TEST_F(AuthProxyTest, TheServerBehindHearsWhoItIs) {
  const auto response = send(signed_request(holder), upstream.server.url() + "/base/");
  EXPECT_EQ(response.status, 201);
  EXPECT_EQ(response.body, "from behind");
  EXPECT_EQ(response.headers.get("X-From"), "upstream");
  EXPECT_EQ(response.headers.get("Content-Type"), "application/x-thing");
  const auto& heard = upstream.heard;
  EXPECT_EQ(heard.method, "PUT");
  EXPECT_EQ(heard.target, "/base/a%20b/c?d=e%26f");
  EXPECT_EQ(heard.body, "any \r\n body");
  EXPECT_EQ(heard.headers.get("Content-Type"), "text/x-any");
  EXPECT_EQ(heard.headers.get("X-Enrollment-ID"), kPhone);
  EXPECT_EQ(heard.headers.get("X-Trace-ID"), "trace-1");
  EXPECT_FALSE(heard.headers.has("Mdm-Signature"));
}

TEST_F(AuthProxyTest, ARequestWithoutABodyIsSignedAsWell) {
  http::Request request;
  request.target = "/authproxy/thing";
  IdentityWorld::sign(request, holder);
  EXPECT_EQ(send(request, upstream.server.url() + "/base").status, 201);
  EXPECT_EQ(upstream.heard.target, "/base/thing");
}

// covers: mdm.A10
TEST_F(AuthProxyTest, ItHearsNothingOfWhoIsNotProven) {
  const auto url = upstream.server.url() + "/base";
  EXPECT_EQ(send(signed_request(IdentityWorld::make_identity()), url).status, 400) << "speaks for nobody";
  auto tampered = signed_request(holder);
  tampered.body += "x";
  EXPECT_EQ(send(tampered, url).status, 400);
  auto nameless = signed_request(holder);
  nameless.headers = {};
  EXPECT_EQ(send(nameless, url).status, 400);
  devices.check_out(holder);
  EXPECT_EQ(send(signed_request(holder), url).status, 400) << "left";
  EXPECT_EQ(upstream.heard.target, "/") << "nothing was heard";
}

// covers: mdm.A10
TEST_F(AuthProxyTest, AServerThatDoesNotAnswerIsABadGateway) {
  std::string url;
  {
    url = Upstream().server.url();
  }
  const auto response = send(signed_request(holder), url);
  EXPECT_EQ(response.status, 502);
  EXPECT_EQ(IdentityWorld::code(response), "auth_proxy.upstream");
}

TEST(AuthProxyTargetTest, IsAUrl) {
  const auto target = core::AuthProxyTarget::parse("https://inside.example:8443/a/b/");
  ASSERT_TRUE(target);
  EXPECT_EQ(target->base, "https://inside.example:8443");
  EXPECT_EQ(target->prefix, "/a/b");
  EXPECT_EQ(core::AuthProxyTarget::parse("http://h")->prefix, "");
  for (const char* bad : {"", "h", "ftp://h", "http://", "http://h/?q", "http://u@h", "http://h/a b"}) {
    EXPECT_EQ(code_of(core::AuthProxyTarget::parse(bad)), "auth_proxy.url") << bad;
  }
}

}  // namespace
}  // namespace mooring::test

// SPDX-License-Identifier: Apache-2.0
// Client and server on one event loop, run by the test itself until something is so.
#pragma once

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/http2/client.hpp"
#include "base/http2/server.hpp"

namespace mooring::http2::test {

using std::chrono::milliseconds;

class Http2Test : public ::testing::Test {
 protected:
  ~Http2Test() override {
    client.reset();
    server.reset();
    release_held();
    run_for(milliseconds(20));
  }

  /// Answers with the request's body and its target as a field, or holds the answer back while `hold`.
  http::Handler echo() {
    return [this](http::Request request) { return answer(this, std::move(request)); };
  }

  void serve(ServerOptions options) {
    server = std::make_unique<Server>(io.get_executor(), std::move(options), echo());
    const auto started = server->start();
    ASSERT_TRUE(started) << started.error().message;
  }
  void connect(ClientOptions options = {}) {
    client = std::make_unique<Client>(io.get_executor(), server->url(), std::move(options));
  }

  static http::Request request(const std::string& target, std::string body = "hello") {
    http::Request made;
    made.method = "POST";
    made.target = target;
    made.headers.add("x-test", "yes");
    made.body = std::move(body);
    return made;
  }
  void send(http::Request made) {
    client->send(std::move(made), [this](Result<http::Response> result) {
      if (result) {
        ++answers;
      } else {
        errors.push_back(result.error());
      }
      last = std::move(result);
    });
  }
  void send(int count) {
    for (int i = 0; i < count; ++i) send(request("/" + std::to_string(i)));
  }
  std::size_t done() const { return answers + errors.size(); }

  /// Runs the loop until `met`; false after ten seconds.
  bool until(const std::function<bool()>& met) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    io.restart();
    while (!met()) {
      if (std::chrono::steady_clock::now() > end) return false;
      io.run_one_for(milliseconds(10));
    }
    return true;
  }
  void run_for(milliseconds time) {
    io.restart();
    io.run_for(time);
  }
  void release_held() {
    hold = false;
    for (auto& timer : held) timer->cancel();
    held.clear();
  }

  boost::asio::io_context io{1};
  std::unique_ptr<Server> server;
  std::unique_ptr<Client> client;
  std::size_t answers = 0;
  std::vector<Error> errors;
  std::optional<Result<http::Response>> last;
  std::vector<http::Request> seen;
  std::size_t answering = 0;       ///< Requests inside the handler now.
  std::size_t most_answering = 0;  ///< ... and the most there ever were.
  bool hold = false;
  std::vector<std::shared_ptr<boost::asio::steady_timer>> held;

 private:
  static Task<http::Response> answer(Http2Test* self, http::Request request) {
    self->seen.push_back(request);
    self->most_answering = std::max(self->most_answering, ++self->answering);
    const auto pause = std::make_shared<boost::asio::steady_timer>(self->io);
    pause->expires_after(self->hold ? milliseconds(60000) : milliseconds(0));
    if (self->hold) self->held.push_back(pause);
    boost::system::error_code ignored;
    co_await pause->async_wait(boost::asio::redirect_error(boost::asio::use_awaitable, ignored));
    --self->answering;
    http::Response response = http::Response::text(200, request.body);
    response.headers.add("x-target", request.target);
    co_return response;
  }
};

}  // namespace mooring::http2::test

// SPDX-License-Identifier: Apache-2.0
// The API on a real socket over the world of the loop's tests, and a client
// that holds every answer against openapi.yaml.
#pragma once

#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "api/api.hpp"
#include "api/compat/mdmdirector/mdmdirector.hpp"
#include "api/compat/nanomdm/nanomdm.hpp"
#include "base/http/client.hpp"
#include "base/http/server.hpp"
#include "base/http2/server.hpp"
#include "tests/support/world.hpp"

namespace mooring::api_test {

using Json = nlohmann::json;

/// What `answer` to `method target` does not keep of openapi.yaml's promises,
/// one line each.
std::vector<std::string> contract_violations(const std::string& method, const std::string& path,
                                             const http::Response& answer);

struct Answer {
  int status = 0;
  Json body;  ///< null where it is no JSON.
  http::Response response;
  std::string code() const { return body.value("code", std::string()); }
};

struct EscrowPlace {
  std::string url;
  std::string trust;  ///< PEM of its roots.
};

class ApiFixture {
 public:
  /// `with_push`: a push service that accepts everything, on the same thread. `escrow`: where NanoMDM's API
  /// passes escrow keys on to.
  explicit ApiFixture(bool with_push = false, const EscrowPlace& escrow = {});
  ~ApiFixture();
  ApiFixture(const ApiFixture&) = delete;
  ApiFixture& operator=(const ApiFixture&) = delete;

  Answer send(http::Request request);
  Answer get(const std::string& target) { return send(make("GET", target)); }
  Answer remove(const std::string& target) { return send(make("DELETE", target)); }
  Answer post(const std::string& target, const Json& body = nullptr);
  Answer put(const std::string& target, const std::string& body);
  Answer patch(const std::string& target, const Json& body) {
    return send(make("PATCH", target, body.dump()));
  }
  std::string url() const { return server_->url(); }
  /// With the right token.
  http::Request make(const std::string& method, const std::string& target, std::string body = {}) const;

  test::World world;
  std::string token;
  std::atomic<int> rings{0};
  std::atomic<int> pushed{0};
  std::atomic<int> consumer_changes{0};
  std::atomic<bool> ready{true};

 private:
  boost::asio::io_context io_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{io_.get_executor()};
  pg::Pool pool_;
  std::unique_ptr<http2::Server> push_service_;
  std::unique_ptr<core::Pusher> pusher_;
  core::CheckinStore checkins_;
  core::enroll::Profiles enrollment_{world.secrets(),
                                     [](pg::Connection&) -> Result<core::enroll::Surroundings> {
                                       return core::enroll::Surroundings{
                                           .device_url = "https://mdm.example.org",
                                           .topic = "com.apple.mgmt.x"};
                                     },
                                     std::chrono::hours(1)};
  std::unique_ptr<api::Api> api_;
  std::unique_ptr<api::nanomdm::NanoMdm> nanomdm_;
  std::unique_ptr<api::mdmdirector::MdmDirector> mdmdirector_;
  std::unique_ptr<http::Server> server_;
  std::thread thread_;
};

}  // namespace mooring::api_test

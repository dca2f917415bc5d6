// SPDX-License-Identifier: Apache-2.0
// A whole installation for tests: the real binary as a process of its own, a push service and a fleet, over
// real sockets.
#pragma once

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "app/demo_process.hpp"
#include "base/http/client.hpp"
#include "simulator/fleet.hpp"
#include "simulator/push_gateway.hpp"
#include "tests/support/world.hpp"

namespace mooring::test {

class Installation {
 public:
  Installation();
  ~Installation();

  /// Starts the server, or starts it again on the same ports with the same data.
  void start_server();
  void kill_server();  ///< SIGKILL; returns when it is gone.
  void start_fleet(std::size_t devices, const simulator::Behaviour& behaviour);

  simulator::Fleet& fleet() { return *fleet_; }
  const std::string& api_url() const { return api_url_; }
  const std::string& device_url() const { return device_url_; }
  const std::string& token() const { return token_; }
  pid_t server_pid() const { return server_->pid(); }

  /// Answers of the API; a status that is not 2xx fails the test.
  std::string get(const std::string& path);
  std::string send(const std::string& method, const std::string& path, const std::string& body,
                   const std::string& content_type = "application/json");
  /// Uploads a profile; its PayloadUUID.
  std::string declare(const std::string& name, const std::string& mobileconfig);
  void assign(const std::string& name, const std::string& scope = "all");
  /// A push certificate that lasts longer takes the place of the one in the server's file.
  void renew_push_certificate();
  /// Sum over all profiles, as the API says.
  std::int64_t drifted_devices();
  std::int64_t verified_devices();

  /// Polls until `done`, at most a minute; false where it never was.
  bool wait(const std::function<bool()>& done);

 private:
  std::int64_t sum_over_items(std::string_view count);
  http::Response request(const std::string& method, const std::string& path, const std::string& body,
                         const std::string& content_type);

  std::filesystem::path directory_;
  std::unique_ptr<app::ServerProcess> server_;
  std::string api_url_;
  std::string device_url_;
  std::string token_;
  SystemClock clock_;
  Logger log_{LogLevel::error, LogFormat::logfmt};
  Metrics metrics_;
  boost::asio::io_context io_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{io_.get_executor()};
  std::unique_ptr<simulator::Fleet> fleet_;
  std::unique_ptr<simulator::PushReceiver> receiver_;
  std::unique_ptr<simulator::PushGateway> gateway_;
  std::thread thread_;
};

}  // namespace mooring::test

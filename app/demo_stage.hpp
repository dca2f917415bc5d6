// SPDX-License-Identifier: Apache-2.0
// Everything that a demo's story needs: the server (started again when it dies), the fleet, the screen, and
// waiting for something while all three live on.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>

#include "app/demo.hpp"
#include "app/demo_client.hpp"
#include "app/demo_directory.hpp"
#include "app/demo_fleet.hpp"
#include "app/demo_process.hpp"
#include "app/demo_screen.hpp"

namespace mooring::app {

class DemoStage {
 public:
  using Instant = std::chrono::steady_clock::time_point;

  DemoStage(DemoOptions options, DemoDirectory directory);

  /// Starts the push service and the server. The fleet waits for start().
  Result<> open();
  Result<> start_fleet() { return fleet_.start(device_url_); }
  /// Stops the devices, then the server.
  void close();

  /// Keeps all alive until `met` or `deadline`; false at the deadline, or when the demo is to end.
  bool wait_for(const std::function<bool()>& met, Instant deadline, const std::string& activity);
  /// Asks until the server answers; a refusal is an answer.
  template <class Ask>
  auto insist(Ask ask, Instant deadline) -> decltype(ask());

  /// Until the screen shows no drift any more: /metrics follow the API with a short delay.
  void let_screen_catch_up();

  bool stopping() const { return stop_.stop_requested(); }
  /// Why the demo cannot go on, where it cannot.
  const std::optional<Error>& broken() const { return broken_; }
  /// Somebody sent SIGUSR1 since the last call.
  bool users_wanted() { return users_wanted_.exchange(false); }

  const DemoClient& client() const { return *client_; }
  DemoFleet& fleet() { return fleet_; }
  DemoScreen& screen() { return screen_; }
  const DemoOptions& options() const { return options_; }
  const DemoDirectory& directory() const { return directory_; }
  int restarts() const { return restarts_; }

 private:
  ServerCommand server_command(bool expects_token) const;
  Result<> start_server();
  void choose_addresses();
  std::string choose_address(const std::string& chosen, const char* usual, const char* what);
  void tick(const std::string& activity);
  void revive();
  void pause();

  DemoOptions options_;
  DemoDirectory directory_;
  DemoScreen screen_;
  std::stop_source stop_;
  std::atomic<bool> users_wanted_ = false;
  std::mutex mutex_;
  std::condition_variable_any wake_;
  DemoFleet fleet_;
  DemoPushService push_;
  std::string device_url_;
  std::string token_;
  std::unique_ptr<ServerProcess> server_;
  std::unique_ptr<DemoClient> client_;
  DemoView view_;
  Instant viewed_at_{};
  Instant started_at_{};
  int restarts_ = 0;
  int quick_deaths_ = 0;
  std::optional<Error> broken_;
};

template <class Ask>
auto DemoStage::insist(Ask ask, Instant deadline) -> decltype(ask()) {
  auto answer = ask();
  const auto heard = [&] {
    if (!answer) answer = ask();
    return answer ||
           (answer.error().failure != Failure::unavailable && answer.error().failure != Failure::timeout);
  };
  wait_for(heard, deadline, "waiting for the server");
  return answer;
}

}  // namespace mooring::app

// SPDX-License-Identifier: Apache-2.0
// The server of a demo: `mooring serve` as a process of its own, which can be killed and started again.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace mooring::app {

struct ServerCommand {
  std::vector<std::string> arguments;  ///< Of `mooring`, from the verb on.
  std::filesystem::path log_file;      ///< Gets its standard error, appended.
  bool expects_token = false;          ///< The first start with a data directory prints an API token.
  std::filesystem::path binary;        ///< Empty: this very program.
};

/// What it says of itself once it is ready.
struct ServerAnnouncement {
  std::string device_url;
  std::string api_url;
  std::string token;  ///< Empty where this start made none.
};

class ServerProcess {
 public:
  /// Returns when the server is ready. Errors: demo.server_ended (with the end of its log),
  /// demo.server_silent, demo.interrupted.
  static Result<std::unique_ptr<ServerProcess>> start(const ServerCommand& command, std::stop_token stop,
                                                      std::chrono::seconds patience);
  ~ServerProcess();  ///< As stop().
  ServerProcess(const ServerProcess&) = delete;
  ServerProcess& operator=(const ServerProcess&) = delete;

  pid_t pid() const { return pid_; }
  const ServerAnnouncement& announcement() const { return announcement_; }
  /// How it ended ("was killed by signal 9"), or nullopt while it runs.
  std::optional<std::string> ended();
  /// SIGTERM, and where that does not help, SIGKILL; waits.
  void stop();

 private:
  ServerProcess(pid_t pid, int output) : pid_(pid), output_(output) {}
  Result<> read_announcement(const ServerCommand& command, const std::stop_token& stop,
                             std::chrono::seconds patience);

  pid_t pid_;
  int output_;
  std::optional<std::string> end_;
  ServerAnnouncement announcement_;
};

/// SIGTERM, then SIGKILL after `patience`; returns when the process is gone (its parent may still have to
/// reap it).
void end_process(pid_t pid, std::chrono::seconds patience);

/// True where host:port can be listened on now.
bool can_listen(const std::string& address);

}  // namespace mooring::app

// SPDX-License-Identifier: Apache-2.0
// The real server as a child process, with its embedded PostgreSQL at default settings.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace mooring::bench {

class ServerProcess {
 public:
  /// Starts `binary` in an empty `data_dir` and waits until it says where it listens.
  ServerProcess(const std::string& binary, const std::filesystem::path& data_dir,
                const std::vector<std::string>& options = {"--device-identity=off", "--device-tls=off"});
  ~ServerProcess();
  ServerProcess(const ServerProcess&) = delete;
  ServerProcess& operator=(const ServerProcess&) = delete;

  std::uint16_t device_port() const { return device_port_; }
  std::uint16_t api_port() const { return api_port_; }
  const std::string& token() const { return token_; }
  std::string conninfo() const;

  struct Cpu {
    double server = 0;
    double postgres = 0;
    double total() const { return server + postgres; }
    Cpu operator-(const Cpu& other) const { return {server - other.server, postgres - other.postgres}; }
  };
  /// Seconds since the start.
  Cpu cpu() const;

 private:
  void spawn(const std::string& binary, const std::vector<std::string>& options);
  void listen_to(int out);
  void stop();

  std::filesystem::path data_dir_;
  pid_t pid_ = -1;
  pid_t postmaster_ = -1;
  std::uint16_t device_port_ = 0;
  std::uint16_t api_port_ = 0;
  std::string token_;
};

}  // namespace mooring::bench

// SPDX-License-Identifier: Apache-2.0
// The directory of a demo: made fresh at each start, and left behind for those who want to look.
#pragma once

#include <filesystem>
#include <string>

#include "base/result.hpp"

namespace mooring::app {

class DemoDirectory {
 public:
  /// Empties `path`, but only if a demo of the same user made it, and none runs in it now; a server that a
  /// killed demo left running there is ended first. Errors: demo.directory_in_use, demo.directory_foreign,
  /// demo.directory_write.
  static Result<DemoDirectory> make(std::filesystem::path path);
  ~DemoDirectory();
  DemoDirectory(DemoDirectory&& other) noexcept;
  DemoDirectory& operator=(DemoDirectory&&) = delete;
  DemoDirectory(const DemoDirectory&) = delete;
  DemoDirectory& operator=(const DemoDirectory&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path server_data() const { return path_ / "data"; }
  std::filesystem::path server_log() const { return path_ / "server.log"; }
  std::filesystem::path environment() const { return path_ / "env"; }

  std::filesystem::path push_trust() const { return path_ / "push-trust.pem"; }
  /// The root of the push service's certificate, for the server's --push-trust.
  Result<> write_push_trust(const std::string& pem) const;

  /// A file to be sourced by a shell: MOORING_API, MOORING_TOKEN, and the serial number of some device as
  /// MOORING_DEVICE. Only its owner can read it.
  Result<> write_environment(const std::string& api_url, const std::string& token,
                             const std::string& device) const;
  Result<> write_pid(const char* name, int pid) const;
  void forget_pids() const;

 private:
  DemoDirectory(std::filesystem::path path, int lock) : path_(std::move(path)), lock_(lock) {}
  std::filesystem::path path_;
  int lock_;
};

/// $TMPDIR/mooring-demo, or /tmp/mooring-demo.
std::filesystem::path default_demo_directory();

}  // namespace mooring::app

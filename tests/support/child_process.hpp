// SPDX-License-Identifier: Apache-2.0
// Programs from outside as the tests run them: to their end, or beside the test.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace mooring::test {

struct Ran {
  int status = -1;     ///< Exit status; -1 where it could not start or was killed.
  std::string output;  ///< Standard output and standard error.
};
/// Waits for its end. Nothing goes through a shell.
Ran run_program(const std::vector<std::string>& arguments);

/// A directory that goes with the object.
class ScratchDirectory {
 public:
  ScratchDirectory();
  ~ScratchDirectory();
  ScratchDirectory(const ScratchDirectory&) = delete;
  ScratchDirectory& operator=(const ScratchDirectory&) = delete;

  const std::filesystem::path& path() const { return path_; }
  /// Writes a file there; its path.
  std::string write(const std::string& name, const std::string& bytes) const;
  std::string read(const std::string& name) const;

 private:
  std::filesystem::path path_;
};

/// Runs until the object goes; its output goes to `log`.
class ChildProcess {
 public:
  ChildProcess(const std::vector<std::string>& arguments, const std::filesystem::path& log);
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  bool running();
  pid_t pid() const { return pid_; }

 private:
  pid_t pid_ = -1;
};

/// One that nobody listened on a moment ago.
std::uint16_t free_port();
/// Until somebody accepts connections on 127.0.0.1, at most ten seconds.
bool wait_for_port(std::uint16_t port, ChildProcess& of);

}  // namespace mooring::test

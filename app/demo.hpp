// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

namespace mooring::app {

struct DemoOptions {
  bool once = false;  ///< End after the last repair; exit status 0 only if everything converged.
  int devices = 60;
  std::uint64_t seed = 1;
  std::string data_dir;   ///< Empty: a fresh one under the temporary directory, removed at the end.
  std::string examples;   ///< Directory with .mobileconfig files; empty: the ones compiled in.
  std::string device_listen = "127.0.0.1:0";
  std::string api_listen = "127.0.0.1:0";
  int timeout_seconds = 180;  ///< With --once: give up after this long.
};

/// A real server in a process of its own, a simulated fleet over real HTTP, a live table. Returns the exit status.
int demo(const DemoOptions& options);
std::string demo_help();

}  // namespace mooring::app

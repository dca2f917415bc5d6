// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

namespace mooring::app {

struct DemoOptions {
  bool once = false;  ///< End after the last repair; exit status 0 only if everything converged.
  int devices = 60;
  std::uint64_t seed = 1;     ///< Of the devices' identities and moods.
  std::string data_dir;       ///< Empty: mooring-demo in the temporary directory. Made fresh, left behind.
  std::string examples;       ///< Directory with .mobileconfig files; empty: the ones compiled in.
  std::string device_listen;  ///< Empty: 127.0.0.1:8443 where that is free; with `once` any free port.
  std::string api_listen;     ///< Empty: 127.0.0.1:8000 where that is free; with `once` any free port.
  int timeout_seconds = 180;  ///< For the whole story with `once`, otherwise for each of its steps.
};

/// A real server in a process of its own, a simulated fleet over real HTTP, a live table. Returns the exit
/// status.
int demo(const DemoOptions& options);
std::string demo_help();

}  // namespace mooring::app

// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/cpu_meter.hpp"

#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdint>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

namespace mooring::bench {
namespace {

struct Ticks {
  std::int64_t own = 0;
  std::int64_t reaped = 0;  ///< Of children that were waited for.
};

/// nullopt where the process is gone.
std::optional<Ticks> read_ticks(pid_t pid) {
  std::ifstream file(fmt::format("/proc/{}/stat", pid));
  std::string line;
  if (!std::getline(file, line)) return std::nullopt;
  // The name in parentheses may hold anything; what follows it is numbers. Field 3 (state) comes first.
  std::istringstream fields(line.substr(line.rfind(')') + 2));
  std::string skipped;
  for (int field = 3; field < 14; ++field) fields >> skipped;
  std::int64_t user = 0, system = 0, child_user = 0, child_system = 0;
  fields >> user >> system >> child_user >> child_system;
  return Ticks{user + system, child_user + child_system};
}

std::vector<pid_t> children_of(pid_t pid) {
  std::vector<pid_t> children;
  std::ifstream file(fmt::format("/proc/{0}/task/{0}/children", pid));
  for (pid_t child = 0; file >> child;) children.push_back(child);
  return children;
}

double seconds(std::int64_t ticks) {
  return static_cast<double>(ticks) / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

}  // namespace

double process_cpu(pid_t pid) {
  const auto ticks = read_ticks(pid);
  return ticks ? seconds(ticks->own) : 0;
}

double family_cpu(pid_t pid) {
  // A child that ends between two of these reads would be counted twice or not at all: then read again.
  for (int attempt = 0;; ++attempt) {
    const auto before = read_ticks(pid);
    if (!before) return 0;
    std::int64_t total = before->own + before->reaped;
    for (const auto child : children_of(pid)) {
      if (const auto ticks = read_ticks(child)) total += ticks->own;
    }
    const auto after = read_ticks(pid);
    if ((after && after->reaped == before->reaped) || attempt == 10) return seconds(total);
  }
}

double own_cpu() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds_of = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
  };
  return seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime);
}

}  // namespace mooring::bench

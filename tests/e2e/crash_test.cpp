// SPDX-License-Identifier: Apache-2.0
// The real server, killed with SIGKILL in the middle of its work, again and again.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <map>
#include <set>

#include "tests/e2e/installation.hpp"

namespace mooring::test {
namespace {

constexpr std::size_t kDevices = 30;

std::string identifier(int n) { return fmt::format("com.example.crash{}", n); }

/// No profile was commanded twice for one version, and no version landed after a newer one.
void expect_nothing_doubled(const simulator::Device& device,
                            const std::map<std::string, std::string>& newest) {
  for (const auto& [id, installs] : device.install_log()) {
    std::map<std::string, std::set<std::string>> commands_of_version;
    bool newest_landed = false;
    for (const auto& install : installs) {
      commands_of_version[install.payload_uuid].insert(install.command_uuid);
      const bool is_newest = install.payload_uuid == newest.at(id);
      EXPECT_TRUE(is_newest || !newest_landed) << id << ": an old version after the new one";
      newest_landed = newest_landed || is_newest;
    }
    for (const auto& [version, commands] : commands_of_version) {
      EXPECT_EQ(commands.size(), 1U) << id << " " << version << " was commanded more than once";
    }
  }
}

// covers: mdm.O07, state.R21
TEST(Crash, AServerThatIsKilledAgainAndAgainConvergesAndDoublesNothing) {
  Installation mooring;
  mooring.start_server();
  simulator::Behaviour behaviour;
  behaviour.not_now_probability = 0.1;
  behaviour.not_now_duration = std::chrono::milliseconds(300);
  behaviour.lost_answer_probability = 0.05;
  behaviour.duplicate_report_probability = 0.1;
  mooring.start_fleet(kDevices, behaviour);

  std::map<std::string, std::string> newest;
  const auto declare = [&](int n, const std::string& value) {
    newest[identifier(n)] = mooring.declare(fmt::format("crash{}", n), profile(identifier(n), value));
  };
  for (int n = 0; n < 4; ++n) declare(n, "first");
  for (int n = 0; n < 4; ++n) mooring.assign(fmt::format("crash{}", n));

  // How many of the newest versions are really on the devices. (What devices count of their own connections
  // is lost with each that is cut.)
  const auto held = [&] {
    std::size_t count = 0;
    for (std::size_t i = 0; i < kDevices; ++i) {
      mooring.fleet().with_device(i, [&](simulator::Device& device) {
        for (const auto& [id, uuid] : newest) {
          const auto* profile = device.profile(id);
          count += profile != nullptr && profile->uuid == uuid ? 1 : 0;
        }
      });
    }
    return count;
  };
  for (const std::size_t enough : {10U, 40U, 80U}) {
    ASSERT_TRUE(mooring.wait([&] { return held() >= enough; })) << enough;
    mooring.kill_server();
    mooring.start_server();
  }
  for (int n = 0; n < 4; n += 2) declare(n, "second");
  ASSERT_TRUE(mooring.wait([&] { return held() >= 80; })) << "60 of the others, and some of the new ones";
  mooring.kill_server();
  mooring.start_server();

  const auto converged = [&] { return held() == kDevices * newest.size(); };
  ASSERT_TRUE(mooring.wait(converged)) << mooring.get("/v1/drift");
  ASSERT_TRUE(mooring.wait([&] { return mooring.drifted_devices() == 0; })) << mooring.get("/v1/drift");
  for (std::size_t i = 0; i < kDevices; ++i) {
    mooring.fleet().with_device(i,
                                [&](simulator::Device& device) { expect_nothing_doubled(device, newest); });
  }
}

}  // namespace
}  // namespace mooring::test

// SPDX-License-Identifier: Apache-2.0
// A profile that makes every device ask for a certificate, and an authority that is not to be overrun.
#include <gtest/gtest.h>

#include <algorithm>

#include "base/plist/plist.hpp"
#include "tests/support/world.hpp"

namespace mooring::test {
namespace {

using namespace std::chrono_literals;

constexpr const char* kWithCertificate = "com.example.vpn";

std::string certificate_profile(const std::string& name) {
  const plist::Dict payload{
      {"PayloadType", "com.apple.security.scep"},
      {"PayloadIdentifier", "com.example.vpn.scep"},
      {"PayloadUUID", "1C6A0A41-6A0E-4C5F-9A41-2B4F5D0C7E21"},
      {"PayloadVersion", 1},
      {"PayloadContent", plist::Dict{{"URL", "https://ca.example.com"}, {"Name", name}}}};
  return plist::to_xml(plist::Dict{{"PayloadType", "Configuration"},
                                   {"PayloadIdentifier", kWithCertificate},
                                   {"PayloadUUID", "0E1F3C52-8F6E-4C0C-8B52-3C5A6E1D8F32"},
                                   {"PayloadVersion", 1},
                                   {"PayloadDisplayName", "VPN"},
                                   {"PayloadContent", plist::Array(1, payload)}});
}

class CertificateTurns : public ::testing::Test {
 protected:
  CertificateTurns() {
    for (int i = 0; i < 5; ++i) {
      fleet.push_back(world.make_device(i));
      world.enroll(*fleet.back());
      world.settle(*fleet.back());
    }
    world.advance(2h);
    everybody_connects();
  }
  void everybody_connects() {
    for (auto& device : fleet) world.settle(*device);
  }
  std::size_t holders(const std::string& state = "verified") {
    return static_cast<std::size_t>(
        std::ranges::count_if(fleet, [&](auto& device) { return world.state(*device, "vpn") == state; }));
  }
  void declare(const std::string& name) {
    world.declare("vpn", certificate_profile(name));
    everybody_connects();
  }

  World world{reconciler::Policy{.inventory_interval = 24h * 30, .certificate_rate = 2}};
  std::vector<std::unique_ptr<simulator::Device>> fleet;
};

// covers: state.N19
TEST_F(CertificateTurns, ADevicesTurnComesAtTheRateOfTheAuthority) {
  world.declare("plain", profile("com.example.plain"));
  world.assign("plain");
  declare("first");
  world.assign("vpn");
  for (std::size_t served = 1; served <= fleet.size(); ++served) {
    everybody_connects();
    EXPECT_EQ(holders(), served);
    EXPECT_EQ(holders("backing_off"), fleet.size() - served);
    world.advance(30s);
  }
  for (auto& device : fleet) EXPECT_EQ(world.state(*device, "plain"), "verified");
  EXPECT_EQ(world.number("select count(*) from command_results where request_type = 'InstallProfile'"), 10)
      << "each once";
}

// covers: state.N19
TEST_F(CertificateTurns, WhoEnrolledJustNowDoesNotWait) {
  declare("first");
  world.assign("vpn");
  everybody_connects();
  ASSERT_EQ(holders(), 1U);
  const auto fresh = world.make_device(99);
  world.enroll(*fresh);
  world.settle(*fresh);
  EXPECT_EQ(world.state(*fresh, "vpn"), "verified");
}

TEST_F(CertificateTurns, ANewVersionDoesNotStandBehindTheTurnsOfTheOldOne) {
  declare("first");
  world.assign("vpn");
  everybody_connects();
  declare("second");
  EXPECT_EQ(holders(), 1U);
  world.advance(30s);
  everybody_connects();
  EXPECT_EQ(holders(), 2U);
}

}  // namespace
}  // namespace mooring::test

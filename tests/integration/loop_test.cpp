// SPDX-License-Identifier: Apache-2.0
// The loop: declared, commanded, observed, on a real database with simulated devices and simulated time.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/plist/plist.hpp"
#include "director/profile_document.hpp"
#include "tests/support/world.hpp"

namespace mooring::test {
namespace {

constexpr const char* kWifi = "com.example.wifi";

std::string uuid_of(const std::string& mobileconfig) { return director::read_profile(mobileconfig)->payload_uuid.text(); }

/// What a device holds for an identifier; empty where nothing.
std::string held(const simulator::Device& device, const std::string& identifier) {
  const auto* found = device.profile(identifier);
  return found == nullptr ? std::string() : found->uuid;
}

std::size_t installs(const simulator::Device& device, const std::string& identifier) {
  const auto found = device.install_log().find(identifier);
  return found == device.install_log().end() ? 0 : found->second.size();
}

struct Loop : ::testing::Test {
  World world;
  std::unique_ptr<simulator::Device> device = world.make_device();
};

// covers: mdm.D01, state.R3, state.D2, seed.13
TEST_F(Loop, ADeclaredProfileIsInstalledOnceAndVerifiedByTheDevicesOwnList) {
  world.enroll(*device);
  world.settle(*device);
  world.declare("wifi", profile(kWifi));
  world.assign("wifi");
  world.reconcile();
  EXPECT_EQ(world.state(*device, "wifi"), "commanded");
  world.settle(*device);
  EXPECT_EQ(held(*device, kWifi), uuid_of(profile(kWifi)));
  EXPECT_EQ(world.state(*device, "wifi"), "verified");
  EXPECT_EQ(installs(*device, kWifi), 1U);
}

TEST_F(Loop, AnAcknowledgementAloneIsNoProof) {
  device->behaviour().ack_without_effect.insert(kWifi);
  world.enroll(*device);
  world.declare("wifi", profile(kWifi));
  world.assign("wifi");
  world.settle(*device);
  EXPECT_EQ(world.state(*device, "wifi"), "backing_off");
  EXPECT_EQ(installs(*device, kWifi), 1U) << "the retry waits for its time";
}

}  // namespace
}  // namespace mooring::test

// SPDX-License-Identifier: Apache-2.0
// The simulated side of a demo: devices and their push service on a thread of their own, and the account of
// what the devices did and why.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "simulator/fleet.hpp"

namespace mooring::app {

/// PayloadIdentifier to PayloadUUID: what a device's own profile store holds, or should hold.
using Holdings = std::map<std::string, std::string>;

/// Who ran InstallProfile how often, and for how many reasons. A reason is: a version was declared for the
/// device, or its user removed it.
struct InstallAccount {
  std::uint64_t reasons = 0;
  std::uint64_t commands = 0;  ///< With different CommandUUIDs.
  std::uint64_t doubled = 0;   ///< Commands beyond one for each reason: must be 0.
  std::uint64_t repeated = 0;  ///< The same command once more, because its answer did not arrive.
};

/// What a server needs to use the demo's push service.
struct DemoPushService {
  std::string url;
  std::string trust;        ///< PEM of the root of its certificate.
  std::string certificate;  ///< A push certificate and its key, PEM.
};

class DemoFleet {
 public:
  DemoFleet(std::size_t devices, std::uint64_t seed);
  ~DemoFleet();
  DemoFleet(const DemoFleet&) = delete;
  DemoFleet& operator=(const DemoFleet&) = delete;

  Result<DemoPushService> open_push_service();
  /// Makes the devices and lets them enroll, by the server's enrollment profile.
  Result<> start(const std::string& device_url);
  void stop();

  std::size_t size() const { return size_; }
  std::string serial_number(std::size_t index) const;
  simulator::FleetSnapshot snapshot() const;
  /// Before anything else. `act` is called on the fleet's thread when SIGINT, SIGTERM or SIGHUP comes (false)
  /// and when SIGUSR1 does (true).
  void on_signal(std::function<void(bool user_defined)> act);

  /// Devices whose own store is not exactly what `expected` says; at most `limit` of them.
  std::vector<std::size_t> differing(const std::function<const Holdings&(std::size_t index)>& expected,
                                     std::size_t limit) const;
  /// Each of these devices loses one profile that may be removed. Returns how many did.
  std::size_t users_remove_profile(const std::vector<std::size_t>& indices);
  InstallAccount account() const;

 private:
  struct Impl;
  std::size_t size_;
  std::unique_ptr<Impl> impl_;
};

}  // namespace mooring::app

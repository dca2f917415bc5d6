// SPDX-License-Identifier: Apache-2.0
// Many simulated devices that live against one server: they enroll, poll, answer pushes, go away and come
// back.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/async.hpp"
#include "base/clock.hpp"
#include "simulator/enrollment.hpp"
#include "simulator/push_receiver.hpp"
#include "simulator/session.hpp"

namespace mooring::simulator {

struct FleetOptions {
  std::size_t devices = 10;
  std::uint64_t seed = 1;  ///< Of identities, behaviour and jitter.
  std::string server_url;  ///< http://host:port; unused where devices come by an enrollment profile.
  std::string path = "/mdm";
  std::string topic = "com.apple.mgmt.External.simulator";
  /// Where set, each device enrolls as a real one: by this profile, with a certificate of its own.
  std::optional<EnrollmentWay> enrollment_way;
  /// RSA keys take 0.1 s to make: devices share so many. Each still has a certificate of its own.
  std::size_t identity_keys = 4;
  bool awaiting_configuration = false;
  Behaviour behaviour;

  std::chrono::milliseconds start_spread{0};      ///< Devices enroll at random moments of this span.
  std::chrono::milliseconds poll_interval{1000};  ///< Between connections that no push caused.
  double poll_jitter = 0.2;                       ///< Part of the interval, in both directions.
  std::chrono::milliseconds retry_min{50};        ///< After a failure: doubles up to retry_max.
  std::chrono::milliseconds retry_max{5000};
  std::chrono::milliseconds request_timeout{30000};
  bool enrolls_again = true;  ///< A wiped device enrolls again; one that the server turned away never does.

  std::function<void(std::size_t index, Direction, const plist::Dict&)> observer;
  std::function<void(const Device&, http::Request&)> decorate;  ///< See Decorate.
};

/// Counted since the start, except the first two.
struct FleetSnapshot {
  std::size_t devices = 0;
  std::size_t enrolled = 0;       ///< Now.
  std::uint64_t enrollments = 0;  ///< Completed.
  std::uint64_t sessions = 0;     ///< Connections that came to their end, or to a lost answer.
  std::uint64_t commands = 0;
  std::uint64_t acknowledged = 0;
  std::uint64_t errors = 0;  ///< Error and CommandFormatError reports.
  std::uint64_t not_now = 0;
  std::uint64_t installs = 0;  ///< InstallProfile acknowledged.
  std::uint64_t lost_answers = 0;
  std::uint64_t duplicates = 0;  ///< Reports sent twice.
  std::uint64_t failures = 0;    ///< Enrollments and connections that failed: server down, or not 200.
  std::uint64_t pushes = 0;      ///< That woke a device.
  std::string last_failure;
};

class Fleet final : public PushReceiver {
 public:
  /// The clock must outlive the fleet; waiting is always in real time.
  Fleet(boost::asio::any_io_executor executor, FleetOptions options, const Clock& clock);
  ~Fleet() override;
  Fleet(const Fleet&) = delete;
  Fleet& operator=(const Fleet&) = delete;

  void start();
  /// Lets running exchanges end and returns when no device is active any more.
  Task<void> stop();

  /// Wakes a device as a push does. Any thread.
  void wake(std::size_t index);
  Task<PushOutcome> push(std::string token, std::string magic) override;

  FleetSnapshot snapshot() const;  ///< Any thread.
  /// Runs `act` on the fleet's executor, between two steps of that device's conversation, and waits for it.
  /// From any thread but the executor's own.
  void with_device(std::size_t index, std::function<void(Device&)> act);
  /// Only before start, or after stop.
  Device& device(std::size_t index);

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace mooring::simulator

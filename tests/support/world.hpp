// SPDX-License-Identifier: Apache-2.0
// A whole server without its sockets and threads, simulated devices, and time that moves when told to: what
// the tests of the loop run in.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>

#include "base/clock.hpp"
#include "base/crypto/cms.hpp"
#include "base/crypto/crypto_pool.hpp"
#include "base/crypto/secret_box.hpp"
#include "core/activity.hpp"
#include "core/checkin.hpp"
#include "core/device_endpoint.hpp"
#include "core/event_interest.hpp"
#include "core/payload_cache.hpp"
#include "core/report.hpp"
#include "director/assignments.hpp"
#include "director/renderer.hpp"
#include "reconciler/reconciler.hpp"
#include "simulator/session.hpp"
#include "tests/support/test_database.hpp"

namespace mooring::test {

/// A .mobileconfig with one payload; `value` makes its content differ.
std::string profile(const std::string& identifier, const std::string& value = "1");

class World {
 public:
  /// Without `identity` every message is believed.
  explicit World(reconciler::Policy policy = {}, core::CheckinOptions checkins = {},
                 std::optional<core::IdentityOptions> identity = {},
                 core::UnknownDevicePolicy unknown_devices = core::UnknownDevicePolicy::ignore);
  ~World();

  // ---- devices
  /// A device of the seed's mix; the same index is the same device.
  std::unique_ptr<simulator::Device> make_device(int index = 0);
  void enroll(simulator::Device& device);
  /// One connection: Idle, and whatever the server hands out. Every property list is held against Apple's
  /// schema.
  simulator::SessionOutcome connect(simulator::Device& device, const std::string& user = {});
  /// Adds a user where there is none of that name, and opens their channel.
  void enroll_user(simulator::Device& device, const std::string& short_name);
  /// One message as it is; the endpoint's answer.
  http::Response put(const std::string& path, const plist::Dict& message);
  http::Response put_bytes(const std::string& path, const std::string& body,
                           const std::string& content_type = {});
  /// A check-in with what identity would have proved of its sender, past the endpoint.
  Result<core::CheckinOutcome> checkin(const plist::Dict& message, core::MessageContext context);
  http::Response send(http::Request request);
  /// From now on the device signs its messages (Mdm-Signature).
  void identify(const simulator::Device& device, crypto::Signer signer);
  http::Response report(const std::string& udid, const std::string& status,
                        const std::string& command_uuid = {});

  // ---- the server
  /// Its device routes, for a listener of the test's own.
  const std::vector<http::Route>& routes() const { return routes_; }
  /// Passes until nothing is due; returns how many devices were taken.
  std::size_t reconcile();
  /// As reconcile, on a connection of its own; false where a pass failed.
  bool try_reconcile();
  /// Passes and connections (of the device and of its users who are logged in) in turn, `rounds` times at
  /// most, until a round changes nothing.
  void settle(simulator::Device& device, int rounds = 12);
  void advance(Duration by) { clock.advance(by); }
  reconciler::PassContext pass_context() const { return reconciler_.context(); }
  /// Told of every push that the reconciler asks for.
  std::function<void(std::span<const std::int64_t>, core::PushLane)> on_push;
  const std::vector<std::int64_t>& pushes() const { return pushes_; }
  std::size_t urgent_pushes() const { return urgent_pushes_; }
  std::size_t background_pushes() const { return background_pushes_; }
  const crypto::SecretBox& secrets() const { return secrets_; }
  core::EventInterest& interest() { return interest_; }  ///< Nobody listens until a test says so.

  // ---- the administrator
  void declare(const std::string& name, const std::string& mobileconfig);
  void assign(const std::string& name, const std::string& scope = "all",
              director::Intent intent = director::Intent::present);
  void unassign(const std::string& name, const std::string& scope = "all");
  void remove_profile(const std::string& name);
  /// A raw command for one enrollment; the plist's own bytes are queued. Returns them.
  std::string enqueue(const std::string& enrollment_id, const std::string& command_uuid,
                      const std::string& request_type = "DeviceInformation", int priority = 0);

  // ---- what is stored
  std::int64_t number(const std::string& sql);
  std::string text(const std::string& sql);
  std::int64_t device_id(const simulator::Device& device);
  /// name_of(state) of a declared profile on a device, or for a user on it; "none" where there is no record.
  std::string state(const simulator::Device& device, const std::string& name, const std::string& user = {});

  TestDatabase db;
  ManualClock clock;
  std::vector<std::string> schema_problems;  ///< Must stay empty.

 private:
  class EndpointTransport;
  template <class T>
  T run(Task<T> task);
  Task<Result<http::Response>> dispatch(http::Request request);
  pg::Connection& connection() { return db.connection(); }

  boost::asio::io_context io_;
  crypto::SecretBox secrets_;
  crypto::CryptoPool crypto_{1};
  std::map<std::string, crypto::Signer> signers_;  ///< By UDID.
  core::EventInterest interest_;
  pg::Pool pool_;
  core::CheckinStore checkins_;
  core::ReportStore reports_;
  core::PayloadCache payloads_;
  core::Activity activity_;
  std::unique_ptr<core::Identity> identity_;
  core::UnknownDevices unknown_devices_;
  director::Renderer renderer_;
  core::DeviceEndpoint endpoint_;
  std::vector<http::Route> routes_;
  std::vector<std::int64_t> pushes_;
  std::size_t urgent_pushes_ = 0;
  std::size_t background_pushes_ = 0;
  reconciler::Reconciler reconciler_;
};

}  // namespace mooring::test

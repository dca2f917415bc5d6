// SPDX-License-Identifier: Apache-2.0
// One Apple device as a pure model: no I/O, and deterministic under its seed and the times passed in. It says
// what a device says (its messages satisfy schema/) and keeps a record of what it really did, so that a test
// can prove that nothing was done twice and that no old version landed after a newer one.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/plist/value.hpp"
#include "base/random.hpp"
#include "base/result.hpp"
#include "simulator/identity.hpp"
#include "simulator/profile_store.hpp"

namespace mooring::simulator {

/// How a device misbehaves. Probabilities are drawn from the device's seed, in the order of its story.
struct Behaviour {
  double not_now_probability = 0;  ///< For each connection: the user locks it just before.
  Duration not_now_duration = std::chrono::minutes(10);
  double offline_probability = 0;  ///< For each wish to connect: it goes out of reach instead.
  Duration offline_duration = std::chrono::minutes(10);
  double lost_answer_probability = 0;  ///< For each command: it is executed, but the answer never arrives.
  double duplicate_report_probability = 0;  ///< For each report: it is sent twice.
  double user_removal_probability = 0;      ///< For each connection: the user removes one profile before.
  std::set<std::string> refuse;             ///< PayloadIdentifiers whose installation always fails.
  std::set<std::string>
      ack_without_effect;  ///< PayloadIdentifiers that are acknowledged but never installed.
};

struct DeviceOptions {
  std::uint64_t seed = 1;
  std::string topic = "com.apple.mgmt.External.simulator";
  bool awaiting_configuration = false;  ///< Sits in Setup Assistant until DeviceConfigured.
  Behaviour behaviour;
};

/// One execution of InstallProfile that the device took part in.
struct InstallRecord {
  std::string payload_uuid;
  std::string command_uuid;
  Time at;
  bool landed = false;  ///< false: refused, or acknowledged without effect.
};

/// Somebody with an account on the device: an MDM channel and profiles of their own.
struct User {
  std::string id;  ///< UserID.
  std::string short_name;
  bool logged_in = true;  ///< Only then the channel connects.
  std::string push_token;
  std::string push_magic;
  ProfileStore store;
  std::map<std::string, int> installs;  ///< Executions of InstallProfile by PayloadIdentifier.
  std::map<std::string, int> removals;  ///< RemoveProfile that removed, likewise.
};

class Device {
 public:
  Device(Identity identity, DeviceOptions options);

  const Identity& identity() const { return identity_; }
  schema::Target target() const { return target_of(identity_); }
  Behaviour& behaviour() { return options_.behaviour; }

  // Messages to the server.
  plist::Dict authenticate() const;
  plist::Dict token_update();
  plist::Dict check_out() const;
  plist::Dict idle_report() const;
  // On the channel of a user, who must be there.
  plist::Dict token_update(std::string_view user) const;
  plist::Dict idle_report(std::string_view user) const;

  /// The device wants to connect: decides whether it is in reach, and what its user did meanwhile. false: not
  /// now, it is offline.
  bool connect(Time now);
  bool online(Time now) const { return now >= offline_until_; }
  bool locked(Time now) const { return now < locked_until_; }
  void go_offline_until(Time until) { offline_until_ = until; }
  void lock_until(Time until) { locked_until_ = until; }

  /// Executes one command ({CommandUUID, Command}) and answers with a report; nullopt: executed, but the
  /// connection dropped before the answer.
  /// `user`: on whose channel it came; empty for the device's own.
  std::optional<plist::Dict> respond(const plist::Dict& command_envelope, Time now,
                                     std::string_view user = {});
  /// Drawn for each report: true where it goes out a second time.
  bool repeats_report() { return random_.chance(options_.behaviour.duplicate_report_probability); }

  // What its user does.
  /// false: not there, or its removal is disallowed.
  bool user_removes_profile(std::string_view identifier);
  Result<> user_installs_profile(std::string_view bytes);  ///< A foreign profile, not managed by MDM.
  void update_os(std::string version, std::string build);
  User& add_user(const std::string& short_name);
  void remove_user(std::string_view short_name);  ///< With all that is theirs.
  User* user(std::string_view short_name);        ///< nullptr where there is none.
  const std::map<std::string, User, std::less<>>& users() const { return users_; }  ///< By short name.
  /// From now on DeviceInformation answers a query with this, or SecurityInfo has it under a key.
  void tell(std::string query, plist::Value value) { told_.set(std::move(query), std::move(value)); }
  void tell_security(std::string key, plist::Value value) { security_.set(std::move(key), std::move(value)); }
  /// Back to the factory: nothing is installed, the device is no longer enrolled and has new push details.
  void wipe();
  /// The enrollment is removed (by the user, by CheckOut, or because the server said so), and with it what
  /// MDM had installed.
  void unenroll();
  /// Apple gave the device a new push token; the server learns of it by the next TokenUpdate.
  void renew_push_token();

  // What is true on the device.
  const std::vector<InstalledProfile>& profiles() const { return store_.all(); }
  const InstalledProfile* profile(std::string_view identifier) const { return store_.find(identifier); }
  bool enrolled() const { return enrolled_; }
  void set_enrolled(bool enrolled) { enrolled_ = enrolled; }
  void set_topic(std::string topic) { options_.topic = std::move(topic); }  ///< Of its enrollment profile.
  bool awaiting_configuration() const { return awaiting_configuration_; }
  const std::string& push_token() const { return push_token_; }  ///< 32 bytes.
  const std::string& push_magic() const { return push_magic_; }

  // What happened.
  /// How many times the command of each CommandUUID was executed (NotNow is no execution).
  const std::map<std::string, int>& executions() const { return executions_; }
  /// Executions of InstallProfile by PayloadIdentifier, in order.
  const std::map<std::string, std::vector<InstallRecord>>& install_log() const { return install_log_; }
  const std::map<std::string, int>& removals() const { return removals_; }  ///< RemoveProfile that removed.

 private:
  using Answer = plist::Dict (Device::*)(const plist::Dict& command, const std::string& uuid, Time now);
  static const std::map<std::string_view, Answer>& answers();

  plist::Dict execute(const plist::Dict& command, const std::string& uuid, Time now);
  plist::Dict install_profile(const plist::Dict& command, const std::string& uuid, Time now);
  plist::Dict remove_profile(const plist::Dict& command, const std::string& uuid, Time now);
  plist::Dict profile_list(const plist::Dict& command, const std::string& uuid, Time now);
  plist::Dict certificate_list(const plist::Dict& command, const std::string& uuid, Time now);
  plist::Dict device_information(const plist::Dict& command, const std::string& uuid, Time now);
  plist::Dict security_info(const plist::Dict& command, const std::string& uuid, Time now);
  plist::Dict device_configured(const plist::Dict& command, const std::string& uuid, Time now);
  plist::Dict erase_device(const plist::Dict& command, const std::string& uuid, Time now);
  plist::Dict acknowledge(const plist::Dict& command, const std::string& uuid, Time now);

  plist::Dict message(const char* type) const;
  void new_push_details();
  plist::Dict facts() const;  ///< Every answer to DeviceInformation that any platform gives.
  ProfileStore& store() { return active_ == nullptr ? store_ : active_->store; }
  plist::Dict install_for_user(InstalledProfile profile);

  Identity identity_;
  DeviceOptions options_;
  Random random_;
  ProfileStore store_;
  std::map<std::string, User, std::less<>> users_;
  User* active_ = nullptr;  ///< Whose command is being executed; nullptr: the device's.
  plist::Dict told_;
  plist::Dict security_;
  std::string push_token_;
  std::string push_magic_;
  bool enrolled_ = false;
  bool awaiting_configuration_ = false;
  Time offline_until_{};
  Time locked_until_{};
  std::map<std::string, int> executions_;
  std::map<std::string, std::vector<InstallRecord>> install_log_;
  std::map<std::string, int> removals_;
};

}  // namespace mooring::simulator

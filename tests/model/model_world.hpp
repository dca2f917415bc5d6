// SPDX-License-Identifier: Apache-2.0
// Where a story happens: one database, two servers on it, an administrator, simulated devices, one clock, one
// thread that does one thing after the other.
#pragma once

#include <array>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/postgres/connection.hpp"
#include "simulator/device.hpp"
#include "simulator/session.hpp"
#include "tests/model/declared.hpp"
#include "tests/model/model_server.hpp"
#include "tests/model/step.hpp"

namespace mooring::test {

/// Something that must never be so. `check` names the rule: a story is shrunk as long as the same rule is
/// broken.
struct Problem {
  std::string check;
  std::string text;
};

/// What goes wrong on the way of one conversation. Messages count from 1; 0: nothing.
struct WireFaults {
  int cut = 0;         ///< The connection breaks at this message...
  bool after = false;  ///< ... after the server has taken it.
  int duplicate = 0;   ///< This message goes out twice.
  int hold = 0;        ///< This message is under way until deliver_late(); the connection breaks.
};

/// A device and what the model knows of it.
struct ModelDevice {
  std::unique_ptr<simulator::Device> device;
  std::map<std::string, int> lost;             ///< Answers that may not have arrived, by CommandUUID.
  std::map<int, std::set<std::string>> sent;   ///< CommandUUIDs of the InstallProfiles handed out, by slot.
  std::map<int, int> causes;                   ///< What may each have brought one more install, by slot.
  std::set<int> misbehaved;                    ///< Slots where installs were refused or had no effect.
  std::set<int> lost_by_user;                  ///< Slots that its user changed.
  std::map<int, Time> strangers_since;         ///< When its user put something else into a slot.
  std::map<std::string, std::string> foreign;  ///< PayloadUUIDs of what its user installed, by identifier.
  std::optional<std::string> held;             ///< An answer under way.
};

class ModelWorld {
 public:
  explicit ModelWorld(Shape shape);
  ~ModelWorld();

  // ---- the story
  void run(const Step& step);
  void problem(std::string check, std::string text);
  bool broken() const { return !problems.empty(); }

  // ---- the servers
  static constexpr int kServers = 2;
  ModelServer& server(int index);
  CommitFault& fault(int index) { return faults_.at(static_cast<std::size_t>(index)); }
  void restart(int index);
  /// Passes until nothing is due; `inside` happens when the first of them has come to `stage`.
  std::size_t pass(int server, reconciler::Stage stage = reconciler::Stage::claimed,
                   std::span<const Step> inside = {});

  // ---- the devices
  int device_count() const { return shape.devices; }
  ModelDevice& device(int index) { return devices_.at(static_cast<std::size_t>(index)); }
  void enroll(int device, int server, WireFaults faults = {});
  simulator::SessionOutcome connect(int device, int server, WireFaults faults = {});
  void check_out(int device, int server);
  void deliver_late(int device, int server);
  /// One more install of this slot may follow. kAllDevices: on each of them.
  void cause(int device, int slot);
  void cause_everything(int device);

  // ---- the administrator
  /// Runs `body` in a transaction; an error is a problem.
  template <class Body>
  void transact(Body body) {
    try {
      const auto done = pg::in_transaction(db.connection(), body);
      if (!done) problem("administrator", done.error().message);
    } catch (const pg::SqlError& error) {
      problem("administrator", error.what());
    }
  }
  std::int64_t device_id(int device);  ///< 0: not known yet.

  // ---- what is stored
  std::int64_t number(const std::string& sql);
  std::string text(const std::string& sql);

  Shape shape;
  TestDatabase& db;
  ManualClock clock;
  Declared declared;
  std::vector<Problem> problems;
  std::set<std::int64_t> pushed;  ///< Enrollments that were woken and did not connect since.

 private:
  class Wire;
  struct Probe {
    reconciler::Stage stage = reconciler::Stage::claimed;
    std::span<const Step> steps;
  };

  void reached(int server, reconciler::Stage stage);
  void bury(int server);
  void watch_removal(int index, int slot);
  void watch_order(int index, int item);
  void watch_handed_out(int device, const plist::Dict& command);
  template <class T>
  Result<T> talk(int device, int server, WireFaults faults, Task<Result<T>> (simulator::Session::*what)());

  Logger log_{LogLevel::off, LogFormat::logfmt};
  crypto::SecretBox secrets_;
  std::array<CommitFault, kServers> faults_;
  std::array<std::unique_ptr<SkewedClock>, kServers> clocks_;
  std::array<std::unique_ptr<ModelServer>, kServers> servers_;
  std::array<Probe, kServers> probes_;
  std::array<bool, kServers> passing_{};
  std::vector<ModelDevice> devices_;
};

}  // namespace mooring::test

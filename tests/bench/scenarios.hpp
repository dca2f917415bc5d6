// SPDX-License-Identifier: Apache-2.0
// What simulated devices say to the server under load.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "simulator/device.hpp"
#include "tests/bench/load.hpp"

namespace mooring::bench {

/// A device with its requests prepared.
struct BenchDevice {
  explicit BenchDevice(std::uint64_t index);
  std::unique_ptr<simulator::Device> device;
  std::string authenticate;
  std::string token_update;
  std::string idle;
  std::string acknowledge;  ///< Of the command that is measured; see CommandScenario.
};
using Fleet = std::vector<BenchDevice>;

std::string report_request(const plist::Dict& report);

/// The same request again and again.
class RepeatScenario final : public Scenario {
 public:
  RepeatScenario(std::string request, std::int64_t count) : request_(std::move(request)), left_(count) {}
  std::optional<std::string_view> begin(std::size_t slot) override;
  std::optional<std::string_view> next(std::size_t slot, const Reply& reply) override;

 private:
  std::string request_;
  std::int64_t left_;
};

/// Authenticate and TokenUpdate of devices `from` to `to`.
class EnrollScenario final : public Scenario {
 public:
  EnrollScenario(const Fleet& fleet, std::size_t from, std::size_t to) : fleet_(fleet), at_(from), to_(to) {}
  std::optional<std::string_view> begin(std::size_t slot) override;
  std::optional<std::string_view> next(std::size_t slot, const Reply& reply) override;

 private:
  struct Talk {
    const BenchDevice* device = nullptr;
    bool authenticated = false;
  };
  const Fleet& fleet_;
  std::size_t at_;
  std::size_t to_;
  std::vector<Talk> talks_;
};

/// Each device asks and answers, as simulator::Device does, until nothing is queued for it.
class DrainScenario final : public Scenario {
 public:
  explicit DrainScenario(Fleet& fleet) : fleet_(fleet) {}
  std::optional<std::string_view> begin(std::size_t slot) override;
  std::optional<std::string_view> next(std::size_t slot, const Reply& reply) override;
  std::int64_t commands() const { return commands_; }

 private:
  struct Talk {
    simulator::Device* device = nullptr;
    std::string request;
  };
  Fleet& fleet_;
  std::size_t at_ = 0;
  std::int64_t commands_ = 0;
  std::vector<Talk> talks_;
};

/// Idle of one device after the other, with nothing queued.
class IdleScenario final : public Scenario {
 public:
  IdleScenario(const Fleet& fleet, std::int64_t count) : fleet_(fleet), left_(count) {}
  std::optional<std::string_view> begin(std::size_t slot) override;
  std::optional<std::string_view> next(std::size_t slot, const Reply& reply) override;
  std::int64_t surprises() const { return surprises_; }  ///< Answers that were not empty.

 private:
  const Fleet& fleet_;
  std::size_t at_ = 0;
  std::int64_t left_;
  std::int64_t surprises_ = 0;
};

/// Idle, the command, its acknowledgement, an empty answer; once for each device.
class CommandScenario final : public Scenario {
 public:
  CommandScenario(Fleet& fleet, std::string command_uuid);
  std::optional<std::string_view> begin(std::size_t slot) override;
  std::optional<std::string_view> next(std::size_t slot, const Reply& reply) override;
  std::int64_t surprises() const { return surprises_; }

 private:
  struct Talk {
    const BenchDevice* device = nullptr;
    bool acknowledged = false;
  };
  Fleet& fleet_;
  std::string command_uuid_;
  std::size_t at_ = 0;
  std::int64_t surprises_ = 0;
  std::vector<Talk> talks_;
};

}  // namespace mooring::bench
